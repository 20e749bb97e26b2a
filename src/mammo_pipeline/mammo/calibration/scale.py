"""The score from 1 to 10: how a breast stands among those of a reference population."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

DECILES = tuple(float(share) for share in np.round(np.arange(1, 10) / 10, 1))


def freeze_scale(
    calibrated_logits: ArrayLike,
    labels: ArrayLike,
    prevalence: float | None,
    quantiles: Sequence[float] = DECILES,
) -> dict[str, Any]:
    """Returns {edges, quantiles, reference, prevalence, n, positives} of a reference population.

    A breast scores above g when its logit is higher than those of at least g tenths of the
    reference. Tied logits never part: they share the grade that those strictly below them earn, so
    that with many ties (isotonic calibration makes them) some grades stay empty.

    Args:
        calibrated_logits: Of the tune breasts, finite, shape (n,).
        labels: 0 or 1 of each, shape (n,).
        prevalence: Share of breasts with cancer in the reference: the positives count as much
            together; as they are when None.
        quantiles: Shares of the reference below each edge, ascending.

    Raises:
        ValueError: A class is absent where a prevalence is stated, a logit is not finite, or the
            quantiles do not rise between 0 and 1.

    >>> scale = freeze_scale(np.arange(1.0, 11), [0] * 9 + [1], None)
    >>> scale["edges"][0], score_on_scale([1, 2, 10, 99], scale).tolist()
    (1.5, [1, 2, 10, 10])
    """
    x, y = np.asarray(calibrated_logits, float), np.asarray(labels, float)
    _check_reference(x, y, prevalence, quantiles)
    positives = int(y.sum())
    weights = np.full(x.size, 1 / x.size)
    if prevalence is not None:
        weights = np.where(y == 1, prevalence / positives, (1 - prevalence) / (x.size - positives))
    share = "as they are" if prevalence is None else f"weighted to {prevalence:.2%} with cancer"
    return {
        "edges": _cut(x, weights, quantiles),
        "quantiles": [float(share) for share in quantiles],
        "reference": f"{x.size} tune breasts, {positives} with cancer, {share}",
        "prevalence": None if prevalence is None else float(prevalence),
        "n": int(x.size),
        "positives": positives,
    }


def _cut(x: np.ndarray, weights: np.ndarray, quantiles: Sequence[float]) -> list[float]:
    """Returns the lowest place above which all are higher than the wanted share of the weight."""
    values, codes = np.unique(x, return_inverse=True)
    below = np.cumsum(np.bincount(codes, weights, values.size))
    # Midway to the next value seen; above the last there is none.
    middle = (values[:-1] + values[1:]) / 2
    # Of two neighbours in floating point the middle may be the lower, which would rise with it.
    middle = np.where(middle > values[:-1], middle, values[1:])
    places = np.append(middle, np.nextafter(values[-1], np.inf))
    # A sum of shares may miss 0.9 by one rounding.
    at = np.searchsorted(below, np.asarray(quantiles) - 1e-9)
    return [float(place) for place in places[np.minimum(at, values.size - 1)]]


def _check_reference(
    x: np.ndarray, y: np.ndarray, prevalence: float | None, quantiles: Sequence[float]
) -> None:
    if x.shape != y.shape or x.ndim != 1 or x.size == 0:
        raise ValueError(f"{x.shape} logits for {y.shape} labels; expected one each, at least one.")
    if not np.isin(y, (0, 1)).all() or not np.isfinite(x).all():
        raise ValueError("the reference of a scale needs labels of 0 or 1 and finite logits.")
    if prevalence is not None and not 0 < prevalence < 1:
        raise ValueError(f"a prevalence must lie between 0 and 1, found {prevalence}.")
    if prevalence is not None and y.min() == y.max():
        raise ValueError(
            f"{int(y.sum())} of {y.size} breasts have cancer: they cannot be weighted to a "
            f"prevalence of {prevalence}."
        )
    steps = np.asarray([0.0, *quantiles, 1.0])
    if not (np.diff(steps) > 0).all():
        raise ValueError(f"quantiles must rise between 0 and 1, found {list(quantiles)}.")


def score_on_scale(calibrated_logits: ArrayLike, scale: Mapping[str, Any]) -> np.ndarray:
    """Returns the score of each logit, integer, 1 to 10 (edges + 1): never falling with the logit.

    A logit on an edge takes the upper score.

    Args:
        calibrated_logits: Any shape, finite.
        scale: What `freeze_scale` returned; only "edges" is read.

    Raises:
        ValueError: The edges fall somewhere, one is not finite, there is none, or a logit is NaN.

    >>> score_on_scale([-1.0, 0.0, 2.0], {"edges": [0.0, 1.0]}).tolist()
    [1, 2, 3]
    """
    edges, x = np.asarray(scale["edges"], float), np.asarray(calibrated_logits, float)
    if edges.ndim != 1 or edges.size == 0 or not np.isfinite(edges).all():
        raise ValueError(f"a scale needs finite edges, found {list(scale['edges'])}.")
    if (np.diff(edges) < 0).any():
        raise ValueError(f"the edges of a scale must not fall, found {edges.tolist()}.")
    if np.isnan(x).any():
        raise ValueError(f"{int(np.isnan(x).sum())} logits are NaN; they have no score.")
    return 1 + np.searchsorted(edges, x, side="right")
