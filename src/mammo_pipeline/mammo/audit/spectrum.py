"""The radial power spectrum of tissue, from tiles that hold nothing else."""

from __future__ import annotations

import numpy as np
from scipy import fft

BANDS = 6
CURVE_POINTS = 16
# Cycles a millimetre that the page's curve spans: from a breast's parts to a 0.05 mm detector.
LOWEST_PER_MM, HIGHEST_PER_MM = 0.04, 10.0
_SAMPLES = 16  # to a tile's side, when asking whether it holds air
_TILES_TO_A_SIDE = 7  # 128 pixels of 896, and the same 26 mm on a coarser canvas of that field


def choose_tile_px(shape_px: tuple[int, ...]) -> int:
    """Returns the side of a tile: a power of two near a seventh of the shorter side, at least 16.

    >>> choose_tile_px((1152, 896)), choose_tile_px((288, 224)), choose_tile_px((40, 30))
    (128, 32, 16)
    """
    return max(16, int(2 ** np.round(np.log2(min(shape_px) / _TILES_TO_A_SIDE))))


def measure_spectrum(image: np.ndarray, air_level: int) -> np.ndarray:
    """Returns power by whole cycles to a tile, float64, shape (tile // 2 + 1,); 0 without tissue.

    The mean periodogram of half-overlapping tiles under a Hann window (Welch 1967). Only tiles
    full of tissue count, so that neither skin line nor air is taken for texture; of a breast too
    small for one, the tile with the most tissue. Index k is k cycles to a tile's side; the unit is
    grey^2 to a pixel, grey from 0 to 1, so white noise of spread s has power s^2 everywhere.

    Args:
        image: uint16, rows x columns.
        air_level: Levels up to it are air.
    """
    side = choose_tile_px(image.shape)
    if min(image.shape) < side:
        return np.zeros(side // 2 + 1)
    tiles = _take_tiles(image, air_level, side)
    hann = np.hanning(side + 1)[:-1]
    window = np.outer(hann, hann).astype(np.float32)
    shaped = (tiles - tiles.mean((1, 2), keepdims=True)) * window
    power = (np.abs(fft.rfft2(shaped)) ** 2).mean(0) / np.sum(window**2, dtype=np.float64)
    return _mean_over_rings(power, side)


def _take_tiles(image: np.ndarray, air_level: int, side: int) -> np.ndarray:
    step = side // _SAMPLES
    filled = image[step // 2 :: step, step // 2 :: step] > air_level
    windows = np.lib.stride_tricks.sliding_window_view(filled, (_SAMPLES, _SAMPLES))
    shares = windows[:: _SAMPLES // 2, :: _SAMPLES // 2].mean((2, 3))
    at = np.argwhere(shares == shares.max())
    if shares.max() == 0:
        return np.zeros((1, side, side), np.float32)
    cells = np.lib.stride_tricks.sliding_window_view(image, (side, side))
    return cells[tuple((at * (side // 2)).T)].astype(np.float32) / 65535


def _mean_over_rings(power: np.ndarray, side: int) -> np.ndarray:
    down = np.fft.fftfreq(side, 1 / side)
    rings = np.rint(np.hypot(down[:, None], np.arange(power.shape[1]))).astype(int)
    kept = rings <= side // 2
    sums = np.bincount(rings[kept], power[kept], side // 2 + 1)
    return sums / np.bincount(rings[kept], minlength=side // 2 + 1)


def read_bands(power: np.ndarray) -> np.ndarray:
    """Returns the mean power in six bands, evenly spaced on a log scale up to the finest detail.

    >>> read_bands(np.arange(17.0)).tolist()
    [1.0, 2.0, 3.5, 5.5, 8.5, 13.5]
    """
    cycles = np.arange(1, power.size)
    edges = np.geomspace(1, power.size - 1, BANDS + 1)
    # A frequency belongs to the band it does not exceed; the first band holds one cycle alone.
    band = np.clip(np.searchsorted(edges, cycles - 1e-6) - 1, 0, BANDS - 1)
    return np.bincount(band, power[1:], BANDS) / np.maximum(np.bincount(band, minlength=BANDS), 1)


def list_frequencies() -> np.ndarray:
    """Returns the frequencies of the page's curve in cycles a millimetre, evenly on a log scale."""
    return np.geomspace(LOWEST_PER_MM, HIGHEST_PER_MM, CURVE_POINTS)


def space_spectrum(power: np.ndarray, spacing_mm: float) -> np.ndarray:
    """Returns log10 of the power at `list_frequencies`, float32; NaN beyond what the image holds.

    Args:
        power: By whole cycles to a tile, as `measure_spectrum` returns it.
        spacing_mm: Of the image.
    """
    cycles = np.arange(1, power.size)
    per_mm = cycles / (2 * (power.size - 1) * spacing_mm)
    level = np.log10(power[1:] * spacing_mm**2 + 1e-12)
    curve = np.interp(np.log(list_frequencies()), np.log(per_mm), level, np.nan, np.nan)
    return curve.astype(np.float32)
