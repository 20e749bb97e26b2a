"""How many modes a feature has, by Silverman's test: two devices, two modes are a leak's face."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import fft

GRID = 512
MOST_MODES = 8
# The narrowest kernel, in steps of the grid: below it the grid's own ripples are modes.
_NARROWEST = 2.5
_HALVINGS = 20


def count_modes(
    values: np.ndarray,
    draws: int,
    level: float,
    rng: np.random.Generator,
    resolution: float = 0.0,
) -> dict[str, Any]:
    """Returns the number of modes and what the test said: {modes, n, p_values, how}.

    Silverman's (1981) bandwidth test: the narrowest Gaussian kernel that shows at most k modes is
    taken for the truth, samples of it are drawn, their spread brought to the sample's, and p is how
    often they need a wider one. k is the first that is not rejected. For one mode the kernel is
    widened as Hall and York (2001) calibrate it, for the plain test errs towards one mode.

    Args:
        values: One number an image, finite.
        draws: Bootstrap samples.
        level: A p below it rejects k modes; 0.05 is the one that the calibration is known for.
        rng: Where the samples come from.
        resolution: Modes nearer than about twice this are one, in the unit of the values.

    Returns:
        `p_values` are those of 1, 2, ... modes up to the number found, which is 8 at most.

    >>> rng = np.random.default_rng(0)
    >>> two = np.concatenate([rng.normal(0, 1, 200), rng.normal(6, 1, 200)])
    >>> count_modes(two, 100, 0.05, rng)["modes"]
    2
    """
    values = np.asarray(values, np.float64)
    how = f"Silverman's test, {draws} draws, level {level:g}"
    if values.size < 2 or np.ptp(values) <= 1e-9 * max(1.0, float(np.abs(values).max())):
        return {"modes": 1, "n": int(values.size), "p_values": [1.0], "how": "one value"}
    spread = float(values.std())
    values = (values - values.mean()) / spread
    narrowest = max(_NARROWEST * float(np.ptp(values)) / GRID, resolution / spread)
    p_values: list[float] = []
    while len(p_values) < MOST_MODES and (not p_values or p_values[-1] < level):
        width = find_critical_width(values, len(p_values) + 1, narrowest)
        p_values.append(_test_modes(values, width, len(p_values) + 1, draws, level, rng))
    return {"modes": len(p_values), "n": int(values.size), "p_values": p_values, "how": how}


def count_modes_by_feature(
    features: pd.DataFrame,
    images: pd.DataFrame,
    draws: int,
    level: float,
    seed: int,
    resolutions: Mapping[str, float],
) -> dict[str, dict[str, Any]]:
    """Returns `count_modes` of every column, of one image a woman, each view's median taken off.

    Two views of one breast differ in height and share by anatomy: that is two modes, and no leak.
    A woman's images are alike, and their little heaps would be taken for modes; which of hers
    counts is drawn.

    Args:
        features: One row an image.
        images: patient_id and view of each image, in the same order.
        draws: Bootstrap samples.
        level: See `count_modes`.
        seed: Each feature has its own chance from it, whatever the others are.
        resolutions: Of the features that have one, see `count_modes`.
    """
    order = np.random.default_rng(seed).permutation(len(images))
    first = ~images["patient_id"].iloc[order].duplicated().to_numpy()
    chosen = np.sort(order[first])
    found = {}
    for name in features:
        middle = features[name].groupby(images["view"].to_numpy()).transform("median")
        values = (features[name] - middle).to_numpy(float)[chosen]
        rng = np.random.default_rng([seed, *str(name).encode()])
        found[str(name)] = count_modes(values, draws, level, rng, resolutions.get(str(name), 0.0))
    return found


def _test_modes(
    values: np.ndarray,
    width: float | None,
    modes: int,
    draws: int,
    level: float,
    rng: np.random.Generator,
) -> float:
    if width is None:  # even the narrowest kernel shows no more modes
        return 1.0
    wider = _calibrate(level) if modes == 1 else 1.0
    exceeded = 0
    for _ in range(draws):
        drawn = values[rng.integers(0, values.size, values.size)]
        noise = rng.standard_normal(values.size)
        sample = (drawn + width * noise) / np.sqrt(1 + width**2)
        exceeded += _count_peaks(*_bin_values(sample, wider * width), wider * width) > modes
    return exceeded / draws


def _calibrate(level: float) -> float:
    """Returns the factor on the kernel that gives the test of one mode its level.

    Hall and York (2001, Statistica Sinica 11, 515-536), their fitted quotient of cubics.
    """
    above: Sequence[float] = (0.94029, -1.59914, 0.17695, 0.48971)
    below: Sequence[float] = (1.0, -1.77793, 0.36162, 0.42423)
    return float(np.polyval(above, level) / np.polyval(below, level))


def find_critical_width(values: np.ndarray, modes: int, narrowest: float) -> float | None:
    """Returns the narrowest Gaussian kernel's spread that shows at most so many modes, or None.

    The number of modes never grows with a Gaussian kernel (Silverman 1981), so bisection finds it.

    Args:
        values: Of spread 1.
        modes: How many may show.
        narrowest: No kernel is narrower; None where even this one shows no more modes.
    """
    low, high = narrowest, max(float(np.ptp(values)), narrowest)
    if _count_peaks(*_bin_values(values, low), low) <= modes:
        return None
    for _ in range(_HALVINGS):
        middle = float(np.sqrt(low * high))
        few = _count_peaks(*_bin_values(values, middle), middle) <= modes
        low, high = (low, middle) if few else (middle, high)
    return high


def _bin_values(values: np.ndarray, width: float) -> tuple[np.ndarray, float]:
    """Returns counts on a grid that reaches four kernels beyond the values, and the grid's step."""
    start, end = values.min() - 4 * width, values.max() + 4 * width
    step = (end - start) / (GRID - 1)
    place = (values - start) / step
    left = np.floor(place).astype(int)
    share = place - left
    counts = np.bincount(left, 1 - share, GRID + 1) + np.bincount(left + 1, share, GRID + 1)
    return counts[:GRID], float(step)


def _count_peaks(counts: np.ndarray, step: float, width: float) -> int:
    """Returns the number of local maxima of the kernel density estimate."""
    padded = fft.next_fast_len(2 * GRID, real=True)
    cycles = fft.rfftfreq(padded, step)
    kernel = np.exp(-0.5 * (2 * np.pi * cycles * width) ** 2)
    density = fft.irfft(fft.rfft(counts, padded) * kernel, padded)[:GRID]
    # A step smaller than the transform's rounding is no slope.
    slopes = np.diff(density)
    slopes = slopes[np.abs(slopes) > 1e-10 * density.max()]
    return int(((slopes[:-1] > 0) & (slopes[1:] < 0)).sum())
