"""The pectoral muscle of an MLO view: a bright wedge at the upper end of the chest wall."""

from __future__ import annotations

import numpy as np
from numba import njit

# Width at the top and length down the chest wall that a muscle is sought with, and the step.
WIDTH_MM, LENGTH_MM = (10.0, 100.0, 3.0), (40.0, 280.0, 8.0)
# Exponents of its edge: under 1 it is hollow, 1 is straight, over 1 it bulges towards the nipple.
BENDS = (0.7, 1.0, 1.35, 1.8)
# Levels are compared this far on both sides of the edge, on rows this far apart.
SIDE_MM, ROW_MM = 4.0, 3.0
# A fall of the level by this share of the breast's median level counts half; one row counts no more
# than 1, so that no single bright strand decides.
HALF = 0.35
# What a row must count to lengthen the muscle, and what all its rows must count on the mean.
COST, LEAST = 0.15, 0.30

# Points that the muscle's edge is kept by.
MUSCLE_POINTS = 24


def find_muscle(smooth: np.ndarray, mask: np.ndarray, air: float, cell_mm: float) -> np.ndarray:
    """Returns the pectoral muscle within the breast, bool; all False where none is seen.

    The edge runs at x = width (1 - (y / length)^bend) from the chest wall, y from the top of the
    breast: the one of all such curves along which the level falls most, added up over its rows.

    Args:
        smooth: Presentation values, smoothed, float32, chest wall left, superior up.
        mask: Breast, bool.
        air: Level of air.
        cell_mm: Side of a cell.
    """
    rows = np.flatnonzero(mask.any(axis=1))
    left = int(np.argmax(mask.any(axis=0)))
    top, end = int(rows[0]), int(rows[-1]) + 1
    level = float(np.median(smooth[::4, ::3][mask[::4, ::3]])) - air
    stride = max(1, round(ROW_MM / cell_mm))
    picture = np.ascontiguousarray(smooth[top:end:stride, left:])
    fall = _measure_fall(picture, max(2, round(SIDE_MM / cell_mm)), HALF * level)
    step_mm = (stride * cell_mm, cell_mm)
    coarse = np.array([[*WIDTH_MM], [*LENGTH_MM]])
    best = _seek(fall, step_mm, coarse, np.array(BENDS))
    fine = np.array([[best[0] - 3, best[0] + 3.5, 1.0], [best[1] - 8, best[1] + 9, 2.0]])
    best = _seek(fall, step_mm, fine, best[2] * np.array([0.8, 0.9, 1.0, 1.1, 1.2]))
    muscle = np.zeros_like(mask)
    if best[4] < LEAST:
        return muscle
    down_mm = (np.arange(end - top) + 0.5) * cell_mm
    width_mm = best[0] * (1 - np.minimum(down_mm / best[1], 1) ** best[2])
    across_mm = (np.arange(mask.shape[1] - left) + 0.5) * cell_mm
    muscle[top:end, left:] = across_mm < width_mm[:, None]
    return muscle & mask


@njit(cache=True, nogil=True)
def _measure_fall(picture, side, half):  # type: ignore[no-untyped-def]
    """Mean of the cells before a column less the mean of those from it on, bent into -1..1."""
    rows, columns = picture.shape
    fall = np.zeros((rows, columns), np.float32)
    total = np.empty(columns + 1, np.float64)
    total[0] = 0.0
    for row in range(rows):
        for column in range(columns):
            total[column + 1] = total[column] + picture[row, column]
        for column in range(2, columns - side):
            near = min(side, column)
            before = (total[column] - total[column - near]) / near
            after = (total[column + side] - total[column]) / side
            step = before - after
            fall[row, column] = step / (abs(step) + half)
    return fall


@njit(cache=True, nogil=True)
def _seek(fall, step_mm, ranges, bends):  # type: ignore[no-untyped-def]
    """Returns width, length, bend, score and mean fall of the curve that scores best."""
    best = np.zeros(5)
    best[:3] = ranges[0, 0], ranges[1, 0], bends[0]
    shares = np.empty(fall.shape[0], np.float64)
    for bend in bends:
        for length in np.arange(ranges[1, 0], ranges[1, 1], ranges[1, 2]):
            used = min(fall.shape[0], int(length / step_mm[0]))
            for row in range(used):
                shares[row] = 1 - ((row * step_mm[0]) / length) ** bend
            for width in np.arange(ranges[0, 0], ranges[0, 1], ranges[0, 2]):
                score, total, count = 0.0, 0.0, 0
                for row in range(used):
                    column = int(width * shares[row] / step_mm[1] + 0.5)
                    if 2 <= column < fall.shape[1]:
                        step = fall[row, column]
                        score += step - COST
                        total += step
                        count += 1
                if score > best[3]:
                    best[:] = width, length, bend, score, total / count
    return best


def trace_muscle(
    muscle: np.ndarray,
    first_mm: tuple[float, float],
    cell_mm: tuple[float, float],
    spacing_mm: float,
) -> str:
    """Returns the edge of the pectoral muscle as `row:column` pairs on the canvas, "" without one.

    `draw_muscle` makes a mask of it again.

    Args:
        muscle: On the sketch, bool, from the chest wall on.
        first_mm: Where the sketch's first cell begins on the canvas.
        cell_mm: Height and width of a cell.
        spacing_mm: Of the canvas.
    """
    rows = np.flatnonzero(muscle.any(axis=1))
    if not rows.size:
        return ""
    ends = muscle.shape[1] - muscle[:, ::-1].argmax(axis=1)
    chosen = np.unique(np.linspace(rows[0], rows[-1], MUSCLE_POINTS).round().astype(int))
    down = (first_mm[0] + cell_mm[0] * (chosen + 0.5)) / spacing_mm
    across = (first_mm[1] + cell_mm[1] * ends[chosen]) / spacing_mm
    return " ".join(f"{row:.1f}:{column:.1f}" for row, column in zip(down, across, strict=True))


def draw_muscle(edge: str, shape_px: tuple[int, int]) -> np.ndarray:
    """Returns the pectoral muscle as a mask of the canvas, bool.

    Args:
        edge: What `trace_muscle` wrote.
        shape_px: Rows and columns of the canvas.

    >>> draw_muscle("0.5:2.0 1.5:1.0", (3, 4)).astype(int).tolist()
    [[1, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]]
    """
    mask = np.zeros(shape_px, bool)
    if not edge:
        return mask
    points = np.array([pair.split(":") for pair in edge.split()], float)
    rows = np.arange(shape_px[0]) + 0.5
    inside = (rows > points[0, 0] - 1) & (rows < points[-1, 0] + 1)
    ends = np.interp(rows, points[:, 0], points[:, 1])
    columns = np.arange(shape_px[1]) + 0.5
    return (columns[None, :] < ends[:, None]) & inside[:, None]
