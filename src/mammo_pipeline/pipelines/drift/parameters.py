"""What may be turned in the room `drift`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from mammo_pipeline.parameters import Parameters


class ComparedColumn(Parameters):
    """A column of the images that is compared; features of the pixels are compared anyway."""

    name: str
    kind: Literal["numeric", "categorical"]
    group: Literal["acquisition", "patient"]


class DriftParameters(Parameters):
    """What is compared, how finely, and where the verdict turns."""

    seed: int
    batch: int = Field(ge=1)
    columns: list[ComparedColumn] = Field(min_length=1)
    bins: int = Field(ge=2)
    repeats: int = Field(ge=100)
    level: float = Field(gt=0.5, lt=1)
    watch_psi: float = Field(gt=0)
    drift_psi: float = Field(gt=0)

    @model_validator(mode="after")
    def _watch_before_drift(self) -> DriftParameters:
        if self.watch_psi >= self.drift_psi:
            raise ValueError(
                f"watch_psi {self.watch_psi} must lie below drift_psi {self.drift_psi}."
            )
        return self
