"""Means over readers and their differences between modalities, readers and cases both random.

Obuchowski and Rockette (1995): the areas of t modalities and r readers follow a two-way layout
whose errors are correlated, because all read the same cases. Tests and intervals with the degrees
of freedom of Hillis (2007) and, of one modality, Hillis (2014).
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from scipy.stats import chi2, f, t

from mammo_pipeline.mammo.delong import delong_covariance, explain_no_interval
from mammo_pipeline.mammo.readers.table import ReaderStudy

Readers = Literal["random", "fixed"]
# A variance below this is rounding: readings that do not differ must not get an interval of it.
NOTHING = 1e-15
WORDS = {
    "random": "readers and cases random; Obuchowski and Rockette, Hillis's degrees of freedom",
    "fixed": "these readers, cases random; Obuchowski and Rockette",
}


def measure_readers(study: ReaderStudy) -> tuple[np.ndarray, np.ndarray]:
    """Returns (areas, shape (t, r); their covariance over cases, shape (t, r, t, r)).

    Trapezoidal areas, ties half; covariance by DeLong, clustered by patient where one has several
    cases (Obuchowski 1997).
    """
    shape = study.scores.shape[:2]
    columns = study.scores.reshape(-1, len(study.cases)).T
    areas, covariance = delong_covariance(study.labels, columns, study.patients)
    return areas.reshape(shape), covariance.reshape(*shape, *shape)


def subtract(covariance: np.ndarray, one: int, other: int) -> np.ndarray:
    """Returns the covariance (r, r) of the readers' differences between two modalities."""
    c = covariance
    return c[one, :, one] + c[other, :, other] - c[one, :, other] - c[other, :, one]


def split_covariance(covariance: np.ndarray) -> dict[str, float]:
    """Returns var, cov1, cov2 and cov3: means over pairs of equal or different reader and modality.

    var: same reading; cov1: same reader, another modality; cov2: another reader, same modality;
    cov3: both different. None of a pair that does not exist counts as 0.
    """
    modalities, readers = covariance.shape[:2]
    same_reader = np.eye(readers, dtype=bool)[None, :, None, :]
    same_modality = np.eye(modalities, dtype=bool)[:, None, :, None]
    kinds = {
        "var": same_reader & same_modality,
        "cov1": same_reader & ~same_modality,
        "cov2": ~same_reader & same_modality,
        "cov3": ~same_reader & ~same_modality,
    }
    return {
        name: float(covariance[kind].mean()) if kind.any() else 0.0 for name, kind in kinds.items()
    }


def average_over_readers(
    values: np.ndarray, covariance: np.ndarray, level: float, readers: Readers, n: int, what: str
) -> dict[str, Any]:
    """Returns the mean over readers as a figure, with its standard error, df, t and p of 0.

    For values of one modality this is the single-modality interval of Hillis (2014); for each
    reader's difference of two modalities, the test of Obuchowski and Rockette for t = 2; for each
    reader's difference to a model, the one-sample test of Hillis (2005) and Hupse et al. (2013).

    Random readers: error^2 = (MS + r max(cov2, 0)) / r, df = (MS + r max(cov2, 0))^2 /
    (MS^2 / (r - 1)), MS the variance between readers. Fixed: error^2 = (var + (r - 1) max(cov2, 0))
    / r, and z in the place of t.

    Args:
        values: One a reader, shape (r,).
        covariance: Of the values over cases, shape (r, r).
        level: Of the interval.
        readers: Whether others than these are spoken of.
        n: Number of cases.
        what: What is averaged, for `how`.

    >>> found = average_over_readers(np.array([0.8, 0.9]), np.eye(2) * 1e-3, 0.95, "fixed", 90, "")
    >>> round(found["error"], 4), found["df"]
    (0.0224, None)
    """
    r, value = len(values), float(np.mean(values))
    how = f"{what}, mean of {r} readers; {WORDS[readers]}, {level:.0%}"
    figure: dict[str, Any] = {"value": value, "low": None, "high": None, "n": n, "how": how}
    rest = dict.fromkeys(["error", "df", "t", "p"])
    if readers == "random" and r < 2:
        reason = "no interval: one reader says nothing of others"
        return {"figure": figure | {"reason": reason}} | rest
    error, df = _find_error(values, covariance, readers)
    if not error > 0:
        return {"figure": figure | {"reason": explain_no_interval(error)}} | rest
    half = t.ppf((1 + level) / 2, df) * error
    ends = {"low": float(value - half), "high": float(value + half), "reason": None}
    return {
        "figure": figure | ends,
        "error": error,
        "df": df if np.isfinite(df) else None,
        "t": value / error,
        "p": float(2 * t.sf(abs(value / error), df)),
    }


def _find_error(
    values: np.ndarray, covariance: np.ndarray, readers: Readers
) -> tuple[float, float]:
    r = len(values)
    parts = split_covariance(np.asarray(covariance)[None, :, None, :])
    shared = np.maximum(parts["cov2"], 0)
    if readers == "fixed":
        total, df = parts["var"] + (r - 1) * shared, np.inf
    else:
        between = float(np.var(values, ddof=1))
        total = between + r * shared
        df = (r - 1) * (total / between) ** 2 if between > NOTHING else np.inf
    return (0.0 if total <= NOTHING else float(np.sqrt(total / r))), float(df)


def compare_all_modalities(
    areas: np.ndarray, covariance: np.ndarray, readers: Readers
) -> dict[str, Any]:
    """Returns the test that all modalities have one mean area: statistic, df, p and components.

    Random readers: F = MS(T) / (MS(TR) + r max(cov2 - cov3, 0)), with Hillis's (2007) denominator
    df = (MS(TR) + r max(cov2 - cov3, 0))^2 / (MS(TR)^2 / ((t - 1)(r - 1))). Fixed: (t - 1) F is a
    chi-square, F = MS(T) / (var - cov1 + (r - 1) max(cov2 - cov3, 0)).

    Args:
        areas: Shape (t, r).
        covariance: Shape (t, r, t, r).
        readers: Whether others than these are spoken of.
    """
    modalities, r = areas.shape
    parts = split_covariance(covariance)
    shown = {name: value if np.isfinite(value) else None for name, value in parts.items()}
    found: dict[str, Any] = {"components": shown, "statistic": None, "df": None, "p": None}
    if modalities < 2 or (readers == "random" and r < 2):
        few = "modality" if modalities < 2 else "reader"
        return found | {"reason": f"no test: only one {few}"}
    of_modality = r * float(np.var(areas.mean(axis=1), ddof=1))
    shared = max(parts["cov2"] - parts["cov3"], 0)
    if readers == "fixed":
        error, rest = parts["var"] - parts["cov1"] + (r - 1) * shared, np.inf
    else:
        apart = areas - areas.mean(axis=0) - areas.mean(axis=1, keepdims=True) + areas.mean()
        within = float((apart**2).sum()) / ((modalities - 1) * (r - 1))
        error = within + r * shared
        rest = (modalities - 1) * (r - 1) * (error / within) ** 2 if within > 0 else np.inf
    if not error > NOTHING:
        return found | {"reason": explain_no_interval(error).replace("interval", "test")}
    # An F of endless denominator df is a chi-square over its df.
    statistic = of_modality / error
    p = chi2.sf(statistic * (modalities - 1), modalities - 1)
    p = f.sf(statistic, modalities - 1, rest) if np.isfinite(rest) else p
    df = [modalities - 1, float(rest) if np.isfinite(rest) else None]
    return found | {"statistic": statistic, "df": df, "p": float(p), "reason": None}
