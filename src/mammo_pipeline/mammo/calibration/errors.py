"""How far probabilities and outcomes lie apart, one number for each question.

Every function takes weights of shape (..., n) and gives shape (...,), so that a bootstrap
replicate is the same call with how often each patient was drawn.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.fft import dct, idct
from scipy.sparse import coo_array
from scipy.special import expit, logit

from mammo_pipeline.mammo.bins import assign_bins, equal_count_edges

Spacing = Literal["equal_count", "equal_width"]

# Cells of [0, 1] on which residuals are smoothed: the bandwidth, which equals the error, is seldom
# below 10 of them. 20 halvings find it to a millionth.
CELLS = 1000
HALVINGS = 20
NEWTON_STEPS = 60


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


def brier_skill(
    labels: ArrayLike, probabilities: ArrayLike, weights: np.ndarray | None = None
) -> np.ndarray:
    """Returns 1 - Brier loss over that of the prevalence said to everyone; NaN with one class.

    1 is perfect, 0 no better than knowing the prevalence, below 0 worse than that.

    >>> float(brier_skill([1, 0, 0, 0], [0.25, 0.25, 0.25, 0.25]))
    0.0
    """
    share = weighted_mean(np.asarray(labels, float), weights)
    with np.errstate(invalid="ignore", divide="ignore"):
        skill = 1 - brier_loss(labels, probabilities, weights) / (share * (1 - share))
    return np.where((share > 0) & (share < 1), skill, np.nan)


def log_loss(labels: ArrayLike, logits: ArrayLike, weights: np.ndarray | None = None) -> np.ndarray:
    """Returns the mean negative log-likelihood, in nats, from logits, so that none overflows.

    >>> round(float(log_loss([1, 0], [0.0, 0.0])), 4)
    0.6931
    """
    return weighted_mean(row_losses(labels, logits), weights)


def row_losses(labels: ArrayLike, logits: ArrayLike) -> np.ndarray:
    """Returns the negative log-likelihood of each row, in nats, shape (n,)."""
    logits = np.asarray(logits, float)
    return np.logaddexp(0, logits) - np.asarray(labels, float) * logits


def cut_bins(probabilities: ArrayLike, bins: int, spacing: Spacing) -> np.ndarray:
    """Returns the bin of each probability, integer, shape (n,).

    equal_count: bins hold about the same number; equal_width: [0, 1] is cut into equal parts, of
    which some may stay empty. A probability on an edge falls into the upper bin.

    >>> cut_bins([0.05, 0.1, 0.95, 1.0], 10, "equal_width").tolist()
    [0, 1, 9, 9]
    """
    if spacing == "equal_width":
        return assign_bins(probabilities, np.linspace(0, 1, bins + 1)[1:-1])
    if spacing == "equal_count":
        return assign_bins(probabilities, equal_count_edges(probabilities, bins))
    raise ValueError(f"spacing {spacing!r}; expected 'equal_count' or 'equal_width'.")


def calibration_error(
    labels: ArrayLike,
    probabilities: ArrayLike,
    bins: int,
    weights: np.ndarray | None = None,
    spacing: Spacing = "equal_count",
) -> np.ndarray:
    """Returns the expected calibration error over bins (Naeini et al. 2015).

    The bins are those of the rows given, whatever the weights. It is never negative, so it is
    above 0 by chance alone; the fewer rows a bin holds, the further.

    >>> round(float(calibration_error([0, 1], [0.2, 0.7], bins=2)), 3)
    0.25
    """
    return np.abs(bin_gaps(labels, probabilities, bins, weights, spacing)).sum(-1)


def bin_gaps(
    labels: ArrayLike,
    probabilities: ArrayLike,
    bins: int,
    weights: np.ndarray | None = None,
    spacing: Spacing = "equal_count",
) -> np.ndarray:
    """Returns each bin's sum of label - p over all rows' number, with its sign, shape (..., k)."""
    labels, p = np.asarray(labels, float), np.asarray(probabilities, float)
    weights = np.ones(len(p)) if weights is None else weights
    codes = cut_bins(p, bins, spacing)
    member = np.eye(codes.max() + 1)[codes]
    return weights @ (member * (labels - p)[:, None]) / weights.sum(-1)[..., None]


def calibration_noise(
    labels: ArrayLike,
    probabilities: ArrayLike,
    bins: int,
    weights: np.ndarray,
    spacing: Spacing = "equal_count",
) -> np.ndarray:
    """Returns how far the gaps of a replicate lie from those of the rows, over bins, shape (...,).

    What chance alone adds to a calibration error, at most: that of the rows is no further from the
    true one than the sum over bins of what chance moves each gap by (`intervals.error_figure`).

    >>> y, p, w = [0, 1, 0, 1], [0.2, 0.2, 0.7, 0.7], np.array([1.0, 1, 2, 0])
    >>> round(float(calibration_noise(y, p, 2, w)), 3)
    0.25
    """
    drawn = bin_gaps(labels, probabilities, bins, weights, spacing)
    return np.abs(drawn - bin_gaps(labels, probabilities, bins, None, spacing)).sum(-1)


def smooth_calibration_error(
    labels: ArrayLike, probabilities: ArrayLike, weights: np.ndarray | None = None
) -> np.ndarray:
    """Returns the smooth calibration error, for which no bin has to be chosen.

    The residual label - p, smoothed over p with a Gaussian kernel of bandwidth s that is reflected
    at 0 and 1, integrated without its sign. It falls as s grows; the error is where it equals s
    (Blasiok and Nakkiran 2023). A reflected Gaussian only damps the
    cosines of a function on [0, 1], the k-th by exp(-(pi k s)^2 / 2), hence the transform.

    Raises:
        ValueError: A probability lies outside [0, 1].

    >>> round(float(smooth_calibration_error([0, 0, 0, 1], [0.75, 0.75, 0.75, 0.75])), 2)
    0.5
    """
    return _find_bandwidth(spread_residuals(labels, probabilities, weights))


def smooth_calibration_noise(
    labels: ArrayLike, probabilities: ArrayLike, weights: np.ndarray
) -> np.ndarray:
    """Returns what `calibration_noise` does for the smooth error, shape (...,).

    The smooth error of a sum of residuals is at most the sum of their errors, since smoothing more
    never raises the integral.
    """
    drawn = spread_residuals(labels, probabilities, weights)
    return _find_bandwidth(drawn - spread_residuals(labels, probabilities))


def _find_bandwidth(residuals: np.ndarray) -> np.ndarray:
    """Returns the bandwidth that equals the integral of the residuals smoothed by it, (...,)."""
    waves = dct(residuals, norm="ortho")
    low, high = np.zeros(waves.shape[:-1]), np.ones(waves.shape[:-1])
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        is_above = smooth_residuals(waves, middle) > middle
        low, high = np.where(is_above, middle, low), np.where(is_above, high, middle)
    return high


def spread_residuals(
    labels: ArrayLike, probabilities: ArrayLike, weights: np.ndarray | None = None
) -> np.ndarray:
    """Returns the mean of label - p that falls into each cell of [0, 1], shape (..., CELLS).

    A probability between the middles of two cells is shared by them, so that its place is kept.
    """
    labels, p = np.asarray(labels, float), np.asarray(probabilities, float)
    if p.size and not (p.min() >= 0 and p.max() <= 1):
        raise ValueError("a probability lies outside [0, 1] or is not a number.")
    weights = np.ones(len(p)) if weights is None else np.asarray(weights, float)
    place = np.clip(p * CELLS - 0.5, 0, CELLS - 1)
    left = np.minimum(place.astype(int), CELLS - 2)
    share = place - left
    rows = np.arange(len(p))
    parts = np.concatenate([(1 - share) * (labels - p), share * (labels - p)])
    places = np.concatenate([rows, rows]), np.concatenate([left, left + 1])
    cells = coo_array((parts, places), shape=(len(p), CELLS)).tocsr()
    return (weights @ cells) / weights.sum(-1)[..., None]


def compute_noise(
    labels: ArrayLike, probabilities: ArrayLike, bins: int, weights: np.ndarray
) -> dict[str, np.ndarray]:
    """Returns the noise of each error that chance alone makes, by its name, shape (...,)."""
    rows = labels, probabilities
    return {
        "calibration_error": calibration_noise(*rows, bins, weights),
        "calibration_error_equal_width": calibration_noise(*rows, bins, weights, "equal_width"),
        "smooth_calibration_error": smooth_calibration_noise(*rows, weights),
    }


def smooth_residuals(waves: np.ndarray, bandwidth: ArrayLike) -> np.ndarray:
    """Returns the integral of the smoothed residual without its sign, shape (...,).

    Args:
        waves: Orthonormal cosine transform (type 2) of `spread_residuals`, shape (..., CELLS).
        bandwidth: Of the kernel, on the scale of probability, shape (...,).
    """
    damping = np.exp(-((np.pi * np.arange(CELLS) * np.asarray(bandwidth)[..., None]) ** 2) / 2)
    return np.abs(idct(waves * damping, norm="ortho")).sum(-1)


def calibration_in_the_large(
    labels: ArrayLike, logits: ArrayLike, weights: np.ndarray | None = None
) -> np.ndarray:
    """Returns the shift of all logits that makes predicted and observed cancers equal in number.

    The intercept of a logistic regression whose slope is held at 1 (Cox 1958; Steyerberg 2009):
    0 is right, above 0 too few cancers were predicted; NaN where a class is absent.

    >>> round(float(calibration_in_the_large([1, 0, 0, 0], [0.0, 0.0, 0.0, 0.0])), 4)
    -1.0986
    """
    y, x = np.asarray(labels, float), np.asarray(logits, float)
    w = np.ones(len(y)) if weights is None else np.asarray(weights, float)
    cancers, everyone = w @ y, w.sum(-1)
    both = (cancers > 0) & (cancers < everyone)
    with np.errstate(invalid="ignore", divide="ignore"):
        level = logit(cancers / everyone)
        # With every logit at the highest, or at the lowest, the number would be right here.
        low, high = level - x.max(initial=-np.inf), level - x.min(initial=np.inf)
        shift = np.clip(0.0, low, high)
        for _ in range(NEWTON_STEPS):
            p = expit(x + shift[..., None])
            missing = cancers - (w * p).sum(-1)
            low, high = np.where(missing > 0, shift, low), np.where(missing < 0, shift, high)
            following = shift + missing / (w * p * (1 - p)).sum(-1)
            inside = (following > low) & (following < high)
            following = np.where(missing == 0, shift, np.where(inside, following, (low + high) / 2))
            moved, shift = np.abs(following - shift), following
            if not (both & (moved > 1e-12 * np.maximum(1, np.abs(shift)))).any():
                break
    return np.where(both, shift, np.nan)


def observed_over_expected(
    labels: ArrayLike, probabilities: ArrayLike, weights: np.ndarray | None = None
) -> np.ndarray:
    """Returns the cancers found over the cancers predicted: 1 is right, above 1 too few predicted.

    >>> float(observed_over_expected([1, 0], [0.3, 0.1]))
    2.5
    """
    expected = weighted_mean(np.asarray(probabilities, float), weights)
    with np.errstate(invalid="ignore", divide="ignore"):
        return weighted_mean(np.asarray(labels, float), weights) / expected
