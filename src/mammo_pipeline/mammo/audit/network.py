"""A small frozen net: random filters that no one trained, which see texture, noise and marks."""

from __future__ import annotations

from functools import cache

import numpy as np
from numba import njit
from scipy import ndimage

CHANNELS = 12
LEVELS = 3
# Input channels that a filter of a deeper layer looks at: a quarter of the cost of all twelve.
FAN_IN = 4
# Zones of the canvas.
AIR, CORE, RIM = 0, 1, 2

NAMES = tuple(
    f"net{level}_{zone}_{pool}_{channel}"
    for level in range(1, LEVELS + 1)
    for zone, pools in (("core", ("mean", "spread")), ("rim", ("mean",)), ("air", ("max",)))
    for pool in pools
    for channel in range(CHANNELS)
)
# Where a response is nothing: far below the finest step of a 16-bit grey, 1.5e-5.
_SILENCE = 1e-6
# Pieces of tissue are told apart on every fourth pixel.
_STEP = 4


def extract_features(image: np.ndarray, air_level: int) -> np.ndarray:
    """Returns log10 of the pooled responses of the frozen net, float32, shape (144,), see NAMES.

    Three layers of random filters with zero mean and rectification, at full, half and quarter
    resolution (random filters with rectification and pooling already tell textures: Jarrett et al.
    2009; Saxe et al. 2011). Pooled are mean and spread deep in tissue, the mean at its outline and
    the largest response in air, so that texture, skin line and marks are each seen. The filters
    come from the raw bits of PCG64, which NumPy promises to keep, and no sum is reordered: every
    machine gets the same features to a ten-thousandth.

    Args:
        image: uint16, rows x columns.
        air_level: Levels up to it are air: 0 for a canvas.
    """
    first, deeper = draw_filters()
    image = _crop_to_content(image)
    grey = image.astype(np.float32) / np.float32(65535)
    zones = _mark_zones(_find_breast(image, air_level))
    maps, zones = _filter_image(grey, zones, first)
    pooled = [_pool_zones(maps, zones)]
    for weights, sources in deeper:
        maps, zones = _halve(maps, zones)
        maps = _filter_maps(maps, weights, sources)
        pooled.append(_pool_zones(maps, zones))
    return np.log10(np.concatenate([part.ravel() for part in pooled]) + _SILENCE).astype(np.float32)


def _crop_to_content(image: np.ndarray) -> np.ndarray:
    """Returns the part that is not zero, with a rim of air: elsewhere nothing answers a filter."""
    box = []
    for axis in (1, 0):
        filled = np.flatnonzero(image.any(axis=axis))
        low, high = (filled[0], filled[-1]) if filled.size else (0, 0)
        # Whole blocks of four, so that the halved grids lie where they would on the whole canvas.
        box.append(slice(max(0, int(low) // 4 * 4 - 16), (int(high) // 4 + 5) * 4))
    return image[box[0], box[1]]


def _find_breast(image: np.ndarray, air_level: int) -> np.ndarray:
    """Returns the largest piece of tissue, bool: a mark beside it lies in the air."""
    tissue = image > air_level
    pieces, count = ndimage.label(tissue[::_STEP, ::_STEP])
    if count < 2:
        return tissue
    largest = pieces == 1 + int(np.argmax(np.bincount(pieces.ravel())[1:]))
    near = ndimage.binary_dilation(largest).repeat(_STEP, axis=0).repeat(_STEP, axis=1)
    return tissue & near[: image.shape[0], : image.shape[1]]


@cache
def draw_filters() -> tuple[np.ndarray, tuple[tuple[np.ndarray, np.ndarray], ...]]:
    """Returns the filters of the first layer and (weights, sources) of each deeper one.

    Shapes: first (12, 5, 5); weights (12, 4, 3, 3); sources (12, 4), the channels looked at.
    Every filter has mean 0 and norm 1. A third of the first layer is narrowed to its middle 3x3,
    so that the finest detail has filters of its own.
    """
    bits = np.random.PCG64(1981)
    first = _draw_uniform(bits, (CHANNELS, 5, 5))
    middle = np.zeros((5, 5), bool)
    middle[1:4, 1:4] = True
    for channel in range(0, CHANNELS, 3):
        first[channel] = np.where(middle, first[channel], np.nan)
    first = _normalise(first, (1, 2))
    deeper = []
    for _ in range(LEVELS - 1):
        weights = _normalise(_draw_uniform(bits, (CHANNELS, FAN_IN, 3, 3)), (2, 3))
        order = np.argsort(_draw_uniform(bits, (CHANNELS, CHANNELS)), axis=1, kind="stable")
        deeper.append((weights / np.float32(np.sqrt(FAN_IN)), order[:, :FAN_IN].astype(np.int64)))
    return first, tuple(deeper)


def _draw_uniform(bits: np.random.PCG64, shape: tuple[int, ...]) -> np.ndarray:
    raw = np.asarray(bits.random_raw(int(np.prod(shape))), dtype=np.uint64)
    return ((raw >> np.uint64(11)) * 2.0**-53 - 0.5).reshape(shape)


def _normalise(filters: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    """Returns filters of mean 0 and norm 1, float32; a weight of NaN is left out, as 0."""
    centred = np.nan_to_num(filters - np.nanmean(filters, axes, keepdims=True))
    return (centred / np.sqrt((centred**2).sum(axes, keepdims=True))).astype(np.float32)


@njit(cache=True, nogil=True)
def _mark_zones(breast):  # type: ignore[no-untyped-def]
    """Returns 0 where the 5x5 around a pixel is air, 1 where it is tissue, 2 where it is both."""
    rows, columns = breast.shape
    spans = np.zeros((rows, columns), np.uint8)
    zones = np.zeros((rows, columns), np.uint8)
    for r in range(rows):
        for c in range(columns):
            low, high = max(c - 2, 0), min(c + 3, columns)
            tissue = 0
            for k in range(low, high):
                tissue += breast[r, k]
            spans[r, c] = AIR if tissue == 0 else (CORE if tissue == high - low else RIM)
    for r in range(rows):
        for c in range(columns):
            zone = spans[r, c]
            for k in range(max(r - 2, 0), min(r + 3, rows)):
                if spans[k, c] != zone:
                    zone = RIM
            zones[r, c] = zone
    return zones


@njit(cache=True, nogil=True)
def _filter_image(grey, zones, filters):  # type: ignore[no-untyped-def]
    """Returns the rectified responses to filters, and zones, both without the two border pixels."""
    size = filters.shape[1]
    rows, columns = grey.shape[0] - size + 1, grey.shape[1] - size + 1
    maps = np.zeros((filters.shape[0], rows, columns), np.float32)
    for channel in range(filters.shape[0]):
        for r in range(rows):
            line = maps[channel, r]
            for dr in range(size):
                _add_five(line, filters[channel, dr], grey[r + dr])
            _rectify(line)
    edge = size // 2
    return maps, zones[edge : edge + rows, edge : edge + columns].copy()


@njit(cache=True, nogil=True)
def _add_five(line, weights, source):  # type: ignore[no-untyped-def]
    # Written out, the taps share one pass over the line, and the loop becomes vector code.
    first, second, third = weights[0], weights[1], weights[2]
    fourth, fifth = weights[3], weights[4]
    for c in range(line.size):
        near = first * source[c] + second * source[c + 1] + third * source[c + 2]
        line[c] += near + (fourth * source[c + 3] + fifth * source[c + 4])


@njit(cache=True, nogil=True)
def _add_three(line, weights, source):  # type: ignore[no-untyped-def]
    first, second, third = weights[0], weights[1], weights[2]
    for c in range(line.size):
        line[c] += first * source[c] + second * source[c + 1] + third * source[c + 2]


@njit(cache=True, nogil=True)
def _rectify(line):  # type: ignore[no-untyped-def]
    for c in range(line.size):
        line[c] = max(line[c], np.float32(0.0))


@njit(cache=True, nogil=True)
def _filter_maps(maps, weights, sources):  # type: ignore[no-untyped-def]
    """Returns the rectified responses, same shape; the border pixels stay 0."""
    made = np.zeros_like(maps)
    inner = maps.shape[2] - 2
    for channel in range(weights.shape[0]):
        for r in range(1, maps.shape[1] - 1):
            line = made[channel, r, 1 : 1 + inner]
            for place in range(weights.shape[1]):
                for dr in range(3):
                    source = maps[sources[channel, place], r - 1 + dr]
                    _add_three(line, weights[channel, place, dr], source)
            _rectify(line)
    return made


@njit(cache=True, nogil=True)
def _halve(maps, zones):  # type: ignore[no-untyped-def]
    """Returns means of 2x2 pixels, and the zones of what the next 3x3 filters will see of them.

    A cell keeps its zone where all pixels under those filters agree, else it is RIM: no outline
    may answer in the name of air.
    """
    rows, columns = zones.shape[0] // 2, zones.shape[1] // 2
    small = np.zeros((maps.shape[0], rows, columns), np.float32)
    where = np.zeros((rows, columns), np.uint8)
    for r in range(rows):
        for c in range(columns):
            zone = zones[2 * r, 2 * c]
            for near in range(max(2 * r - 2, 0), min(2 * r + 4, zones.shape[0])):
                for beside in range(max(2 * c - 2, 0), min(2 * c + 4, zones.shape[1])):
                    if zones[near, beside] != zone:
                        zone = np.uint8(RIM)
            where[r, c] = zone
    quarter = np.float32(0.25)
    for channel in range(maps.shape[0]):
        for r in range(rows):
            above, below = maps[channel, 2 * r], maps[channel, 2 * r + 1]
            for c in range(columns):
                top = above[2 * c] + above[2 * c + 1]
                small[channel, r, c] = quarter * (top + below[2 * c] + below[2 * c + 1])
    return small, where


@njit(cache=True, nogil=True)
def _pool_zones(maps, zones):  # type: ignore[no-untyped-def]
    """Returns (4, channels): mean and spread in tissue, mean at the outline, maximum in air."""
    channels = maps.shape[0]
    pooled = np.zeros((4, channels), np.float64)
    count = np.zeros(3, np.int64)
    for r in range(1, zones.shape[0] - 1):
        for c in range(1, zones.shape[1] - 1):
            count[zones[r, c]] += 1
    for channel in range(channels):
        total, squares, rim, highest = 0.0, 0.0, 0.0, 0.0
        for r in range(1, zones.shape[0] - 1):
            for c in range(1, zones.shape[1] - 1):
                value = float(maps[channel, r, c])
                if zones[r, c] == CORE:
                    total += value
                    squares += value * value
                elif zones[r, c] == RIM:
                    rim += value
                else:
                    highest = max(highest, value)
        inside = max(count[CORE], 1)
        pooled[0, channel] = total / inside
        pooled[1, channel] = np.sqrt(max(squares / inside - (total / inside) ** 2, 0.0))
        pooled[2, channel] = rim / max(count[RIM], 1)
        pooled[3, channel] = highest
    return pooled
