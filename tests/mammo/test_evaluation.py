import json

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from sklearn.metrics import average_precision_score

from mammo_pipeline.mammo.evaluation import HOW, measure_breasts, measure_units
from mammo_pipeline.mammo.scoring import auroc
from mammo_pipeline.mammo.units import aggregate_breasts, aggregate_exams


@pytest.fixture
def breasts():
    rng = np.random.default_rng(1)
    logit = rng.normal(-0.5, 1.5, 400)
    cancer = (rng.random(400) < expit(logit)).astype(float)
    p = expit(logit)
    return pd.DataFrame(
        {
            "patient_id": np.arange(400) // 2,
            "cancer": cancer,
            "calibrated_logit": logit,
            "probability": p,
            "recalled": p >= 0.4,
        }
    )


def measure(breasts):
    return measure_breasts(breasts, 0.8, 10, 300, 0.95, np.random.default_rng(0))


def test_every_figure_comes_with_interval_n_and_method(breasts):
    figures = measure(breasts)
    assert list(figures) == list(HOW)
    for name, found in figures.items():
        assert found["low"] <= found["high"], name
        is_share = name in ("sensitivity", "specificity", "recall_rate", "ppv", "npv")
        assert ("Wilson" if is_share else "patient bootstrap") in found["how"]
    for name in ("auroc", "brier_loss", "sensitivity", "calibration_slope"):
        assert figures[name]["low"] < figures[name]["value"] < figures[name]["high"]


def test_a_share_states_what_it_is_a_share_of(breasts):
    figures = measure(breasts)
    positives = int(breasts["cancer"].sum())
    assert figures["auroc"]["n"] == 400
    assert figures["sensitivity"]["n"] == positives
    assert figures["specificity"]["n"] == 400 - positives
    assert figures["ppv"]["n"] == breasts["recalled"].sum()


def test_true_probabilities_have_slope_one_within_the_interval(breasts):
    slope = measure(breasts)["calibration_slope"]
    assert slope["low"] < 1 < slope["high"]


def test_one_class_leaves_nulls_with_reasons(breasts):
    figures = measure(breasts.assign(cancer=0.0))
    assert figures["auroc"]["value"] is None
    assert "no positive among 400" in figures["auroc"]["reason"]
    assert figures["specificity"]["value"] is not None


def test_separated_classes_have_no_slope_but_an_area(breasts):
    cancer = (breasts["calibrated_logit"] > 0).astype(float)
    figures = measure(breasts.assign(cancer=cancer))
    assert figures["auroc"]["value"] == 1.0
    assert "without error" in figures["calibration_slope"]["reason"]


def test_what_was_never_wrong_is_not_known_never_to_be(breasts):
    logit = np.where(breasts["cancer"] == 1, 2.0, -2.0)
    perfect = breasts.assign(
        calibrated_logit=logit, probability=expit(logit), recalled=breasts["cancer"] == 1
    )
    figures = measure(perfect)
    for name in ("auroc", "pauc", "specificity_at_sensitivity", "average_precision"):
        assert figures[name]["low"] is None
        assert figures[name]["reason"] == "no interval: these cases show no variation"
    for name in ("sensitivity", "specificity", "ppv", "npv"):
        assert figures[name]["value"] == figures[name]["high"] == 1
        assert 0.9 < figures[name]["low"] < 1


def test_a_breast_without_a_patient_is_refused(breasts):
    patients = breasts["patient_id"].astype(object).where(breasts.index > 1)
    with pytest.raises(ValueError, match="2 breasts have no patient_id"):
        measure(breasts.assign(patient_id=patients))


def test_nothing_to_measure_is_refused(breasts):
    with pytest.raises(ValueError, match="no breast"):
        measure(breasts.head(0))


def test_precision_and_npv_are_measured_with_the_rest(breasts):
    figures = measure(breasts)
    share = breasts["cancer"].mean()
    expected = average_precision_score(breasts["cancer"], breasts["probability"])
    assert figures["average_precision"]["value"] == pytest.approx(expected, abs=1e-12)
    for name in ("average_precision", "probabilistic_f1", "npv"):
        assert figures[name]["low"] < figures[name]["value"] < figures[name]["high"]
    assert share < expected < 1
    assert 0 < figures["probabilistic_f1"]["value"] < 1
    cleared = breasts[~breasts["recalled"]]
    assert figures["npv"]["value"] == pytest.approx(1 - cleared["cancer"].mean())
    assert figures["npv"]["n"] == len(cleared)


def test_one_class_says_that_nothing_can_be_estimated_and_on_how_many(breasts):
    figures = measure(breasts.assign(cancer=0.0))
    for name in ("auroc", "average_precision", "sensitivity", "calibration_slope"):
        assert figures[name]["value"] is None
        assert figures[name]["reason"] == "cannot be estimated, n = 400: no positive among 400"
    assert figures["recall_rate"]["low"] is not None
    assert figures["specificity"]["low"] is not None
    assert figures["brier_loss"]["value"] is not None
    assert figures["brier_loss"]["reason"] == "no interval: only 0 patients with cancer"


def test_three_patients_have_values_and_no_interval():
    logit = np.array([2.0, 1.0, -1.0])
    three = pd.DataFrame(
        {
            "patient_id": ["a", "b", "c"],
            "cancer": [1.0, 0.0, 0.0],
            "calibrated_logit": logit,
            "probability": expit(logit),
            "recalled": [True, True, False],
        }
    )
    figures = measure(three)
    assert figures["auroc"]["value"] == 1.0
    assert figures["auroc"]["low"] is None
    assert figures["auroc"]["reason"] == "no interval: only 1 patient with cancer"
    assert figures["sensitivity"]["low"] is None
    assert figures["specificity"]["low"] is not None
    assert figures["recall_rate"]["low"] is not None


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("calibrated_logit", np.nan, "1 of 400 values in column 'calibrated_logit'"),
        ("probability", np.inf, "1 of 400 values in column 'probability'"),
        ("cancer", 2.0, r"must be 0 or 1; found \[2.0\]"),
        ("cancer", np.nan, r"must be 0 or 1; found \[nan\]"),
    ],
)
def test_a_value_that_cannot_be_measured_is_refused(breasts, column, value, words):
    breasts.loc[3, column] = value
    with pytest.raises(ValueError, match=words):
        measure(breasts)


def test_a_missing_column_is_refused(breasts):
    with pytest.raises(ValueError, match=r"no column \['recalled'\]"):
        measure(breasts.drop(columns="recalled"))


@pytest.fixture
def images():
    rng = np.random.default_rng(6)
    exams = np.repeat(np.arange(120), 4)
    cancer = np.repeat((rng.random(240) < 0.15).astype(float), 2)
    return pd.DataFrame(
        {
            "image_id": np.arange(480).astype(str),
            "exam_id": exams.astype(str),
            "patient_id": (exams // 2).astype(str),
            "laterality": np.tile(["L", "L", "R", "R"], 120),
            "view": np.tile(["CC", "MLO"], 240),
            "cancer": cancer,
            "calibrated_logit": rng.normal(size=480) + cancer,
        }
    )


def test_image_breast_and_exam_stand_side_by_side(images):
    breasts = aggregate_breasts(images, ["calibrated_logit"])
    rng = np.random.default_rng(0)
    exams = aggregate_exams(breasts)
    record = measure_units(images, breasts, exams, 0.8, 200, 0.95, rng, expected=images)
    sizes = {row["unit"]: row["n"] for row in record["units"]}
    assert sizes == {"image": 480, "breast": 240, "exam": 120}
    for row, table in zip(record["units"], [images, breasts, exams], strict=True):
        expected = auroc(table["cancer"], table["calibrated_logit"])
        assert row["auroc"]["value"] == pytest.approx(float(expected), abs=1e-12)
        assert row["auroc"]["low"] < row["auroc"]["value"] < row["auroc"]["high"]
        assert row["patients"] == 60
        assert {"pauc", "specificity_at_sensitivity", "average_precision"} <= set(row)
    assert record["missing_views"]["absent"] == 0
    assert json.loads(json.dumps(record, allow_nan=False)) == record


def test_a_unit_without_scores_is_refused(images):
    breasts = aggregate_breasts(images, ["calibrated_logit"])
    exams = aggregate_exams(breasts)
    with pytest.raises(ValueError, match="no exam with an outcome"):
        measure_units(images, breasts, exams.head(0), 0.8, 100, 0.95, np.random.default_rng(0))
    named = images.rename(columns={"calibrated_logit": "logit"})
    with pytest.raises(ValueError, match=r"images have no column \['probability'\]"):
        measure_units(named, breasts, exams, 0.8, 100, 0.95, np.random.default_rng(0))
