"""Greedy selection of members with replacement, and the score that candidates are judged by."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from mammo_pipeline.mammo.calibration.errors import log_loss
from mammo_pipeline.mammo.calibration.fit import platt_targets
from mammo_pipeline.mammo.calibration.logistic import fit_logistic
from mammo_pipeline.mammo.scoring import auroc, undefined_reason

Metric = Literal["auroc", "log_loss"]


def select_members(
    labels: ArrayLike, logits: ArrayLike, metric: Metric, rounds: int
) -> tuple[np.ndarray, list[float]]:
    """Returns (how often each member was taken, the score after each round), greedily.

    Selection with replacement (Caruana et al. 2004): each round takes the member that makes the
    mean of the logits best, and the bag of the best round is kept. Equal scores go to the earlier
    member and the earlier round, so that the result is the same every time.

    Args:
        labels: 0 or 1 of each tune breast, shape (n,).
        logits: Shape (n, members).
        metric: auroc, or log_loss after Platt's calibration of the mean.
        rounds: How many takes.

    Raises:
        ValueError: A class is absent.
    """
    if reason := undefined_reason(labels):
        raise ValueError(f"cannot select members on tune: {reason}.")
    logits = np.asarray(logits, float)
    taken: list[int] = []
    path: list[float] = []
    total = np.zeros(len(logits))
    for _ in range(rounds):
        means = (total[:, None] + logits) / (len(taken) + 1)
        scores = score_candidates(labels, means, metric)
        best = find_best(scores)
        taken.append(best)
        total = total + logits[:, best]
        path.append(float(scores[best]))
    kept = taken[: find_best(np.array(path)) + 1]
    return np.bincount(kept, minlength=logits.shape[1]), path


def find_best(scores: np.ndarray) -> int:
    """Returns the first place of the highest score.

    >>> find_best(np.array([0.5, 0.9, 0.9 + 1e-15]))
    1
    """
    # A gain in the last digits is rounding, not skill.
    return int(np.flatnonzero(scores >= scores.max() - 1e-12)[0])


def score_candidates(labels: ArrayLike, logits: np.ndarray, metric: Metric) -> np.ndarray:
    """Returns the score of each column of logits (n, candidates): higher is better.

    >>> score_candidates([0, 1], np.array([[0.1, 0.9], [0.8, 0.2]]), "auroc").tolist()
    [1.0, 0.0]
    """
    if metric == "auroc":
        return np.array([auroc(labels, column) for column in logits.T])
    slope, intercept = fit_forward(labels, logits.T)
    return -log_loss(labels, slope[:, None] * logits.T + intercept[:, None])


def fit_forward(labels: ArrayLike, logits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns Platt's (slope, intercept) of each row of logits (..., n), the slope never negative.

    Free to turn a score round, Platt's map would reward a member that ranks backwards. Where the
    best slope is negative or undefined, the best that is left is slope 0: the same probability for
    all.

    >>> [float(part.round(3)) for part in fit_forward([0, 1, 1], np.array([2.0, 1.0, 0.0]))]
    [0.0, 0.452]
    """
    targets = platt_targets(labels)
    slope, intercept = fit_logistic(targets, logits)
    forward = slope > 0
    share = targets.mean()
    flat = np.log(share / (1 - share))
    return np.where(forward, slope, 0.0), np.where(forward, intercept, flat)
