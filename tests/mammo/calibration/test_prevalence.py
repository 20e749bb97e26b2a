import numpy as np
import pytest
from scipy.special import expit, logit

from mammo_pipeline.mammo.calibration.prevalence import (
    ASSUMPTION,
    estimate_prevalence,
    measure_prevalence,
    shift_prevalence,
    tabulate_shift,
)


def draw_site(prevalence, n, seed=0):
    """Returns (labels, logits calibrated at 0.5): scores are N(1, sqrt 2) or N(-1, sqrt 2)."""
    rng = np.random.default_rng(seed)
    labels = (rng.random(n) < prevalence).astype(float)
    # For two normals of one width the log-likelihood ratio is linear in the score.
    return labels, rng.normal(2 * labels - 1, np.sqrt(2))


def test_shifted_probabilities_are_those_of_bayes():
    likelihood_ratio, here, there = 3.0, 0.4, 0.005
    before = here * likelihood_ratio / (here * likelihood_ratio + 1 - here)
    after = there * likelihood_ratio / (there * likelihood_ratio + 1 - there)
    assert expit(shift_prevalence(logit(before), here, there)) == pytest.approx(after)


def test_shifted_probabilities_are_calibrated_where_cancer_is_rare():
    labels, logits = draw_site(0.02, 200_000)
    p = expit(shift_prevalence(logits, 0.5, 0.02))
    assert p.mean() == pytest.approx(0.02, rel=0.05)
    top = p > 0.1
    assert p[top].mean() == pytest.approx(labels[top].mean(), rel=0.1)
    assert expit(logits).mean() > 0.2


def test_a_shift_there_and_back_changes_nothing_and_the_argument_stays():
    logits = np.array([-2.0, 0.0, 3.0])
    back = shift_prevalence(shift_prevalence(logits, 0.3, 0.01), 0.01, 0.3)
    assert np.allclose(back, logits)
    assert logits.tolist() == [-2.0, 0.0, 3.0]


@pytest.mark.parametrize("bad", [0.0, 1.0, np.nan, -0.1])
def test_a_prevalence_out_of_range_is_refused(bad):
    for pair in ((bad, 0.5), (0.5, bad)):
        with pytest.raises(ValueError, match="between 0 and 1"):
            shift_prevalence([0.0], *pair)


@pytest.mark.parametrize("truth", [0.02, 0.1, 0.4])
def test_the_prevalence_of_a_site_is_found_from_scores_alone(truth):
    labels, logits = draw_site(truth, 60_000, seed=1)
    assert estimate_prevalence(logits, 0.5) == pytest.approx(labels.mean(), abs=0.006)


@pytest.mark.parametrize("here", [0.05, 0.2, 0.8])
def test_the_estimate_does_not_depend_on_where_the_scores_were_calibrated(here):
    _, logits = draw_site(0.1, 5000)
    moved = shift_prevalence(logits, 0.5, here)
    known = float(estimate_prevalence(logits, 0.5))
    assert estimate_prevalence(moved, here) == pytest.approx(known, rel=1e-3)


def test_the_estimate_is_where_the_likelihood_is_highest():
    _, logits = draw_site(0.15, 3000)
    found = float(estimate_prevalence(logits, 0.5))
    grid = np.linspace(0.001, 0.6, 20_001)
    ratio = np.exp(logits)
    likelihood = [np.log(share * ratio + 1 - share).sum() for share in grid]
    assert found == pytest.approx(grid[np.argmax(likelihood)], abs=1e-4)


def test_weights_equal_repeated_rows():
    _, logits = draw_site(0.3, 200)
    counts = np.random.default_rng(0).integers(0, 3, (2, 200))
    found = estimate_prevalence(logits, 0.5, counts.astype(float))
    for row in range(2):
        alone = estimate_prevalence(np.repeat(logits, counts[row]), 0.5)
        assert found[row] == pytest.approx(float(alone), rel=1e-4)


@pytest.mark.parametrize(
    ("logits", "words"), [([], "finite"), ([np.nan, 1.0], "finite"), ([1.0, 1.0], "alike")]
)
def test_scores_that_tell_no_prevalence_are_refused(logits, words):
    with pytest.raises(ValueError, match=words):
        estimate_prevalence(logits, 0.5)


def test_the_interval_of_an_estimate_holds_the_truth_and_is_by_patient():
    _, logits = draw_site(0.2, 1000)
    rng = np.random.default_rng(0)
    found = measure_prevalence(logits, 0.5, np.arange(1000), 200, 0.95, rng)
    assert found["low"] < 0.2 < found["high"]
    few = measure_prevalence(np.repeat(logits, 4), 0.5, np.repeat(range(1000), 4), 200, 0.95, rng)
    assert (found["n"], few["n"]) == (1000, 4000)
    assert few["high"] - few["low"] == pytest.approx(found["high"] - found["low"], rel=0.3)


def test_one_patient_gives_no_interval():
    found = measure_prevalence([1.0, -1.0], 0.5, ["a", "a"], 50, 0.95, np.random.default_rng(0))
    assert found["low"] is None
    assert found["reason"] == "no interval: only 1 patient"


def test_patients_and_scores_of_unlike_number_are_refused():
    with pytest.raises(ValueError, match="expected one each"):
        measure_prevalence([1.0, -1.0], 0.5, ["a"], 50, 0.95, np.random.default_rng(0))


def test_the_table_carries_the_assumption_and_the_share_below():
    record = tabulate_shift(logit([0.05, 0.3, 0.6]), 0.4, [0.1, 0.005], [0.5])
    assert record["assumption"] == ASSUMPTION
    [row] = record["rows"]
    assert row["share_below"] == pytest.approx(2 / 3)
    odds = [0.1 / 0.9 / (0.4 / 0.6), 0.005 / 0.995 / (0.4 / 0.6)]
    assert row["shifted"] == pytest.approx([o / (1 + o) for o in odds])
