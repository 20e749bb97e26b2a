"""Average precision of boxes, as COCO measures it (Lin et al. 2014), by faster-coco-eval."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from mammo_pipeline.mammo.exam import BOX_COLUMNS
from mammo_pipeline.mammo.intervals import draw_row_weights, figure

LESION = 1  # the one class
MOST_BOXES = 100  # of an image, as in COCO
HOW = {
    "ap_50": "average precision of boxes, a hit from an overlap (IoU) of 0.5 on",
    "ap_50_95": "average precision of boxes, the mean over overlaps (IoU) of 0.5 to 0.95 by 0.05",
}
Box = dict[str, Any]


def average_precisions(
    marks: pd.DataFrame, lesions: pd.DataFrame, counts: pd.Series
) -> dict[str, float]:
    """Returns `ap_50` and `ap_50_95` of the marks' boxes, NaN where there is nothing to find.

    Precision is read at 101 sensitivities, the highest box first, one box a lesion (COCO).

    Args:
        marks: image_id, score and box, px; those of images without a count are left out.
        lesions: image_id, box, and bool `ignored`: a box on such a lesion counts neither way.
        counts: How often each image counts, by image_id.

    >>> box = {"image_id": ["a"], "row_min": [0], "column_min": [0], "row_max": [9],
    ...        "column_max": [9]}
    >>> marks = pd.DataFrame({**box, "score": 0.5})
    >>> lesions = pd.DataFrame({**box, "ignored": False})
    >>> round(average_precisions(marks, lesions, pd.Series({"a": 1}))["ap_50_95"], 6)
    1.0
    """
    return _evaluate(_list_boxes(lesions, "ignored"), _list_boxes(marks, "score"), counts)


def _list_boxes(table: pd.DataFrame, name: str) -> dict[str, list[Box]]:
    """Returns the boxes of each image as COCO writes them: column, row, width, height."""
    top, left, bottom, right = table[BOX_COLUMNS].to_numpy(float).T
    boxes = np.column_stack([left, top, right - left, bottom - top]).tolist()
    listed: dict[str, list[Box]] = {}
    for image, box, value in zip(
        table["image_id"].astype(str), boxes, table[name].tolist(), strict=True
    ):
        listed.setdefault(image, []).append({"bbox": box, name: value, "area": box[2] * box[3]})
    return listed


def _evaluate(
    lesions: dict[str, list[Box]], marks: dict[str, list[Box]], counts: pd.Series
) -> dict[str, float]:
    from faster_coco_eval import COCO, COCOeval_faster

    # An image drawn twice is two images: COCO knows no weights.
    names = np.repeat(counts.index.astype(str), counts.to_numpy(int))
    found = [
        {"image_id": number, "category_id": LESION, **box}
        for number, name in enumerate(names, 1)
        for box in marks.get(name, [])
    ]
    drawn = [
        {"image_id": number, "category_id": LESION, "iscrowd": int(box["ignored"]), **box}
        for number, name in enumerate(names, 1)
        for box in lesions.get(name, [])
    ]
    if all(box["iscrowd"] for box in drawn):
        return dict.fromkeys(HOW, float("nan"))
    truth = COCO(
        {
            "images": [{"id": number} for number in range(1, len(names) + 1)],
            "annotations": [{"id": number, **box} for number, box in enumerate(drawn, 1)],
            "categories": [{"id": LESION, "name": "malignant lesion"}],
        },
        print_function=_say_nothing,
    )
    judged = COCOeval_faster(truth, truth.loadRes(found), "bbox", print_function=_say_nothing)
    judged.params.maxDets = [MOST_BOXES]
    judged.params.areaRng, judged.params.areaRngLbl = [[0, 1e10]], ["all"]
    judged.evaluate()
    judged.accumulate()
    # Overlaps, sensitivities, classes, areas, most boxes.
    by_overlap = judged.eval["precision"][:, :, 0, 0, 0].mean(axis=1)
    return {"ap_50": float(by_overlap[0]), "ap_50_95": float(by_overlap.mean())}


def _say_nothing(*_: Any) -> None:
    return None


def measure_precision(
    marks: pd.DataFrame,
    lesions: pd.DataFrame,
    images: pd.DataFrame,
    repeats: int,
    level: float,
    rng: np.random.Generator,
) -> dict[str, dict[str, Any]]:
    """Returns `ap_50` and `ap_50_95` as figures.

    Args:
        marks: As `average_precisions` takes them.
        lesions: Likewise.
        images: image_id, patient_id, and bool `has_lesion`, which the patients are drawn by.
        repeats: Bootstrap replicates; 0 gives no interval.
        level: Of the intervals.
        rng: Where chance comes from.
    """
    names = images["image_id"].astype(str)
    values = average_precisions(marks, lesions, pd.Series(1, index=names))
    listed = _list_boxes(lesions, "ignored"), _list_boxes(marks, "score")
    drawn = [
        _evaluate(*listed, pd.Series(weights, index=names))
        for batch in draw_row_weights(images["patient_id"], images["has_lesion"], repeats, rng)
        for weights in batch
    ]
    n = int((~lesions["ignored"]).sum())
    figures = {}
    for name, value in values.items():
        draws = np.array([one[name] for one in drawn])
        found = figure(value, draws, n, level, HOW[name], "no malignant lesion was drawn")
        if not repeats and found["value"] is not None:
            found["how"] = f"{HOW[name]}; no interval: none was asked for"
        figures[name] = found
    return figures
