"""One distribution of grey for the tissue of every image, whatever device made it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numba import njit
from scipy.stats import norm

WHITE = 65535
# Grey is counted in so many levels from `_LOW` to `_HIGH`: scaled detail can leave [0, 1] a little.
_LEVELS, _LOW, _HIGH = 16384, -0.5, 1.5

# The reference: a normal distribution of grey, given at evenly spaced quantiles. The outermost are
# pulled in so that the skin's end and the last calcification keep a finite place.
MEAN, SPREAD, OUTERMOST = 0.5, 0.15, 0.0005


def list_quantiles(count: int) -> np.ndarray:
    """Returns `count` evenly spaced quantiles between the outermost that count, float64.

    >>> list_quantiles(3).tolist()
    [0.0005, 0.5, 0.9995]
    """
    return np.linspace(OUTERMOST, 1 - OUTERMOST, count)


def list_targets(count: int) -> np.ndarray:
    """Returns the reference's grey at `count` evenly spaced quantiles, float64 in [0, 1].

    >>> list_targets(3).round(3).tolist()
    [0.006, 0.5, 0.994]
    """
    return MEAN + SPREAD * norm.ppf(list_quantiles(count))


def find_levels(image: np.ndarray, mask: np.ndarray, count: int) -> np.ndarray:
    """Returns the grey of the tissue at `count` evenly spaced quantiles, float32, rising.

    Args:
        image: float32, rows x columns.
        mask: The pixels that count, bool, same shape.
        count: Number of quantiles, the least and the greatest grey among them.
    """
    counts = _count_grey(image, mask)
    seen = np.flatnonzero(counts)
    edges = _LOW + (_HIGH - _LOW) * np.arange(_LEVELS + 1) / _LEVELS
    # Each count stands in the middle of its level, so equal pictures have equal quantiles.
    reached = np.cumsum(counts)[seen] - 0.5 * counts[seen]
    middles = 0.5 * (edges[seen] + edges[seen + 1])
    levels = np.interp(list_quantiles(count) * counts.sum(), reached, middles)
    return levels.astype(np.float32)


@njit(cache=True, nogil=True)
def _count_grey(image, mask):  # type: ignore[no-untyped-def]
    counts = np.zeros(_LEVELS, np.int64)
    scale = np.float32(_LEVELS / (_HIGH - _LOW))
    for row in range(image.shape[0]):
        for column in range(image.shape[1]):
            if mask[row, column]:
                level = int((image[row, column] - np.float32(_LOW)) * scale)
                counts[min(max(level, 0), _LEVELS - 1)] += 1
    return counts


def map_grey(image: np.ndarray, levels: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Returns the image with grey mapped by a rising line through (level, target), float32.

    Histogram specification (Gonzalez and Woods, section 3.3). A device's grey curve, gain and
    window are monotone maps of the same tissue, so they leave by it. Beyond the outermost levels
    the map is flat.

    Args:
        image: float32, rows x columns.
        levels: Rising, of `find_levels`.
        targets: Grey wanted at each level.
    """
    at = _LOW + (_HIGH - _LOW) * np.arange(_LEVELS + 1) / _LEVELS
    # Equal levels (flat tissue) would make the map vertical; a hair between them keeps it monotone.
    rising = np.maximum.accumulate(levels.astype(np.float64)) + np.arange(levels.size) * 1e-7
    return _look_up(image, np.interp(at, rising, targets).astype(np.float32))


@njit(cache=True, nogil=True)
def _look_up(image, line):  # type: ignore[no-untyped-def]
    scale = np.float32(_LEVELS / (_HIGH - _LOW))
    mapped = np.empty_like(image)
    for row in range(image.shape[0]):
        for column in range(image.shape[1]):
            place = (image[row, column] - np.float32(_LOW)) * scale
            place = min(max(place, np.float32(0.0)), np.float32(_LEVELS - 1))
            below = int(place)
            rest = place - np.float32(below)
            mapped[row, column] = line[below] + rest * (line[below + 1] - line[below])
    return mapped


def fit_device_maps(levels: np.ndarray, devices: np.ndarray) -> dict[str, Any]:
    """Returns maps that give every device the mean distribution of all, as plain numbers.

    Quantiles are averaged over the images of a device (the barycentre of distributions on a line,
    Agueh and Carlier 2011), and over devices, each counting alike. What is left to such a map is
    what `grey_quantiles` leaves of an image: with few of them each image keeps its own density, and
    only what all images of a device share is taken out.

    Args:
        levels: Grey of the tissue of each image at evenly spaced quantiles, images x quantiles.
        devices: Device of each image.

    Returns:
        {"targets": [...], "devices": {device: {"levels": [...], "images": n}}}.
    """
    names = sorted(set(devices.tolist()))
    own = {name: levels[devices == name].mean(axis=0) for name in names}
    return {
        "targets": np.mean(list(own.values()), axis=0).tolist() if own else [],
        "devices": {
            name: {"levels": own[name].tolist(), "images": int((devices == name).sum())}
            for name in names
        },
    }


def map_device(canvas: np.ndarray, device: str, maps: Mapping[str, Any] | None) -> np.ndarray:
    """Returns the canvas through its device's map, uint16; air stays 0.

    A device without a map, such as one that came later, is left as it is.

    Args:
        canvas: uint16, rows x columns.
        device: Its device.
        maps: Of `fit_device_maps`, or None.
    """
    known = maps["devices"].get(device) if maps else None
    if maps is None or known is None:
        return canvas
    grey = np.arange(WHITE + 1) / WHITE
    levels = np.maximum.accumulate(known["levels"]) + np.arange(len(known["levels"])) * 1e-9
    # The ends of the scale stay where they are, and the map rises between them.
    line = np.interp(grey, [0.0, *levels, 1.0], [0.0, *maps["targets"], 1.0])
    table = np.clip(np.rint(line * WHITE), 1, WHITE).astype(np.uint16)
    table[0] = 0
    return table[canvas]


def to_stored(image: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Returns the image as the store keeps it: uint16, 0 for air, 1 to 65535 for tissue.

    >>> to_stored(np.array([[0.0, 0.5]]), np.array([[False, True]])).tolist()
    [[0, 32768]]
    """
    levels = np.clip(np.rint(image * WHITE), 1, WHITE)
    return np.where(mask, levels, 0).astype(np.uint16)
