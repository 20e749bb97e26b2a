"""Connected pieces of a mask, found from its rows' runs: fast, and the same on every machine."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit


@dataclass(frozen=True)
class Pieces:
    """The pieces of a mask that hang together along rows or columns, not across corners.

    Attributes:
        runs: One row per run of a mask's row: row, first column, column after the last, piece.
        area: Cells of each piece.
        box: First row and column of each piece, and those after the last.
        shape: Rows and columns of the mask.
    """

    runs: np.ndarray
    area: np.ndarray
    box: np.ndarray
    shape: tuple[int, int]


def find_pieces(mask: np.ndarray) -> Pieces:
    """Returns the pieces of a mask, in the order of their first cells.

    Args:
        mask: bool, rows x columns.

    >>> find_pieces(np.eye(2, dtype=bool)).area.tolist()
    [1, 1]
    """
    mask = np.ascontiguousarray(mask, bool)
    runs, count = _join_runs(mask.view(np.uint8))
    lengths = runs[:, 2] - runs[:, 1]
    box = np.zeros((count, 4), np.int64)
    box[:, :2] = max(mask.shape)
    np.minimum.at(box[:, 0], runs[:, 3], runs[:, 0])
    np.minimum.at(box[:, 1], runs[:, 3], runs[:, 1])
    np.maximum.at(box[:, 2], runs[:, 3], runs[:, 0] + 1)
    np.maximum.at(box[:, 3], runs[:, 3], runs[:, 2])
    area = np.bincount(runs[:, 3], lengths, count).astype(np.int64)
    return Pieces(runs, area, box, (mask.shape[0], mask.shape[1]))


def draw_pieces(pieces: Pieces, chosen: np.ndarray) -> np.ndarray:
    """Returns the mask, bool, of the chosen pieces.

    Args:
        pieces: Of a mask.
        chosen: bool, one per piece.
    """
    mask = np.zeros(pieces.shape, np.uint8)
    _draw_runs(mask, pieces.runs[chosen[pieces.runs[:, 3]]])
    return mask.view(bool)


def fill_holes(mask: np.ndarray) -> np.ndarray:
    """Returns the mask with what does not reach the top, the bottom or the right of the frame.

    The chest wall is left: dark tissue that is cut by it is no air, though no skin closes it in.

    >>> fill_holes(np.array([[1, 1, 1, 0], [0, 0, 1, 0], [1, 1, 1, 0]], bool))[1].tolist()
    [True, True, True, False]
    """
    rows, columns = mask.shape
    outside = find_pieces(~mask)
    box = outside.box
    closed = (box[:, 0] > 0) & (box[:, 2] < rows) & (box[:, 3] < columns)
    return mask | draw_pieces(outside, closed)


def open_mask(mask: np.ndarray, radius: int) -> np.ndarray:
    """Returns what of a mask a square of 2 radius + 1 cells can sweep without leaving it.

    >>> int(open_mask(np.ones((3, 9), bool), 1).sum()), int(open_mask(np.eye(9) > 0, 1).sum())
    (27, 0)
    """
    return spread_mask(_shrink(mask, radius), radius)


def grow_within(seed: np.ndarray, mask: np.ndarray, steps: int) -> np.ndarray:
    """Returns the seed and what of the mask lies within so many steps of it, inside the mask."""
    for _ in range(steps):
        seed = spread_mask(seed, 1) & mask
    return seed


def _shrink(mask: np.ndarray, radius: int) -> np.ndarray:
    """What lies beyond the frame is not part of the mask."""
    other = spread_mask(~mask, radius)
    other[:radius], other[-radius:] = True, True
    other[:, :radius], other[:, -radius:] = True, True
    return ~other


def spread_mask(mask: np.ndarray, radius: int) -> np.ndarray:
    """Returns the mask grown by a square of 2 radius + 1 cells."""
    wide = mask.copy()
    for shift in range(1, radius + 1):
        wide[:, shift:] |= mask[:, :-shift]
        wide[:, :-shift] |= mask[:, shift:]
    tall = wide.copy()
    for shift in range(1, radius + 1):
        tall[shift:] |= wide[:-shift]
        tall[:-shift] |= wide[shift:]
    return tall


@njit(cache=True, nogil=True)
def _join_runs(mask):  # type: ignore[no-untyped-def]
    """Runs with the number of their piece: union-find over runs that overlap row by row."""
    rows, columns = mask.shape
    count = 0
    for row in range(rows):
        before = 0
        for column in range(columns):
            value = mask[row, column]
            count += value & (1 - before)
            before = value
    runs = np.empty((count, 4), np.int64)
    parent = np.arange(count)
    n = 0
    above = 0
    for row in range(rows):
        start = n
        column = 0
        while column < columns:
            if not mask[row, column]:
                column += 1
                continue
            runs[n, 0], runs[n, 1] = row, column
            while column < columns and mask[row, column]:
                column += 1
            runs[n, 2] = column
            n += 1
        _join_rows(runs, parent, above, start, n)
        above = start
    pieces = 0
    for run in range(count):
        root = _find_root(parent, run)
        if root == run:
            runs[run, 3] = pieces
            pieces += 1
        else:
            runs[run, 3] = runs[root, 3]
    return runs, pieces


@njit(cache=True, nogil=True)
def _join_rows(runs, parent, above, start, end):  # type: ignore[no-untyped-def]
    """Joins runs `above:start` of one row with runs `start:end` of the next; the first is root."""
    upper = above
    for lower in range(start, end):
        while upper < start and runs[upper, 2] <= runs[lower, 1]:
            upper += 1
        at = upper
        while at < start and runs[at, 1] < runs[lower, 2]:
            one, other = _find_root(parent, at), _find_root(parent, lower)
            parent[max(one, other)] = min(one, other)
            at += 1


@njit(cache=True, nogil=True)
def _find_root(parent, run):  # type: ignore[no-untyped-def]
    while parent[run] != run:
        parent[run] = parent[parent[run]]
        run = parent[run]
    return run


@njit(cache=True, nogil=True)
def _draw_runs(mask, runs):  # type: ignore[no-untyped-def]
    for run in range(runs.shape[0]):
        for column in range(runs[run, 1], runs[run, 2]):
            mask[runs[run, 0], column] = 1
