"""One distribution of grey for every device: tissue quantiles mapped to a fixed reference."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

WHITE = 65535

# Quantiles of an image's tissue and the grey that each of them gets, as a share of white. The
# targets are those of a normal distribution with mean 0.5 and standard deviation 0.18 at the same
# quantiles; the two ends leave room for the skin line and for calcifications.
QUANTILES = (0.0, 0.01, 0.05, 0.15, 0.3, 0.5, 0.7, 0.85, 0.95, 0.99, 0.999, 1.0)
TARGETS = (0.02, 0.08, 0.2, 0.31, 0.41, 0.5, 0.59, 0.69, 0.8, 0.92, 0.98, 1.0)


def match_tissue(image: np.ndarray, mask: np.ndarray, rim_px: int) -> np.ndarray:
    """Returns the image with its tissue mapped, monotonely, to the reference; air is 0.

    Histogram specification (Gonzalez and Woods, section 3.3) at a few quantiles: a device's grey
    curve, gain and window are monotone maps of the same tissue, so they leave by it. The quantiles
    are read inside the rim, where thickness does not fall off and a device's edge enhancement does
    not reach.

    Args:
        image: float32, rows x columns.
        mask: Breast, bool, same shape.
        rim_px: Width of the rim that is left out of the quantiles.

    Returns:
        float32 in [0, 1], same shape.
    """
    inner = ndimage.binary_erosion(mask, iterations=rim_px) if rim_px else mask
    inner = inner if inner.any() else mask
    levels = np.quantile(image[inner], QUANTILES)
    # Equal levels (flat tissue) would make the map vertical; a hair between them keeps it monotone.
    levels = np.maximum.accumulate(levels + np.arange(levels.size) * 1e-6)
    mapped = np.interp(image, levels, TARGETS).astype(np.float32)
    low, high = levels[0], float(image[mask].min())
    if high < low:
        below = mask & (image < low)
        mapped[below] = TARGETS[0] * (image[below] - high) / (low - high)
    return np.where(mask, mapped, 0.0).astype(np.float32)


def to_stored(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Returns the image as the store keeps it: uint16, 0 for air, 1 to 65535 for tissue.

    >>> to_stored(np.array([[0.0, 0.5]]), np.array([[False, True]])).tolist()
    [[0, 32768]]
    """
    levels = np.clip(np.rint(image * WHITE), 1, WHITE)
    return np.where(mask, levels, 0).astype(np.uint16)
