"""The breast's thin rim, levelled: a device is told by how it draws the way to the skin."""

from __future__ import annotations

import numpy as np
from numba import njit

# The rim in which a compressed breast is thinner than its middle (its edge is about a half circle
# as wide as half its thickness), the steps in which its grey is read, the fewest pixels of one.
RIM_MM, RIM_STEPS, FEWEST_PX = 16.0, 32, 50
# What lies behind the rim, to 24 mm, is what it is likened to: not the muscle, which is deeper.
INNER_STEPS = 48
# Over so much the correction fades out.
FADE_MM = 4.0
# How much the rim's spread may be stretched or pressed.
GAINS = (0.5, 2.0)


def level_rim(image: np.ndarray, depth_mm: np.ndarray, skin_mm: float) -> np.ndarray:
    """Returns the image with the breast's thin rim as bright and as rich as its inside, float32.

    Towards the skin a compressed breast grows thin, dark and flat, and each device's processing
    takes another share of that out. No map of grey alone can: here mean and spread of grey at each
    depth under the skin become those of the tissue just behind the rim; what is local stays.

    Args:
        image: float32, rows x columns.
        depth_mm: How deep each pixel lies within the breast, float32, same shape.
        skin_mm: Depth from which tissue counts.
    """
    step_mm = np.float32(RIM_MM / RIM_STEPS)
    count, total, squares = _sum_by_depth(image, depth_mm, np.float32(skin_mm), step_mm)
    known = count[:RIM_STEPS] >= FEWEST_PX
    wanted = _describe(*(float(part[RIM_STEPS:].sum()) for part in (count, total, squares)))
    if wanted is None or not known.any():
        return image
    mean = total[:RIM_STEPS] / np.maximum(count[:RIM_STEPS], 1)
    variance = squares[:RIM_STEPS] / np.maximum(count[:RIM_STEPS], 1) - mean**2
    spread = np.sqrt(np.maximum(variance, 1e-8))
    steps = np.arange(RIM_STEPS + 1)
    # The correction fades out before the rim ends, so that it draws no edge of its own.
    weight = np.clip((RIM_MM - steps * step_mm) / FADE_MM, 0, 1)
    gain = np.clip(np.interp(steps, steps[:-1][known], wanted[1] / spread[known]), *GAINS)
    shift = wanted[0] - gain * np.interp(steps, steps[:-1][known], mean[known])
    lines = np.stack([1 + weight * (gain - 1), weight * shift]).astype(np.float32)
    return _move_by_depth(image, depth_mm, step_mm, lines)


def _describe(count: float, total: float, squares: float) -> tuple[float, float] | None:
    """Returns mean and spread, or None of too few pixels."""
    if count < FEWEST_PX:
        return None
    mean = total / count
    return mean, float(np.sqrt(max(squares / count - mean**2, 1e-8)))


@njit(cache=True, nogil=True)
def _sum_by_depth(image, depth_mm, skin_mm, step_mm):  # type: ignore[no-untyped-def]
    """Returns count, sum and sum of squares of grey at each depth."""
    sums = np.zeros((3, INNER_STEPS))
    for row in range(image.shape[0]):
        for column in range(image.shape[1]):
            if depth_mm[row, column] > skin_mm:
                step = int(depth_mm[row, column] / step_mm)
                if step >= INNER_STEPS:
                    continue
                grey = np.float64(image[row, column])
                sums[0, step] += 1.0
                sums[1, step] += grey
                sums[2, step] += grey * grey
    return sums


@njit(cache=True, nogil=True)
def _move_by_depth(image, depth_mm, step_mm, lines):  # type: ignore[no-untyped-def]
    moved = np.empty_like(image)
    for row in range(image.shape[0]):
        for column in range(image.shape[1]):
            # A step's figures stand in its middle.
            place = depth_mm[row, column] / step_mm - np.float32(0.5)
            place = min(max(place, np.float32(0.0)), np.float32(RIM_STEPS))
            below = min(int(place), RIM_STEPS - 1)
            rest = place - np.float32(below)
            gain = lines[0, below] + rest * (lines[0, below + 1] - lines[0, below])
            shift = lines[1, below] + rest * (lines[1, below + 1] - lines[1, below])
            moved[row, column] = gain * image[row, column] + shift
    return moved
