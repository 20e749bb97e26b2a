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

# Standard deviations in canvas pixels of the blurs that part fine from middle detail.
FINE_PX, MIDDLE_PX = 1.0, 3.0


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


def match_detail(image: np.ndarray, mask: np.ndarray, ratio: float) -> np.ndarray:
    """Returns the image with its finest band scaled to a fixed share of the middle band.

    A sharp or noisy detector leaves more in the finest band than a soft one; the gain, one number
    for the image, takes that out and leaves every structure where it is.

    Args:
        image: float32, rows x columns.
        mask: Breast, bool, same shape.
        ratio: Standard deviation of the finest band over that of the middle one, in the breast.
    """
    soft = ndimage.gaussian_filter(image, FINE_PX)
    softer = ndimage.gaussian_filter(soft, np.sqrt(MIDDLE_PX**2 - FINE_PX**2))
    core = ndimage.binary_erosion(mask, iterations=4)
    if not core.any():
        return image
    fine, middle = np.std((image - soft)[core]), np.std((soft - softer)[core])
    gain = np.clip(ratio * middle / max(fine, 1e-9), 0.5, 2.0)
    return (soft + gain * (image - soft)).astype(np.float32)


def to_stored(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Returns the image as the store keeps it: uint16, 0 for air, 1 to 65535 for tissue.

    >>> to_stored(np.array([[0.0, 0.5]]), np.array([[False, True]])).tolist()
    [[0, 32768]]
    """
    levels = np.clip(np.rint(image * WHITE), 1, WHITE)
    return np.where(mask, levels, 0).astype(np.uint16)
