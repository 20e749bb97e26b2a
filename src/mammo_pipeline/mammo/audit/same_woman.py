"""Each device's scale from women imaged on two of them: her breast is her own measure."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from mammo_pipeline.mammo.intervals import percentile_interval

# Logarithm of a size to logarithm of a length: an area grows with the square of a scale.
SIZES = {"breast_mm2": 0.5, "breast_height_mm": 1.0, "breast_width_mm": 1.0}
# The percentiles of fewer women's bootstrap are narrower than the truth allows.
FEWEST_WOMEN = 5
BREAST_VIEW = ["patient_id", "laterality", "view"]


def estimate_scales(
    images: pd.DataFrame, draws: int, level: float, seed: int
) -> dict[str, dict[str, Any]]:
    """Returns, by size and device, how much too large the device draws the breast, in per cent.

    Least squares with an effect for every breast and view and one for every device on the logarithm
    of the size: only differences within the same woman, side and view speak. Scales are relative to
    the median of the devices that women link, so that one that errs moves no other (of two, each is
    half of the error away); a device that no woman links to another cannot be estimated. Intervals
    come from a bootstrap over women, at a level that holds for all devices of a size together
    (Bonferroni).

    Args:
        images: One row an image: patient_id, laterality, view, device and any of SIZES, above 0.
        draws: Bootstrap draws of women.
        level: Of the intervals.
        seed: Of the draws.

    Returns:
        Size to device to {percent, low, high, women, pairs, reason}: percent, low and high are None
        where `reason` says why they cannot be estimated. `pairs` counts breast views with the
        device and another.
    """
    groups = images.groupby(BREAST_VIEW, sort=False, observed=True)
    linked = images[groups["device"].transform("nunique") > 1]
    names = sorted(images["device"].astype(str).unique())
    return {
        size: _estimate_size(linked, names, size, draws, level, seed)
        for size in SIZES
        if size in images
    }


def _estimate_size(
    linked: pd.DataFrame, names: list[str], size: str, draws: int, level: float, seed: int
) -> dict[str, Any]:
    used = linked[linked[size] > 0].copy()
    used["device"] = used["device"].astype(str)
    women = used.groupby("device")["patient_id"].nunique()
    pairs = used.groupby("device")[BREAST_VIEW].apply(lambda rows: len(rows.drop_duplicates()))
    mains = _find_linked(used, names)
    lengths = np.full((draws + 1, len(names)), np.nan)
    if len(mains) > 1:
        squares, products = _sum_by_woman(used, mains, size)
        places = [names.index(name) for name in mains]
        lengths[:, places] = _solve_draws(squares, products, draws, seed)
    each = 1 - (1 - level) / max(len(mains), 1)
    found = {}
    for place, name in enumerate(names):
        n = {"women": int(women.get(name, 0)), "pairs": int(pairs.get(name, 0))}
        found[name] = _word_scale(lengths[:, place], each, n)
    return found


def _word_scale(lengths: np.ndarray, level: float, n: dict[str, int]) -> dict[str, Any]:
    percent = 100 * np.expm1(lengths)
    low, high = percentile_interval(percent[1:], level)
    if not np.isfinite(percent[0]) or low is None or n["women"] < FEWEST_WOMEN:
        reason = f"cannot be estimated: {n['women']} women imaged on it and on another device"
        return {"percent": None, "low": None, "high": None, **n, "reason": reason}
    return {"percent": float(percent[0]), "low": low, "high": high, **n, "reason": None}


def _find_linked(used: pd.DataFrame, names: list[str]) -> list[str]:
    """Returns the largest set of devices among which women make a chain; sorted, maybe empty."""
    from scipy.sparse.csgraph import connected_components

    if used.empty:
        return []
    number = used["device"].map({name: n for n, name in enumerate(names)}).to_numpy()
    woman = pd.factorize(used["patient_id"])[0]
    seen = np.zeros((woman.max() + 1, len(names)))
    seen[woman, number] = 1
    part = connected_components(seen.T @ seen, directed=False)[1]
    main = np.bincount(part).argmax()
    return [name for n, name in enumerate(names) if part[n] == main]


def _sum_by_woman(used: pd.DataFrame, mains: list[str], size: str) -> tuple[np.ndarray, np.ndarray]:
    """Returns each woman's part of the normal equations: (women, k, k) and (women, k).

    Means within a breast's view are taken off both sides, which removes its own effect (Frisch and
    Waugh 1933).
    """
    used = used[used["device"].isin(mains)].reset_index(drop=True)
    group = used.groupby(BREAST_VIEW, sort=False, observed=True).ngroup().to_numpy()
    length = SIZES[size] * np.log(used[size].to_numpy(float))
    shown = (used["device"].to_numpy()[:, None] == np.array(mains)[None]).astype(float)
    both = np.column_stack([shown, length])
    counts = np.bincount(group)[:, None]
    means = np.stack([np.bincount(group, column) for column in both.T], 1) / counts
    both = both - means[group]
    woman = pd.factorize(used["patient_id"])[0]
    squares = np.zeros((woman.max() + 1, len(mains), len(mains)))
    products = np.zeros((woman.max() + 1, len(mains)))
    np.add.at(squares, woman, both[:, :-1, None] * both[:, None, :-1])
    np.add.at(products, woman, both[:, :-1] * both[:, -1:])
    return squares, products


def _solve_draws(squares: np.ndarray, products: np.ndarray, draws: int, seed: int) -> np.ndarray:
    """Returns each device's log scale, (1 + draws, k): of all women first, then of each draw.

    A draw that breaks the chain of devices leaves scales undefined and counts as NaN.
    """
    women, devices = products.shape
    rng = np.random.default_rng(seed)
    drawn = rng.multinomial(women, np.full(women, 1 / women), draws)
    counts = np.vstack([np.ones(women), drawn])
    left = np.tensordot(counts, squares, 1)
    right = counts @ products
    rank = np.linalg.matrix_rank(left, tol=1e-6, hermitian=True)
    # Only differences can be seen: the mean is fixed at 0 to solve, then the median taken for it.
    solved = np.linalg.solve(
        left + np.ones((devices, devices)) + 1e-9 * np.eye(devices), right[..., None]
    )[..., 0]
    solved -= np.median(solved, axis=1, keepdims=True)
    return np.where((rank == devices - 1)[:, None], solved, np.nan)
