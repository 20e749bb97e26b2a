"""The same figures for each subgroup, beside the whole; small cells are flagged, never dropped."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from mammo_pipeline.mammo.intervals import bootstrap_by_patient, figure, proportion
from mammo_pipeline.mammo.scoring import auroc, undefined_reason

NOT_STATED = "not stated"
LESION_AXIS = "lesion_kind"


def age_bands(ages: pd.Series, edges: list[float]) -> pd.Series:
    """Returns the age band, in whole years, of each row as text; a missing age is "not stated".

    >>> age_bands(pd.Series([39, 50, None]), [40, 50]).tolist()
    ['39 and under', '50 and over', 'not stated']
    """
    middle = [f"{low:g} to {high - 1:g}" for low, high in pairwise(edges)]
    names = [f"{edges[0] - 1:g} and under", *middle, f"{edges[-1]:g} and over"]
    bounds = [-np.inf, *edges, np.inf]
    bands = pd.cut(pd.to_numeric(ages), bounds, right=False, labels=names)
    return bands.astype(object).where(bands.notna(), NOT_STATED)


def lesion_kinds(breasts: pd.DataFrame, lesions: pd.DataFrame, images: pd.DataFrame) -> pd.Series:
    """Returns the kinds of malignant lesion of each breast, joined by "+"; "" where none is drawn.

    Args:
        breasts: exam_id, laterality.
        lesions: image_id, kind, pathology.
        images: image_id, exam_id, laterality.
    """
    keys = ["exam_id", "laterality"]
    found = lesions[lesions["pathology"].eq("malignant")][["image_id", "kind"]]
    found = found.merge(images[["image_id", *keys]], on="image_id")[[*keys, "kind"]]
    found = found.drop_duplicates().sort_values([*keys, "kind"])
    joined = found.groupby(keys)["kind"].agg("+".join).rename(LESION_AXIS)
    return breasts[keys].merge(joined, how="left", on=keys)[LESION_AXIS].fillna("")


def subgroup_members(breasts: pd.DataFrame, axis: str) -> dict[str, np.ndarray]:
    """Returns group name to a mask of its breasts, names sorted.

    A lesion kind is a property of cancers: its group holds the cancers that show it and every
    breast without cancer.
    """
    if axis != LESION_AXIS:
        values = breasts[axis].astype(object).where(breasts[axis].notna(), NOT_STATED).astype(str)
        return {name: values.eq(name).to_numpy() for name in sorted(values.unique())}
    cancer = breasts["cancer"].eq(1)
    kinds = breasts[axis].where(breasts[axis].ne(""), NOT_STATED).str.split("+")
    names = sorted({kind for row in kinds[cancer] for kind in row})
    return {n: (~cancer | kinds.map(lambda row, n=n: n in row)).to_numpy() for n in names}


def measure_subgroups(
    breasts: pd.DataFrame,
    axes: list[str],
    threshold: float,
    repeats: int,
    level: float,
    min_class: int,
    rng: np.random.Generator,
) -> list[dict[str, Any]]:
    """Returns one record per subgroup of each axis, in the order of axes and names.

    Args:
        breasts: One row a breast: patient_id, cancer, probability, and the axes.
        axes: Columns to group by.
        threshold: The frozen operating point: recalled when probability >= threshold.
        repeats: Bootstrap replicates of the AUROC.
        level: Of every interval, such as 0.95.
        min_class: A cell with fewer positives or fewer negatives is flagged `small`.
        rng: Where chance comes from.

    Returns:
        {axis, group, n, patients, positives, auroc, recall_rate, sensitivity, specificity, small,
        note}; each figure is {value, low, high, n, how, reason}.
    """
    return [
        {"axis": axis, "group": name}
        | measure_group(breasts[mask], axis, threshold, repeats, level, min_class, rng)
        for axis in axes
        for name, mask in subgroup_members(breasts, axis).items()
    ]


def measure_group(
    group: pd.DataFrame,
    axis: str,
    threshold: float,
    repeats: int,
    level: float,
    min_class: int,
    rng: np.random.Generator,
) -> dict[str, Any]:
    """Returns the figures of one subgroup; those that its cases cannot define are null."""
    cancer = group["cancer"].to_numpy(float)
    recalled = group["probability"].to_numpy() >= threshold
    positives, n = int(cancer.sum()), len(group)
    small = min(positives, n - positives) < min_class
    recall = proportion(int(recalled.sum()), n, level)
    if axis == LESION_AXIS:
        recall = dict.fromkeys(recall) | {"n": n, "reason": "a lesion kind has no recall rate"}
    healthy = int((recalled & (cancer == 0)).sum())
    return {
        "n": n,
        "patients": int(group["patient_id"].nunique()),
        "positives": positives,
        "auroc": group_auroc(group, repeats, level, rng),
        "recall_rate": recall,
        "sensitivity": proportion(int((recalled & (cancer == 1)).sum()), positives, level),
        "specificity": proportion(n - positives - healthy, n - positives, level),
        "small": small,
        "note": f"{positives} with cancer, {n - positives} without: small" if small else None,
    }


def group_auroc(
    group: pd.DataFrame, repeats: int, level: float, rng: np.random.Generator
) -> dict[str, Any]:
    """Returns the AUROC of a subgroup as a figure, null with the reason when it is undefined."""
    labels, scores = group["cancer"].to_numpy(float), group["probability"].to_numpy()
    how = "area under the ROC curve, ties half"
    if reason := undefined_reason(labels):
        return figure(np.nan, np.array([]), len(group), level, how, reason)
    draws = bootstrap_by_patient(
        lambda weights: {"auroc": auroc(labels, scores, weights)},
        group["patient_id"],
        labels,
        repeats,
        rng,
    )
    return figure(float(auroc(labels, scores)), draws["auroc"], len(group), level, how)
