"""The logistic regression of outcomes on one score, for many bootstrap replicates at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit

NEWTON_STEPS = 120


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
    x, w = np.broadcast_arrays(x, w)
    shape = x.shape[:-1]
    found = np.full((int(np.prod(shape)), 2), np.nan)
    x, w = (part.reshape(len(found), t.size) for part in (x, w))
    rows = np.flatnonzero(has_maximum(x, t, w))
    if rows.size:
        x, w = (part if rows.size == len(part) else part[rows] for part in (x, w))
        total = w.sum(-1)
        centre = (w * x).sum(-1) / total
        spread = np.sqrt((w * (x - centre[:, None]) ** 2).sum(-1) / total)
        slope, level = _climb((x - centre[:, None]) / spread[:, None], t, w).T
        found[rows] = np.stack([slope / spread, level - slope / spread * centre], axis=1)
    return found[:, 0].reshape(shape), found[:, 1].reshape(shape)


def has_maximum(x: np.ndarray, t: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Returns whether the classes overlap, so that a best slope exists, shape (...,).

    Some negative must lie above a positive, and some positive above a negative (Albert and Anderson
    1984); a target between 0 and 1 is a part of either class. A search that runs off to a far
    slope may stop as if it had arrived, so this is asked first.

    Args:
        x: Shape (..., n).
        t: In [0, 1], shape (n,).
        w: Shape (..., n).

    >>> has_maximum(np.array([1.0, 2.0, 2.0]), np.array([0.0, 0.0, 1.0]), np.ones(3)).item()
    False
    """
    parts = [(w > 0) & side for side in (t > 0, t < 1)]
    lowest = [np.where(part, x, np.inf).min(-1, initial=np.inf) for part in parts]
    highest = [np.where(part, x, -np.inf).max(-1, initial=-np.inf) for part in parts]
    return (highest[1] > lowest[0]) & (highest[0] > lowest[1])


def _climb(z: np.ndarray, t: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Returns (slope, level) of each row of weights, shape (k, 2), NaN where the climb has no end.

    A step is at most 1 long or as long as the way so far, and is halved where it leads far down
    the other side. Rows that have arrived are left alone.
    """
    found = np.full((len(w), 2), np.nan)
    rows, theta, step = np.arange(len(w)), np.zeros((len(w), 2)), np.zeros((len(w), 2))
    rise = np.zeros(len(w))
    for _ in range(NEWTON_STEPS):
        gradient, longer = _take_step(theta + step, z, t, w)
        worse = (gradient * step).sum(-1) < -rise / 2
        theta = np.where(worse[:, None], theta, theta + step)
        step = np.where(worse[:, None], step / 2, longer)
        rise = np.where(worse, rise, (gradient * step).sum(-1))
        size = np.hypot(*step.T)
        done = size <= 1e-10 * np.maximum(1, np.hypot(*theta.T))
        found[rows[done]] = (theta + step)[done]
        if done.all():
            break
        if done.any():
            rows, z, w, theta, step, rise = (
                part[~done] for part in (rows, z, w, theta, step, rise)
            )
    return found


def _take_step(
    theta: np.ndarray, z: np.ndarray, t: np.ndarray, w: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Returns (gradient of the likelihood, Newton's step made no longer than allowed), (k, 2)."""
    p = expit(theta[:, :1] * z + theta[:, 1:])
    error = w * (t - p)
    curve = w * p * (1 - p)
    g1, g0, h0 = (error * z).sum(-1), error.sum(-1), curve.sum(-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        # About the curve's own centre no digit is lost to a difference of products.
        middle = (curve * z).sum(-1) / h0
        step1 = (g1 - middle * g0) / (curve * (z - middle[:, None]) ** 2).sum(-1)
        step = np.stack([step1, g0 / h0 - middle * step1], axis=1)
        longest = np.maximum(1, np.hypot(*theta.T)) / np.hypot(*step.T)
    return np.stack([g1, g0], axis=1), step * np.minimum(1, longest)[:, None]
