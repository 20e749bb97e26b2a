import numpy as np
import pytest
from scipy.stats import ks_2samp
from sklearn.metrics import roc_auc_score

from mammo_pipeline.mammo import intervals, scoring
from mammo_pipeline.mammo.resampling import (
    auroc_draws,
    auroc_of_counts,
    number_units,
    rank_rows,
)


def make_breasts(rng, patients=80, continuous=True):
    """Two breasts a patient, alike in score; a few patients have cancer in one breast."""
    names = np.repeat([f"P{number:03d}" for number in range(patients)], 2)
    labels = np.zeros(2 * patients, int)
    labels[: patients // 2 : 2] = 1
    scores = np.repeat(rng.normal(size=patients), 2) + rng.normal(0, 0.5, 2 * patients) + labels
    return labels, scores if continuous else np.round(2 * scores), names


@pytest.mark.parametrize("continuous", [True, False])
def test_a_replicate_is_the_weighted_auroc_of_its_counts(continuous):
    rng = np.random.default_rng(3)
    labels, scores, names = make_breasts(rng, continuous=continuous)
    codes, strata = number_units(labels, names, np.argsort(scores))
    outcomes = np.repeat([0.0, 1.0], strata)
    counts = intervals.draw_patient_counts(outcomes, 200, rng)
    found = auroc_of_counts(labels, scores, codes, counts)[:, 0]
    assert found == pytest.approx(scoring.auroc(labels, scores, counts[:, codes]), abs=1e-12)
    by_hand = roc_auc_score(labels, scores, sample_weight=counts[0][codes])
    assert found[0] == pytest.approx(by_hand, abs=1e-12)


@pytest.mark.parametrize("continuous", [True, False])
@pytest.mark.parametrize("by_patient", [True, False])
def test_draws_have_the_distribution_of_the_plain_bootstrap(continuous, by_patient):
    rng = np.random.default_rng(4)
    labels, scores, names = make_breasts(rng, continuous=continuous)
    units = names if by_patient else np.arange(len(labels))
    fast = auroc_draws(labels, scores, names if by_patient else None, 6000, rng)
    plain = intervals.bootstrap_by_patient(
        lambda weights: {"auroc": scoring.auroc(labels, scores, weights)}, units, labels, 6000, rng
    )["auroc"]
    assert ks_2samp(fast, plain).pvalue > 0.001
    assert fast.std() == pytest.approx(plain.std(), rel=0.05)


def test_each_stratum_is_drawn_to_its_own_size_and_each_unit_equally_often():
    from mammo_pipeline.mammo.resampling import _draw_units

    counts = np.zeros(12, np.uint8)
    state, total = np.uint64(7), np.zeros(12)
    for _ in range(20_000):
        counts[:] = 0
        state = np.uint64(_draw_units(counts, 0, 7, state))
        state = np.uint64(_draw_units(counts, 7, 5, state))
        assert counts[:7].sum() == 7
        assert counts[7:].sum() == 5
        total += counts
    # The standard error of a unit's mean count is 0.0066.
    assert total / 20_000 == pytest.approx(1, abs=0.03)


def test_columns_share_their_replicates():
    rng = np.random.default_rng(5)
    labels, scores, names = make_breasts(rng)
    draws = auroc_draws(labels, np.column_stack([scores, 2 * scores, -scores]), names, 50, rng)
    assert draws.shape == (50, 3)
    assert (draws[:, 0] == draws[:, 1]).all()
    assert draws[:, 0] + draws[:, 2] == pytest.approx(1, abs=1e-12)


def test_the_same_seed_gives_the_same_draws_and_the_next_call_others():
    labels, scores, names = make_breasts(np.random.default_rng(6))
    rng = np.random.default_rng(1)
    first, second = (auroc_draws(labels, scores, names, 20, rng) for _ in range(2))
    again = auroc_draws(labels, scores, names, 20, np.random.default_rng(1))
    assert (first == again).all()
    assert (first != second).any()


@pytest.mark.parametrize("labels", [[0, 0, 0], [1, 1, 1], []])
def test_one_class_alone_has_no_area(labels):
    draws = auroc_draws(labels, np.arange(len(labels)), None, 5, np.random.default_rng(0))
    assert draws.shape == (5,)
    assert np.isnan(draws).all()


def test_a_patient_with_both_labels_may_leave_a_replicate_without_negatives():
    draws = auroc_draws([1, 0, 1], [2, 1, 3], ["a", "a", "b"], 200, np.random.default_rng(0))
    assert 0 < np.isnan(draws).sum() < 200
    assert np.nanmin(draws) == 1


def test_a_positive_beats_the_negatives_below_it_and_ties_with_its_own_score():
    scores = np.array([2.0, 2.0, 1.0, 3.0, 0.5])
    negatives, positives, low, high = rank_rows(np.array([1, 0, 0, 0, 1]), scores, np.arange(5))
    assert negatives.tolist() == [2, 1, 3]
    assert positives.tolist() == [4, 0]
    assert (low.tolist(), high.tolist()) == ([0, 1], [0, 2])


def test_rows_of_their_own_are_numbered_by_score_within_their_class():
    scores, labels = np.array([0.4, 0.3, 0.2, 0.1]), np.array([1, 0, 1, 0])
    codes, strata = number_units(labels, None, np.argsort(scores))
    assert (codes.tolist(), strata.tolist()) == ([3, 1, 2, 0], [2, 2])


@pytest.mark.parametrize(
    ("labels", "scores", "patients", "message"),
    [
        ([0, 1], [0.1, np.nan], None, "1 scores are not finite, the first at row 1"),
        ([0, 2], [0.1, 0.2], None, "labels must be 0 or 1"),
        ([0, 1], [0.1, 0.2, 0.3], None, "expected one each"),
        ([0, 1], [0.1, 0.2], ["a"], "1 patients for 2 rows"),
        ([0, 1], [0.1, 0.2], np.array(["a", None], object), "1 rows have no patient_id"),
    ],
)
def test_bad_rows_are_refused_in_words(labels, scores, patients, message):
    with pytest.raises(ValueError, match=message):
        auroc_draws(labels, scores, patients, 5, np.random.default_rng(0))


def test_counts_that_a_byte_cannot_hold_are_refused():
    with pytest.raises(ValueError, match="from 0 to 255"):
        auroc_of_counts([0, 1], [0.1, 0.2], [0, 1], np.array([[1, 300]]))
