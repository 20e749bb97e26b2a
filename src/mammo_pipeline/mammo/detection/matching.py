"""Which mark hits which lesion."""

from __future__ import annotations

import numpy as np
import pandas as pd

from mammo_pipeline.mammo.detection.marks import CENTRE
from mammo_pipeline.mammo.exam import BOX_COLUMNS

NEVER = -np.inf  # the score of a lesion that no mark hits
MARKED = ["image_id", "score", *CENTRE]
DRAWN = ["image_id", "kind", "pathology", *BOX_COLUMNS]


def match_marks(
    marks: pd.DataFrame,
    lesions: pd.DataFrame,
    spacing_mm: tuple[float, float],
    tolerance_mm: float,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Returns (the marks with `outcome` and `lesion`, the lesions with `score`).

    From the highest score down, a mark hits the nearest malignant lesion that it reaches and that
    no mark has found yet; it repeats where all that it reaches are found. A lesion's score is that
    of its mark, minus infinity where it has none. So the marks above any threshold are matched
    alike, whatever lies below.

    Args:
        marks: One row a mark: image_id, score, row_px, column_px.
        lesions: One row a lesion: image_id, kind, pathology and box on the canvas, half-open.
        spacing_mm: Of a row and of a column.
        tolerance_mm: How far from the box the centre of a mark may lie.

    Returns:
        `outcome` is "hit" or "repeat" on a malignant lesion, else "benign" on a benign one, else
        "false"; `lesion` is the row of `lesions` that a hit found, -1 otherwise.

    Raises:
        ValueError: A column is missing, a score is not finite, or a box is empty.
    """
    refuse_missing("marks", marks, MARKED)
    refuse_missing("lesions", lesions, DRAWN)
    _refuse_bad_rows(marks, lesions)
    of_image = lesions.groupby(lesions["image_id"].astype(str)).indices
    boxes = lesions[BOX_COLUMNS].to_numpy(float)
    is_malignant = lesions["pathology"].eq("malignant").to_numpy()
    centres, scores = marks[CENTRE].to_numpy(float), marks["score"].to_numpy(float)
    names = marks["image_id"].astype(str).to_numpy()
    outcome, found = np.full(len(marks), "false", object), np.full(len(marks), -1)
    score = np.full(len(lesions), NEVER)
    for mark in np.argsort(-scores, kind="stable"):
        rows = of_image.get(names[mark], np.empty(0, int))
        reached = rows[_rank_reached(centres[mark], boxes[rows], spacing_mm, tolerance_mm)]
        malignant = reached[is_malignant[reached]]
        free = malignant[np.isneginf(score[malignant])]
        if len(free):
            found[mark], outcome[mark], score[free[0]] = free[0], "hit", scores[mark]
        elif len(reached):
            outcome[mark] = "repeat" if len(malignant) else "benign"
    return marks.assign(outcome=outcome.astype(str), lesion=found), lesions.assign(score=score)


def _rank_reached(
    centre: np.ndarray, boxes: np.ndarray, spacing_mm: tuple[float, float], tolerance_mm: float
) -> np.ndarray:
    """Returns which boxes a centre reaches, the nearest first."""
    gap_mm = gaps_mm(centre, boxes, spacing_mm)
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2
    # Inside several boxes all gaps are 0: then the nearer middle decides.
    middle_mm = np.hypot(*((middle - centre) * spacing_mm).T)
    order = np.lexsort([middle_mm, gap_mm])
    return order[gap_mm[order] <= tolerance_mm]


def gaps_mm(centre: np.ndarray, boxes: np.ndarray, spacing_mm: tuple[float, float]) -> np.ndarray:
    """Returns how far a point lies from each box, 0 inside, (k,).

    Args:
        centre: Row and column, px.
        boxes: Half-open, px, (k, 4).
        spacing_mm: Of a row and of a column.

    >>> gaps_mm(np.array([5.0, 14.0]), np.array([[0, 0, 10, 10], [8, 0, 9, 10]]), (1, 1)).tolist()
    [4.0, 5.0]
    """
    beyond = np.maximum(boxes[:, :2] - centre, centre - boxes[:, 2:])
    return np.hypot(*(np.maximum(beyond, 0) * spacing_mm).T)


def refuse_missing(name: str, table: pd.DataFrame, columns: list[str]) -> None:
    """Raises where a table lacks a column, naming each.

    Raises:
        ValueError: With the table's name.
    """
    missing = [column for column in columns if column not in table]
    if missing:
        raise ValueError(f"the table of {name} lacks {', '.join(missing)}")


def _refuse_bad_rows(marks: pd.DataFrame, lesions: pd.DataFrame) -> None:
    numbers = marks[["score", *CENTRE]].to_numpy(float)
    if not np.isfinite(numbers).all():
        bad = np.flatnonzero(~np.isfinite(numbers).all(axis=1))
        raise ValueError(f"{len(bad)} marks have no finite score and centre, first in row {bad[0]}")
    boxes = lesions[BOX_COLUMNS].to_numpy(float)
    # Said this way round, so that NaN is refused, too.
    sound = (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
    if not sound.all():
        bad = np.flatnonzero(~sound)
        raise ValueError(f"{len(bad)} lesion boxes are empty, the first in row {bad[0]}")
