"""How well an outlined region covers a drawn lesion: overlap, and how far the outlines part."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from mammo_pipeline.mammo.detection.estimates import count_patients
from mammo_pipeline.mammo.intervals import bootstrap_by_patient, figure

HOW = {
    "dice": "twice the common pixels over the sum of both (Dice 1945)",
    "iou": "common pixels over all pixels of either (Jaccard 1912)",
    "precision": "common pixels over outlined pixels; undefined where none is outlined",
    "recall": "common pixels over drawn pixels (sensitivity); undefined where none is drawn",
    "specificity": "pixels of neither over pixels not drawn, the whole canvas with its air",
    "accuracy": "pixels of both or of neither over all pixels of the canvas, its air among them",
    "hausdorff_95_mm": "95 % of either outline lie within this of the other, the larger of both "
    "ways (Huttenlocher et al. 1993; surface-distance), mm; undefined where one region is empty",
}
EMPTY = "an image where both are empty has Dice, IoU, precision and recall 1"


def fill_boxes(boxes: ArrayLike, shape_px: tuple[int, int]) -> np.ndarray:
    """Returns the pixels that lie in any box, bool of `shape_px`, rounded to whole pixels.

    Args:
        boxes: row_min, column_min, row_max, column_max, px, half-open, (k, 4).
        shape_px: Rows and columns of the canvas.

    >>> fill_boxes([[0, 1, 1, 3]], (2, 3)).astype(int).tolist()
    [[0, 1, 1], [0, 0, 0]]
    """
    filled = np.zeros(shape_px, bool)
    whole = np.clip(np.rint(np.asarray(boxes, float).reshape(-1, 4)), 0, None).astype(int)
    for row_min, column_min, row_max, column_max in whole:
        filled[row_min:row_max, column_min:column_max] = True
    return filled


def compare_masks(
    predicted: np.ndarray, truth: np.ndarray, spacing_mm: tuple[float, float]
) -> dict[str, float]:
    """Returns every measure of `HOW` for one image, NaN where undefined.

    Args:
        predicted: What was outlined, bool (rows, columns).
        truth: What was drawn, likewise.
        spacing_mm: Of a row and of a column.

    Raises:
        ValueError: The shapes differ, a mask is not bool, or a spacing is not above 0.

    >>> half = compare_masks(np.array([[True, False]]), np.array([[True, True]]), (1, 1))
    >>> round(half["dice"], 3), half["iou"], half["precision"], half["recall"]
    (0.667, 0.5, 1.0, 0.5)
    """
    _refuse_unlike(predicted, truth, spacing_mm)
    both, either = int((predicted & truth).sum()), int((predicted | truth).sum())
    outlined, drawn, pixels = int(predicted.sum()), int(truth.sum()), truth.size
    is_empty = not either
    return {
        "dice": _divide(2 * both, outlined + drawn, is_empty),
        "iou": _divide(both, either, is_empty),
        "precision": _divide(both, outlined, is_empty),
        "recall": _divide(both, drawn, is_empty),
        "specificity": _divide(pixels - either, pixels - drawn, False),
        "accuracy": _divide(both + pixels - either, pixels, False),
        "hausdorff_95_mm": hausdorff_95_mm(predicted, truth, spacing_mm),
    }


def _divide(part: int, whole: int, is_empty: bool) -> float:
    if is_empty:
        return 1.0
    return part / whole if whole else float("nan")


def _refuse_unlike(
    predicted: np.ndarray, truth: np.ndarray, spacing_mm: tuple[float, float]
) -> None:
    if predicted.shape != truth.shape or predicted.ndim != 2 or not truth.size:
        raise ValueError(f"masks of {predicted.shape} and {truth.shape}: expected one plane shape")
    if predicted.dtype != bool or truth.dtype != bool:
        raise ValueError(f"masks of {predicted.dtype} and {truth.dtype}: expected bool")
    if not (np.isfinite(spacing_mm).all() and min(spacing_mm) > 0):
        raise ValueError(f"spacing_mm is {spacing_mm}, expected mm above 0 of row and column")


def hausdorff_95_mm(
    predicted: np.ndarray, truth: np.ndarray, spacing_mm: tuple[float, float]
) -> float:
    """Returns the 95 % Hausdorff distance of two outlines in mm, NaN where a region is empty.

    Args:
        predicted: What was outlined, bool (rows, columns).
        truth: What was drawn, likewise.
        spacing_mm: Of a row and of a column.

    >>> square = fill_boxes([[2, 2, 12, 12]], (20, 20))
    >>> hausdorff_95_mm(np.roll(square, 3, axis=0), square, (0.5, 2.0))
    1.5
    """
    if not (predicted.any() and truth.any()):
        # The library cannot answer here (with numpy 2 it fails), and there is no distance.
        return float("nan")
    from surface_distance import compute_robust_hausdorff, compute_surface_distances

    distances = compute_surface_distances(truth, predicted, spacing_mm)
    return float(compute_robust_hausdorff(distances, 95))


def measure_masks(
    predicted: Iterable[np.ndarray],
    truth: Iterable[np.ndarray],
    patients: ArrayLike,
    spacing_mm: tuple[float, float],
    repeats: int,
    level: float,
    rng: np.random.Generator,
    least_patients: int = 1,
) -> dict[str, Any]:
    """Returns {images, figures: the mean of each measure, how}.

    A mean is over the images in which its measure is defined; `n` says over how many.

    Args:
        predicted: What was outlined in each image, bool (rows, columns); read one at a time.
        truth: What was drawn in each, likewise.
        patients: Of each image, who is drawn in the bootstrap.
        spacing_mm: Of a row and of a column.
        repeats: Bootstrap replicates.
        level: Of the intervals.
        rng: Where chance comes from.
        least_patients: For a mean to be stated.

    Raises:
        ValueError: The masks are not one each an image, or do not fit each other.
    """
    rows = [compare_masks(p, t, spacing_mm) for p, t in zip(predicted, truth, strict=True)]
    names = np.asarray(patients).astype(str)
    if len(rows) != len(names):
        raise ValueError(f"{len(rows)} pairs of masks for {len(names)} patients: expected one each")
    if not rows:
        return {"images": 0, "reason": "no image to compare masks in"}
    values = pd.DataFrame(rows).to_numpy()
    defined = np.isfinite(values)
    draws = bootstrap_by_patient(
        lambda weights: dict(zip(HOW, _mean_defined(values, weights).T, strict=True)),
        names,
        np.zeros(len(names)),
        repeats,
        rng,
    )
    figures = {}
    for column, (name, mean) in enumerate(
        zip(HOW, _mean_defined(values, np.ones(len(rows))), strict=True)
    ):
        n, who = int(defined[:, column].sum()), count_patients(names[defined[:, column]])
        reason = "defined in no image"
        if n and who < least_patients:
            mean, reason = float("nan"), f"cannot be estimated, n = {who} patients"
        figures[name] = figure(float(mean), draws[name], n, level, HOW[name], reason)
    return {"images": len(rows), "figures": figures, "how": EMPTY}


def _mean_defined(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Returns the weighted mean of each column of (n, m) over its finite values, (..., m)."""
    defined = np.isfinite(values)
    with np.errstate(invalid="ignore", divide="ignore"):
        return (weights @ np.where(defined, values, 0.0)) / (weights @ defined)
