"""Figures of precision: how clean a list is that is read from its most suspicious end."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from mammo_pipeline.mammo.scoring import roc_counts


def average_precision(
    labels: ArrayLike, scores: ArrayLike, weights: np.ndarray | None = None
) -> np.ndarray:
    """Returns the mean precision over the positives, NaN where a class is absent; (...,).

    Stepwise, as scikit-learn: the sum over distinct scores of the rise in recall times the
    precision there, so that tied scores come together and nothing is interpolated (Davis and
    Goadrich 2006). Chance gives the prevalence.

    Args:
        labels: 0 or 1, shape (n,).
        scores: Higher is more suspicious, finite, shape (n,).
        weights: How often each row counts, shape (..., n); one each when None.

    Raises:
        ValueError: A label is not 0 or 1, or a score is not finite.

    >>> round(float(average_precision([1, 0, 1, 0], [0.9, 0.8, 0.7, 0.1])), 4)  # (1 + 2/3) / 2
    0.8333
    """
    true, false = roc_counts(labels, scores, weights)
    recalled = true + false
    with np.errstate(invalid="ignore", divide="ignore"):
        precision = np.where(recalled > 0, true / recalled, 0.0)[..., 1:]
        rise = np.diff(true, axis=-1) / true[..., -1:]
    both = (true[..., -1] > 0) & (false[..., -1] > 0)
    return np.where(both, (rise * precision).sum(-1), np.nan)


def probabilistic_f1(
    labels: ArrayLike, probabilities: ArrayLike, weights: np.ndarray | None = None
) -> np.ndarray:
    """Returns the F1 in which a case counts as recalled by its probability; shape (...,).

    pF1 = 2 pTP / (pTP + pFP + positives), pTP and pFP the sums of probability over positives and
    negatives (RSNA Screening Mammography Breast Cancer Detection 2022, after Yacouby and Axman
    2020): the harmonic mean of pTP / (pTP + pFP) and pTP / positives. NaN without a positive.

    Args:
        labels: 0 or 1, shape (n,).
        probabilities: In [0, 1], shape (n,).
        weights: How often each row counts, shape (..., n); one each when None.

    Raises:
        ValueError: A label is not 0 or 1, or a probability is outside [0, 1] or not finite.

    >>> round(float(probabilistic_f1([1, 0], [0.8, 0.2])), 3)  # 2 * 0.8 / (0.8 + 0.2 + 1)
    0.8
    """
    y, p = np.asarray(labels, float), np.asarray(probabilities, float)
    check_probabilities(y, p)
    w = np.ones(len(y)) if weights is None else weights
    true, false, positives = w @ (p * y), w @ (p * (1 - y)), w @ y
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(positives > 0, 2 * true / (true + false + positives), np.nan)


def check_probabilities(labels: np.ndarray, probabilities: np.ndarray) -> None:
    """Refuses labels beyond 0 and 1, and probabilities outside [0, 1], saying which.

    >>> check_probabilities(np.array([1.0]), np.array([1.2]))
    Traceback (most recent call last):
    ValueError: 1 probabilities are not in [0, 1], the first at row 0: 1.2.
    """
    if labels.shape != probabilities.shape or labels.ndim != 1:
        found = f"{labels.shape} labels for {probabilities.shape} probabilities"
        raise ValueError(f"{found}; expected one each.")
    if not np.isin(labels, (0, 1)).all():
        raise ValueError(f"labels must be 0 or 1, found {np.unique(labels)[:5].tolist()}.")
    bad = np.flatnonzero(~((probabilities >= 0) & (probabilities <= 1)))
    if bad.size:
        raise ValueError(
            f"{bad.size} probabilities are not in [0, 1], the first at row {bad[0]}: "
            f"{probabilities[bad[0]]:g}."
        )
