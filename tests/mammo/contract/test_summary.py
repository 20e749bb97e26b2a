"""The study's figures are those that a person would count."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mammo_pipeline.mammo.contract.completeness import describe_breasts, describe_patients
from mammo_pipeline.mammo.contract.summary import (
    FACTORS,
    associate_factors,
    count_classes,
    prevalence_by,
    summarize_files,
    summarize_patients,
)
from screening_study import COUNTS, make_files, make_images, make_lesions


@pytest.fixture
def images() -> pd.DataFrame:
    return make_images(48)


def test_prevalence_is_counted_by_patient_and_by_breast(images):
    found = summarize_patients(describe_breasts(images), describe_patients(images), 0.95)
    assert found["patients_with_cancer"]["value"] == 16
    assert found["patients_without_cancer"]["value"] == 32
    assert found["cancer_share_patients"]["value"] == pytest.approx(16 / 48)
    assert found["cancer_share_breasts"]["value"] == pytest.approx(16 / 120)


def test_breasts_without_an_outcome_are_in_no_share(images):
    images.loc[images["patient_id"].eq(images["patient_id"].iloc[4]), "cancer"] = pd.NA
    found = summarize_patients(describe_breasts(images), describe_patients(images), 0.95)
    assert found["cancer_share_patients"]["n"] == 47
    assert found["cancer_share_breasts"]["n"] == 118


def test_opinions_are_a_share_of_stated_truths(images):
    breasts = describe_breasts(images).assign(
        truth=["opinion"] * 30 + ["pathology"] * 30 + [""] * 60
    )
    found = summarize_patients(breasts, describe_patients(images), 0.95)
    assert (found["opinion_share"]["value"], found["opinion_share"]["n"]) == (0.5, 60)


def test_the_quarantined_share_is_of_mammograms_alone(images):
    found = summarize_files(make_files(images), len(images), COUNTS, 0.95)
    assert found["quarantined_share"]["value"] == pytest.approx(2 / 242)
    assert found["duplicate_share"]["value"] == pytest.approx(1 / 243)
    assert found["accepted_without_row"]["value"] == 0
    lost = summarize_files(make_files(images), len(images) - 3, COUNTS, 0.95)
    assert lost["accepted_without_row"]["value"] == 3


def test_classes_are_counted_in_boxes_images_and_patients(images):
    lesions = make_lesions(images)
    found = count_classes(lesions, images).set_index("class")
    malignant = found.loc["mass malignant"]
    assert (malignant["boxes"], malignant["images"], malignant["patients"]) == (32, 32, 16)
    odd = count_classes(lesions.assign(kind="blob"), images).set_index("class")
    assert odd.loc["of no class", "boxes"] == len(lesions)
    assert odd.loc["calc benign", "boxes"] == 0


def test_a_confounded_device_is_found_and_a_balanced_one_is_not(images):
    found = associate_factors(images, 0.95, 99, np.random.default_rng(0))
    assert set(found) == set(FACTORS) and found["device"]["low"] == 0
    ill = images.groupby("patient_id")["cancer"].transform("max").eq(1)
    images.loc[ill, "device"] = "Planmed Nuance"
    images.loc[~ill, "device"] = "Hologic Selenia Dimensions"
    biased = associate_factors(images, 0.95, 99, np.random.default_rng(0))
    assert biased["device"]["low"] > 0.7 and biased["device"]["n"] == 48
    assert biased["laterality"]["n"] == 120


def test_workup_views_of_cancers_are_found(images):
    more = images[images["cancer"].eq(1)].assign(view="ML")
    found = associate_factors(pd.concat([images, more]), 0.95, 99, np.random.default_rng(0))
    assert found["views_taken"]["low"] > 0.8


def test_a_patient_of_two_devices_counts_at_both(images):
    images.loc[0, "device"] = "Planmed Nuance"
    rows = prevalence_by(images, "device", 0.95)
    assert sum(row["patients"] for row in rows) == 49
    assert rows[0]["share"]["low"] < rows[0]["share"]["value"] < rows[0]["share"]["high"]
