"""Averages over areas: the frame made small, and its part with the breast on the canvas's grid.

Both turn stored values into presentation values as they go, so that no whole frame of floats is
ever made. The averaging is exact: each stored pixel counts by the area that it shares with the new
one, which is the anti-alias filter of a detector with larger pixels.
"""

from __future__ import annotations

import numpy as np
from numba import njit


def shrink_frame(stored: np.ndarray, table: np.ndarray, lowest: int, cell_px: int) -> np.ndarray:
    """Returns the presented frame made small, float32, one cell for `cell_px` x `cell_px` pixels.

    A cell is the mean of a quarter of its rows, evenly spread: a fourth of the work, and noise is
    still halved and halved again. The mean is one of stored values, looked up between the two
    nearest: this picture finds the breast, and no net sees it. Pixels beyond the last whole cell
    are left out.

    Args:
        stored: Stored values, uint16, rows x columns.
        table: Presentation value of each stored value from `lowest` on, float32, two at least.
        lowest: Stored value that the table begins with.
        cell_px: Side of a cell.

    >>> frame = np.arange(16, dtype=np.uint16).reshape(4, 4)
    >>> shrink_frame(frame, np.arange(16, dtype=np.float32), 0, 2).tolist()
    [[0.5, 2.5], [8.5, 10.5]]
    """
    return _shrink(np.ascontiguousarray(stored), table, lowest, cell_px, max(1, cell_px // 4))


@njit(cache=True, nogil=True)
def _shrink(  # type: ignore[no-untyped-def]
    stored, table, lowest, cell, taken
):
    rows, columns = stored.shape[0] // cell, stored.shape[1] // cell
    small = np.empty((rows, columns), np.float32)
    share = np.float32(1.0 / (cell * taken))
    sums = np.empty(columns * cell, np.int32)
    for row in range(rows):
        sums[:] = 0
        for step in range(taken):
            line = stored[row * cell + (step * cell) // taken]
            for pixel in range(columns * cell):
                sums[pixel] += np.int32(line[pixel])
        for column in range(columns):
            total = np.int32(0)
            for pixel in range(column * cell, (column + 1) * cell):
                total += sums[pixel]
            mean = np.float32(total) * share - np.float32(lowest)
            below = min(int(mean), len(table) - 2)
            rest = mean - np.float32(below)
            small[row, column] = table[below] + rest * (table[below + 1] - table[below])
    return small


def average_area(
    stored: np.ndarray,
    table: np.ndarray,
    lowest: int,
    rows: tuple[float, float, int],
    columns: tuple[float, float, int],
) -> np.ndarray:
    """Returns presentation values on a new grid, float32: means over the areas of its pixels.

    Where a new pixel reaches beyond the frame the mean is over the part within; one that lies
    wholly outside is 0.

    Args:
        stored: Stored values, uint16, rows x columns.
        table: Presentation value of each stored value from `lowest` on, float32.
        lowest: Stored value that the table begins with.
        rows: Where the first new row begins, in stored pixels from the frame's upper edge; the
            height of a new row in stored pixels, negative where the frame is turned over; and how
            many new rows there are.
        columns: Likewise.

    >>> frame = np.array([[0, 2, 4]], np.uint16)
    >>> table = np.arange(5, dtype=np.float32)
    >>> average_area(frame, table, 0, (0.0, 1.0, 1), (3.0, -2.0, 2)).tolist()
    [[3.0, 0.0]]
    """
    down = _find_overlaps(*rows, stored.shape[0])
    across = _find_overlaps(*columns, stored.shape[1])
    return _average(np.ascontiguousarray(stored), table, lowest, *down, *across)


def _find_overlaps(
    first: float, step: float, count: int, size: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns first old pixel and number of old pixels of each new one, and their shares.

    The shares are float32, new x most old pixels to one new, and sum to 1, or to 0 outside.
    """
    edges = np.clip(first + step * np.arange(count + 1), 0, size)
    low, high = np.minimum(edges[:-1], edges[1:]), np.maximum(edges[:-1], edges[1:])
    begin = np.minimum(np.floor(low).astype(np.int64), size - 1)
    number = np.maximum(np.ceil(high).astype(np.int64) - begin, 1)
    old = begin[:, None] + np.arange(number.max())
    shares = np.minimum(old + 1, high[:, None]) - np.maximum(old, low[:, None])
    shares = np.where(old < begin[:, None] + number[:, None], np.clip(shares, 0, 1), 0.0)
    total = shares.sum(axis=1, keepdims=True)
    shares = np.divide(shares, total, out=np.zeros_like(shares), where=total > 1e-9)
    return begin, number, shares.astype(np.float32)


@njit(cache=True, nogil=True)
def _average(  # type: ignore[no-untyped-def]
    stored, table, lowest, row_begin, row_number, row_share, begin, number, share
):
    new_rows, new_columns = len(row_begin), len(begin)
    left, right = begin.min(), (begin + number).max()
    image = np.empty((new_rows, new_columns), np.float32)
    # Neighbouring new rows share an old one: the last lines looked up are kept.
    held = np.full(2, -1, np.int64)
    lines = np.empty((2, right - left), np.float32)
    total = np.empty(right - left, np.float32)
    for row in range(new_rows):
        total[:] = np.float32(0.0)
        for step in range(row_number[row]):
            old = row_begin[row] + step
            place = old % 2
            line = lines[place]
            if held[place] != old:
                source = stored[old]
                for pixel in range(right - left):
                    line[pixel] = table[source[left + pixel] - lowest]
                held[place] = old
            weight = row_share[row, step]
            for pixel in range(right - left):
                total[pixel] += weight * line[pixel]
        for column in range(new_columns):
            value = np.float32(0.0)
            start = begin[column] - left
            for step in range(number[column]):
                value += share[column, step] * total[start + step]
            image[row, column] = value
    return image
