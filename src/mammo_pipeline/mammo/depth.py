"""How deep in the breast a cell lies: a signed, exact Euclidean distance to the skin line."""

from __future__ import annotations

import numpy as np
from numba import njit


def measure_depth_mm(mask: np.ndarray, spacing_mm: tuple[float, float]) -> np.ndarray:
    """Returns the distance to the outline in mm, float32: positive inside, negative outside.

    It is the distance between the centres of a cell and of the nearest cell of the other kind, less
    half a cell, so that it passes through zero where two cells meet. The frame's border is no
    outline: a breast that the frame cuts is deep there. Where the mask is all of one kind, the
    distance is the frame's diagonal. Exact, row by row over column distances: Felzenszwalb and
    Huttenlocher, Theory of Computing 8, 2012.

    Args:
        mask: bool, rows x columns.
        spacing_mm: Between rows and between columns.

    >>> measure_depth_mm(np.array([[1, 1, 1, 0]], bool), (1.0, 1.0)).tolist()
    [[2.5, 1.5, 0.5, -0.5]]
    """
    mask = np.ascontiguousarray(mask, bool)
    row_mm, column_mm = (float(value) for value in spacing_mm)
    far_mm = float(np.hypot(mask.shape[0] * row_mm, mask.shape[1] * column_mm))
    return _measure(mask.view(np.uint8), row_mm, column_mm, far_mm)


@njit(cache=True, nogil=True)
def _measure(mask, row_mm, column_mm, far_mm):  # type: ignore[no-untyped-def]
    rows, columns = mask.shape
    height = _measure_columns(mask, np.float32(row_mm / column_mm), np.float32(far_mm / column_mm))
    depth = np.empty((rows, columns), np.float32)
    vertex, bound = np.empty(columns + 2, np.int64), np.empty(columns + 3, np.float64)
    level = np.empty(columns + 2, np.float64)
    half_mm = 0.25 * (row_mm + column_mm)
    for row in range(rows):
        column = 0
        while column < columns:
            end = column
            while end < columns and mask[row, end] == mask[row, column]:
                end += 1
            _measure_run(height[row], depth[row], column, end, vertex, level, bound)
            sign = 1.0 if mask[row, column] else -1.0
            for at in range(column, end):
                away_mm = min(np.sqrt(depth[row, at]) * column_mm, far_mm)
                depth[row, at] = sign * (away_mm - half_mm)
            column = end
    return depth


@njit(cache=True, nogil=True)
def _measure_columns(mask, ratio, far):  # type: ignore[no-untyped-def]
    """Distance to the nearest cell of the other kind in the column, in columns' widths."""
    rows, columns = mask.shape
    height = np.empty((rows, columns), np.float32)
    height[0] = far
    for row in range(1, rows):
        for column in range(columns):
            same = mask[row, column] == mask[row - 1, column]
            height[row, column] = min(height[row - 1, column] + ratio, far) if same else ratio
    for row in range(rows - 2, -1, -1):
        for column in range(columns):
            same = mask[row, column] == mask[row + 1, column]
            below = height[row + 1, column] + ratio if same else ratio
            height[row, column] = min(height[row, column], below)
    return height


@njit(cache=True, nogil=True)
def _measure_run(height, square, start, end, vertex, level, bound):  # type: ignore[no-untyped-def]
    """Squared distances along one run of a row: the lower envelope of the cells' parabolas.

    The cells beside the run are of the other kind: parabolas of height zero, nearer than all that
    lies behind them.
    """
    top = -1
    first = max(start - 1, 0)
    last = min(end + 1, height.size)
    for at in range(first, last):
        foot = float(height[at]) ** 2 if start <= at < end else 0.0
        while True:
            if top < 0:
                cut = -1e18
                break
            apart = 2.0 * (at - vertex[top])
            cut = (foot + at * at - level[top]) / apart
            if cut > bound[top]:
                break
            top -= 1
        top += 1
        vertex[top], level[top], bound[top] = at, foot + at * at, cut
    bound[top + 1] = 1e18
    here = 0
    for at in range(start, end):
        while bound[here + 1] < at:
            here += 1
        away = at - vertex[here]
        foot = level[here] - vertex[here] * vertex[here]
        square[at] = away * away + foot
