"""A sampling grid in millimetres, and the one step from a grid to another.

The frame is the same for every view: x grows from the chest wall (0) to the nipple, y grows
downwards from the level of the nipple (0). Lateral is up in CC, superior is up in MLO.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse


@dataclass(frozen=True)
class Grid:
    """Square pixels in mm: `top_mm` is the upper edge of row 0, column 0 starts at x = 0."""

    rows: int
    columns: int
    pitch_mm: float
    top_mm: float

    @property
    def y_mm(self) -> np.ndarray:
        """Returns the pixel centres from top to bottom, float32, shape (rows,)."""
        return (self.top_mm + (np.arange(self.rows) + 0.5) * self.pitch_mm).astype(np.float32)

    @property
    def x_mm(self) -> np.ndarray:
        """Returns the pixel centres from the chest wall outwards, float32, shape (columns,)."""
        return ((np.arange(self.columns) + 0.5) * self.pitch_mm).astype(np.float32)

    def find_window(self, x_mm: float, y_mm: float, radius_mm: float) -> tuple[slice, slice]:
        """Returns the rows and columns of a square around a point, cut at the grid's border.

        >>> Grid(10, 10, 1.0, 0.0).find_window(x_mm=2, y_mm=5, radius_mm=3)
        (slice(2, 8, None), slice(0, 5, None))
        """
        top = np.floor((y_mm - radius_mm - self.top_mm) / self.pitch_mm)
        bottom = np.ceil((y_mm + radius_mm - self.top_mm) / self.pitch_mm)
        left = np.floor((x_mm - radius_mm) / self.pitch_mm)
        right = np.ceil((x_mm + radius_mm) / self.pitch_mm)
        row_min, row_max = np.clip([top, bottom], 0, self.rows).astype(int).tolist()
        column_min, column_max = np.clip([left, right], 0, self.columns).astype(int).tolist()
        return slice(row_min, row_max), slice(column_min, column_max)


def build_blur_matrix(
    source_mm: np.ndarray, target_mm: np.ndarray, sigma_mm: float
) -> sparse.csr_array:
    """Returns the sparse matrix that blurs along one axis and resamples it in the same step.

    A Gaussian is separable, so `rows @ image @ columns.T` is a blur and a resampling in 2-D. A
    target that lies outside the source has an empty row: it reads 0, which is air.

    Args:
        source_mm: Centres of the samples that exist, evenly spaced.
        target_mm: Centres of the samples that are wanted.
        sigma_mm: Standard deviation of the Gaussian.

    Returns:
        scipy CSR array, float32, shape (targets, sources); a row sums to 1 or to 0.
    """
    pitch_mm = float(source_mm[1] - source_mm[0])
    # Under about half a source pixel a sampled Gaussian turns into nearest neighbour, with steps.
    sigma_mm = max(sigma_mm, 0.55 * pitch_mm)
    reach = int(np.ceil(3 * sigma_mm / pitch_mm))
    nearest = np.rint((target_mm - source_mm[0]) / pitch_mm).astype(np.int64)
    column = nearest[:, None] + np.arange(-reach, reach + 1)
    distance_mm = source_mm[0] + column * pitch_mm - target_mm[:, None]
    weight = np.exp(-0.5 * (distance_mm / sigma_mm) ** 2)
    inside = (column >= 0) & (column < source_mm.size)
    inside &= ((nearest >= 0) & (nearest < source_mm.size))[:, None]
    weight = np.where(inside, weight, 0.0)
    weight /= np.maximum(weight.sum(axis=1, keepdims=True), 1e-12)
    row = np.broadcast_to(np.arange(target_mm.size)[:, None], column.shape)
    entries = (weight[inside].astype(np.float32), (row[inside], column[inside]))
    return sparse.csr_array(entries, shape=(target_mm.size, source_mm.size))


def resample_image(
    image: np.ndarray, source: Grid, target: Grid, sigma_mm: float
) -> tuple[np.ndarray, int]:
    """Returns the image on the target grid, cut to what the source covers, and its first row.

    Args:
        image: float32, shape (source.rows, source.columns).
        source: Grid of the image.
        target: Grid that is wanted, in the same frame.
        sigma_mm: Blur; the aperture of the target's square pixel, `pitch / sqrt(12)`, is added to
            it in quadrature.

    Returns:
        float32 array whose first row is row `first_row` of the target and whose first column is
        column 0; every target pixel outside it is air.
    """
    sigma_mm = float(np.hypot(sigma_mm, target.pitch_mm / np.sqrt(12)))
    by_row = build_blur_matrix(source.y_mm, target.y_mm, sigma_mm)
    by_column = build_blur_matrix(source.x_mm, target.x_mm, sigma_mm)
    covered = np.flatnonzero(np.diff(by_row.indptr))
    if covered.size == 0:
        raise ValueError(
            f"the source grid ends at {source.y_mm[-1]:.0f} mm, the target starts at "
            f"{target.top_mm:.0f} mm: they do not overlap; check the placement of the view"
        )
    wide = int(np.count_nonzero(np.diff(by_column.indptr)))
    tall = by_row[covered[0] : covered[-1] + 1] @ image
    return np.ascontiguousarray((by_column[:wide] @ tall.T).T), int(covered[0])
