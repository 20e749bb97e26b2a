"""Whether the drawn lesions of a set of images were found: the whole record, with intervals."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from mammo_pipeline.mammo.detection import curves
from mammo_pipeline.mammo.detection.froc import Findings
from mammo_pipeline.mammo.detection.masks import fill_boxes, measure_masks
from mammo_pipeline.mammo.detection.matching import DRAWN, MARKED, match_marks, refuse_missing
from mammo_pipeline.mammo.detection.precision import measure_precision
from mammo_pipeline.mammo.detection.settings import LesionSettings
from mammo_pipeline.mammo.exam import BOX_COLUMNS
from mammo_pipeline.mammo.units import BREAST

JUDGED = ["image_id", "patient_id", *BREAST, "cancer"]
NOTHING = "no malignant lesion was drawn on these images: nothing to find"
FALSE = {"false_positive": ("false", "benign"), "ignore": ("false",)}


def measure_lesions(
    marks: pd.DataFrame,
    lesions: pd.DataFrame,
    images: pd.DataFrame,
    spacing_mm: tuple[float, float],
    shape_px: tuple[int, int],
    settings: LesionSettings,
    repeats: int,
    level: float,
    rng: np.random.Generator,
    reach_px: np.ndarray | None = None,
) -> dict[str, Any]:
    """Returns the record on lesions: counts, curves, average precision, masks, and how.

    Where nothing was drawn it is {count, reason}. An image of a breast with cancer that has no
    malignant lesion drawn cannot be judged: a mark there may be right. It is left out and counted.

    Args:
        marks: One row a mark: image_id, score, row_px, column_px and box, px of the canvas.
        lesions: One row a drawn lesion: image_id, kind, pathology and box, likewise, half-open.
        images: One row an image that was marked: image_id, patient_id, exam_id, laterality, and
            cancer of its breast, which may be unknown.
        spacing_mm: Of a row and of a column of the canvas.
        shape_px: Rows and columns of the canvas.
        settings: What counts as found.
        repeats: Bootstrap replicates, of patients, stratified by whether one has a lesion.
        level: Of the intervals.
        rng: Where chance comes from.
        reach_px: The box in which marks can lie, as `marks.find_reach` gives it: lesions wholly
            outside are counted, for no mark can hit them.

    Returns:
        count; settings; froc and froc_by_breast, as `curves.measure_curves` names them; kinds and
        sizes, a list each of {group, lesions, patients, ...}; at_mark_score; map: {ap_50,
        ap_50_95}; masks, as `masks.measure_masks`; how.

    Raises:
        ValueError: A column is missing, an image is there twice, a mark is of no such image, or a
            number is not finite.
    """
    _refuse_bad_tables(marks, lesions, images)
    known = lesions[lesions["image_id"].isin(images["image_id"])].reset_index(drop=True)
    judged, count = choose_images(images, known)
    count |= {"marks": len(marks), "lesions_elsewhere": len(lesions) - len(known)}
    count["lesions_out_of_reach"] = count_out_of_reach(known, reach_px)
    if not count["lesions"]:
        return {"count": count, "reason": NOTHING}
    matched, found = match_marks(
        marks[marks["image_id"].isin(judged["image_id"])].reset_index(drop=True),
        known[known["image_id"].isin(judged["image_id"])].reset_index(drop=True),
        spacing_mm,
        settings.tolerance_mm,
    )
    sizes = (repeats, level, rng)
    lesion_findings = gather_findings(matched, found, judged, settings)
    drawn = measure_size_mm(found, spacing_mm)
    malignant = drawn[drawn["pathology"].eq("malignant")]
    return {
        "count": count,
        "settings": settings.model_dump(mode="json"),
        **curves.measure_curves(lesion_findings, malignant, judged, settings, *sizes),
        "map": _measure_map(matched, found, judged, settings, level, rng),
        "masks": _measure_outlines(
            matched, malignant, judged, shape_px, spacing_mm, settings, sizes
        ),
        "how": tell_how(settings),
    }


def choose_images(
    images: pd.DataFrame, lesions: pd.DataFrame
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Returns (the images that can be judged, with `has_lesion` and `has_cancer`, and the counts).

    An image with a malignant lesion can, whatever its label says, and one of a breast without
    cancer.

    Args:
        images: image_id, patient_id, exam_id, laterality and cancer, which may be unknown.
        lesions: image_id and pathology of those drawn on them.
    """
    malignant = lesions[lesions["pathology"].eq("malignant")]
    has_lesion = images["image_id"].isin(malignant["image_id"])
    cancer = images["cancer"].astype("Float64")
    unlocated = cancer.eq(1).fillna(False) & ~has_lesion
    unknown = cancer.isna() & ~has_lesion
    chosen = images.assign(has_lesion=has_lesion)[~(unlocated | unknown)].reset_index(drop=True)
    located = chosen[chosen["has_lesion"]]
    count = {
        "images": len(images),
        "images_judged": len(chosen),
        "images_with_lesion": len(located),
        "images_without_cancer": int((~chosen["has_lesion"]).sum()),
        "images_with_cancer_undrawn": int(unlocated.sum()),
        "images_without_outcome": int(unknown.sum()),
        "breasts_with_lesion": len(located[BREAST].drop_duplicates()),
        "patients_with_lesion": int(located["patient_id"].nunique()),
        "lesions": len(malignant),
        "lesions_benign": len(lesions) - len(malignant),
    }
    return chosen, count


def count_out_of_reach(lesions: pd.DataFrame, reach_px: np.ndarray | None) -> int | None:
    """Returns how many malignant lesions lie wholly where no mark can; None where not known.

    Args:
        lesions: pathology and box, px.
        reach_px: The box in which marks can lie.
    """
    if reach_px is None:
        return None
    boxes = lesions.loc[lesions["pathology"].eq("malignant"), BOX_COLUMNS].to_numpy(float)
    is_reached = (boxes[:, :2] < reach_px[2:]) & (boxes[:, 2:] > reach_px[:2])
    return int((~is_reached.all(axis=1)).sum())


def gather_findings(
    marks: pd.DataFrame, lesions: pd.DataFrame, images: pd.DataFrame, settings: LesionSettings
) -> Findings:
    """Returns what the curve of all malignant lesions is drawn from.

    Args:
        marks: With `outcome`, as `match_marks` returned them.
        lesions: With `score`, likewise.
        images: image_id and `has_lesion` of the images that can be judged.
        settings: Which marks count as false, and in which images.
    """
    row_of = pd.Series(np.arange(len(images)), index=images["image_id"])
    counted = np.ones(len(images), bool)
    if settings.false_positives == "without_cancer":
        counted = ~images["has_lesion"].to_numpy(bool)
    rows = row_of.reindex(marks["image_id"]).to_numpy(int)
    is_false = marks["outcome"].isin(FALSE[settings.on_benign]).to_numpy() & counted[rows]
    malignant = lesions[lesions["pathology"].eq("malignant")]
    return Findings(
        malignant["score"].to_numpy(float),
        row_of.reindex(malignant["image_id"]).to_numpy(int),
        marks["score"].to_numpy(float)[is_false],
        rows[is_false],
        counted,
    )


def measure_size_mm(lesions: pd.DataFrame, spacing_mm: tuple[float, float]) -> pd.DataFrame:
    """Returns the lesions with `size_mm`, the longest side of the box.

    >>> box = {"row_min": [0], "column_min": [0], "row_max": [10], "column_max": [30]}
    >>> measure_size_mm(pd.DataFrame(box), (0.5, 0.2))["size_mm"].tolist()
    [6.0]
    """
    boxes = lesions[BOX_COLUMNS].to_numpy(float)
    sides_mm = (boxes[:, 2:] - boxes[:, :2]) * spacing_mm
    return lesions.assign(size_mm=sides_mm.max(axis=1, initial=0.0).round(6))


def _measure_map(
    marks: pd.DataFrame,
    lesions: pd.DataFrame,
    images: pd.DataFrame,
    settings: LesionSettings,
    level: float,
    rng: np.random.Generator,
) -> dict[str, Any]:
    drawn = lesions.assign(ignored=lesions["pathology"].ne("malignant"))
    if settings.on_benign == "false_positive":
        drawn = drawn[~drawn["ignored"]]
    return measure_precision(marks, drawn, images, settings.precision_repeats, level, rng)


def _measure_outlines(
    marks: pd.DataFrame,
    lesions: pd.DataFrame,
    images: pd.DataFrame,
    shape_px: tuple[int, int],
    spacing_mm: tuple[float, float],
    settings: LesionSettings,
    sizes: tuple[int, float, np.random.Generator],
) -> dict[str, Any]:
    """Returns how well the marks' boxes cover the lesions, in the images that have one."""
    located = images[images["has_lesion"]]
    sure = marks[marks["score"] >= settings.mark_score]
    names = located["image_id"].tolist()
    return measure_masks(
        _fill_each(sure, names, shape_px),
        _fill_each(lesions, names, shape_px),
        located["patient_id"],
        spacing_mm,
        *sizes,
        least_patients=settings.least_patients,
    )


def _fill_each(
    table: pd.DataFrame, names: list[str], shape_px: tuple[int, int]
) -> Iterator[np.ndarray]:
    """Yields the filled boxes of each named image, one at a time: a canvas is a megabyte."""
    boxes = {name: part[BOX_COLUMNS].to_numpy(float) for name, part in table.groupby("image_id")}
    for name in names:
        yield fill_boxes(boxes.get(name, np.empty((0, 4))), shape_px)


def tell_how(settings: LesionSettings) -> str:
    """Returns in words what the figures on lesions rest on."""
    beside = f" or within {settings.tolerance_mm:g} mm of it" if settings.tolerance_mm else ""
    benign = {
        "false_positive": "a mark on a benign lesion is a false positive",
        "ignore": "a mark on a benign lesion counts neither way",
    }[settings.on_benign]
    where = {
        "without_cancer": "images of breasts without cancer",
        "all": "all images that can be judged",
    }[settings.false_positives]
    return (
        f"A mark hits a malignant lesion when its centre lies in the drawn box{beside}. A lesion "
        "is found once, by the highest free mark; further marks on it count neither way; "
        f"{benign}. False positives are counted in {where}. Images of breasts with cancer on which "
        "no malignant lesion is drawn are left out: a mark there may be right. Marks of one score "
        "count together. Beyond its last mark a curve stays level. Patients are drawn whole, those "
        "with a lesion apart from those without."
    )


def _refuse_bad_tables(marks: pd.DataFrame, lesions: pd.DataFrame, images: pd.DataFrame) -> None:
    refuse_missing("images", images, JUDGED)
    refuse_missing("marks", marks, [*MARKED, *BOX_COLUMNS])
    refuse_missing("lesions", lesions, DRAWN)
    twice = images["image_id"].duplicated()
    if twice.any():
        raise ValueError(f"{int(twice.sum())} images are there twice: expected one row an image")
    unknown = ~marks["image_id"].isin(images["image_id"])
    if unknown.any():
        raise ValueError(
            f"{int(unknown.sum())} of {len(marks)} marks are of images that are not among the "
            f"{len(images)} given: marks and images must come from the same run"
        )
    cancer = images["cancer"].dropna()
    if not cancer.isin((0, 1)).all():
        raise ValueError(f"cancer must be 0, 1 or unknown, found {sorted(set(cancer))[:5]}")
