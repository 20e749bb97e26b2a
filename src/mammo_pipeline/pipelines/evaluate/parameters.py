"""What may be turned in the room `evaluate`."""

from __future__ import annotations

from pydantic import Field

from mammo_pipeline.parameters import Parameters


class EvaluateParameters(Parameters):
    """How the test set is scored, measured and cut into subgroups."""

    seed: int
    batch: int = Field(ge=1)
    sensitivity: float = Field(gt=0, lt=1)
    calibration_bins: int = Field(ge=2)
    bootstrap_repeats: int = Field(ge=100)
    level: float = Field(gt=0.5, lt=1)
    axes: list[str] = Field(min_length=1)
    age_edges_years: list[float] = Field(min_length=1)
    small_class: int = Field(ge=1)
