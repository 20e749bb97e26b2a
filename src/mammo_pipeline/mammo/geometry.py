"""Places in millimetres: which way the breast lies, one spacing, one canvas, and back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse


@dataclass(frozen=True)
class Transform:
    """The affine map, axis by axis, from pixels of the stored matrix to pixels of the canvas.

    canvas = scale * stored + offset, both counted from the outer edge of the first pixel; a
    negative scale is a flip.
    """

    row_scale: float
    row_offset: float
    column_scale: float
    column_offset: float

    def box_to_canvas(self, box: tuple[float, float, float, float]) -> tuple[float, ...]:
        """Returns (row_min, column_min, row_max, column_max) in canvas pixels.

        >>> Transform(0.5, 0, -0.5, 100).box_to_canvas((10, 20, 30, 40))
        (5.0, 80.0, 15.0, 90.0)
        """
        axes = ((self.row_scale, self.row_offset), (self.column_scale, self.column_offset))
        ends = [
            sorted(scale * box[end] + offset for end in (axis, axis + 2))
            for axis, (scale, offset) in enumerate(axes)
        ]
        (row_min, row_max), (column_min, column_max) = ends
        return float(row_min), float(column_min), float(row_max), float(column_max)


def find_flips(
    image: np.ndarray, laterality: str, view: str, orientation: str
) -> tuple[bool, bool]:
    """Returns whether to flip rows and columns so that the chest wall is left and superior is up.

    The pixels decide which side the chest wall is on, because archives hold images that were
    mirrored without a change of PatientOrientation (0020,0020); the breast is widest at the wall.
    Rows follow PatientOrientation: in MLO the feet are down (second value with F), in CC the
    lateral side is up, so the second value is the direction of the other breast.

    Args:
        image: Presentation values, rows x columns.
        laterality: L or R.
        view: CC or MLO.
        orientation: PatientOrientation as written, two values joined by a backslash, or empty.

    Returns:
        (flip rows, flip columns).
    """
    step = max(1, min(image.shape) // 128)
    small = image[::step, ::step]
    filled = (small > _air_level(small) + 0.05).mean(axis=0)
    quarter = max(1, filled.size // 4)
    flip_columns = bool(filled[-quarter:].sum() > filled[:quarter].sum())
    downward = orientation.split("\\")[1].upper() if "\\" in orientation else ""
    if view == "MLO":
        return downward.startswith("H"), flip_columns
    return downward.startswith(laterality), flip_columns


def _air_level(image: np.ndarray) -> float:
    counts, edges = np.histogram(image, bins=64, range=(0.0, 1.0))
    # Air is the commonest value of the darker half of a presented mammogram.
    return float(edges[int(np.argmax(counts[:32])) + 1])


def resampling_weights(size_px: int, scale: float, new_size_px: int) -> scipy.sparse.csr_matrix:
    """Returns weights, new x old, that resample one axis with an anti-alias triangle filter.

    Each new pixel is the mean of the old ones under a triangle as wide as two new pixels (or two
    old ones when enlarging): linear interpolation with the bandwidth of the coarser grid.

    Args:
        size_px: Old length of the axis.
        scale: New pixels to one old pixel.
        new_size_px: New length of the axis.

    >>> (7 * resampling_weights(4, 0.5, 2).toarray()).round().tolist()
    [[3.0, 3.0, 1.0, 0.0], [0.0, 1.0, 3.0, 3.0]]
    """
    reach = max(1.0, 1.0 / scale)
    centres = (np.arange(new_size_px) + 0.5) / scale - 0.5
    first = np.floor(centres - reach).astype(int)
    offsets = np.arange(int(np.ceil(2 * reach)) + 2)
    old = first[:, None] + offsets
    weights = np.clip(1.0 - np.abs(old - centres[:, None]) / reach, 0.0, None)
    weights[(old < 0) | (old >= size_px)] = 0.0
    totals = weights.sum(axis=1, keepdims=True)
    weights = np.divide(weights, totals, out=np.zeros_like(weights), where=totals > 0)
    rows = np.repeat(np.arange(new_size_px), offsets.size)
    kept = weights.ravel() > 0
    entries = (weights.ravel()[kept].astype(np.float32), (rows[kept], old.ravel()[kept]))
    return scipy.sparse.csr_matrix(entries, shape=(new_size_px, size_px))


def resample(image: np.ndarray, row_scale: float, column_scale: float) -> np.ndarray:
    """Returns the image on the new grid, float32.

    Args:
        image: float32, rows x columns.
        row_scale: New rows to one old row: old spacing over new spacing.
        column_scale: Likewise for columns.
    """
    rows = max(1, round(image.shape[0] * row_scale))
    columns = max(1, round(image.shape[1] * column_scale))
    down = resampling_weights(image.shape[0], row_scale, rows)
    across = resampling_weights(image.shape[1], column_scale, columns)
    return np.ascontiguousarray((across @ (down @ image).T).T, dtype=np.float32)


def place_on_canvas(
    image: np.ndarray, mask: np.ndarray, shape_px: tuple[int, int]
) -> tuple[np.ndarray, int, int, int]:
    """Returns the breast on the canvas, the shift in rows and columns, and the pixels left out.

    The wall's first column of tissue goes to column 0; the middle of the tissue at the wall goes
    to the canvas's middle row. The rule looks at the chest wall and not at the breast's size.

    Args:
        image: float32, rows x columns, chest wall left.
        mask: Breast, bool, same shape.
        shape_px: Rows and columns of the canvas.
    """
    columns = np.flatnonzero(mask.any(axis=0))
    left = int(columns[0])
    wall = np.flatnonzero(mask[:, left : left + max(1, shape_px[1] // 16)].any(axis=1))
    row_shift = shape_px[0] // 2 - (int(wall[0]) + int(wall[-1]) + 1) // 2
    canvas = np.zeros(shape_px, np.float32)
    top, bottom = max(0, -row_shift), min(image.shape[0], shape_px[0] - row_shift)
    right = min(image.shape[1], left + shape_px[1])
    window = np.where(mask, image, 0.0)[top:bottom, left:right]
    canvas[top + row_shift : bottom + row_shift, : right - left] = window
    lost = int(mask.sum()) - int(mask[top:bottom, left:right].sum())
    return canvas, row_shift, -left, lost
