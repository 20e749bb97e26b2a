"""What may be turned in the room `ensemble`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from mammo_pipeline.parameters import Parameters


class OperatingPointRule(Parameters):
    """How the threshold is found on tune."""

    rule: Literal["target_sensitivity", "target_recall_rate"]
    target: float = Field(gt=0, lt=1)


class EnsembleParameters(Parameters):
    """Who is chosen and by what, and how sure the figures on tune are."""

    seed: int
    aggregation: Literal["mean", "max"]
    selection: Literal["greedy", "all"]
    metric: Literal["auroc", "log_loss"]
    rounds: int = Field(ge=1)
    operating_point: OperatingPointRule
    calibration_bins: int = Field(ge=2)
    bootstrap_repeats: int = Field(ge=100)
    level: float = Field(gt=0.5, lt=1)
