"""Where air ends and skin begins, in the same place whatever the device's grey curve and noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

from mammo_pipeline.mammo.pieces import draw_pieces, find_pieces, grow_within, spread_mask

LEVELS = 256
# Values this far from air's commonest level are not air's noise.
AIR_SPAN = 0.1
# A paddle's shadow is a second level of air: this share of half the frame within three levels, and
# this many times as common as the levels six further.
SHADOW_SHARE, SHADOW_RATIO = 0.02, 4
# Air is darker than this share of fat at the chest wall; a nipple off the plane is hardly more.
AIR_SHARE = 0.15
# The skin line runs where this share of the tissue's level just inside it is passed.
EDGE_SHARE = 0.5
# How deep "just inside" is, and how far from the skin line the first outline may run.
INSIDE_MM, BAND_MM = 1.8, 1.2
# Gaps in the skin that are thinner than twice this let no air in.
THIN_MM = 1.2


@dataclass(frozen=True)
class Air:
    """Air as a picture shows it.

    Attributes:
        level: Mean presentation value.
        noise: Standard deviation of a cell.
        highest: Level of the brightest shadow on it; `level` where there is none.
    """

    level: float
    noise: float
    highest: float


def smooth_picture(small: np.ndarray) -> np.ndarray:
    """Returns the picture under a 3 x 3 binomial filter, float32.

    >>> smooth_picture(np.float32([[0, 0, 4, 0, 0]])).tolist()
    [[0.0, 1.0, 2.0, 1.0, 0.0]]
    """
    return _smooth(np.ascontiguousarray(small, np.float32))


def measure_air(small: np.ndarray) -> Air:
    """Returns the level of air, its noise, and how bright a shadow makes it.

    Air is the commonest level of the darker half, sought in the half of the frame that is away from
    the chest wall. Noise is read from neighbours, which differ little by an uneven air.

    Args:
        small: Presentation values, float32, chest wall left.
    """
    counts = _count_levels(small)
    peak = int(np.argmax(counts[: LEVELS // 2]))
    level, noise = _measure_level(small, peak / LEVELS, (peak + 1) / LEVELS)
    three = counts[:-2] + counts[1:-1] + counts[2:]
    far = 6
    around = np.maximum(three[: -2 * far], three[2 * far :])
    plateau = three[far:-far] > np.maximum(SHADOW_RATIO * around, SHADOW_SHARE * counts.sum())
    shadows = np.flatnonzero(plateau[: LEVELS // 4]) + far
    highest = (float(shadows[-1]) + 3) / LEVELS if (shadows > peak + far).any() else level
    return Air(level, noise, highest)


def find_tissue(smooth: np.ndarray, air: Air, cell_mm: float) -> np.ndarray:
    """Returns all that air does not reach from the top, the bottom and the right, bool.

    Args:
        smooth: Presentation values, smoothed, float32, chest wall left.
        air: Of the picture.
        cell_mm: Side of a cell.
    """
    lowest = air.level + max(5 * air.noise, 0.015)
    wall = smooth[::3, : smooth.shape[1] // 4 : 2]
    tissue = wall[wall > lowest]
    fat, typical = np.quantile(tissue, (0.25, 0.5)) if tissue.size else (1, 1)
    # What is as bright as half the tissue is no shadow, however even.
    shadow = min(air.highest - air.level, 0.5 * (float(typical) - air.level))
    dark = smooth < max(lowest + shadow, air.level + AIR_SHARE * (float(fat) - air.level))
    radius = max(1, round(THIN_MM / cell_mm))
    pieces = find_pieces(spread_mask(~spread_mask(~dark, radius), radius))
    rows, columns = dark.shape
    box = pieces.box
    free = (box[:, 0] == 0) | (box[:, 2] == rows) | (box[:, 3] == columns)
    return ~grow_within(draw_pieces(pieces, free), dark, radius + 1)


def refine_edge(smooth: np.ndarray, mask: np.ndarray, air: float, cell_mm: float) -> np.ndarray:
    """Returns the mask with its outline where the picture passes half of the level just inside.

    Args:
        smooth: Presentation values, smoothed, float32.
        mask: Breast, bool, its outline within `BAND_MM` of the skin line.
        air: Level of air.
        cell_mm: Side of a cell.
    """
    band = max(1, round(BAND_MM / cell_mm))
    reach = max(1, round(INSIDE_MM / cell_mm))
    edge = spread_mask(mask, band) & spread_mask(~mask, band)
    refined = mask.view(np.uint8).copy()
    _refine(refined, mask.view(np.uint8), edge.view(np.uint8), smooth, np.float32(air), reach)
    return refined.view(bool)


@njit(cache=True, nogil=True)
def _smooth(small):  # type: ignore[no-untyped-def]
    rows, columns = small.shape
    smooth = np.empty((rows, columns), np.float32)
    line = np.empty(columns + 2, np.float32)
    for row in range(rows):
        above, below = small[max(row - 1, 0)], small[min(row + 1, rows - 1)]
        for column in range(columns):
            line[column + 1] = above[column] + 2 * small[row, column] + below[column]
        line[0], line[columns + 1] = line[1], line[columns]
        for column in range(columns):
            total = line[column] + 2 * line[column + 1] + line[column + 2]
            smooth[row, column] = total * np.float32(0.0625)
    return smooth


@njit(cache=True, nogil=True)
def _count_levels(small):  # type: ignore[no-untyped-def]
    counts = np.zeros(LEVELS, np.int64)
    rows, columns = small.shape
    for row in range(0, rows, 2):
        for column in range(columns // 2, columns):
            counts[min(max(int(small[row, column] * LEVELS), 0), LEVELS - 1)] += 1
    return counts


@njit(cache=True, nogil=True)
def _measure_level(small, low, high):  # type: ignore[no-untyped-def]
    """Mean of the values from low to high, and the noise of those near them."""
    rows, columns = small.shape
    total, count, apart, pairs = 0.0, 0, 0.0, 0
    for row in range(0, rows, 2):
        for column in range(columns // 2, columns - 1):
            value, after = small[row, column], small[row, column + 1]
            if low <= value < high:
                total += value
                count += 1
            if max(abs(value - low), abs(after - low)) < AIR_SPAN:
                apart += abs(value - after)
                pairs += 1
    # The mean difference of two normal values is 2 / sqrt(pi) standard deviations of one.
    noise = 0.886 * apart / pairs if pairs else 0.0
    return (total / count if count else low), noise


@njit(cache=True, nogil=True)
def _refine(refined, mask, edge, smooth, air, reach):  # type: ignore[no-untyped-def]
    rows, columns = mask.shape
    for row in range(rows):
        for column in range(columns):
            if not edge[row, column]:
                continue
            total, count = np.float32(0), 0
            for r in range(max(row - reach, 0), min(row + reach + 1, rows)):
                for c in range(max(column - reach, 0), min(column + reach + 1, columns)):
                    if mask[r, c]:
                        total += smooth[r, c]
                        count += 1
            level = total / count if count else air + 1
            half = air + np.float32(EDGE_SHARE) * (level - air)
            refined[row, column] = smooth[row, column] > half
