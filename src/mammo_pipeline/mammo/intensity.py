"""One distribution of grey and of detail for every device."""

from __future__ import annotations

import numpy as np
from scipy import ndimage
from scipy.stats import norm

WHITE = 65535

# The reference: a normal distribution of grey, given at evenly spaced quantiles. The outermost are
# pulled in so that the skin's end and the last calcification keep a finite place.
QUANTILES = np.linspace(0, 1, 129)
MEAN, SPREAD, DARKEST = 0.5, 0.18, 0.02
TARGETS = np.clip(MEAN + SPREAD * norm.ppf(np.clip(QUANTILES, 0.003, 0.9997)), DARKEST, 1.0)

# Widths in canvas pixels of the filters that part fine, middle and coarse detail.
BAND_PX = (3, 7, 19)


def match_tissue(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Returns the image with its tissue mapped, monotonely, to the reference; air is 0.

    Histogram specification (Gonzalez and Woods, section 3.3). A device's grey curve, gain and
    window are monotone maps of the same tissue, so they leave by it.

    Args:
        image: float32, rows x columns.
        mask: Breast, bool, same shape.

    Returns:
        float32 in [0, 1], same shape.
    """
    levels = np.quantile(image[mask], QUANTILES)
    # Equal levels (flat tissue) would make the map vertical; a hair between them keeps it monotone.
    levels = np.maximum.accumulate(levels + np.arange(levels.size) * 1e-6)
    return np.where(mask, np.interp(image, levels, TARGETS), 0.0).astype(np.float32)


def match_detail(image: np.ndarray, mask: np.ndarray, ratios: tuple[float, float]) -> np.ndarray:
    """Returns the image with its fine and middle detail scaled to fixed shares of the next band.

    A sharp, noisy or edge-enhancing detector leaves more in the fine bands than a soft one; the
    gains, two numbers for the whole image, take that out and leave every structure where it is.

    Args:
        image: float32, rows x columns.
        mask: Breast, bool, same shape.
        ratios: Standard deviation of the fine band over the middle one, and of the middle band
            over the coarse one, inside the breast.
    """
    core = ndimage.binary_erosion(mask, iterations=4)
    if not core.any():
        return image
    smooth = [_smooth(image, width) for width in BAND_PX]
    bands = [image - smooth[0], smooth[0] - smooth[1], smooth[1] - smooth[2]]
    fine, middle, coarse = (max(float(np.std(band[core])), 1e-9) for band in bands)
    middle_gain = np.clip(ratios[1] * coarse / middle, 0.5, 2.0)
    fine_gain = np.clip(ratios[0] * middle_gain * middle / fine, 0.5, 2.0)
    return (smooth[1] + middle_gain * bands[1] + fine_gain * bands[0]).astype(np.float32)


def _smooth(image: np.ndarray, width_px: int) -> np.ndarray:
    # Two boxes make a triangle; its cost does not grow with the width, as a Gaussian's does.
    return ndimage.uniform_filter(ndimage.uniform_filter(image, width_px), width_px)


def to_stored(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Returns the image as the store keeps it: uint16, 0 for air, 1 to 65535 for tissue.

    >>> to_stored(np.array([[0.0, 0.5]]), np.array([[False, True]])).tolist()
    [[0, 32768]]
    """
    levels = np.clip(np.rint(image * WHITE), 1, WHITE)
    return np.where(mask, levels, 0).astype(np.uint16)
