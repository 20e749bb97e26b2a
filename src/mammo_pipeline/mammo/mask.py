"""Where the breast is: markers, labels, film borders and air are not."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from mammo_pipeline.mammo.fates import RefusedError


def find_breast(image: np.ndarray, minimum_share: float = 0.02) -> np.ndarray:
    """Returns the breast as bool, rows x columns: the largest piece of tissue, holes filled.

    The threshold lies between the level of air and that of the skin line, which a smoothed image
    separates better than Otsu's rule: the skin is nearer to air than to gland.

    Args:
        image: Presentation values at the study's spacing, float32, chest wall left.
        minimum_share: A smaller share of the image is no breast.

    Raises:
        RefusedError: `no_breast`.
    """
    smooth = ndimage.gaussian_filter(image, 1.0)
    tissue = smooth > skin_threshold(smooth)
    pieces, count = ndimage.label(ndimage.binary_opening(tissue, iterations=2))
    if not count:
        raise RefusedError("no_breast", "nothing but air")
    sizes = np.bincount(pieces.ravel())[1:]
    breast = ndimage.binary_fill_holes(pieces == 1 + int(np.argmax(sizes)))
    share = float(breast.mean())
    if share < minimum_share or share > 0.98:
        raise RefusedError("no_breast", f"tissue over {share:.0%} of the image")
    return breast


def skin_threshold(smooth: np.ndarray) -> float:
    """Returns the level that parts air from skin.

    Air is the commonest level of the darker half; its spread is read from the values below its
    peak, which no tissue touches, and the threshold lies four of those above it.
    """
    counts, edges = np.histogram(smooth, bins=256, range=(0.0, 1.0))
    peak = int(np.argmax(counts[:128]))
    air = float((edges[peak] + edges[peak + 1]) / 2)
    below = smooth[smooth <= air]
    spread = float(np.sqrt(np.mean((below - air) ** 2))) if below.size else 0.0
    tissue = float(np.median(smooth[smooth > air + 0.02])) if (smooth > air + 0.02).any() else 1.0
    return air + max(4 * spread, 0.08 * (tissue - air))
