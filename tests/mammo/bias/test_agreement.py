import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from mammo_pipeline.mammo.bias.agreement import compare_totals, fit_slope, measure_agreement


def make_group(n=3000, shift=0.0, slope=1.0):
    rng = np.random.default_rng(0)
    truth = rng.normal(-1, 1.5, n)
    said = truth / slope + shift
    cancer = (rng.random(n) < expit(truth)).astype(float)
    facts = {"cancer": cancer, "calibrated_logit": said, "probability": expit(said)}
    return pd.DataFrame({"patient_id": np.arange(n) // 2, **facts})


def holds(figure, value):
    return figure["low"] <= value <= figure["high"]


def test_true_probabilities_agree_and_shifted_ones_do_not():
    ratio, difference = compare_totals(make_group(), 0.95)
    assert holds(ratio, 1) and holds(difference, 0)
    ratio, difference = compare_totals(make_group(shift=0.5), 0.95)
    assert ratio["high"] < 1 and difference["high"] < 0


def test_the_slope_finds_overconfidence():
    assert holds(fit_slope(make_group(), 0.95), 1)
    assert holds(fit_slope(make_group(slope=0.5), 0.95), 0.5)


def test_the_same_breast_twice_widens_by_patient_and_not_the_value():
    once = make_group(300)
    once["patient_id"] = np.arange(300)
    twice = pd.concat([once, once])
    first, second = fit_slope(once, 0.95), fit_slope(twice, 0.95)
    assert second["value"] == pytest.approx(first["value"])
    assert second["low"] == pytest.approx(first["low"], abs=1e-6)


def test_scores_without_error_have_no_slope_and_zero_probabilities_no_ratio():
    group = make_group(40)
    group["calibrated_logit"] = group["cancer"]
    assert "no finite slope" in fit_slope(group, 0.95)["reason"]
    ratio, difference = compare_totals(group.assign(probability=0.0), 0.95)
    assert ratio["value"] is None and difference["value"] == group["cancer"].mean()


def test_what_is_refused_keeps_its_reason():
    why = {"slope": "few", "observed_expected": "a property of cancers"}
    found = measure_agreement(make_group(40), 0.1, np.full(9, 0.1), np.full(9, 0.05), 5, 0.95, why)
    assert found["slope"]["reason"] == "few"
    assert found["observed_expected"]["value"] is None
    assert found["error"]["value"] == 0.1 and found["error"]["low"] == pytest.approx(0.05)
    assert found["in_the_large"]["value"] is not None
