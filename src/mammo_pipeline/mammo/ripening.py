"""Labels that ripen: who has cancer within a year or two of an exam, and how early it was scored.

A breast is a patient's side, followed over her exams. Its exam counts as positive within a horizon
when cancer is found at it or at a later exam of that breast no further away; an exam whose breast
is not seen again late enough is unripe: nobody knows yet.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from mammo_pipeline.mammo.intervals import figure
from mammo_pipeline.mammo.reasons import check_breasts, explain_undefined, withhold_interval
from mammo_pipeline.mammo.resampling import auroc_draws
from mammo_pipeline.mammo.scoring import auroc
from mammo_pipeline.mammo.shares import clustered_proportion

DAYS_A_MONTH = 30.4375  # A year of 365.25 days over 12.
SIDE = ["patient_id", "laterality"]
GROUPS = {
    "diagnosis": "cancer, exam of diagnosis (N)",
    "before": "cancer, exam before (N-1)",
    "none": "no cancer",
}
POSITIVE, NEGATIVE, UNRIPE, LEFT_OUT = 1.0, 0.0, 2.0, 3.0
BINS = 10


def label_within(breasts: pd.DataFrame, months: float) -> np.ndarray:
    """Returns the label of each row within a horizon: 1, 0, 2 unripe or 3 left out; shape (n,).

    1: cancer at this exam or at a later one of the same breast at most `months` later.
    0: no cancer so far, and the breast seen again at the horizon or after it; a cancer found only
       then leaves it negative within the horizon (cumulative cases and dynamic controls, Heagerty,
       Lumley and Pepe 2000).
    2: no cancer so far, and the breast not seen again that late.
    3: exams without cancer of a breast after its first cancer, which show the treatment and not
       the risk, and exams whose date, or that of the breast's cancer, is unknown.

    Args:
        breasts: One row a breast of an exam: patient_id, laterality, cancer, exam_offset_days.
        months: The horizon, of 30.4375 days each.

    >>> breasts = pd.DataFrame({"patient_id": ["p", "p", "q"], "laterality": "L",
    ...     "cancer": [0, 1, 0], "exam_offset_days": [0, 350, 0]})
    >>> label_within(breasts, 12).tolist(), label_within(breasts, 11).tolist()
    ([1.0, 1.0, 2.0], [0.0, 1.0, 2.0])
    """
    days, first, last = follow_breasts(breasts)
    horizon = days + months * DAYS_A_MONTH
    labels = np.where(first <= horizon, POSITIVE, np.where(last >= horizon, NEGATIVE, UNRIPE))
    after = (days > first) & (breasts["cancer"].to_numpy(float) == 0)
    return np.where(np.isnan(days) | np.isnan(first) | after, LEFT_OUT, labels)


def follow_breasts(breasts: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns (day of each exam, first day with cancer of its breast, last day seen), shape (n,).

    Days count from the patient's first exam; a breast's only exam needs no date. The first day
    with cancer is inf where there is none, and NaN where that exam has no date.
    """
    days = breasts["exam_offset_days"].to_numpy(float, na_value=np.nan)
    cancer = breasts["cancer"].to_numpy(float) == 1
    keys = [breasts[name].astype(str).to_numpy() for name in SIDE]
    alone = pd.Series(days).groupby(keys).transform("size").to_numpy() == 1
    days = np.where(alone & np.isnan(days), 0.0, days)
    seen = pd.DataFrame({"day": days, "sick": np.where(cancer, days, np.inf)})
    grouped = seen.assign(hidden=cancer & np.isnan(days)).groupby(keys)
    first = grouped["sick"].transform("min").to_numpy(float)
    hidden = grouped["hidden"].transform("any").to_numpy(bool)
    return days, np.where(hidden, np.nan, first), grouped["day"].transform("max").to_numpy(float)


def group_exams(breasts: pd.DataFrame, before_months: tuple[float, float] = (6, 24)) -> np.ndarray:
    """Returns the slide's group of each row: "diagnosis", "before", "none" or ""; shape (n,).

    diagnosis: the first exam of a breast with cancer. before: the same breast's last exam without
    cancer within `before_months` before that. none: every exam of a breast that never
    has cancer in this table. "": other exams of breasts with cancer.

    Args:
        breasts: One row a breast of an exam: exam_id, patient_id, laterality, cancer,
            exam_offset_days.
        before_months: How long before diagnosis N-1 may lie, (least, most).

    Raises:
        ValueError: The bounds are not in order.

    >>> breasts = pd.DataFrame({"exam_id": ["a", "b", "c"], "patient_id": "p", "laterality": "L",
    ...     "cancer": [0, 0, 1], "exam_offset_days": [0, 365, 730]})
    >>> group_exams(breasts).tolist()
    ['', 'before', 'diagnosis']
    """
    least, most = before_months
    if not 0 < least <= most:
        raise ValueError(f"before_months is {before_months}; expected 0 < least <= most.")
    days, first, _ = follow_breasts(breasts)
    sick = breasts["cancer"].to_numpy(float) == 1
    gap = (first - days) / DAYS_A_MONTH
    groups = np.full(len(breasts), "", object)
    side = [breasts[name].astype(str).to_numpy() for name in SIDE]
    ever = pd.Series(sick).groupby(side).transform("any").to_numpy(bool)
    groups[~ever] = "none"
    order = breasts.assign(day=days)[["day", "exam_id"]].astype({"exam_id": str})
    order = order.reset_index(drop=True).sort_values(["day", "exam_id"])
    candidates = {
        "diagnosis": (sick & (days == first), "first"),
        "before": (~sick & (gap >= least) & (gap <= most), "last"),
    }
    for name, (mask, which) in candidates.items():
        rows = order.index[mask[order.index]]
        kept = ~pd.DataFrame({n: keys[rows] for n, keys in enumerate(side)}).duplicated(keep=which)
        groups[rows[kept.to_numpy()]] = name
    return groups


def measure_ripening(
    breasts: pd.DataFrame,
    threshold: float,
    repeats: int,
    level: float,
    rng: np.random.Generator,
    months: Sequence[float] = (12, 24),
    before_months: tuple[float, float] = (6, 24),
    unripe_as_negative: bool = False,
) -> dict[str, Any]:
    """Returns the area within each horizon, and scores at diagnosis, one exam before, and never.

    Args:
        breasts: One row a scored breast of an exam: exam_id, patient_id, laterality,
            exam_offset_days (from the patient's first exam), cancer, calibrated_logit,
            probability, and `score` (1 to 10) where it is known.
        threshold: Recalled when probability >= threshold, frozen on tune.
        repeats: Bootstrap replicates, of patients.
        level: Of the intervals.
        rng: Where chance comes from.
        months: Horizons.
        before_months: How long before diagnosis N-1 may lie, (least, most).
        unripe_as_negative: Whether a breast not seen again late enough counts as without cancer.

    Returns:
        {months, before_months, threshold, unripe_as_negative, n, undated, after_diagnosis,
        horizons: [{months, n, positives, patients, unripe, auroc}], scale ("score" or
        "probability"), groups: [{key, group, n, patients, median, q1, q3, shares (of 10 classes),
        recalled}], auroc_before, auroc_diagnosis (each against no cancer)}.

    Raises:
        ValueError: A table that cannot be measured, or bounds that are not in order.
    """
    check_breasts(breasts, ["calibrated_logit", "probability"])
    wanted = ["exam_id", "laterality", "exam_offset_days"]
    if missing := [name for name in wanted if name not in breasts]:
        raise ValueError(f"the breasts have no column {missing}; found {list(breasts.columns)}.")
    sizes = (repeats, level, rng)
    groups = group_exams(breasts, before_months)
    days, first, _ = follow_breasts(breasts)
    undated = int((np.isnan(days) | np.isnan(first)).sum())
    return {
        "months": list(months),
        "before_months": list(before_months),
        "threshold": threshold,
        "unripe_as_negative": unripe_as_negative,
        "n": len(breasts),
        "undated": undated,
        "after_diagnosis": int((label_within(breasts, 0) == LEFT_OUT).sum()) - undated,
        "horizons": [
            measure_horizon(breasts, horizon, unripe_as_negative, *sizes) for horizon in months
        ],
        "scale": "score" if "score" in breasts else "probability",
        "groups": [describe_group(breasts[groups == key], key, threshold, level) for key in GROUPS],
        "auroc_before": compare_groups(breasts, groups, "before", *sizes),
        "auroc_diagnosis": compare_groups(breasts, groups, "diagnosis", *sizes),
    }


def measure_horizon(
    breasts: pd.DataFrame,
    months: float,
    unripe_as_negative: bool,
    repeats: int,
    level: float,
    rng: np.random.Generator,
) -> dict[str, Any]:
    """Returns {months, n, positives, patients, unripe, auroc} within one horizon."""
    labels = label_within(breasts, months)
    unripe = labels == UNRIPE
    if unripe_as_negative:
        labels = np.where(unripe, NEGATIVE, labels)
    kept = labels <= POSITIVE
    return {
        "months": months,
        "n": int(kept.sum()),
        "positives": int((labels[kept] == POSITIVE).sum()),
        "patients": int(breasts.loc[kept, "patient_id"].nunique()),
        "unripe": int(unripe.sum()),
        "auroc": measure_area(breasts[kept], labels[kept], repeats, level, rng),
    }


def compare_groups(
    breasts: pd.DataFrame,
    groups: np.ndarray,
    key: str,
    repeats: int,
    level: float,
    rng: np.random.Generator,
) -> dict[str, Any]:
    """Returns the AUROC of one group of `group_exams` against the breasts without cancer."""
    kept = (groups == key) | (groups == "none")
    labels = (groups[kept] == key).astype(float)
    found = measure_area(breasts[kept], labels, repeats, level, rng)
    return found | {"positives": int(labels.sum())}


def measure_area(
    breasts: pd.DataFrame,
    labels: np.ndarray,
    repeats: int,
    level: float,
    rng: np.random.Generator,
) -> dict[str, Any]:
    """Returns the AUROC of the calibrated logit as a figure; null with its reason if undefined."""
    how = "area under the ROC curve, ties half"
    if labels.size == 0 or labels.min() == labels.max():
        why = explain_undefined("auroc", labels)
        return figure(np.nan, np.array([]), len(labels), level, how, why)
    scores = breasts["calibrated_logit"].to_numpy(float)
    draws = auroc_draws(labels, scores, breasts["patient_id"], repeats, rng)
    found = figure(float(auroc(labels, scores)), draws, len(labels), level, how)
    return withhold_interval(found, labels, breasts["patient_id"])


def describe_group(group: pd.DataFrame, key: str, threshold: float, level: float) -> dict[str, Any]:
    """Returns the scores of one group: median, quartiles, shares of ten classes, share recalled."""
    graded = "score" in group
    values = group["score" if graded else "probability"].to_numpy(float)
    edges = np.arange(BINS + 1) + 0.5 if graded else np.linspace(0, 1, BINS + 1)
    quartiles = np.quantile(values, [0.25, 0.5, 0.75]).tolist() if values.size else [None] * 3
    counts = np.histogram(values, edges)[0]
    return {
        "key": key,
        "group": GROUPS[key],
        "n": len(group),
        "patients": int(group["patient_id"].nunique()),
        **dict(zip(("q1", "median", "q3"), quartiles, strict=True)),
        "shares": (counts / max(len(group), 1)).tolist(),
        "recalled": clustered_proportion(
            group["probability"].to_numpy(float) >= threshold, group["patient_id"], level
        ),
    }
