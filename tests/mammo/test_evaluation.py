import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from mammo_pipeline.mammo.evaluation import HOW, measure_breasts


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
        assert "patient bootstrap" in found["how"]
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


def test_nothing_to_measure_is_refused(breasts):
    with pytest.raises(ValueError, match="no breast"):
        measure(breasts.head(0))
