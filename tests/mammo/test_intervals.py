import numpy as np
import pytest
from scipy.stats import binomtest

from mammo_pipeline.mammo import intervals
from mammo_pipeline.mammo.scoring import auroc


@pytest.fixture
def pairs():
    """300 patients, two breasts each with nearly the same score: the worst case for clusters."""
    rng = np.random.default_rng(5)
    outcome = (np.arange(300) < 60).astype(float)
    score = rng.normal(size=300) + outcome
    patients = np.repeat(np.arange(300), 2)
    scores = np.repeat(score, 2) + rng.normal(0, 1e-3, 600)
    return patients, np.repeat(outcome, 2), scores


def test_prevalence_of_patients_is_kept_in_every_replicate():
    outcomes = np.array([1.0] * 7 + [0.0] * 30)
    counts = intervals.draw_patient_counts(outcomes, 50, np.random.default_rng(0))
    assert (counts[:, :7].sum(1) == 7).all()
    assert (counts[:, 7:].sum(1) == 30).all()


def test_a_patient_drawn_twice_counts_twice():
    counts = intervals.draw_patient_counts(np.zeros(40), 200, np.random.default_rng(0))
    assert counts.max() >= 3
    # Poisson(1), as drawing n of n with replacement gives.
    assert np.mean(counts == 0) == pytest.approx(np.exp(-1), abs=0.01)
    assert counts.var() == pytest.approx(1 - 1 / 40, abs=0.05)


def test_all_breasts_of_a_patient_are_drawn_together(pairs):
    patients, labels, _ = pairs
    for weights in intervals.draw_row_weights(patients, labels, 5, np.random.default_rng(0)):
        assert (weights[:, ::2] == weights[:, 1::2]).all()


def test_membership_in_place_of_multiplicity_would_be_a_quarter_too_narrow(pairs):
    patients, labels, scores = pairs
    rng = np.random.default_rng(1)
    spread = {"counted": [], "member": []}
    for weights in intervals.draw_row_weights(patients, labels, 1500, rng):
        spread["counted"].extend(auroc(labels, scores, weights))
        spread["member"].extend(auroc(labels, scores, (weights > 0).astype(float)))
    ratio = np.std(spread["member"]) / np.std(spread["counted"])
    assert ratio == pytest.approx(0.76, abs=0.06)


def test_pairs_of_equal_breasts_widen_the_interval_by_root_two(pairs):
    patients, labels, scores = pairs
    widths = []
    for unit in (patients, np.arange(len(patients))):
        draws = intervals.bootstrap_by_patient(
            lambda w: {"auroc": auroc(labels, scores, w)}, unit, labels, 1500,
            np.random.default_rng(2),
        )  # fmt: skip
        low, high = intervals.percentile_interval(draws["auroc"], 0.95)
        widths.append(high - low)
    assert widths[0] / widths[1] == pytest.approx(np.sqrt(2), rel=0.1)


def test_the_batch_size_changes_no_shape(pairs, monkeypatch):
    patients, labels, scores = pairs
    monkeypatch.setattr(intervals, "CELLS", 1000)
    draws = intervals.bootstrap_by_patient(
        lambda w: {"auroc": auroc(labels, scores, w)}, patients, labels, 7, np.random.default_rng(0)
    )
    assert draws["auroc"].shape == (7,)


@pytest.mark.parametrize(("k", "n"), [(0, 10), (3, 10), (10, 10), (450, 1000)])
def test_wilson_agrees_with_scipy(k, n):
    known = binomtest(k, n).proportion_ci(0.95, "wilson")
    found = intervals.wilson_interval(k, n, 0.95)
    assert found == pytest.approx((known.low, known.high), abs=1e-12)


@pytest.mark.parametrize("n", [1, 7, 97, 98.7, 1e6 / 3])
def test_rounding_leaves_no_proportion_outside_its_interval(n):
    for successes in (0, n / 3, n):
        low, high = intervals.wilson_interval(successes, n, 0.95)
        assert 0 <= low <= successes / n <= high <= 1


def test_undefined_values_are_null_with_their_reason():
    assert intervals.proportion(0, 0, 0.95)["value"] is None
    empty = intervals.figure(np.nan, np.array([]), 3, 0.95, "area", "no positive among 3")
    assert (empty["value"], empty["reason"]) == (None, "no positive among 3")


def test_no_interval_when_most_replicates_are_undefined():
    draws = np.array([np.nan] * 60 + [0.5] * 40)
    assert intervals.percentile_interval(draws, 0.95) == (None, None)


def test_a_value_without_an_interval_stays_and_says_why():
    found = intervals.figure(0.7, np.array([np.nan, np.nan, 0.7]), 3, 0.95, "area")
    assert (found["value"], found["low"]) == (0.7, None)
    assert found["reason"] == "no interval: defined in 1 of 3 replicates"
    assert intervals.figure(0.7, np.array([0.6, 0.8]), 3, 0.95, "area")["reason"] is None


def test_replicates_that_do_not_define_a_figure_are_told():
    draws = np.array([0.1, 0.2, 0.3, np.nan])
    assert "4 replicates of which 3 define it" in intervals.figure(0.2, draws, 9, 0.95, "x")["how"]
    assert "of which" not in intervals.figure(0.2, draws[:3], 9, 0.95, "x")["how"]


def test_an_error_no_larger_than_its_noise_may_be_nothing():
    draws, noise = np.array([0.2, 0.3, 0.4]), np.array([0.1, 0.2, 0.3])
    assert intervals.error_figure(0.2, draws, noise, 9, 0.95, "x")["low"] == 0
    found = intervals.error_figure(0.5, draws, noise, 9, 0.95, "x")
    assert found["low"] == pytest.approx(0.5 - 0.295)
    assert found["high"] == pytest.approx(0.5 + 0.395 - 0.3)
    assert intervals.error_figure(np.nan, draws, noise, 9, 0.95, "x", "none")["low"] is None
