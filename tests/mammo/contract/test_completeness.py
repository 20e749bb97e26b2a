"""Exams, breasts and patients tell what is missing, repeated or contradictory."""

from __future__ import annotations

import pandas as pd
import pytest

from mammo_pipeline.mammo.contract.completeness import (
    describe_breasts,
    describe_exams,
    describe_patients,
)
from screening_study import make_images, name


@pytest.fixture
def images() -> pd.DataFrame:
    return make_images(8)


def exam(images, patient, number=0):
    return describe_exams(images).set_index("exam_id").loc[name("exam", patient, number)]


def test_a_whole_exam_has_four_views(images):
    found = exam(images, 0)
    assert found["views_seen"] == "LCC LMLO RCC RMLO"
    assert (found["standard_views"], found["missing_views"], found["extra_views"]) == (4, 0, 0)


def test_missing_repeated_and_other_views_are_counted_apart(images):
    rows = images.index[images["exam_id"].eq(name("exam", 0, 0))]
    images.loc[rows[0], "view"] = "ML"
    images.loc[rows[1], "view"] = "CC"
    more = pd.concat([images, images.loc[[rows[3]]]], ignore_index=True)
    found = exam(more, 0)
    assert found["views_seen"] == "LCC RCC RMLO"
    assert (found["missing_views"], found["extra_views"], found["repeated_views"]) == (1, 1, 1)


def test_exams_of_one_day_are_counted(images):
    images.loc[images["exam_id"].eq(name("exam", 3, 1)), "exam_offset_days"] = 0
    assert exam(images, 3)["exams_that_day"] == 2
    assert exam(images, 7)["exams_that_day"] == 1


def test_ageing_is_held_against_the_days_between(images):
    images.loc[images["exam_id"].eq(name("exam", 3, 1)), "age"] += 10
    assert exam(images, 3, 1)["ageing_error_years"] == pytest.approx(10, abs=0.01)
    assert exam(images, 7, 1)["ageing_error_years"] == pytest.approx(0, abs=0.01)
    assert pd.isna(exam(images, 0)["ageing_error_years"])


def test_a_breast_tells_contradictions_and_cancers_undone(images):
    images.loc[
        images["exam_id"].eq(name("exam", 7, 0)) & images["laterality"].eq("L"), "cancer"
    ] = 1
    breasts = describe_breasts(images).set_index(["exam_id", "laterality"])
    assert breasts.loc[(name("exam", 7, 1), "L"), "cancer_before"] == "yes"
    assert (breasts["cancer_before"] == "yes").sum() == 1
    images.loc[0, "cancer"] = 1 - images.loc[0, "cancer"]
    assert describe_breasts(images)["outcomes"].tolist().count(2) == 1


def test_a_patient_is_ill_when_any_breast_ever_was(images):
    patients = describe_patients(images).set_index("patient_id")
    assert patients["cancer"].sum() == 3
    assert patients.loc[name("patient", 3), "exams"] == 2
