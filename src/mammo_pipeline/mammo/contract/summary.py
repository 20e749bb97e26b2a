"""The study in figures: who is in it, what was left out, how common cancer is, and with what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from mammo_pipeline.mammo.contract.association import commonest, measure_association
from mammo_pipeline.mammo.contract.completeness import count_pairs
from mammo_pipeline.mammo.intervals import proportion
from mammo_pipeline.mammo.patches.classes import CLASS_NAMES, LABELS

# Attributes held against the outcome, and the unit that has one of each. A patient's images share
# her device and density; laterality and the views taken belong to a breast.
FACTORS = {
    "device": "patient",
    "unit_id": "patient",
    "detector": "patient",
    "photometric": "patient",
    "transfer_syntax": "patient",
    "density": "patient",
    "implant": "patient",
    "laterality": "breast",
    "views_taken": "breast",
    "site_id": "patient",
}
Figure = dict[str, Any]


def count(value: int, how: str) -> Figure:
    """Returns a count as a figure: no interval, for nothing was sampled.

    >>> count(3, "rows")["value"]
    3
    """
    bounds: Figure = {"low": None, "high": None}
    return {"value": value, **bounds, "n": value, "how": how, "reason": None}


def summarize_patients(breasts: pd.DataFrame, patients: pd.DataFrame, level: float) -> dict:
    """Returns how many patients there are, and the share of cancers by patient and by breast."""
    ill, judged = patients["cancer"].eq(1), patients["cancer"].notna()
    known = breasts[breasts["cancer"].notna()]
    truths = breasts["truth"].replace("", None).dropna()
    opinions = int(truths.eq("opinion").sum())
    return {
        "patients": count(len(patients), "patients with an accepted image"),
        "patients_with_cancer": count(int(ill.sum()), "patients with cancer in any breast"),
        "patients_without_cancer": count(int((judged & ~ill).sum()), "patients without cancer"),
        "cancer_share_patients": proportion(int(ill.sum()), int(judged.sum()), level),
        "cancer_share_breasts": proportion(int(known["cancer"].eq(1).sum()), len(known), level),
        "opinion_share": proportion(opinions, len(truths), level),
    }


UNLABELLED = ("no_label", "no_truth")


def summarize_files(
    files: pd.DataFrame, images: int, label_counts: Mapping[str, int], level: float
) -> dict[str, Figure]:
    """Returns what share of the files was refused, and whether the tables agree with each other.

    Args:
        files: One row a file found: fate and code.
        images: Rows of the table of images.
        label_counts: Rows of the label table, and of those that met no image.
        level: Of the intervals.
    """
    # What is only without a label is no fault of the file: collections label one breast of two.
    fates = files.loc[~files["code"].isin(UNLABELLED), "fate"].value_counts()
    accepted, quarantined, again = (
        int(fates.get(fate, 0)) for fate in ("accepted", "quarantined", "duplicate")
    )
    missed = int(label_counts.get("cancers_without_image", 0))
    unmet = int(label_counts.get("labels_without_image", 0))
    return {
        "quarantined_share": proportion(quarantined, accepted + quarantined, level),
        "duplicate_share": proportion(again, accepted + quarantined + again, level),
        "accepted_without_row": count(abs(accepted - images), "accepted files less images"),
        "labels_without_image_share": proportion(unmet, int(label_counts.get("labels", 0)), level),
        "cancers_without_image": count(missed, "label rows with cancer that met no image"),
    }


def count_classes(lesions: pd.DataFrame, images: pd.DataFrame) -> pd.DataFrame:
    """Returns what the patch net can learn from: boxes, images and patients of each class.

    Args:
        lesions: One row a box: image_id, kind, pathology.
        images: image_id, patient_id.

    >>> lesions = pd.DataFrame({"image_id": ["i", "i"], "kind": "mass", "pathology": "benign"})
    >>> found = count_classes(lesions, pd.DataFrame({"image_id": ["i"], "patient_id": ["p"]}))
    >>> found.loc[found["class"] == "mass benign"].values.tolist()
    [['mass benign', 2, 1, 1]]
    """
    pairs = zip(lesions["kind"], lesions["pathology"], strict=True)
    classes = CLASS_NAMES[5]
    label = [classes[LABELS[pair]] if pair in LABELS else "of no class" for pair in pairs]
    patients = images.drop_duplicates("image_id").set_index("image_id")["patient_id"]
    told = lesions[["image_id"]].assign(label=label)
    told["patient_id"] = told["image_id"].map(patients)
    found = told.groupby("label").agg(
        boxes=("image_id", "size"),
        images=("image_id", "nunique"),
        patients=("patient_id", "nunique"),
    )
    names = [*classes[1:], *sorted(set(label) - set(classes))]
    return found.reindex(names, fill_value=0).rename_axis("class").reset_index()


def associate_factors(
    images: pd.DataFrame, level: float, draws: int, rng: np.random.Generator
) -> dict[str, Figure]:
    """Returns how strongly each attribute of `FACTORS` goes with cancer, with its unit.

    Args:
        images: One row an image: patient_id, exam_id, laterality, view, cancer and the attributes.
        level: Of the intervals.
        draws: Tables drawn for each p.
        rng: Where chance comes from.
    """
    breast = images["exam_id"].astype("object") + images["laterality"].astype("object")
    units = {
        "patient": images.assign(unit=images["patient_id"]),
        "breast": images.assign(unit=breast, views_taken=breast.map(list_views(breast, images))),
    }
    found = {}
    for factor, unit in FACTORS.items():
        table = units[unit]
        outcomes = table.groupby("unit")["cancer"].max()
        stated = table.assign(**{factor: table[factor].replace("", None)})
        values = commonest(stated, "unit", factor).reindex(outcomes.index)
        found[factor] = measure_association(values, outcomes, level, draws, rng) | {"unit": unit}
    return found


def list_views(unit: pd.Series, images: pd.DataFrame) -> pd.Series:
    """Returns which views each unit has and how often, as text.

    >>> list_views(pd.Series(["a", "a", "a"]), pd.DataFrame({"view": ["MLO", "CC", "CC"]}))["a"]
    '2 CC, 1 MLO'
    """
    kinds = pd.Categorical(images["view"].astype("object"))
    units, counts = count_pairs(unit, kinds)
    patterns, which = np.unique(counts, axis=0, return_inverse=True)
    texts = [
        ", ".join(f"{n} {view}" for n, view in zip(pattern, kinds.categories, strict=True) if n)
        for pattern in patterns
    ]
    return pd.Series(np.array(texts, dtype=object)[which.ravel()], index=units)


def prevalence_by(images: pd.DataFrame, column: str, level: float) -> list[dict[str, Any]]:
    """Returns the share of patients with cancer in each group, a figure each.

    A patient with images in several groups counts in each of them.

    Returns:
        {group, images, patients, share}, groups in order of their names.
    """
    rows = []
    for name, group in images.groupby(column, dropna=True):
        outcome = group.groupby("patient_id")["cancer"].max().dropna()
        share = proportion(int(outcome.eq(1).sum()), len(outcome), level)
        patients = int(group["patient_id"].nunique())
        rows.append(
            {"group": str(name), "images": len(group), "patients": patients, "share": share}
        )
    return rows
