import json

import numpy as np
import pytest
from scipy.special import expit, logit

from mammo_pipeline.mammo.calibration.prevalence import ASSUMPTION
from mammo_pipeline.mammo.decision import benefit_of_all, measure_decision, net_benefit

THRESHOLDS = [0.1, 0.2, 0.3, 0.4, 0.5]


def make_breasts(n=1200, seed=0):
    rng = np.random.default_rng(seed)
    logits = rng.normal(-1, 2, n)
    return (rng.random(n) < expit(logits)).astype(float), logits, np.arange(n) // 2


def measure(labels, logits, patients, thresholds=THRESHOLDS, **prevalences):
    rng = np.random.default_rng(0)
    return measure_decision(labels, logits, patients, thresholds, 300, 0.95, rng, **prevalences)


@pytest.fixture(scope="module")
def record():
    return measure(*make_breasts())


def test_net_benefit_is_true_less_weighted_false_recalls_over_all():
    labels, logits, _ = make_breasts()
    p = expit(logits)
    for t, ours in zip(THRESHOLDS, net_benefit(labels, p, THRESHOLDS), strict=True):
        true = ((p >= t) & (labels == 1)).sum()
        false = ((p >= t) & (labels == 0)).sum()
        assert ours == pytest.approx((true - false * t / (1 - t)) / labels.size)


def test_a_probability_on_the_threshold_is_recalled():
    assert net_benefit([1, 0], [0.5, 0.1], [0.5]).tolist() == [0.5]


def test_recalling_everyone_is_a_model_that_says_1():
    labels, _, _ = make_breasts()
    ours = net_benefit(labels, np.ones(labels.size), THRESHOLDS)
    assert np.allclose(ours, benefit_of_all(labels.mean(), THRESHOLDS))
    assert (net_benefit(labels, np.zeros(labels.size), THRESHOLDS) == 0).all()


def test_weights_equal_repeated_rows():
    labels, logits, _ = make_breasts(300)
    counts = np.random.default_rng(1).integers(0, 3, (2, 300))
    for share in (None, 0.01):
        ours = net_benefit(labels, expit(logits), THRESHOLDS, counts.astype(float), share)
        for row in range(2):
            y, x = (np.repeat(part, counts[row]) for part in (labels, logits))
            assert np.allclose(ours[row], net_benefit(y, expit(x), THRESHOLDS, None, share))


def test_screening_counts_are_those_of_a_population_with_that_prevalence():
    labels, p = np.array([1, 1, 0, 0]), np.array([0.9, 0.1, 0.9, 0.1])
    # A half of the cancers and a half of the others are recalled, 2 % have cancer, odds 1 / 4.
    found = net_benefit(labels, p, [0.2], None, 0.02)
    assert found == pytest.approx([0.02 * 0.5 - 0.98 * 0.5 / 4])


def test_a_calibrated_model_is_never_worse_than_all_or_none(record):
    for found in record["advantage"]:
        assert found["value"] > 0
        assert found["low"] <= found["value"] <= found["high"]
        assert "300 replicates" in found["how"]


def test_the_advantage_is_taken_over_the_better_of_all_and_none(record):
    for model, everyone, gain in zip(
        record["model"], record["treat_all"], record["advantage"], strict=True
    ):
        assert gain["value"] == pytest.approx(model["value"] - max(everyone, 0))


def test_in_screening_the_probabilities_are_moved_and_the_cases_weighted():
    labels, logits, patients = make_breasts(4000)
    here = float(labels.mean())
    thresholds = [0.002, 0.005, 0.02]
    record = measure(labels, logits, patients, thresholds, prevalence=0.005, from_prevalence=here)
    moved = expit(logits + logit(0.005) - logit(here))
    known = net_benefit(labels, moved, thresholds, None, 0.005)
    assert [found["value"] for found in record["model"]] == pytest.approx(known.tolist())
    assert record["treat_all"] == pytest.approx(benefit_of_all(0.005, thresholds).tolist())
    assert record["assumption"] == ASSUMPTION
    assert all(found["value"] > 0 for found in record["advantage"])


def test_a_stated_prevalence_needs_the_one_it_is_moved_from():
    with pytest.raises(ValueError, match="from_prevalence"):
        measure(*make_breasts(), prevalence=0.005)


def test_patients_are_drawn_not_breasts():
    labels, logits, _ = make_breasts(200)
    twice = np.tile(labels, 2), np.tile(logits, 2)
    together = measure(*twice, np.tile(np.arange(200), 2))["model"][2]
    apart = measure(*twice, np.arange(400))["model"][2]
    widths = [found["high"] - found["low"] for found in (together, apart)]
    assert widths[0] > 1.2 * widths[1]


def test_one_class_gives_no_curve_and_its_reason():
    record = measure([0] * 6, np.arange(6.0), np.arange(6))
    assert record["reason"] == "cannot be estimated, n = 6: no cancer"
    assert [found["value"] for found in record["model"]] == [None] * 5


def test_three_patients_get_values_and_no_band():
    record = measure([1, 0, 0], [1.0, 0.2, -0.5], list("abc"))
    found = record["model"][0]
    assert found["value"] is not None
    assert found["low"] is None
    assert found["reason"] == "no interval: only 1 patient with cancer"


def test_the_record_is_plain_json(record):
    assert json.loads(json.dumps(record)) == record


@pytest.mark.parametrize("bad", [[], [0.0, 0.1], [1.0], [np.nan]])
def test_thresholds_out_of_range_are_refused(bad):
    with pytest.raises(ValueError, match="between 0 and 1"):
        net_benefit([0, 1], [0.1, 0.9], bad)


@pytest.mark.parametrize(
    ("labels", "logits", "words"),
    [([], [], "nothing"), ([0, 1], [np.nan, 0], "not finite"), ([0, 3], [0, 0], "0 or 1")],
)
def test_what_cannot_be_measured_is_refused(labels, logits, words):
    with pytest.raises(ValueError, match=words):
        measure(labels, logits, np.arange(len(labels)))
