import json

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit
from sklearn.metrics import average_precision_score, log_loss

from mammo_pipeline.mammo import screening
from mammo_pipeline.mammo.operating import operating_figures
from mammo_pipeline.mammo.published import BCSC

PREVALENCE = 0.006


def draw_breasts(positives, negatives, seed=0):
    rng = np.random.default_rng(seed)
    cancer = np.repeat([1.0, 0.0], [positives, negatives])
    logits = rng.normal(size=cancer.size) + 1.5 * cancer - 1
    return pd.DataFrame(
        {
            "patient_id": np.arange(cancer.size) // 2,
            "cancer": cancer,
            "calibrated_logit": logits,
            "probability": expit(logits),
            "recalled": logits > 0.3,
        }
    )


@pytest.fixture
def breasts():
    return draw_breasts(80, 320)


def measure(breasts, **more):
    rng = np.random.default_rng(0)
    return screening.measure_screening(breasts, PREVALENCE, 200, 0.95, rng, **more)


def test_weights_give_the_prevalence_in_every_replicate(breasts):
    labels = breasts["cancer"].to_numpy()
    drawn = np.random.default_rng(1).integers(0, 3, (5, 400)).astype(float)
    weights = screening.screening_weights(labels, PREVALENCE, drawn)
    np.testing.assert_allclose((weights @ labels) / weights.sum(1), PREVALENCE)
    np.testing.assert_allclose(weights.sum(1), drawn.sum(1))
    assert ((weights == 0) == (drawn == 0)).all()


def test_an_enriched_set_shows_what_the_whole_population_shows(breasts):
    # The population: each breast without cancer stands for 41 more of its kind.
    copies = np.where(breasts["cancer"] == 1, 1, 42)
    whole = breasts.loc[breasts.index.repeat(copies)]
    prevalence = whole["cancer"].mean()
    assert prevalence < PREVALENCE
    found = screening.compute_screening(breasts, prevalence)
    truth = operating_figures(whole["cancer"], whole["recalled"])
    truth |= {
        "average_precision": average_precision_score(whole["cancer"], whole["calibrated_logit"]),
        "brier_loss": np.mean((whole["cancer"] - whole["probability"]) ** 2),
        "log_loss": log_loss(whole["cancer"], whole["probability"]),
        "detection_per_1000": 1000 * (whole["cancer"] * whole["recalled"]).mean(),
    }
    for name, value in truth.items():
        assert found[name] == pytest.approx(value, abs=1e-12), name
    plain = average_precision_score(breasts["cancer"], breasts["calibrated_logit"])
    assert plain > 2 * found["average_precision"]


def test_weighted_shares_are_bayes_rule(breasts):
    found = screening.compute_screening(breasts, PREVALENCE)
    weights = screening.screening_weights(breasts["cancer"], PREVALENCE)
    weighted = operating_figures(breasts["cancer"], breasts["recalled"], weights)
    for name in ("recall_rate", "ppv", "npv"):
        assert found[name] == pytest.approx(weighted[name], abs=1e-12)


def test_the_sets_own_prevalence_changes_nothing(breasts):
    found = screening.compute_screening(breasts, 0.2)
    own = operating_figures(breasts["cancer"], breasts["recalled"])
    assert found["recall_rate"] == pytest.approx(own["recall_rate"], abs=1e-12)
    expected = average_precision_score(breasts["cancer"], breasts["calibrated_logit"])
    assert found["average_precision"] == pytest.approx(expected, abs=1e-12)


def test_every_figure_has_interval_and_the_assumption_is_printed(breasts):
    record = measure(breasts)
    assert list(record["figures"]) == list(screening.HOW)
    for name, found in record["figures"].items():
        assert found["low"] < found["value"] < found["high"], name
        assert "0.6 %" in found["how"]
    assert "0.6 % of all" in record["assumption"]
    assert "they are 20 %" in record["assumption"]
    assert record["figures"]["sensitivity"]["n"] == 80
    assert json.loads(json.dumps(record, allow_nan=False)) == record


def test_bcsc_stands_beside_our_figures(breasts):
    record = measure(breasts)
    assert {row["name"]: row["published"] for row in record["benchmarks"]} == BCSC
    for row in record["benchmarks"]:
        assert row["here"] == record["figures"][row["name"]]


def test_probabilities_move_only_when_the_prevalence_they_were_fitted_at_is_given(breasts):
    as_they_are, moved = measure(breasts), measure(breasts, fitted_prevalence=0.2)
    shifted = logit(breasts["probability"]) + logit(PREVALENCE) - logit(0.2)
    weights = screening.screening_weights(breasts["cancer"], PREVALENCE)
    brier = np.average((breasts["cancer"] - expit(shifted)) ** 2, weights=weights)
    assert moved["figures"]["brier_loss"]["value"] == pytest.approx(brier, abs=1e-12)
    assert brier < as_they_are["figures"]["brier_loss"]["value"] / 2
    for name in ("average_precision", "recall_rate", "ppv"):
        assert moved["figures"][name]["value"] == pytest.approx(
            as_they_are["figures"][name]["value"], abs=1e-12
        )
    assert "20 %, to 0.6 %" in moved["probabilities"]
    assert "as they are" in as_they_are["probabilities"]


def test_one_class_leaves_nulls_that_say_why(breasts):
    record = measure(breasts.assign(cancer=0.0))
    for name in ("average_precision", "brier_loss", "ppv", "recall_rate", "sensitivity"):
        found = record["figures"][name]
        assert found["value"] is None
        assert found["reason"] == "cannot be estimated, n = 400: no positive among 400"
    assert record["figures"]["specificity"]["value"] is not None


def test_three_patients_have_values_without_intervals():
    rows = pd.DataFrame(
        {
            "patient_id": ["a", "b", "c"],
            "cancer": [1.0, 0.0, 0.0],
            "calibrated_logit": [1.0, 0.0, -1.0],
            "probability": expit([1.0, 0.0, -1.0]),
            "recalled": [True, True, False],
        }
    )
    record = measure(rows)
    assert record["figures"]["ppv"]["value"] == pytest.approx(0.006 / (0.006 + 0.994 / 2))
    assert record["figures"]["ppv"]["low"] is None
    assert record["figures"]["ppv"]["reason"] == "no interval: only 1 patient with cancer"
    assert record["figures"]["recall_rate"]["low"] is None


@pytest.mark.parametrize("prevalence", [0, 1, -0.1, np.nan])
def test_a_prevalence_that_is_no_share_stops(breasts, prevalence):
    with pytest.raises(ValueError, match="prevalence is"):
        screening.measure_screening(breasts, prevalence, 100, 0.95, np.random.default_rng(0))
    with pytest.raises(ValueError, match="fitted_prevalence"):
        measure(breasts, fitted_prevalence=prevalence)


def test_a_table_that_cannot_be_measured_is_refused(breasts):
    with pytest.raises(ValueError, match=r"no column \['recalled'\]"):
        measure(breasts.drop(columns="recalled"))
    with pytest.raises(ValueError, match="1 of 400 values in column 'probability'"):
        measure(breasts.assign(probability=breasts["probability"].mask(breasts.index == 7)))
    with pytest.raises(ValueError, match="no exam with an outcome"):
        measure(breasts.head(0), unit="exam")


def test_cancers_that_were_all_recalled_leave_room_below_1(breasts):
    found = screening.measure_screening(
        breasts.assign(recalled=breasts["cancer"] == 1), 0.005, 50, 0.95, np.random.default_rng(0)
    )["figures"]
    shown, detected = found["sensitivity"], found["detection_per_1000"]
    assert shown["low"] < shown["value"] == shown["high"] == 1
    assert detected["n"] == shown["n"] == int(breasts["cancer"].sum())
    assert [detected[end] for end in ("low", "value", "high")] == pytest.approx(
        [5 * shown[end] for end in ("low", "value", "high")]
    )
    assert "Wilson" in detected["how"]
    assert found["ppv"]["low"] is None and "no variation" in found["ppv"]["reason"]
