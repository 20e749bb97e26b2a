"""Which mark hits which lesion, and what a mark is otherwise."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mammo_pipeline.mammo.detection.matching import match_marks

SPACING = (0.5, 2.0)


def make_marks(*rows: tuple[str, float, float, float]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["image_id", "score", "row_px", "column_px"])


def make_lesions(*rows: tuple) -> pd.DataFrame:
    columns = ["image_id", "kind", "pathology", "row_min", "column_min", "row_max", "column_max"]
    return pd.DataFrame(rows, columns=columns)


MASS = ("a", "mass", "malignant", 10, 10, 20, 20)


def test_a_lesion_is_found_once_by_its_highest_mark():
    marks = make_marks(("a", 0.3, 15, 15), ("a", 0.8, 12, 18), ("b", 0.9, 15, 15))
    matched, lesions = match_marks(marks, make_lesions(MASS), SPACING, 0)
    assert matched["outcome"].tolist() == ["repeat", "hit", "false"]
    assert matched["lesion"].tolist() == [-1, 0, -1]
    assert lesions["score"].tolist() == [0.8]


def test_a_lesion_without_a_mark_has_the_lowest_of_scores():
    lesions = match_marks(make_marks(), make_lesions(MASS), SPACING, 0)[1]
    assert lesions["score"].tolist() == [-np.inf]


@pytest.mark.parametrize(
    ("row", "column", "tolerance_mm", "outcome"),
    [
        (20, 15, 0, "hit"),
        (20.1, 15, 0, "false"),
        (30, 15, 5, "hit"),  # 10 rows of 0.5 mm
        (30.1, 15, 5, "false"),
        (15, 22.5, 5, "hit"),  # 2.5 columns of 2 mm
        (15, 22.6, 5, "false"),
        (28, 22.5, 5, "false"),  # 4 mm and 5 mm are 6.4 mm
        (26, 22, 5, "hit"),  # 3 mm and 4 mm are 5 mm
    ],
)
def test_the_tolerance_is_in_mm_by_the_spacing_of_each_axis(row, column, tolerance_mm, outcome):
    marks = make_marks(("a", 0.5, row, column))
    matched, _ = match_marks(marks, make_lesions(MASS), SPACING, tolerance_mm)
    assert matched["outcome"].tolist() == [outcome]


def test_of_two_lesions_a_mark_takes_the_nearer_and_the_next_mark_the_other():
    other = ("a", "calcification", "malignant", 10, 14, 20, 40)
    marks = make_marks(("a", 0.9, 15, 16), ("a", 0.7, 15, 16), ("a", 0.5, 15, 16))
    matched, lesions = match_marks(marks, make_lesions(other, MASS), SPACING, 0)
    assert lesions["score"].tolist() == [0.7, 0.9]
    assert matched["outcome"].tolist() == ["hit", "hit", "repeat"]


def test_a_mark_on_a_benign_lesion_is_told_apart_and_malignant_goes_first():
    benign = ("a", "mass", "benign", 0, 0, 40, 18)
    marks = make_marks(("a", 0.9, 15, 15), ("a", 0.7, 5, 5))
    matched, lesions = match_marks(marks, make_lesions(benign, MASS), SPACING, 0)
    assert matched["outcome"].tolist() == ["hit", "benign"]
    assert lesions["score"].tolist() == [-np.inf, 0.9]


def test_what_lies_below_a_threshold_does_not_change_what_is_above():
    rng = np.random.default_rng(0)
    marks = make_marks(*[("a", s, *rng.uniform(0, 40, 2)) for s in rng.permutation(40) / 40])
    boxes = [("a", "mass", "malignant", *low, *(low + 12)) for low in rng.integers(0, 28, (6, 2))]
    whole, _ = match_marks(marks, make_lesions(*boxes), SPACING, 1)
    above = marks["score"] >= 0.5
    upper, _ = match_marks(marks[above], make_lesions(*boxes), SPACING, 1)
    assert upper["outcome"].tolist() == whole.loc[above, "outcome"].tolist()
    assert {"hit", "repeat"} <= set(whole["outcome"])


def test_what_is_given_stays_as_it_was():
    marks, lesions = make_marks(("a", 0.3, 15, 15)), make_lesions(MASS)
    before = marks.copy(), lesions.copy()
    match_marks(marks, lesions, SPACING, 0)
    pd.testing.assert_frame_equal(marks, before[0])
    pd.testing.assert_frame_equal(lesions, before[1])


@pytest.mark.parametrize("column", ["score", "row_px", "column_px"])
def test_a_mark_that_is_nowhere_or_has_no_score_is_refused(column):
    marks = make_marks(("a", 0.3, 15, 15), ("a", 0.2, 1, 1))
    marks.loc[1, column] = np.nan
    with pytest.raises(ValueError, match="1 marks have no finite score and centre, first in row 1"):
        match_marks(marks, make_lesions(MASS), SPACING, 0)


def test_an_empty_box_and_a_missing_column_are_refused():
    empty = make_lesions(MASS, ("a", "mass", "malignant", 5, 5, 5, 9))
    with pytest.raises(ValueError, match="1 lesion boxes are empty, the first in row 1"):
        match_marks(make_marks(), empty, SPACING, 0)
    with pytest.raises(ValueError, match="the table of lesions lacks pathology"):
        match_marks(make_marks(), make_lesions(MASS).drop(columns="pathology"), SPACING, 0)
