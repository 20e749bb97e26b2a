"""From a logit to a probability, and how far the two agree; plain floats, no pickled object."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import expit

from mammo_pipeline.mammo.bins import assign_bins, equal_count_edges
from mammo_pipeline.mammo.intervals import wilson_interval

NEWTON_STEPS = 60


def fit_logistic(
    targets: ArrayLike, logits: ArrayLike, weights: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Returns (slope, intercept) of targets on logits by maximum likelihood, shape (...,).

    Newton's method on standardised logits. NaN where no maximum exists: one class only, one
    distinct logit, or classes that a threshold parts without error.

    Args:
        targets: In [0, 1], shape (n,).
        logits: Shape (..., n).
        weights: How often each row counts, shape (..., n).
    """
    x, t = np.asarray(logits, float), np.asarray(targets, float)
    w = np.ones_like(t) if weights is None else np.asarray(weights, float)
    total = w.sum(-1)
    with np.errstate(all="ignore"):
        centre = (w * x).sum(-1) / total
        spread = np.sqrt((w * (x - centre[..., None]) ** 2).sum(-1) / total)
        z = (x - centre[..., None]) / spread[..., None]
        slope, level, last = _climb(z, t, w)
        slope = slope / spread
    done = np.isfinite(slope) & (last < 1e-8)
    return np.where(done, slope, np.nan), np.where(done, level - slope * centre, np.nan)


def _climb(z: np.ndarray, t: np.ndarray, w: np.ndarray) -> tuple[np.ndarray, ...]:
    """Returns (slope, level, size of the last step) after Newton's steps, each at most 1 long."""
    shape = np.broadcast_shapes(z.shape, w.shape)[:-1]
    slope, level, last = np.zeros(shape), np.zeros(shape), np.full(shape, np.inf)
    for _ in range(NEWTON_STEPS):
        p = expit(slope[..., None] * z + level[..., None])
        error, curve = w * (t - p), w * p * (1 - p)
        g1, g0 = (error * z).sum(-1), error.sum(-1)
        h11, h10, h00 = (curve * z * z).sum(-1), (curve * z).sum(-1), curve.sum(-1)
        scale = h11 * h00 - h10**2
        step1, step0 = (h00 * g1 - h10 * g0) / scale, (h11 * g0 - h10 * g1) / scale
        last = np.hypot(step1, step0)
        shorten = 1 / np.maximum(last, 1)
        slope, level = slope + step1 * shorten, level + step0 * shorten
        if not (last > 1e-10).any():
            break
    return slope, level, last


def platt_targets(labels: ArrayLike) -> np.ndarray:
    """Returns Platt's smoothed targets, which keep the slope finite on separable scores.

    (N+ + 1) / (N+ + 2) for positives and 1 / (N- + 2) for negatives (Platt 1999, section 2.2).

    >>> platt_targets([1, 0, 0]).tolist()
    [0.6666666666666666, 0.25, 0.25]
    """
    labels = np.asarray(labels, float)
    positives, negatives = labels.sum(), (1 - labels).sum()
    return np.where(labels == 1, (positives + 1) / (positives + 2), 1 / (negatives + 2))


def fit_platt(labels: ArrayLike, logits: ArrayLike) -> dict[str, Any]:
    """Returns {method, slope, intercept, n, positives}, fitted on Platt's targets.

    probability = expit(slope * logit + intercept).

    Raises:
        ValueError: One class is absent, or all logits are equal.
    """
    labels = np.asarray(labels, float)
    if labels.min(initial=1) == labels.max(initial=0):
        raise ValueError(
            f"Platt scaling needs both outcomes; found {int(labels.sum())} positives among "
            f"{labels.size}. Tune on a larger set."
        )
    slope, intercept = fit_logistic(platt_targets(labels), logits)
    if not np.isfinite(slope):
        raise ValueError("Platt scaling found no maximum: are all logits equal?")
    return {
        "method": "platt",
        "slope": float(slope),
        "intercept": float(intercept),
        "n": int(labels.size),
        "positives": int(labels.sum()),
    }


def apply_calibration(calibration: Mapping[str, Any], logits: ArrayLike) -> np.ndarray:
    """Returns the calibrated logits; `expit` of them is the probability of cancer.

    >>> apply_calibration({"method": "platt", "slope": 2.0, "intercept": -1.0}, [0.5]).tolist()
    [0.0]
    """
    if calibration["method"] != "platt":
        raise ValueError(f"unknown calibration {calibration['method']!r}; expected 'platt'.")
    return calibration["slope"] * np.asarray(logits, float) + calibration["intercept"]


def weighted_mean(values: np.ndarray, weights: np.ndarray | None) -> np.ndarray:
    """Returns the mean over the last axis, with weights (..., n) when given."""
    if weights is None:
        return values.mean(-1)
    return (weights @ values) / weights.sum(-1)


def brier_loss(
    labels: ArrayLike, probabilities: ArrayLike, weights: np.ndarray | None = None
) -> np.ndarray:
    """Returns the mean squared distance of probability and outcome (Brier 1950).

    >>> round(float(brier_loss([1, 0], [0.8, 0.4])), 3)
    0.1
    """
    distance = np.asarray(labels, float) - np.asarray(probabilities, float)
    return weighted_mean(distance**2, weights)


def log_loss(labels: ArrayLike, logits: ArrayLike, weights: np.ndarray | None = None) -> np.ndarray:
    """Returns the mean negative log-likelihood, in nats, from logits, so that none overflows.

    >>> round(float(log_loss([1, 0], [0.0, 0.0])), 4)
    0.6931
    """
    logits = np.asarray(logits, float)
    return weighted_mean(np.logaddexp(0, logits) - np.asarray(labels, float) * logits, weights)


def calibration_error(
    labels: ArrayLike, probabilities: ArrayLike, bins: int, weights: np.ndarray | None = None
) -> np.ndarray:
    """Returns the expected calibration error over equal-count bins (Naeini et al. 2015).

    The bins are those of the rows given, whatever the weights. It is never negative, so it is
    above 0 by chance alone; the fewer rows a bin holds, the further.

    >>> round(float(calibration_error([0, 1], [0.2, 0.7], bins=2)), 3)
    0.25
    """
    labels, p = np.asarray(labels, float), np.asarray(probabilities, float)
    weights = np.ones(len(p)) if weights is None else weights
    codes = assign_bins(p, equal_count_edges(p, bins))
    member = np.eye(codes.max() + 1)[codes]
    return np.abs(weights @ (member * (labels - p)[:, None])).sum(-1) / weights.sum(-1)


def reliability_table(
    labels: ArrayLike, probabilities: ArrayLike, bins: int, level: float
) -> pd.DataFrame:
    """Returns one row per equal-count bin: n, positives, predicted, observed, Wilson low, high."""
    labels, p = np.asarray(labels, float), np.asarray(probabilities, float)
    codes = assign_bins(p, equal_count_edges(p, bins))
    rows = []
    for code in np.unique(codes):
        inside = codes == code
        n, positives = int(inside.sum()), int(labels[inside].sum())
        low, high = wilson_interval(positives, n, level)
        bar = {"observed": positives / n, "low": low, "high": high}
        rows.append({"n": n, "positives": positives, "predicted": p[inside].mean()} | bar)
    return pd.DataFrame(rows)
