"""Honest differences of population between devices, weighted away before the devices are probed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

# What an archive may distribute unequally over its devices without any device's doing.
CONFOUNDERS = ("age", "density", "view", "laterality")
AGE_BINS = 8


def describe_confounders(images: pd.DataFrame) -> pd.DataFrame:
    """Returns the confounders as columns of numbers, one row an image; missing is a category.

    Age enters as a line and as up to eight bins of equal count, so that its effect may bend.

    Args:
        images: age in years, NaN where unknown; density, view, laterality: text, "" or missing
            where unknown.

    >>> table = pd.DataFrame({"age": [50.0, None], "density": ["A", ""], "view": "CC"})
    >>> list(describe_confounders(table.assign(laterality="L")))
    ['age missing', 'density missing', 'density A']
    """
    age = pd.to_numeric(images["age"], errors="coerce").astype(float)
    known = age.notna()
    columns: dict[str, np.ndarray] = {}
    if age.max() > age.min():
        line = (age - age.mean()) / age.std()
        columns["age"] = line.fillna(0.0).to_numpy()
        bins = pd.qcut(age, AGE_BINS, labels=False, duplicates="drop")
        for number in sorted(bins.dropna().unique())[1:]:
            columns[f"age bin {int(number) + 1}"] = bins.eq(number).to_numpy(float)
    columns["age missing"] = (~known).to_numpy(float)
    for name in CONFOUNDERS[1:]:
        words = images[name].astype("object").where(images[name].notna(), "").astype(str)
        for word in sorted(words.unique()):
            columns[f"{name} {word or 'missing'}"] = words.eq(word).to_numpy(float)
    table = pd.DataFrame(columns, index=images.index)
    return table.loc[:, table.max() > table.min()]


def weigh_images(
    images: pd.DataFrame, devices: pd.Series, trim: float
) -> tuple[np.ndarray, dict[str, Any]]:
    """Returns a weight for each image, and the record of what weighting did.

    Inverse probability weights (Robins, Hernan and Brumback 2000): the share of the image's device
    over the probability of that device given the image's confounders, from a multinomial logistic
    model. Under them every device has the confounders of all images together, so a device that
    images older women is not found for their age. Weights beyond `trim` times the device's median
    are cut there (Cole and Hernan 2008) and each device's weights then have mean 1.

    Args:
        images: One row an image, with CONFOUNDERS.
        devices: Device of each image.
        trim: Largest weight, in medians of its device; the smallest is one over it.

    Returns:
        float64, shape (images,), and {confounders, trimmed_share, effective_images and images by
        device, imbalance_before, imbalance_after}: the imbalance is the largest difference between
        a device's mean and the mean of all in standard deviations, over columns and devices; below
        0.1 counts as balanced (Austin 2009).
    """
    table = describe_confounders(images)
    names, device_of = np.unique(devices.to_numpy().astype(str), return_inverse=True)
    weights, trimmed = _invert_chances(table.to_numpy(), device_of, len(names), trim)
    effective = {
        str(name): float(own.sum() ** 2 / (own**2).sum())
        for name, own in ((name, weights[device_of == n]) for n, name in enumerate(names))
    }
    ones = np.ones(len(weights))
    return weights, {
        "confounders": list(CONFOUNDERS),
        "trimmed_share": trimmed,
        "images": {str(name): int((device_of == n).sum()) for n, name in enumerate(names)},
        "effective_images": effective,
        "imbalance_before": measure_imbalance(table, device_of, ones),
        "imbalance_after": measure_imbalance(table, device_of, weights),
    }


def _invert_chances(
    table: np.ndarray, device_of: np.ndarray, count: int, trim: float
) -> tuple[np.ndarray, float]:
    from sklearn.linear_model import LogisticRegression

    if table.shape[1] == 0 or count < 2:
        return np.ones(len(device_of)), 0.0
    chances = LogisticRegression(max_iter=1000).fit(table, device_of).predict_proba(table)
    shares = np.bincount(device_of) / len(device_of)
    raw = shares[device_of] / chances[np.arange(len(device_of)), device_of]
    weights = raw.copy()
    for device in range(count):
        own = device_of == device
        middle = np.median(raw[own])
        weights[own] = np.clip(raw[own], middle / trim, middle * trim)
    trimmed = float((weights != raw).mean())
    for device in range(count):
        weights[device_of == device] /= weights[device_of == device].mean()
    return weights, trimmed


def measure_imbalance(
    table: pd.DataFrame, device_of: np.ndarray, weights: np.ndarray
) -> dict[str, float]:
    """Returns, by confounder, the largest distance of a device's mean from the mean of all.

    In standard deviations of all images, under the weights; 0 is balance.
    """
    worst = dict.fromkeys(CONFOUNDERS, 0.0)
    for column in table:
        values = table[column].to_numpy(float)
        whole, spread = values.mean(), max(float(values.std()), 1e-9)
        name = str(column).split(" ")[0]
        for device in np.unique(device_of):
            own = device_of == device
            mean = float(np.average(values[own], weights=weights[own]))
            worst[name] = max(worst[name], abs(mean - whole) / spread)
    return worst
