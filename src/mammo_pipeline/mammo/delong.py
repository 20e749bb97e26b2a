"""Variances of areas under ROC curves without resampling, and the paired test of two areas.

DeLong, DeLong and Clarke-Pearson (1988), at the cost of one sort (Sun and Xu 2014); with several
breasts of one patient, the clustered form of Obuchowski (1997).
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import expit, logit
from scipy.stats import norm

from mammo_pipeline.mammo.resampling import check_columns

Scale = Literal["logit", "normal"]
WORDS = {"logit": "normal on the logit scale", "normal": "normal"}


def find_placements(labels: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Returns the share of the other class that each row is on the right side of, shape (n,).

    Of a positive: the share of negatives below it; of a negative: the share of positives above it;
    a tie counts half. Their mean over either class is the area under the curve.

    Args:
        labels: 0 or 1, shape (n,).
        scores: Finite, shape (n,).

    >>> find_placements(np.array([0, 1, 0, 1]), np.array([1.0, 2.0, 2.0, 3.0])).tolist()
    [1.0, 0.75, 0.75, 1.0]
    """
    order = np.argsort(scores)
    ranked = scores[order]
    starts = np.flatnonzero(np.diff(ranked, prepend=-np.inf))
    ends = np.append(starts[1:], ranked.size)
    positives = np.concatenate([[0], np.cumsum(labels[order], dtype=np.int64)])
    middle = (positives[starts] + positives[ends]) / 2
    below = (starts + ends) / 2 - middle
    total = positives[-1]
    of_group = np.repeat(np.arange(starts.size), ends - starts)
    with np.errstate(invalid="ignore", divide="ignore"):
        right = np.stack([(total - middle) / total, below / (labels.size - total)])
    placements = np.empty(labels.size)
    placements[order] = right[labels[order], of_group]
    return placements


def delong_covariance(
    labels: ArrayLike, scores: ArrayLike, patients: ArrayLike | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Returns (areas, shape (m,); their covariance, shape (m, m)), NaN where undefined.

    The covariance needs two patients with a positive row and two with a negative one.

    Args:
        labels: 0 or 1 of each row, shape (n,).
        scores: Higher is more suspicious, finite, shape (n, m), or (n,) for one model.
        patients: The patient of each row, shape (n,), whose rows are a cluster (Obuchowski 1997);
            None takes all rows as independent (DeLong 1988).

    Raises:
        ValueError: A label is not 0 or 1, a score is not finite, or the lengths differ.

    >>> areas, covariance = delong_covariance([0, 0, 1, 1], [0.1, 0.4, 0.3, 0.8])
    >>> areas.tolist(), covariance.tolist()
    ([0.75], [[0.125]])
    """
    y, columns = check_columns(labels, scores)
    if not 0 < y.sum() < y.size:
        return np.full(len(columns), np.nan), np.full((len(columns), len(columns)), np.nan)
    placements = np.stack([find_placements(y, column) for column in columns])
    areas = placements[:, y == 1].mean(axis=1)
    apart = placements - areas[:, None]
    # Each row's part in the area's error: its class makes the mean, so each is over its size.
    parts = [apart[:, y == k] / (y == k).sum() for k in (1, 0)]
    if patients is None:
        of_positives, of_negatives = (_square(part, part.shape[1]) for part in parts)
        return areas, of_positives + of_negatives
    units = pd.factorize(np.asarray(patients))[0]
    if units.size != y.size or (units < 0).any():
        raise ValueError(f"{y.size} rows need one patient each.")
    return areas, _join_clusters(parts, [units[y == k] for k in (1, 0)], int(units.max()) + 1)


def _square(part: np.ndarray, n: int) -> np.ndarray:
    """Returns the sum of squares of n units, raised by n / (n - 1); NaN for one unit."""
    return part @ part.T * (n / (n - 1) if n > 1 else np.nan)


def _join_clusters(parts: list[np.ndarray], units: list[np.ndarray], patients: int) -> np.ndarray:
    """Returns the covariance: S10 / M + S01 / N + (S11 + S11') / (M N) of Obuchowski (1997).

    Where each patient has one row, no patient is in both classes, and DeLong's S10 / M + S01 / N
    is left.
    """
    sums = [
        np.stack([np.bincount(of_rows, row, patients) for row in part])
        for part, of_rows in zip(parts, units, strict=True)
    ]
    with_class = [int(np.count_nonzero(np.bincount(of_rows))) for of_rows in units]
    within = [_square(part, n) for part, n in zip(sums, with_class, strict=True)]
    across = sums[0] @ sums[1].T * (patients / max(patients - 1, 1))
    return within[0] + within[1] + across + across.T


def auroc_interval(
    area: float, variance: float, level: float, scale: Scale = "logit"
) -> tuple[float | None, float | None]:
    """Returns (low, high) of an area; None where it has no variance or the scale no end.

    On the logit scale both ends lie within 0 and 1, and small samples are covered better (Newcombe
    2006). An area of 0 or 1 has variance 0 whatever its cases: no interval follows from it.

    >>> [round(end, 3) for end in auroc_interval(0.9, 0.0016, 0.95)]
    [0.79, 0.956]
    >>> auroc_interval(1.0, 0.0, 0.95)
    (None, None)
    """
    if not (np.isfinite(variance) and variance > 0 and 0 < area < 1):
        return None, None
    half = float(norm.ppf((1 + level) / 2) * np.sqrt(variance))
    if scale == "normal":
        return max(area - half, 0.0), min(area + half, 1.0)
    centre, half = logit(area), half / (area * (1 - area))
    return float(expit(centre - half)), float(expit(centre + half))


def measure_auroc(
    labels: ArrayLike,
    scores: ArrayLike,
    patients: ArrayLike | None,
    level: float,
    scale: Scale = "logit",
) -> dict[str, Any]:
    """Returns the area of one model as a figure with DeLong's interval.

    >>> measure_auroc([0, 0], [0.1, 0.2], None, 0.95)["reason"]
    'cannot be estimated, n = 2: no case with cancer'
    """
    areas, covariance = delong_covariance(labels, scores, patients)
    return state_area(
        float(areas[0]), float(covariance[0, 0]), labels, patients is not None, level, scale
    )


def state_area(
    area: float, variance: float, labels: ArrayLike, clustered: bool, level: float, scale: Scale
) -> dict[str, Any]:
    """Returns {value, low, high, n, how, reason} of an area whose variance is known."""
    y = np.asarray(labels)
    figure: dict[str, Any] = {"value": None, "low": None, "high": None, "n": int(y.size)}
    by = "DeLong clustered by patient" if clustered else "DeLong"
    figure |= {"how": f"area under the ROC curve, ties half; {by}, {WORDS[scale]}, {level:.0%}"}
    if not np.isfinite(area):
        missing = "no case with cancer" if not y.sum() else "no case without cancer"
        return figure | {"reason": f"cannot be estimated, n = {y.size}: {missing}"}
    low, high = auroc_interval(area, variance, level, scale)
    found = figure | {"value": area, "low": low, "high": high}
    return found | {"reason": None if low is not None else explain_no_interval(variance)}


def explain_no_interval(variance: float) -> str:
    """Returns why an area or a difference of areas has no interval.

    >>> explain_no_interval(0.0)
    'no interval: these cases show no variation'
    """
    if np.isfinite(variance):
        return "no interval: these cases show no variation"
    return "no interval: a class has fewer than 2 patients"


def compare_areas(
    labels: ArrayLike, scores: ArrayLike, patients: ArrayLike | None, level: float
) -> dict[str, Any]:
    """Returns the areas of two models on the same rows, and their difference with its test.

    Args:
        labels: 0 or 1 of each row, shape (n,).
        scores: Of the first and the second model, shape (n, 2).
        patients: The patient of each row; None takes rows as independent.
        level: Of the intervals.

    Returns:
        first, second, difference (first - second): figures; z; p, two-sided, None where the
        difference has no variance; correlation of the two areas.

    >>> found = compare_areas([0, 0, 1, 1], [[1, 1], [2, 3], [3, 2], [4, 4]], None, 0.95)
    >>> found["difference"]["value"], round(found["z"], 3), round(found["p"], 3)
    (0.25, 0.707, 0.48)
    """
    areas, covariance = delong_covariance(labels, scores, patients)
    if len(areas) != 2:
        raise ValueError(f"{len(areas)} score columns; two models are compared, so expected 2.")
    clustered = patients is not None
    variances = np.diag(covariance)
    first, second = (
        state_area(float(area), float(variance), labels, clustered, level, "logit")
        for area, variance in zip(areas, variances, strict=True)
    )
    spread = float(variances.sum() - 2 * covariance[0, 1])
    # Two equal models differ by nothing; rounding must not make a variance of it.
    spread = 0.0 if spread < 1e-12 * max(float(variances.sum()), 1e-12) else spread
    scale = float(np.sqrt(variances.prod()))
    return {"first": first, "second": second} | {
        **_state_difference(float(areas[0] - areas[1]), spread, first, level),
        "correlation": float(covariance[0, 1] / scale) if scale > 0 else None,
    }


def _state_difference(
    difference: float, variance: float, first: dict[str, Any], level: float
) -> dict[str, Any]:
    how = first["how"].split("; ")[1].split(",")[0]
    figure = {"value": None, "low": None, "high": None, "n": first["n"]}
    figure |= {"how": f"first less second; {how}, paired, normal, {level:.0%}"}
    nothing: dict[str, Any] = {"z": None, "p": None}
    if not np.isfinite(difference):
        return {"difference": figure | {"reason": first["reason"]}} | nothing
    if not (np.isfinite(variance) and variance > 0):
        reason = explain_no_interval(variance)
        return {"difference": figure | {"value": difference, "reason": reason}} | nothing
    z = difference / np.sqrt(variance)
    half = norm.ppf((1 + level) / 2) * np.sqrt(variance)
    ends = {"low": float(difference - half), "high": float(difference + half)}
    found = figure | {"value": difference, **ends, "reason": None}
    return {"difference": found, "z": float(z), "p": float(2 * norm.sf(abs(z)))}
