"""Bright blobs in the breast: what a net may take for a lesion."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from scipy import ndimage

from mammo_pipeline.mammo.patches.hard import centre_patches, place_hard_negatives
from mammo_pipeline.mammo.patches.overlap import breast_shares, most_overlap
from mammo_pipeline.mammo.patches.places import NOTHING, Places, explain_shortfall
from mammo_pipeline.mammo.patches.rules import BlobRule

# Of the two Gaussians of a difference that stands for their Laplacian (Marr and Hildreth 1980).
_RATIO = 1.6
_RANGE = 65535.0


def draw_on_blobs(
    picture: np.ndarray,
    breast: np.ndarray,
    boxes: np.ndarray,
    size_px: int,
    count: int,
    rule: BlobRule,
) -> Places:
    """Returns up to `count` patches on the strongest blobs that are no lesion; no chance is in it.

    Args:
        picture: uint16 (rows, columns), 0 is air.
        breast: The integral image of its breast, as `sum_breast` returns it.
        boxes: Of all lesions of the image, (k, 4).
        size_px: Rows and columns of a patch.
        count: Patches wanted.
        rule: What counts as a blob, and where.
    """
    if not count:
        return NOTHING
    peaks = find_blobs(picture, [scale * size_px for scale in rule.scales], rule.strength)
    tried = centre_patches(peaks[:, :2], size_px, picture.shape)
    covered = breast_shares(breast, tried, size_px) >= rule.breast_coverage
    corners, _ = place_hard_negatives(
        *(peaks[covered], boxes, size_px, picture.shape),
        overlap_most=rule.overlap_most,
        per_image=count,
        overlap_with=rule.overlap_with,
        overlap_among=rule.overlap_among,
    )
    if len(corners) == count:
        return Places(corners, len(peaks))
    clear = most_overlap(tried, boxes, size_px, rule.overlap_with) <= rule.overlap_most
    close = int((covered & clear).sum()) > len(corners)
    reason = "blobs too close together" if close else explain_shortfall(covered, clear)
    return Places(corners, len(peaks), reason=reason)


def find_blobs(picture: np.ndarray, sigmas_px: Iterable[float], strength: float) -> np.ndarray:
    """Returns the blobs of every scale as peaks: row, column and score, float64 of shape (n, 3).

    A blob is a maximum of the difference of two Gaussian means (Lowe 2004) over places. Each mean
    is taken over the breast alone, so that the skin line, the chest wall and the canvas's edge are
    no blobs. Rows and columns are places of the centre, where the first pixel lies from 0 to 1.

    Args:
        picture: uint16 (rows, columns), 0 is air.
        sigmas_px: Standard deviations that are looked for.
        strength: The score is more; both are shares of the grey range.

    >>> rows, columns = np.mgrid[:64, :64] + 0.5
    >>> spot = 20000 * np.exp(-((rows - 42) ** 2 + (columns - 26) ** 2) / (2 * 4**2))
    >>> find_blobs((10000 + spot).astype(np.uint16), [4], 0.05).round(2).tolist()
    [[42.0, 26.0, 0.06]]
    """
    scales = [_find_at_scale(picture, sigma_px, strength) for sigma_px in sigmas_px]
    return np.concatenate([np.empty((0, 3)), *scales])


def _find_at_scale(picture: np.ndarray, sigma_px: float, strength: float) -> np.ndarray:
    # In cells of about a standard deviation: what is lost is finer than the blob.
    cell = max(1, int(sigma_px))
    grey, breast = _sum_cells(picture, cell), _sum_cells(picture > 0, cell)
    response = _blur(grey, breast, sigma_px / cell) - _blur(grey, breast, _RATIO * sigma_px / cell)
    response /= _RANGE
    most = ndimage.maximum_filter(response, size=3)
    peaks = (response > strength) & (response == most) & (breast >= cell**2 / 2)
    centres = (np.argwhere(peaks) + 0.5) * cell
    return np.column_stack([centres, response[peaks]])


def _sum_cells(picture: np.ndarray, cell: int) -> np.ndarray:
    """Returns the sums of square cells, float32; beyond the last whole cell there is air."""
    rows, columns = (-(-length // cell) for length in picture.shape)
    padding = [
        (0, n * cell - length) for n, length in zip((rows, columns), picture.shape, strict=True)
    ]
    whole = np.pad(picture, padding) if any(after for _, after in padding) else picture
    down = np.zeros((rows, columns * cell), np.uint32)
    for first in range(cell):
        down += whole[first::cell]
    total = np.zeros((rows, columns), np.uint32)
    for first in range(cell):
        total += down[:, first::cell]
    return total.astype(np.float32)


def _blur(grey: np.ndarray, breast: np.ndarray, sigma: float) -> np.ndarray:
    """Returns the Gaussian mean of grey over the breast; nothing where none is near."""
    settings = {"sigma": sigma, "mode": "constant", "truncate": 3.0}
    weight = ndimage.gaussian_filter(breast, **settings)
    return ndimage.gaussian_filter(grey, **settings) / np.maximum(weight, 1e-6)
