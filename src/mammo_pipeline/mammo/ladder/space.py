"""The space of a search: which numbers of the ladder may vary, and where the search begins."""

from __future__ import annotations

from typing import Any

from pydantic import Field, model_validator

from mammo_pipeline.mammo.ladder.stages import Ladder, find_rungs
from mammo_pipeline.parameters import Parameters


class SearchRange(Parameters):
    """One number of the ladder that may vary.

    Attributes:
        path: Where it stands in the ladder, with dots: stages.image_adam.learning_rate.
        low: Smallest value.
        high: Largest value.
        log: Search on a logarithmic scale.
    """

    path: str
    low: float
    high: float
    log: bool = False

    @model_validator(mode="after")
    def _refuse_an_empty_range(self) -> SearchRange:
        if not self.low < self.high or (self.log and self.low <= 0):
            raise ValueError(
                f"range of {self.path} is {self.low} to {self.high}"
                f"{' on a log scale' if self.log else ''}: low must be below high, and above 0 "
                "on a log scale"
            )
        return self


class Search(Parameters):
    """The search.

    Attributes:
        seed: Of the proposals.
        trials: How many ladders are tried; the first is the declared one.
        start_from: Stage of the train room whose kept state every trial starts from.
        ranges: What may vary.
        random_trials: Trials before TPE (Bergstra et al. 2011) proposes.
        prune_after_trials: Finished trials before a trial may be stopped early.
        prune_after_epochs: Image epochs that every trial may finish.
    """

    seed: int = Field(ge=0)
    trials: int = Field(ge=1)
    start_from: str
    ranges: tuple[SearchRange, ...] = Field(min_length=1)
    random_trials: int = Field(ge=1)
    prune_after_trials: int = Field(ge=1)
    prune_after_epochs: int = Field(ge=0)


def read_value(ladder: Ladder, path: str) -> float:
    """Returns the number that stands at a dotted path of the ladder.

    Raises:
        KeyError: There is no number at that path.
    """
    value: Any = ladder.model_dump()
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise KeyError(f"the ladder has no number at '{path}', found {value!r}: correct the range")
    return float(value)


def write_values(ladder: Ladder, values: dict[str, float]) -> Ladder:
    """Returns the ladder with other numbers at the given dotted paths, checked anew.

    Raises:
        KeyError: There is no number at a path.
        ValueError: A number is not allowed there.
    """
    described = ladder.model_dump()
    for path, value in values.items():
        read_value(ladder, path)
        *folders, name = path.split(".")
        place = described
        for folder in folders:
            place = place[folder]
        place[name] = value
    return Ladder.model_validate(described)


def check_declared(ladder: Ladder, search: Search) -> dict[str, float]:
    """Returns the declared ladder as the values of trial 0.

    Raises:
        ValueError: The declared ladder lies outside a range, so the search could not begin there;
            or it is trained on several machines, each of which would write the trials.
        KeyError: A range names no number of the ladder, or `start_from` no stage.
    """
    if ladder.execution.devices == "multi_worker":
        raise ValueError(
            "a search with devices: multi_worker would be written by every machine: run it with "
            "`one` or `mirrored`"
        )
    if not ladder.stages.keys() - find_given(ladder, search.start_from):
        raise ValueError(f"no stage is left to train after start_from '{search.start_from}'")
    values = {item.path: read_value(ladder, item.path) for item in search.ranges}
    for item in search.ranges:
        if not item.low <= values[item.path] <= item.high:
            raise ValueError(
                f"the declared {item.path} is {values[item.path]:g}, outside its range "
                f"{item.low:g} to {item.high:g}: widen the range or move the declared value"
            )
    return values


def find_given(ladder: Ladder, start_from: str) -> list[str]:
    """Returns the names of the stages that no trial trains: those up to `start_from`."""
    return [rung.name for rung in find_rungs(ladder, start_from)]
