"""What may be turned when an ensemble is frozen on a table of scores."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mammo_pipeline.mammo.ensembling.select import Metric
from mammo_pipeline.mammo.operating import Rule
from mammo_pipeline.mammo.units import Aggregation

Method = Literal["best_single", "mean_logits", "rank_mean", "greedy", "stacked"]
# From the simplest on: the fewest members, then the fewest fitted numbers.
SIMPLEST_FIRST: tuple[Method, ...] = (
    "best_single",
    "mean_logits",
    "rank_mean",
    "greedy",
    "stacked",
)


@dataclass(frozen=True)
class EnsembleSettings:
    """How members are combined, calibrated and given an operating point, all on tune.

    Attributes:
        aggregation: What becomes of the image logits of one breast.
        methods: Ways to combine that may be chosen; the best single member is always measured.
        metric: What ways are compared by: log_loss after Platt's map, or auroc.
        folds: Of the cross-validation, by patient.
        rounds: Of greedy selection.
        flips: Which flips a member's logits were averaged over in the second table, if any.
        calibration_methods: Maps that may be chosen.
        calibration_scopes: pooled, by_device, or both.
        calibration_folds: Of its cross-validation, by patient.
        min_positives: Cancers, and breasts without, that a device needs for a map of its own.
        rule: How the operating point is found.
        target: Of the rule.
        prevalence: Of cancer by breast in screening: for the scale of 1 to 10 and the rule `cost`.
        repeats: Bootstrap replicates.
        level: Of the intervals.
        seed: Of folds and replicates.
    """

    aggregation: Aggregation
    methods: tuple[Method, ...]
    metric: Metric
    folds: int
    rounds: int
    flips: tuple[str, ...]
    calibration_methods: tuple[str, ...]
    calibration_scopes: tuple[str, ...]
    calibration_folds: int
    min_positives: int
    rule: Rule
    target: float
    prevalence: float
    repeats: int
    level: float
    seed: int
