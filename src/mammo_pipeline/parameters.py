"""What every room's parameters share: unknown names are refused, values never change."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator


class Parameters(BaseModel):
    """Base of each room's parameter record.

    A name that the record does not know is an error that offers the nearest known name, so that a
    typo stops the run before any work.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown_names(cls, values: Any) -> Any:
        if not isinstance(values, dict):
            return values
        for name in values:
            if name not in cls.model_fields:
                raise ValueError(unknown_name_message(str(name), list(cls.model_fields)))
        return values


def unknown_name_message(name: str, known: list[str]) -> str:
    """Returns what to tell a user who wrote a parameter name that nobody reads.

    >>> unknown_name_message("epocs", ["epochs", "seed"])
    "unknown parameter 'epocs'; did you mean 'epochs'? Known: epochs, seed"
    """
    near = get_close_matches(name, known, n=1)
    hint = f"; did you mean '{near[0]}'?" if near else "."
    return f"unknown parameter '{name}'{hint} Known: {', '.join(sorted(known))}"
