"""How well scores rank breasts: the ROC curve and what is read from it, ties and weights included.

Unit of evaluation: the breast of one exam (exam, laterality), as in the DREAM Digital Mammography
challenge. Every figure takes weights, so that a bootstrap replicate is the same function called
with how often each patient was drawn.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike


def roc_counts(
    labels: ArrayLike, scores: ArrayLike, weights: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Returns (true positives, false positives), recalled from the highest distinct score down.

    Both have shape (..., k + 1) for k distinct scores and begin with 0; tied scores are recalled
    together, which makes every later figure fair to ties.

    Args:
        labels: 0 or 1, shape (n,).
        scores: Higher is more suspicious, finite, shape (n,).
        weights: How often each row counts, shape (..., n); one each when None.

    Raises:
        ValueError: A label is not 0 or 1, or a score is not finite.

    >>> roc_counts([1, 0, 1], [0.9, 0.5, 0.5])[0].tolist()
    [0.0, 1.0, 2.0]
    """
    labels, scores = np.asarray(labels, float), np.asarray(scores, float)
    _check_labels_and_scores(labels, scores)
    weights = np.ones(len(labels)) if weights is None else weights
    order = np.argsort(-scores, kind="stable")
    ends = np.flatnonzero(np.diff(scores[order], append=-np.inf))
    drawn = weights[..., order]
    true = np.cumsum(drawn * labels[order], axis=-1)[..., ends]
    false = np.cumsum(drawn, axis=-1)[..., ends] - true
    start = np.zeros((*true.shape[:-1], 1))
    return np.concatenate([start, true], -1), np.concatenate([start, false], -1)


def _check_labels_and_scores(labels: np.ndarray, scores: np.ndarray) -> None:
    if labels.shape != scores.shape or labels.ndim != 1:
        raise ValueError(f"{labels.shape} labels for {scores.shape} scores; expected one each.")
    if not labels.size:
        raise ValueError("no label and no score: no ROC curve.")
    if not np.isin(labels, (0, 1)).all():
        raise ValueError(f"labels must be 0 or 1, found {np.unique(labels)[:5].tolist()}.")
    if not np.isfinite(scores).all():
        bad = np.flatnonzero(~np.isfinite(scores))
        raise ValueError(f"{bad.size} scores are not finite, the first at row {bad[0]}.")


def roc_points(
    labels: ArrayLike, scores: ArrayLike, weights: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Returns (1 - specificity, sensitivity) at the corners of the curve, from (0, 0) to (1, 1).

    Both have shape (..., k + 1) and are NaN where a class is absent. Neighbouring scores of the
    same class only make one straight piece longer and are joined, which makes a replicate cheap.

    >>> [points.tolist() for points in roc_points([1, 0, 0], [0.9, 0.2, 0.1])]
    [[0.0, 0.0, 1.0], [0.0, 1.0, 1.0]]
    """
    labels, scores = np.asarray(labels, float), np.asarray(scores, float)
    _check_labels_and_scores(labels, scores)
    weights = np.ones(len(labels)) if weights is None else weights
    order = np.argsort(-scores, kind="stable")
    starts = _corner_starts(labels[order], scores[order])
    drawn = weights[..., order]
    everyone = np.add.reduceat(drawn, starts, axis=-1)
    true = np.add.reduceat(drawn * labels[order], starts, axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return _rise(everyone - true), _rise(true)


def _corner_starts(labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Returns where each straight piece of the curve begins, in rows sorted by falling score."""
    starts = np.flatnonzero(np.diff(scores, prepend=np.inf))
    some_positive = np.maximum.reduceat(labels, starts)
    all_positive = np.minimum.reduceat(labels, starts)
    kind = some_positive + all_positive  # 0 none, 1 mixed, 2 all
    longer = (kind[1:] == kind[:-1]) & (kind[1:] != 1)
    return starts[np.concatenate([[True], ~longer])]


def _rise(counts: np.ndarray) -> np.ndarray:
    total = np.cumsum(counts, axis=-1)
    start = np.zeros((*counts.shape[:-1], 1))
    return np.concatenate([start, total], axis=-1) / total[..., -1:]


def auroc(labels: ArrayLike, scores: ArrayLike, weights: np.ndarray | None = None) -> np.ndarray:
    """Returns the area under the ROC curve, NaN where a class is absent; shape of weights[..., 0].

    A tie counts half, as in the Mann-Whitney statistic with mid-ranks (Hanley and McNeil 1982):
    the trapezium over tied scores is that half.

    >>> float(auroc([0, 0, 1, 1], [0.1, 0.4, 0.4, 0.8]))
    0.875
    """
    false_rate, true_rate = roc_points(labels, scores, weights)
    return np.trapezoid(true_rate, false_rate, axis=-1)


def partial_area(
    false_rate: np.ndarray, true_rate: np.ndarray, min_sensitivity: float
) -> np.ndarray:
    """Returns the integral of specificity over sensitivity [min_sensitivity, 1], uncorrected.

    At 0.8 the maximum is 0.2 and chance gives 0.02 (DREAM's secondary metric). The curve runs
    straight between its points.

    >>> chance = np.array([0.0, 1.0])
    >>> round(float(partial_area(chance, chance, 0.8)), 3)
    0.02
    """
    low, rise = true_rate[..., :-1], np.diff(true_rate, axis=-1)
    entry = np.clip(min_sensitivity - low, 0, rise)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where(rise > 0, entry / rise, 0)
    start = false_rate[..., :-1] + share * np.diff(false_rate, axis=-1)
    return ((rise - entry) * (1 - (start + false_rate[..., 1:]) / 2)).sum(-1)


def specificity_on_curve(
    false_rate: np.ndarray, true_rate: np.ndarray, sensitivity: float
) -> np.ndarray:
    """Returns the specificity where the curve, straight between points, reaches a sensitivity.

    Taking the first point at or above it instead is wrong on tied scores: here the only such point
    recalls everyone and has specificity 0.

    >>> curve = roc_points([1, 1, 0, 0], [2, 1, 1, 1])
    >>> round(float(specificity_on_curve(*curve, 0.8)), 3)
    0.4
    """
    undefined = np.isnan(false_rate[..., -1] + true_rate[..., -1])
    # A count over a count may miss 0.8 by one rounding.
    above = np.maximum(np.argmax(true_rate >= sensitivity - 1e-12, axis=-1), 1)[..., None]
    low, high = (np.take_along_axis(true_rate, at, -1)[..., 0] for at in (above - 1, above))
    start, end = (np.take_along_axis(false_rate, at, -1)[..., 0] for at in (above - 1, above))
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.clip((sensitivity - low) / (high - low), 0, 1)
    return np.where(undefined, np.nan, 1 - (start + share * (end - start)))


def ranking_figures(
    labels: ArrayLike, scores: ArrayLike, sensitivity: float, weights: np.ndarray | None = None
) -> dict[str, np.ndarray]:
    """Returns auroc, pauc and specificity_at_sensitivity from one curve, NaN where undefined.

    >>> {k: round(float(v), 3) for k, v in ranking_figures([1, 0], [0.9, 0.1], 0.8).items()}
    {'auroc': 1.0, 'pauc': 0.2, 'specificity_at_sensitivity': 1.0}
    """
    false_rate, true_rate = roc_points(labels, scores, weights)
    return {
        "auroc": np.trapezoid(true_rate, false_rate, axis=-1),
        "pauc": partial_area(false_rate, true_rate, sensitivity),
        "specificity_at_sensitivity": specificity_on_curve(false_rate, true_rate, sensitivity),
    }


def undefined_reason(labels: ArrayLike) -> str | None:
    """Returns why no ROC curve exists, or None when one does.

    >>> undefined_reason([0, 0])
    'no positive among 2: no ROC curve'
    """
    labels = np.asarray(labels, float)
    if len(labels) == 0:
        return "nothing to measure: 0 breasts"
    if labels.min() == labels.max():
        return f"no {'negative' if labels[0] else 'positive'} among {len(labels)}: no ROC curve"
    return None
