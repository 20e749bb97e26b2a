import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit

from mammo_pipeline.mammo import calibration


@pytest.fixture
def scored():
    rng = np.random.default_rng(4)
    logits = rng.normal(-1, 2, 4000)
    labels = (rng.random(4000) < expit(0.5 * logits - 0.3)).astype(float)
    return labels, logits


def test_newton_finds_the_maximum_that_a_general_optimiser_finds(scored):
    labels, logits = scored
    known = minimize(
        lambda ab: calibration.log_loss(labels, ab[0] * logits + ab[1]), [1.0, 0.0], tol=1e-10
    ).x
    assert np.allclose(calibration.fit_logistic(labels, logits), known, atol=1e-4)


def test_slope_and_intercept_that_made_the_labels_are_found(scored):
    slope, intercept = calibration.fit_logistic(*scored)
    assert slope == pytest.approx(0.5, abs=0.05)
    assert intercept == pytest.approx(-0.3, abs=0.1)


def test_weights_equal_repeated_rows_in_the_fit(scored):
    labels, logits = (part[:300] for part in scored)
    counts = np.random.default_rng(0).integers(0, 3, (2, 300))
    slopes, intercepts = calibration.fit_logistic(labels, logits, counts.astype(float))
    for row in range(2):
        alone = calibration.fit_logistic(
            *(np.repeat(part, counts[row]) for part in (labels, logits))
        )
        assert np.allclose((slopes[row], intercepts[row]), alone, atol=1e-8)


@pytest.mark.parametrize(
    ("labels", "logits"),
    [([0, 0, 1, 1], [1, 2, 3, 4]), ([0, 0, 0], [1, 2, 3]), ([0, 1, 0], [5, 5, 5])],
    ids=["separated", "one class", "one score"],
)
def test_no_maximum_is_nan_never_a_large_number(labels, logits):
    assert np.isnan(calibration.fit_logistic(labels, logits)).all()


def test_platt_stays_finite_on_separated_classes():
    fitted = calibration.fit_platt([0, 0, 1, 1], [-2.0, -1.0, 1.0, 2.0])
    assert 0 < fitted["slope"] < 5
    assert all(type(fitted[key]) is float for key in ("slope", "intercept"))


def test_calibration_lowers_the_log_loss_and_keeps_the_order(scored):
    labels, logits = scored
    calibrated = calibration.apply_calibration(calibration.fit_platt(labels, logits), logits)
    assert calibration.log_loss(labels, calibrated) < calibration.log_loss(labels, logits)
    assert (np.argsort(calibrated) == np.argsort(logits)).all()


def test_platt_of_one_class_says_what_was_found():
    with pytest.raises(ValueError, match="0 positives among 3"):
        calibration.fit_platt([0, 0, 0], [1.0, 2.0, 3.0])


def test_log_loss_survives_an_extreme_logit():
    assert calibration.log_loss([1.0, 0.0], [800.0, 800.0]) == pytest.approx(400.0)


def test_calibration_error_is_small_for_true_probabilities_and_large_for_shifted_ones():
    rng = np.random.default_rng(7)
    p = rng.random(20000)
    labels = (rng.random(20000) < p).astype(float)
    assert calibration.calibration_error(labels, p, 10) < 0.02
    assert calibration.calibration_error(labels, p * 0.5, 10) == pytest.approx(0.25, abs=0.02)


def test_calibration_error_is_the_weighted_gap_of_the_reliability_table(scored):
    labels, logits = scored
    p = expit(logits)
    table = calibration.reliability_table(labels, p, 10, 0.95)
    gap = (table["n"] * (table["observed"] - table["predicted"]).abs()).sum() / table["n"].sum()
    assert calibration.calibration_error(labels, p, 10) == pytest.approx(gap)


def test_reliability_bins_hold_equal_counts_and_lie_in_their_interval(scored):
    labels, logits = scored
    table = calibration.reliability_table(labels, expit(logits), 8, 0.95)
    assert table["n"].tolist() == [500] * 8
    assert table["observed"].between(table["low"], table["high"]).all()


def test_unknown_calibration_is_refused():
    with pytest.raises(ValueError, match="'isotonic'"):
        calibration.apply_calibration({"method": "isotonic"}, [0.0])
