"""The operating point: which breasts are recalled, frozen on tune and only read afterwards."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from mammo_pipeline.mammo.precision import check_probabilities
from mammo_pipeline.mammo.scoring import roc_counts, undefined_reason

Rule = Literal["target_sensitivity", "target_recall_rate", "cost"]

# What a target may be, and how a rule reads; {target} and {prevalence} are filled in.
RULES: dict[str, tuple[float, str]] = {
    "target_sensitivity": (1.0, "the highest threshold whose sensitivity reaches {target:g}"),
    "target_recall_rate": (1.0, "the lowest threshold whose recall rate is at most {target:g}"),
    "cost": (np.inf, "the threshold of least expected cost, a missed cancer costing {target:g} "
             "times a false recall"),
}  # fmt: skip


def freeze_operating_point(
    labels: ArrayLike,
    probabilities: ArrayLike,
    rule: Rule,
    target: float,
    prevalence: float | None = None,
) -> dict[str, Any]:
    """Returns {rule, target, threshold, n, positives, ...}: recall a breast at or above threshold.

    target_sensitivity: the highest threshold whose sensitivity reaches the target.
    target_recall_rate: the lowest threshold whose recall rate does not exceed it.
    cost: the threshold of least expected cost a breast, target * prevalence * (1 - sensitivity) +
        (1 - prevalence) * (1 - specificity) (Metz 1978); of equal ones the highest.
    The threshold stands midway between two scores seen, so that the last digit of one score does
    not decide a recall; tied scores are recalled together.

    Args:
        labels: 0 or 1, shape (n,).
        probabilities: In [0, 1], shape (n,).
        rule: How the threshold is found.
        target: The sensitivity or recall rate wanted; of `cost`, what a missed cancer costs over
            what a false recall costs.
        prevalence: Share with cancer where the threshold will be used: positives count as this
            share in recall rate and cost. The set's own when None. A sensitivity needs none.

    Returns:
        Also `prevalence` (that was weighted to, None where the set was taken as it is) and, for
        `cost`, `expected_cost` in false recalls a breast.

    Raises:
        ValueError: A class is absent, a probability is outside [0, 1], the rule is unknown, or the
            target or the prevalence is out of range.

    >>> freeze_operating_point([1, 1, 0, 0], [0.9, 0.4, 0.2, 0.1], "target_sensitivity", 0.8)[
    ...     "threshold"
    ... ].__round__(3)
    0.3
    """
    _check_rule(rule, target, prevalence)
    if reason := undefined_reason(labels):
        raise ValueError(f"cannot freeze an operating point: {reason}.")
    labels, p = np.asarray(labels, float), np.asarray(probabilities, float)
    check_probabilities(labels, p)
    true, false = roc_counts(labels, p)
    sensitivity, fall_out = true / true[-1], false / false[-1]
    share = float(labels.mean()) if prevalence is None else prevalence
    cost = target * share * (1 - sensitivity) + (1 - share) * fall_out
    if rule == "target_sensitivity":
        taken = int(np.argmax(sensitivity >= target - 1e-12))
    elif rule == "target_recall_rate":
        recalled = share * sensitivity + (1 - share) * fall_out
        taken = int(np.flatnonzero(recalled <= target + 1e-12)[-1])
    else:
        taken = int(np.argmax(cost <= cost.min() + 1e-12))
    found: dict[str, Any] = {"rule": rule, "target": target}
    found |= {"threshold": _stand_midway(p, taken)}
    found |= {"n": int(labels.size), "positives": int(labels.sum()), "prevalence": prevalence}
    return found | ({"expected_cost": float(cost[taken])} if rule == "cost" else {})


def _check_rule(rule: str, target: float, prevalence: float | None) -> None:
    if rule not in RULES:
        raise ValueError(f"unknown rule {rule!r}; expected one of {list(RULES)}.")
    most, _ = RULES[rule]
    if not 0 < target <= most or not np.isfinite(target):
        wanted = "above 0 and at most 1" if most == 1 else "above 0 and finite"
        raise ValueError(f"the target of {rule} is {target}; expected {wanted}.")
    if prevalence is not None and not 0 < prevalence < 1:
        raise ValueError(f"prevalence is {prevalence}; expected a share between 0 and 1.")


def _stand_midway(probabilities: np.ndarray, taken: int) -> float:
    # Beyond both ends stand 1 (nobody is recalled) and 0 (everybody is).
    ladder = np.concatenate([[1.0], np.unique(probabilities)[::-1], [0.0]])
    above, below = ladder[taken], ladder[taken + 1]
    middle = (above + below) / 2
    # Two scores may be neighbours in floating point, and a score may be 1 itself.
    is_blurred = middle <= below and taken < ladder.size - 2
    return float(np.nextafter(below, 2) if is_blurred else middle)


def tell_rule(point: dict[str, Any]) -> str:
    """Returns the rule of a frozen operating point in words.

    >>> tell_rule({"rule": "target_recall_rate", "target": 0.1, "prevalence": 0.005})
    'the lowest threshold whose recall rate is at most 0.1, at a prevalence of 0.5 %'
    """
    words = RULES[point["rule"]][1].format(target=point["target"])
    share = point.get("prevalence")
    if share is None or point["rule"] == "target_sensitivity":
        return words
    return f"{words}, at a prevalence of {100 * share:g} %"


def operating_figures(
    labels: ArrayLike, recalled: ArrayLike, weights: np.ndarray | None = None
) -> dict[str, np.ndarray]:
    """Returns sensitivity, specificity, recall_rate, ppv and npv, NaN where the divisor is 0.

    >>> {k: float(v) for k, v in operating_figures([1, 1, 0, 0], [1, 0, 1, 0]).items()}
    {'sensitivity': 0.5, 'specificity': 0.5, 'recall_rate': 0.5, 'ppv': 0.5, 'npv': 0.5}
    """
    y, r = np.asarray(labels, float), np.asarray(recalled, float)
    w = np.ones(len(y)) if weights is None else weights
    with np.errstate(invalid="ignore", divide="ignore"):
        return {
            "sensitivity": (w @ (y * r)) / (w @ y),
            "specificity": (w @ ((1 - y) * (1 - r))) / (w @ (1 - y)),
            "recall_rate": (w @ r) / w.sum(-1),
            "ppv": (w @ (y * r)) / (w @ r),
            "npv": (w @ ((1 - y) * (1 - r))) / (w @ (1 - r)),
        }


def screening_figures(
    sensitivity: ArrayLike, specificity: ArrayLike, prevalence: float
) -> dict[str, np.ndarray]:
    """Returns recall_rate, ppv, npv and detection_per_1000 at a prevalence, by Bayes' rule.

    Args:
        sensitivity: One value or one a replicate, shape (...,).
        specificity: Shape (...,).
        prevalence: Share with cancer among those screened, between 0 and 1.

    Raises:
        ValueError: The prevalence is out of range.

    >>> {k: round(float(v), 3) for k, v in screening_figures(0.8, 0.9, 0.01).items()}
    {'recall_rate': 0.107, 'ppv': 0.075, 'npv': 0.998, 'detection_per_1000': 8.0}
    """
    if not 0 < prevalence < 1:
        raise ValueError(f"prevalence is {prevalence}; expected a share between 0 and 1.")
    sens, spec = np.asarray(sensitivity, float), np.asarray(specificity, float)
    found, missed = prevalence * sens, prevalence * (1 - sens)
    cleared, alarms = (1 - prevalence) * spec, (1 - prevalence) * (1 - spec)
    recalled = found + alarms
    with np.errstate(invalid="ignore", divide="ignore"):
        return {
            "recall_rate": recalled,
            "ppv": found / recalled,
            # Not over 1 - recalled, which rounds to something where everybody is recalled.
            "npv": cleared / (cleared + missed),
            "detection_per_1000": 1000 * found,
        }
