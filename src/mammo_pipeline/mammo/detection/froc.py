"""The free-response curve: lesions found against false marks an image, weights and ties included.

Bunch et al. 1978; Chakraborty 1989. Every figure takes weights of images, so that a bootstrap
replicate is the same function called with how often each patient was drawn.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import csr_array


@dataclass(frozen=True)
class Findings:
    """What a curve is drawn from; rows are those of the images that weights are given for.

    Attributes:
        scores: Of each thing to find, that of the mark that found it; minus infinity where none
            did, float (k,).
        rows: The image that each stands for, int (k,): where its weight comes from.
        false_scores: Of each false mark, float (m,).
        false_rows: The image of each, int (m,).
        counted: Whether an image's false marks count, bool (n,): false positives are per such
            image.
    """

    scores: np.ndarray
    rows: np.ndarray
    false_scores: np.ndarray
    false_rows: np.ndarray
    counted: np.ndarray


def froc_points(
    findings: Findings, weights: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Returns (false positives an image, sensitivity) at the corners of the curve, from (0, 0).

    Both have shape (..., c) and are NaN where there is nothing to find or no image to count false
    marks in. Marks of one score come together, as a straight slanting piece; false marks between
    two finds only make one level piece, so that a replicate is cheap.

    Args:
        findings: What was found, and what was marked falsely.
        weights: How often each image counts, shape (..., n); one each when None.

    >>> found = Findings(np.array([0.9, 0.4]), np.array([0, 1]), np.array([0.5]), np.array([2]),
    ...                  np.array([False, False, True]))
    >>> [points.tolist() for points in froc_points(found)]
    [[0.0, 0.0, 0.0, 1.0, 1.0, 1.0], [0.0, 0.0, 0.5, 0.5, 1.0, 1.0]]
    """
    n = len(findings.counted)
    weights = np.ones(n) if weights is None else weights
    is_found = np.isfinite(findings.scores)
    levels = np.unique(findings.scores[is_found])
    true = _sum_pieces(levels, findings.scores[is_found], findings.rows[is_found], weights)
    false = _sum_pieces(levels, findings.false_scores, findings.false_rows, weights)
    wanted = weights[..., findings.rows].sum(-1, keepdims=True)
    images = weights[..., findings.counted].sum(-1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        return false / images, true / wanted


def _sum_pieces(
    levels: np.ndarray, scores: np.ndarray, rows: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """Returns the weight of the marks up to the end of each piece of the curve, (..., c + 1).

    Piece 2i holds the marks between two scores of finds, piece 2i + 1 those at one such score.
    """
    above = len(levels) - np.searchsorted(levels, scores, "right")
    is_tied = np.isin(scores, levels)
    shape = (weights.shape[-1], 2 * len(levels) + 1)
    piece = 2 * above + is_tied
    counts = csr_array((np.ones(len(scores)), (rows, piece)), shape=shape)
    summed = (counts.T @ weights.reshape(-1, shape[0]).T).T
    total = np.cumsum(summed, axis=-1).reshape(*weights.shape[:-1], shape[1])
    return np.concatenate([np.zeros((*total.shape[:-1], 1)), total], axis=-1)


def sensitivity_at(rate: np.ndarray, sensitivity: np.ndarray, wanted: ArrayLike) -> np.ndarray:
    """Returns the sensitivity at each wanted number of false positives an image, (..., w).

    The curve runs straight between its corners; where it rises upright, its top is taken. Beyond
    its last mark it stays level: nothing more is marked there.

    Args:
        rate: False positives an image at the corners, (..., c).
        sensitivity: There, likewise.
        wanted: Rates.

    >>> rate, sensitivity = np.array([0.0, 0.0, 1.0]), np.array([0.0, 0.5, 1.0])
    >>> sensitivity_at(rate, sensitivity, [0.0, 0.5, 4]).tolist()
    [0.5, 0.75, 1.0]
    """
    at = np.asarray(wanted, float)
    flat = rate.reshape(-1, rate.shape[-1]), sensitivity.reshape(-1, rate.shape[-1])
    read = np.array([np.interp(at, x, y) for x, y in zip(*flat, strict=True)])
    read = read.reshape(*rate.shape[:-1], len(at))
    return np.where(_is_undefined(rate, sensitivity)[..., np.newaxis], np.nan, read)


def area_to(rate: np.ndarray, sensitivity: np.ndarray, most: float) -> np.ndarray:
    """Returns the mean sensitivity over 0 to `most` false positives an image, shape (...,).

    The area under the curve, over `most`, so that 1 is best; chance has no fixed value.

    >>> round(float(area_to(np.array([0.0, 0.0, 2.0]), np.array([0.0, 0.5, 1.0]), 4)), 3)
    0.875
    """
    end = sensitivity_at(rate, sensitivity, [most])
    inside = rate <= most
    x = np.concatenate([np.where(inside, rate, most), np.full_like(end, most)], axis=-1)
    y = np.concatenate([np.where(inside, sensitivity, end), end], axis=-1)
    return np.where(_is_undefined(rate, sensitivity), np.nan, np.trapezoid(y, x, axis=-1) / most)


def _is_undefined(rate: np.ndarray, sensitivity: np.ndarray) -> np.ndarray:
    return np.isnan(rate[..., -1] + sensitivity[..., -1])


def point_at(
    findings: Findings, threshold: float, weights: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Returns (false positives an image, sensitivity) of the marks from a score on, shape (...,).

    NaN where undefined, as in `froc_points`.
    """
    weights = np.ones(len(findings.counted)) if weights is None else weights
    false = weights[..., findings.false_rows[findings.false_scores >= threshold]].sum(-1)
    true = weights[..., findings.rows[findings.scores >= threshold]].sum(-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return (
            false / weights[..., findings.counted].sum(-1),
            true / weights[..., findings.rows].sum(-1),
        )
