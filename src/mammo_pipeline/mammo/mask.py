"""Where the breast is: markers, labels, film borders and air are not."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from mammo_pipeline.mammo.fates import RefusedError

MAP_CELLS = 16


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


def map_breast(mask: np.ndarray) -> str:
    """Returns the breast on a grid of 16x16 cells, 64 hexadecimal digits, row by row.

    A cell counts when half of it is breast. It is fine enough to tell a box in the breast from one
    in the air, and small enough for a table.

    Args:
        mask: bool, rows x columns.

    >>> map_breast(np.ones((64, 32), bool)) == "f" * 64
    True
    """
    rows, columns = (np.linspace(0, size, MAP_CELLS + 1).astype(int) for size in mask.shape)
    sums = np.add.reduceat(np.add.reduceat(mask.astype(float), rows[:-1], 0), columns[:-1], 1)
    cells = sums / np.outer(np.diff(rows), np.diff(columns)) >= 0.5
    return np.packbits(cells).tobytes().hex()


def share_inside(box: tuple[int, ...], shape_px: tuple[int, int], breast_map: str) -> float:
    """Returns the share of a box that lies in cells of the breast; NaN without a map.

    Args:
        box: First row and column, and those after the last, in pixels of the image.
        shape_px: Rows and columns of the image.
        breast_map: What `map_breast` returned, or "".

    >>> share_inside((0, 0, 32, 16), (64, 32), "f" * 32 + "0" * 32)
    1.0
    """
    if not breast_map:
        return float("nan")
    bits = np.unpackbits(np.frombuffer(bytes.fromhex(breast_map), np.uint8))
    cells = bits.reshape(MAP_CELLS, MAP_CELLS).astype(float)
    parts = []
    for low, high, size in ((box[0], box[2], shape_px[0]), (box[1], box[3], shape_px[1])):
        edges = np.linspace(0, size, MAP_CELLS + 1)
        overlap = np.minimum(edges[1:], high) - np.maximum(edges[:-1], low)
        parts.append(np.clip(overlap, 0, None))
    area = (box[2] - box[0]) * (box[3] - box[1])
    return float(parts[0] @ cells @ parts[1] / area)
