"""Places in millimetres: which way the breast lies, where it goes on the canvas, and back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from mammo_pipeline.mammo.area import average_area

# Towards the head, as PatientOrientation (0020,0020) says it (PS3.3 C.7.6.1.1.1).
_HEAD = "H"
# How far from the chest wall the breast's height there is read.
WALL_MM = 11.0


@dataclass(frozen=True)
class Transform:
    """The affine map, axis by axis, from pixels of the stored matrix to pixels of the canvas.

    canvas = scale * stored + offset, both counted from the outer edge of the first pixel, so the
    middle of the first pixel is at 0.5; a negative scale is a flip.
    """

    row_scale: float
    row_offset: float
    column_scale: float
    column_offset: float

    def points_to_canvas(self, points: np.ndarray) -> np.ndarray:
        """Returns (row, column) on the canvas of points of the stored matrix, float64, n x 2.

        A contour is such a list of points.

        >>> Transform(0.5, 0, -0.5, 100).points_to_canvas(np.array([[10, 20]])).tolist()
        [[5.0, 90.0]]
        """
        return np.asarray(points, np.float64) * self._scales + self._offsets

    def points_to_stored(self, points: np.ndarray) -> np.ndarray:
        """Returns (row, column) of the stored matrix of points of the canvas, float64, n x 2.

        >>> Transform(0.5, 0, -0.5, 100).points_to_stored(np.array([[5, 90]])).tolist()
        [[10.0, 20.0]]
        """
        return (np.asarray(points, np.float64) - self._offsets) / self._scales

    def box_to_canvas(self, box: tuple[float, float, float, float]) -> tuple[float, ...]:
        """Returns (row_min, column_min, row_max, column_max) in canvas pixels.

        >>> Transform(0.5, 0, -0.5, 100).box_to_canvas((10, 20, 30, 40))
        (5.0, 80.0, 15.0, 90.0)
        """
        return _sort_corners(self.points_to_canvas(np.reshape(box, (2, 2))))

    def box_to_stored(self, box: tuple[float, float, float, float]) -> tuple[float, ...]:
        """Returns (row_min, column_min, row_max, column_max) in pixels of the stored matrix.

        >>> Transform(0.5, 0, -0.5, 100).box_to_stored((5, 80, 15, 90))
        (10.0, 20.0, 30.0, 40.0)
        """
        return _sort_corners(self.points_to_stored(np.reshape(box, (2, 2))))

    def mask_to_canvas(self, mask: np.ndarray, shape_px: tuple[int, int]) -> np.ndarray:
        """Returns a mask of the stored matrix on the canvas, bool: pixels that it covers by half.

        Args:
            mask: bool, rows x columns of the stored matrix.
            shape_px: Rows and columns of the canvas.
        """
        starts, steps = -self._offsets / self._scales, 1 / self._scales
        axes = zip(starts.tolist(), steps.tolist(), shape_px, strict=True)
        rows, columns = axes
        share = average_area(mask.astype(np.uint16), np.array([0, 1], np.float32), 0, rows, columns)
        return share >= 0.5

    def picture_to_stored(self, picture: np.ndarray, shape_px: tuple[int, int]) -> np.ndarray:
        """Returns a map of the canvas, such as a heatmap, on the stored matrix.

        Args:
            picture: bool or numbers, rows x columns of the canvas.
            shape_px: Rows and columns of the stored matrix.

        Returns:
            float32, or bool for a mask, of `shape_px`; 0 where the canvas does not reach.
        """
        read = _resample(picture, shape_px, self._scales, self._offsets)
        ends = self.points_to_stored(np.array([[0, 0], picture.shape])).T
        rows, columns = (
            (np.arange(size) + 0.5 > min(pair)) & (np.arange(size) + 0.5 < max(pair))
            for size, pair in zip(shape_px, ends, strict=True)
        )
        return np.where(rows[:, None] & columns, read, read.dtype.type(0))

    @property
    def _scales(self) -> np.ndarray:
        return np.array([self.row_scale, self.column_scale])

    @property
    def _offsets(self) -> np.ndarray:
        return np.array([self.row_offset, self.column_offset])


def scale_heatmap(heatmap: np.ndarray, shape_px: tuple[int, int]) -> np.ndarray:
    """Returns a net's coarse map on the whole canvas, float32, each cell stretched evenly.

    Args:
        heatmap: float, rows x columns; cell (i, j) covers its even share of the canvas.
        shape_px: Rows and columns of the canvas.

    >>> scale_heatmap(np.array([[1.0, 3.0]]), (1, 4)).tolist()
    [[1.0, 1.5, 2.5, 3.0]]
    """
    scales = np.divide(heatmap.shape, shape_px)
    return _resample(np.asarray(heatmap, np.float32), shape_px, scales, np.zeros(2))


def _resample(
    picture: np.ndarray,
    shape_px: tuple[int, int],
    scales: np.ndarray,
    offsets: np.ndarray,
) -> np.ndarray:
    """Returns the picture read at scale * place + offset, places counted from pixels' edges."""
    is_mask = picture.dtype == bool
    # From edges to the middles that the library counts from.
    starts = offsets + 0.5 * scales - 0.5
    values = ndimage.affine_transform(
        np.asarray(picture, np.float32), scales, starts, shape_px, order=1, mode="nearest"
    )
    return values >= 0.5 if is_mask else values


def _sort_corners(corners: np.ndarray) -> tuple[float, ...]:
    low, high = corners.min(axis=0), corners.max(axis=0)
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])


def find_flips(
    image: np.ndarray, laterality: str, view: str, orientation: str
) -> tuple[bool, bool]:
    """Returns whether to flip rows and columns so that the chest wall is left and superior is up.

    The pixels decide which side the chest wall is on, because archives hold images that were
    mirrored without a change of PatientOrientation (0020,0020); the breast is widest at the wall.
    Rows follow PatientOrientation: in MLO the feet are down (second value with F), in CC the
    lateral side is up, so the second value is the direction of the other breast. Where it is
    silent a picture is taken to be upright.

    Args:
        image: Presentation values, rows x columns; a small picture will do.
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
        return downward.startswith(_HEAD), flip_columns
    return downward.startswith(laterality), flip_columns


def _air_level(image: np.ndarray) -> float:
    counts, edges = np.histogram(image, bins=64, range=(0.0, 1.0))
    # Air is the commonest value of the darker half of a presented mammogram.
    return float(edges[int(np.argmax(counts[:32])) + 1])


def limit_field(
    mask: np.ndarray,
    cell_mm: tuple[float, float],
    starts_mm: tuple[float, float],
    field_mm: tuple[float, float],
    view: str,
) -> np.ndarray:
    """Returns the part of the breast that a detector of the given field would have seen, bool.

    A small detector cuts a large breast where a large one does not, and the cut tells which it was.
    Held against the chest wall, the field begins at the frame's upper edge in MLO, where the axilla
    is, and lies about the frame's middle in CC.

    Args:
        mask: Breast on a small picture, chest wall left, superior or lateral up, bool.
        cell_mm: Height and width of one of its cells.
        starts_mm: What of the frame lies above and before its first cell.
        field_mm: Height and width of the field.
        view: CC or MLO.
    """
    rows_mm, columns_mm = (
        start + cell * (np.arange(size) + 0.5)
        for start, cell, size in zip(starts_mm, cell_mm, mask.shape, strict=True)
    )
    top_mm = 0.0
    if view != "MLO":
        top_mm = max(0.0, 0.5 * (starts_mm[0] + cell_mm[0] * mask.shape[0] - field_mm[0]))
    inside = (rows_mm >= top_mm) & (rows_mm < top_mm + field_mm[0])
    return mask & inside[:, None] & (columns_mm < field_mm[1])[None, :]


def place_breast(
    depth_mm: np.ndarray,
    cell_mm: tuple[float, float],
    starts_mm: tuple[float, float],
    height_mm: float,
) -> tuple[float, float]:
    """Returns how far the turned frame moves down and right to lie on the canvas, in mm.

    The chest wall goes to the canvas's left edge: the frame's own edge where the breast touches it,
    the first tissue elsewhere, as behind the border of a film. The middle of the tissue along the
    wall goes to the canvas's middle; it is read between cells, as a mean over a strip. The rule
    looks at the chest wall and not at the breast's size.

    Args:
        depth_mm: How deep each cell of a small picture lies within the breast, chest wall left.
        cell_mm: Height and width of one of its cells.
        starts_mm: What of the frame lies above and before its first cell.
        height_mm: Of the canvas.
    """
    left = int(np.flatnonzero((depth_mm > 0).any(axis=0))[0])
    # A cell of the edge that is half air still belongs to a breast that reaches the edge.
    wall_mm = starts_mm[1] + left * cell_mm[1] if left > 1 else 0.0
    strip = depth_mm[:, left : left + max(1, round(WALL_MM / cell_mm[1]))]
    middles = [_find_middle(column) for column in strip.T if (column > 0).any()]
    return 0.5 * height_mm - starts_mm[0] - float(np.mean(middles)) * cell_mm[0], -wall_mm


def _find_middle(depth_mm: np.ndarray) -> float:
    """Returns the middle between the ends of the tissue in one column, in cells from its top."""
    inside = np.flatnonzero(depth_mm > 0)
    top, bottom = int(inside[0]), int(inside[-1])
    upper = float(top)
    if top:
        upper += 0.5 - depth_mm[top] / (depth_mm[top] - depth_mm[top - 1])
    lower = float(bottom) + 1.0
    if bottom + 1 < depth_mm.size:
        lower += depth_mm[bottom] / (depth_mm[bottom] - depth_mm[bottom + 1]) - 0.5
    return 0.5 * (upper + lower)


def trace(
    stored_px: tuple[int, ...],
    flips: tuple[bool, bool],
    scales: tuple[float, float],
    shifts: tuple[float, float],
) -> Transform:
    """Returns the map from stored pixels to canvas pixels that turning and moving amount to.

    >>> trace((100, 80), (False, True), (0.5, 0.5), (3, 0))
    Transform(row_scale=0.5, row_offset=3, column_scale=-0.5, column_offset=40.0)
    """
    parts: list[float] = []
    for size, flip, scale, shift in zip(stored_px, flips, scales, shifts, strict=True):
        parts += [-scale, scale * size + shift] if flip else [scale, shift]
    return Transform(*parts)
