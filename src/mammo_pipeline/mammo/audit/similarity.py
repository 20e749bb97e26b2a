"""How far two canvases of one breast differ, and how much of it two exposures alone explain."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations_with_replacement
from typing import Any

import numpy as np
import pandas as pd
from scipy import ndimage

from mammo_pipeline.mammo.audit.twins import (
    PlacedTwin,
    Standardize,
    Twin,
    draw_twin_anatomy,
    expose_twin,
    place_twin,
)
from mammo_pipeline.mammo.intervals import draw_patient_counts, figure

# The constants of Wang, Bovik, Sheikh and Simoncelli (2004), for values in [0, 1].
_C1, _C2, _WINDOW_PX = 0.01**2, 0.03**2, 1.5
# Figures with a denominator in noise, and the power of grey in which noise adds up in each.
RELATIVE = {"nrmse": 2, "dissimilarity": 1}
ABSOLUTE = ("area_share", "lesion_mm", "placement_mm", "scale_share")


def measure_twins(
    twins: Sequence[Twin],
    devices: Sequence[str],
    binning: float,
    standardize: Standardize,
    spacing_mm: float,
) -> Iterator[dict[str, Any]]:
    """Yields one row a pair of devices and twin, a device with itself included.

    Each device images each breast twice; the first exposure of `one` is held against the second of
    `other`, so that a pair of two devices and a device with itself have the same share of noise.

    Args:
        twins: The breasts.
        devices: Names of profiles.
        binning: 1 is the devices' full matrix.
        standardize: Takes a file and its row; returns the canvas, or None, and its record.
        spacing_mm: Of the canvas.

    Yields:
        `twin`, `one`, `other`, `code` (the first refusal, else `accepted`), and the figures of
        `RELATIVE` and `ABSOLUTE`, which are missing where an image was refused.
    """
    for number, twin in enumerate(twins):
        anatomy = draw_twin_anatomy(twin, binning)
        placed: dict[tuple[str, int], PlacedTwin | str] = {}
        for device in devices:
            for draw in (0, 1):
                file = expose_twin(twin, anatomy, device, draw, binning)
                canvas, record = standardize(file.content, file.image)
                placed[device, draw] = (
                    str(record["code"])
                    if canvas is None
                    else place_twin(file, canvas, record, spacing_mm)
                )
        for one, other in combinations_with_replacement(devices, 2):
            names = {"twin": number, "one": one, "other": other}
            yield names | _compare(placed[one, 0], placed[other, 1])


def _compare(one: PlacedTwin | str, other: PlacedTwin | str) -> dict[str, Any]:
    if isinstance(one, str) or isinstance(other, str):
        return {"code": one if isinstance(one, str) else other}
    return {"code": "accepted", **compare_canvases(one, other)}


def tabulate_twins(
    rows: Sequence[Mapping[str, Any]], repeats: int, rng: np.random.Generator, level: float = 0.95
) -> dict[str, Any]:
    """Returns what the pairs amount to, ready for JSON.

    The ratio of a pair is its figure over what the noise of its two devices would give: the root
    mean square of the two devices' own figures for `nrmse`, their mean for `dissimilarity`.

    Args:
        rows: What `measure_twins` yielded.
        repeats: Bootstrap replicates; women are drawn.
        rng: Where chance comes from.
        level: Of the intervals.

    Returns:
        `devices`, `twins` and `refused` (code to number of pairs); under `ratios` each figure of
        `RELATIVE`, under `differences` each of `ABSOLUTE`. Each has its mean over all pairs of two
        devices with its interval, the mean of every pair as a `matrix` in the order of `devices`,
        and for every device its `worst` partner; a figure that nothing defines is None.
    """
    table = pd.DataFrame(rows)
    table = table.reindex(columns=[*table.columns.union([*RELATIVE, *ABSOLUTE])])
    devices = list(dict.fromkeys(table["one"]))
    cubes = {name: _stack_pairs(table, name, devices) for name in (*RELATIVE, *ABSOLUTE)}
    refused = table.loc[table["code"] != "accepted", "code"].value_counts()
    counts = draw_patient_counts(np.zeros(len(cubes["nrmse"])), repeats, rng)

    def sum_up(cube: np.ndarray) -> dict[str, Any]:
        return _sum_up(cube, devices, counts, level)

    return {
        "devices": devices,
        "twins": len(counts[0]),
        "refused": {str(code): int(n) for code, n in refused.items()},
        "ratios": {
            name: sum_up(divide_by_noise(cubes[name], power)) for name, power in RELATIVE.items()
        },
        "differences": {name: sum_up(cubes[name]) for name in ABSOLUTE},
    }


def _stack_pairs(table: pd.DataFrame, name: str, devices: list[str]) -> np.ndarray:
    """Returns one figure as twins x devices x devices, symmetric, NaN where it is not defined."""
    place = {device: n for n, device in enumerate(devices)}
    numbers = np.unique(table["twin"])
    cube = np.full((numbers.size, len(devices), len(devices)), np.nan)
    twin = np.searchsorted(numbers, table["twin"])
    one, other = table["one"].map(place).to_numpy(), table["other"].map(place).to_numpy()
    cube[twin, one, other] = cube[twin, other, one] = table[name].to_numpy(float)
    return cube


def divide_by_noise(cube: np.ndarray, power: int) -> np.ndarray:
    """Returns each pair's figure over that of two exposures; the diagonal becomes NaN.

    No difference at all is a ratio of 0 even without noise; a difference without noise is infinite.

    Args:
        cube: Twins x devices x devices; on the diagonal a device with itself.
        power: In which the noise of two devices adds up.

    >>> divide_by_noise(np.array([[[3.0, 10.0], [10.0, 4.0]]]), 1)[0, 0, 1].round(3).item()
    2.857
    """
    own = np.einsum("tdd->td", cube) ** power
    noise = ((own[:, :, None] + own[:, None, :]) / 2) ** (1 / power)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(cube == 0, 0.0, cube / noise)
    ratio[:, np.eye(cube.shape[1], dtype=bool)] = np.nan
    return ratio


def _sum_up(
    cube: np.ndarray, devices: list[str], counts: np.ndarray, level: float
) -> dict[str, Any]:
    """Returns the mean over pairs with its interval, the matrix of means, and the worst partners.

    A device with itself counts in the matrix and nowhere else.
    """
    apart = np.where(np.eye(len(devices), dtype=bool), np.nan, cube)
    known = np.isfinite(apart)
    totals, numbers = np.where(known, apart, 0).sum((1, 2)), known.sum((1, 2))
    infinite = bool(np.isinf(apart).any())
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.inf if infinite else totals.sum() / numbers.sum()
        draws = (counts @ totals) / (counts @ numbers)
        matrix = np.nansum(cube, 0) / (~np.isnan(cube)).sum(0)
    why = "two exposures of one device do not differ" if infinite else "no pair was accepted"
    n = int((numbers > 0).sum())
    return {
        **figure(float(mean), draws, n, level, "mean over pairs of devices", why),
        "matrix": [[_or_none(value) for value in row] for row in matrix],
        "worst": {device: _find_worst(matrix, devices, device) for device in devices},
    }


def _find_worst(matrix: np.ndarray, devices: list[str], device: str) -> dict[str, Any]:
    own = devices.index(device)
    values = np.where(np.isfinite(matrix[own]), matrix[own], -np.inf)
    values[own] = -np.inf
    worst = int(np.argmax(values))
    return {"with": devices[worst], "value": _or_none(values[worst])}


def _or_none(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def compare_canvases(one: PlacedTwin, other: PlacedTwin) -> dict[str, float]:
    """Returns how far two images of one breast differ, in the figures of `RELATIVE` and `ABSOLUTE`.

    `nrmse` is the root mean square difference where both hold tissue, over the standard deviation
    of grey there. `dissimilarity` is 1 - SSIM. `area_share` is the area that only one of them
    holds, over that of either. `lesion_mm` is the largest distance between the places of a lesion,
    NaN without lesions; `placement_mm` that between the places of the chest wall at the nipple's
    level; `scale_share` the larger relative difference of the two scales.
    """
    either = (one.grey > 0) | (other.grey > 0)
    both = (one.grey > 0) & (other.grey > 0)
    apart = one.lesions_mm - other.lesions_mm
    return {
        "nrmse": measure_nrmse(one.grey, other.grey, both),
        "dissimilarity": 1 - measure_ssim(one.grey, other.grey, both),
        "area_share": 1 - float(both.sum() / max(either.sum(), 1)),
        "lesion_mm": float(np.hypot(*apart.T).max()) if len(apart) else float("nan"),
        "placement_mm": float(np.hypot(*(one.wall_mm - other.wall_mm))),
        "scale_share": float(np.abs(one.scales / other.scales - 1).max()),
    }


def measure_nrmse(one: np.ndarray, other: np.ndarray, where: np.ndarray) -> float:
    """Returns sqrt(mean (a - b)^2) over sqrt((var a + var b) / 2), NaN where nothing is shared.

    >>> measure_nrmse(np.array([0.0, 2.0]), np.array([1.0, 3.0]), np.array([True, True]))
    1.0
    """
    if not where.any():
        return float("nan")
    a, b = one[where].astype(np.float64), other[where].astype(np.float64)
    spread = np.sqrt((a.var() + b.var()) / 2)
    return float(np.sqrt(np.mean((a - b) ** 2)) / spread) if spread else float("nan")


def measure_ssim(one: np.ndarray, other: np.ndarray, where: np.ndarray) -> float:
    """Returns the mean structural similarity at the pixels asked for, NaN where there are none.

    Wang, Bovik, Sheikh and Simoncelli, IEEE Trans Image Process 13(4), 2004: an 11 x 11 Gaussian
    window of 1.5 pixels; C1 and C2 are those of values in [0, 1].

    >>> image = np.arange(144.0).reshape(12, 12) / 144
    >>> measure_ssim(image, image, np.ones((12, 12), bool))
    1.0
    """
    if not where.any():
        return float("nan")
    a, b = one.astype(np.float64), other.astype(np.float64)
    mean_a, mean_b = _smooth(a), _smooth(b)
    var_a, var_b = _smooth(a * a) - mean_a**2, _smooth(b * b) - mean_b**2
    covariance = _smooth(a * b) - mean_a * mean_b
    light = (2 * mean_a * mean_b + _C1) / (mean_a**2 + mean_b**2 + _C1)
    structure = (2 * covariance + _C2) / (var_a + var_b + _C2)
    return float((light * structure)[where].mean())


def _smooth(image: np.ndarray) -> np.ndarray:
    return ndimage.gaussian_filter(image, _WINDOW_PX, truncate=3.5)
