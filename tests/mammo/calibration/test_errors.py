import numpy as np
import pytest
from scipy.fft import dct
from scipy.special import expit
from scipy.stats import norm

from mammo_pipeline.mammo.calibration.errors import (
    brier_loss,
    brier_skill,
    calibration_error,
    calibration_in_the_large,
    compute_noise,
    log_loss,
    observed_over_expected,
    smooth_calibration_error,
    smooth_residuals,
    spread_residuals,
)

FUNCTIONS = {
    "brier_loss": lambda y, x, w=None: brier_loss(y, expit(x), w),
    "brier_skill": lambda y, x, w=None: brier_skill(y, expit(x), w),
    "log_loss": log_loss,
    "smooth": lambda y, x, w=None: smooth_calibration_error(y, expit(x), w),
    "in_the_large": calibration_in_the_large,
    "over": lambda y, x, w=None: observed_over_expected(y, expit(x), w),
    "equal_width": lambda y, x, w=None: calibration_error(y, expit(x), 10, w, "equal_width"),
}


def make_case(seed, n, slope):
    """Returns (labels, probabilities) for which the package relplot 1.0.3 was run."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(-1, 2, n)
    return (rng.random(n) < expit(slope * logits - 0.3)).astype(float), expit(logits)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_weights_equal_repeated_rows(name):
    labels, p = make_case(0, 300, 0.5)
    logits = np.log(p / (1 - p))
    counts = np.random.default_rng(1).integers(0, 3, (2, 300))
    values = FUNCTIONS[name](labels, logits, counts.astype(float))
    assert values.shape == (2,)
    for row in range(2):
        alone = FUNCTIONS[name](np.repeat(labels, counts[row]), np.repeat(logits, counts[row]))
        assert values[row] == pytest.approx(float(alone), abs=1e-9)


def test_log_loss_survives_an_extreme_logit():
    assert log_loss([1.0, 0.0], [800.0, 800.0]) == pytest.approx(400.0)


def test_calibration_error_is_small_for_true_probabilities_and_large_for_shifted_ones():
    rng = np.random.default_rng(7)
    p = rng.random(20000)
    labels = (rng.random(20000) < p).astype(float)
    for spacing in ("equal_count", "equal_width"):
        assert calibration_error(labels, p, 10, None, spacing) < 0.02
        shifted = calibration_error(labels, p * 0.5, 10, None, spacing)
        assert shifted == pytest.approx(0.25, abs=0.02)


def test_bins_of_equal_width_and_of_equal_count_differ():
    labels, p = np.array([0, 0, 0, 1.0]), np.array([0.1, 0.2, 0.3, 0.9])
    # Equal width: {0.1, 0.2, 0.3} and {0.9}; equal count: {0.1, 0.2} and {0.3, 0.9}.
    assert calibration_error(labels, p, 2, None, "equal_width") == pytest.approx(0.7 / 4)
    assert calibration_error(labels, p, 2) == pytest.approx((0.3 + 0.2) / 4)


def test_unknown_spacing_is_refused():
    with pytest.raises(ValueError, match="'log'"):
        calibration_error([0, 1], [0.1, 0.2], 2, None, "log")


@pytest.mark.parametrize(
    ("case", "known"),
    [
        ((0, 2000, 0.5), 0.08876),
        ((1, 300, 1.0), 0.04773),
        ((2, 5000, 1.0), 0.03842),
        ((3, 800, 2.0), 0.09301),
    ],
)
def test_smooth_error_is_that_of_relplot(case, known):
    # relplot integrates over 200 points and halves the bandwidth ten times.
    assert smooth_calibration_error(*make_case(*case)) == pytest.approx(known, abs=4e-4)


@pytest.mark.parametrize("bandwidth", [0.02, 0.1, 0.5])
def test_cosines_smooth_as_the_reflected_kernel_written_out(bandwidth):
    labels, p = make_case(1, 300, 1.0)
    t = (np.arange(4000) + 0.5) / 4000
    images = [2 * shift + side * p for shift in range(-4, 5) for side in (1, -1)]
    kernel = sum(norm.pdf(t[:, None], image, bandwidth) for image in images)
    known = np.abs(kernel @ (labels - p) / labels.size).mean()
    waves = dct(spread_residuals(labels, p), norm="ortho")
    assert smooth_residuals(waves, bandwidth) == pytest.approx(known, abs=2e-5)


def test_smooth_error_is_where_the_error_equals_its_bandwidth():
    labels, p = make_case(0, 2000, 0.5)
    found = smooth_calibration_error(labels, p)
    waves = dct(spread_residuals(labels, p), norm="ortho")
    assert smooth_residuals(waves, found) == pytest.approx(float(found), abs=1e-5)


def test_smooth_error_is_near_0_for_true_probabilities_and_the_shift_for_shifted_ones():
    rng = np.random.default_rng(3)
    p = rng.uniform(0.3, 0.6, 100_000)
    labels = (rng.random(p.size) < p).astype(float)
    assert smooth_calibration_error(labels, p) < 0.01
    assert smooth_calibration_error(labels, p + 0.2) == pytest.approx(0.2, abs=0.01)


def test_residuals_keep_their_sum_and_their_place():
    labels, p = np.array([1.0, 0.0, 1.0]), np.array([0.1, 0.2507, 0.9333])
    cells = spread_residuals(labels, p)
    assert cells.sum() == pytest.approx((labels - p).mean())
    middles = (np.arange(cells.size) + 0.5) / cells.size
    assert cells @ middles == pytest.approx((p * (labels - p)).mean(), abs=1e-9)


@pytest.mark.parametrize("bad", [np.nan, -0.1, 1.1])
def test_smooth_error_refuses_what_is_no_probability(bad):
    with pytest.raises(ValueError, match="outside"):
        smooth_calibration_error([0, 1], [0.5, bad])


def test_skill_is_0_for_the_prevalence_1_for_the_truth_and_undefined_with_one_class():
    labels = np.array([1, 0, 0, 0])
    assert brier_skill(labels, np.full(4, 0.25)) == 0
    assert brier_skill(labels, labels) == 1
    assert brier_skill(labels, 1 - labels) < 0
    assert np.isnan(brier_skill([0, 0], [0.1, 0.2]))


def test_in_the_large_finds_a_shift_that_was_made_whatever_its_size():
    rng = np.random.default_rng(5)
    logits = rng.normal(0, 2, 20_000)
    labels = (rng.random(logits.size) < expit(logits)).astype(float)
    for shift in (-6.0, -0.5, 0.0, 6.0):
        found = calibration_in_the_large(labels, logits - shift)
        assert found == pytest.approx(shift, abs=0.05)
        assert expit(logits - shift + found).mean() == pytest.approx(labels.mean(), abs=1e-9)


def test_in_the_large_is_undefined_with_one_class():
    assert np.isnan(calibration_in_the_large([0, 0], [0.1, 0.2]))
    assert np.isnan(calibration_in_the_large([1, 1], [0.1, 0.2]))


def test_observed_over_expected_is_above_1_when_too_few_are_predicted():
    assert observed_over_expected([1, 1], [0.5, 0.5]) == 2


@pytest.mark.parametrize("seed", range(40))
def test_a_shift_makes_the_numbers_equal_however_far_the_logits_lie(seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=30) * 10 ** rng.uniform(-2, 2.9)
    y = (rng.random(30) < 0.3).astype(float)
    y[:2] = 0, 1
    shift = calibration_in_the_large(y, x)
    assert expit(x + shift).sum() == pytest.approx(y.sum(), abs=1e-9)


def test_logits_of_800_are_shifted_all_the_way_back():
    assert calibration_in_the_large([1, 0, 0, 0], [800.0] * 4) == pytest.approx(-800 - np.log(3))
    assert calibration_in_the_large([1, 0, 0, 0], [-800.0] * 4) == pytest.approx(800 - np.log(3))


def test_an_error_of_rows_is_no_further_from_a_replicates_than_the_noise():
    rng = np.random.default_rng(0)
    p = rng.random(200)
    y = (rng.random(200) < p**2).astype(float)
    weights = rng.integers(0, 3, (50, 200)).astype(float)
    noise = compute_noise(y, p, 10, weights)
    for name, error in {
        "calibration_error": lambda w: calibration_error(y, p, 10, w),
        "calibration_error_equal_width": lambda w: calibration_error(y, p, 10, w, "equal_width"),
        "smooth_calibration_error": lambda w: smooth_calibration_error(y, p, w),
    }.items():
        apart = np.abs(error(weights) - error(np.ones(200)))
        assert (apart <= noise[name] + 1e-5).all(), name
        assert (noise[name] > 0).all()
