"""The operating point: which breasts are recalled, frozen on tune and only read afterwards."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from mammo_pipeline.mammo.scoring import roc_counts, undefined_reason

Rule = Literal["target_sensitivity", "target_recall_rate"]


def freeze_operating_point(
    labels: ArrayLike, probabilities: ArrayLike, rule: Rule, target: float
) -> dict[str, Any]:
    """Returns {rule, target, threshold, n, positives}: recall a breast whose score is >= threshold.

    target_sensitivity: the highest threshold whose sensitivity reaches the target.
    target_recall_rate: the lowest threshold whose recall rate does not exceed it.
    The threshold stands midway between two scores seen, so that the last digit of one score does
    not decide a recall.

    Raises:
        ValueError: A class is absent.

    >>> freeze_operating_point([1, 1, 0, 0], [0.9, 0.4, 0.2, 0.1], "target_sensitivity", 0.8)[
    ...     "threshold"
    ... ].__round__(3)
    0.3
    """
    if reason := undefined_reason(labels):
        raise ValueError(f"cannot freeze an operating point: {reason}.")
    labels = np.asarray(labels, float)
    scores = np.unique(np.asarray(probabilities, float))[::-1]
    true, false = roc_counts(labels, probabilities)
    if rule == "target_sensitivity":
        taken = int(np.argmax(true / true[-1] >= target - 1e-12))
    else:
        taken = int(np.flatnonzero((true + false) / labels.size <= target + 1e-12)[-1])
    # Beyond both ends stand 1 (nobody is recalled) and 0 (everybody is).
    ladder = np.concatenate([[1.0], scores, [0.0]])
    threshold = float((ladder[taken] + ladder[taken + 1]) / 2)
    found = {"rule": rule, "target": target, "threshold": threshold}
    return found | {"n": int(labels.size), "positives": int(labels.sum())}


def operating_figures(
    labels: ArrayLike, recalled: ArrayLike, weights: np.ndarray | None = None
) -> dict[str, np.ndarray]:
    """Returns sensitivity, specificity, recall_rate and ppv, NaN where the divisor is 0.

    >>> {k: float(v) for k, v in operating_figures([1, 1, 0, 0], [1, 0, 1, 0]).items()}
    {'sensitivity': 0.5, 'specificity': 0.5, 'recall_rate': 0.5, 'ppv': 0.5}
    """
    y, r = np.asarray(labels, float), np.asarray(recalled, float)
    w = np.ones(len(y)) if weights is None else weights
    with np.errstate(invalid="ignore", divide="ignore"):
        return {
            "sensitivity": (w @ (y * r)) / (w @ y),
            "specificity": (w @ ((1 - y) * (1 - r))) / (w @ (1 - y)),
            "recall_rate": (w @ r) / w.sum(-1),
            "ppv": (w @ (y * r)) / (w @ r),
        }
