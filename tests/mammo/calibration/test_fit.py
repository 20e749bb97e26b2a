import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit, logit

from mammo_pipeline.mammo.calibration.errors import log_loss
from mammo_pipeline.mammo.calibration.fit import (
    FITS,
    CalibrationError,
    fit_beta,
    fit_isotonic,
    fit_platt,
    fit_temperature,
)
from mammo_pipeline.mammo.calibration.maps import apply_map


@pytest.fixture(scope="module")
def scored():
    rng = np.random.default_rng(4)
    logits = rng.normal(-1, 2, 4000)
    labels = (rng.random(4000) < expit(0.5 * logits - 0.3)).astype(float)
    return labels, logits


def make_case(seed, n, slope):
    """Returns (labels, logits) for which the package betacal 1.1.0 was run."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(-1, 2, n)
    return (rng.random(n) < expit(slope * logits - 0.3)).astype(float), logits


def test_platt_stays_finite_on_separated_classes():
    fitted = fit_platt([0, 0, 1, 1], [-2.0, -1.0, 1.0, 2.0])
    assert 0 < fitted["slope"] < 5
    assert all(type(fitted[key]) is float for key in ("slope", "intercept"))


def test_temperature_is_that_of_scikit_learn(scored):
    from sklearn.calibration import _TemperatureScaling

    labels, logits = scored
    weights = np.random.default_rng(0).integers(0, 4, labels.size).astype(float)
    for w in (None, weights):
        # scikit-learn makes (-x, x) of a binary logit, so that its inverse is half of ours.
        known = _TemperatureScaling().fit(logits, labels, w)
        ours = fit_temperature(labels, logits, w)["temperature"]
        assert 1 / ours == pytest.approx(2 * known.beta_, rel=1e-6)


def test_no_other_temperature_is_more_likely(scored):
    labels, logits = scored
    best = fit_temperature(labels, logits)["temperature"]
    losses = [log_loss(labels, logits / (best * factor)) for factor in (0.99, 1.0, 1.01)]
    assert np.argmin(losses) == 1


@pytest.mark.parametrize(
    ("labels", "words"), [([0, 0, 1, 1], "parts the classes"), ([1, 1, 0, 0], "infinite")]
)
def test_a_temperature_without_a_maximum_is_refused_with_its_cause(labels, words):
    with pytest.raises(CalibrationError, match=words):
        fit_temperature(labels, [-2.0, -1.0, 1.0, 2.0])


@pytest.mark.parametrize(
    ("case", "a", "b", "c"),
    [
        ((0, 2000, 0.5), 0.5227, 0.4498, -0.1840),
        ((1, 300, 1.0), 1.0001, 1.1739, -0.4228),
        ((3, 800, 2.0), 1.6018, 2.2474, -0.9314),
    ],
)
def test_beta_is_that_of_betacal_and_not_less_likely(case, a, b, c):
    labels, logits = make_case(*case)
    ours = fit_beta(labels, logits)
    # betacal stops its solver at a tolerance of 1e-4.
    assert [ours[key] for key in "abc"] == pytest.approx([a, b, c], abs=0.008)
    theirs = {"method": "beta", "a": a, "b": b, "c": c}
    losses = [log_loss(labels, apply_map(fitted, logits)) for fitted in (ours, theirs)]
    assert losses[0] <= losses[1]


def bend(labels, logits):
    """Returns the bounded maximum of beta calibration, by a general optimiser."""
    rise, fall = -np.logaddexp(0, -logits), np.logaddexp(0, logits)
    return minimize(
        lambda v: log_loss(labels, v[0] * rise + v[1] * fall + v[2]),
        [1.0, 1.0, 0.0],
        bounds=[(0, None), (0, None), (None, None)],
        tol=1e-12,
    )


@pytest.mark.parametrize(("sign", "zero"), [(1, "b"), (-1, "a")])
def test_a_coefficient_of_beta_is_never_negative_and_the_bounded_fit_is_the_best(sign, zero):
    rng = np.random.default_rng(2)
    logits = rng.normal(0, 2, 3000)
    # Steep on one side and falling on the other: the free fit has a negative coefficient.
    truth = sign * (2 * -np.logaddexp(0, -sign * logits) - 0.4 * np.logaddexp(0, sign * logits))
    labels = (rng.random(3000) < expit(truth + sign)).astype(float)
    fitted = fit_beta(labels, logits)
    assert fitted[zero] == 0
    assert min(fitted["a"], fitted["b"]) >= 0
    known = bend(labels, logits)
    assert log_loss(labels, apply_map(fitted, logits)) == pytest.approx(known.fun, abs=1e-7)


def test_isotonic_is_that_of_scikit_learn_away_from_0_and_1(scored):
    from sklearn.isotonic import IsotonicRegression

    labels, logits = scored
    fitted = fit_isotonic(labels, logits)
    known = IsotonicRegression(out_of_bounds="clip").fit(logits, labels).predict(logits)
    ours = expit(apply_map(fitted, logits))
    held = 1 / (labels.size + 2)
    assert ours.min() >= held - 1e-12
    assert ours.max() <= 1 - held + 1e-12
    assert np.allclose(ours, np.clip(known, held, 1 - held), atol=1e-9)


def test_isotonic_knots_are_finite_plain_numbers_that_never_fall(scored):
    fitted = fit_isotonic(*scored)
    for key in ("logits", "calibrated"):
        assert all(type(knot) is float for knot in fitted[key])
        assert np.isfinite(fitted[key]).all()
        assert (np.diff(fitted[key]) >= 0).all()


def test_tied_logits_share_one_isotonic_value():
    fitted = fit_isotonic([0, 1, 1, 1], [1.0, 1.0, 1.0, 2.0])
    assert fitted["logits"] == [1.0, 2.0]
    assert fitted["calibrated"][0] == pytest.approx(logit(2 / 3))


@pytest.mark.parametrize("method", FITS)
def test_weights_equal_repeated_rows_in_every_map(scored, method):
    labels, logits = (part[:400] for part in scored)
    counts = np.random.default_rng(1).integers(0, 3, 400)
    if method in ("platt", "isotonic"):
        # Their smoothing counts rows, so that only the weights' scale may not matter.
        ours = FITS[method](labels, logits, np.full(400, 2.0))
        known = FITS[method](labels, logits)
    else:
        ours = FITS[method](labels, logits, counts.astype(float))
        known = FITS[method](np.repeat(labels, counts), np.repeat(logits, counts))
    grid = np.linspace(-4, 4, 9)
    assert np.allclose(apply_map(ours, grid), apply_map(known, grid), atol=1e-8)


@pytest.mark.parametrize("method", FITS)
@pytest.mark.parametrize(
    ("labels", "logits", "words"),
    [
        ([0, 0, 0], [1.0, 2.0, 3.0], "0 positives among 3"),
        ([1, 0, 1], [2.0, 2.0, 2.0], "all 3 logits are 2"),
        ([1, 0, 1], [2.0, np.nan, 1.0], "not finite"),
        ([1, 0, 2], [2.0, 1.0, 0.0], "0 or 1"),
        ([], [], "0 positives among 0"),
        ([1, 0], [2.0, 1.0, 0.0], "expected alike"),
    ],
    ids=["one class", "equal", "NaN", "label", "empty", "lengths"],
)
def test_every_fit_refuses_what_it_cannot_use(method, labels, logits, words):
    with pytest.raises(ValueError, match=words):
        FITS[method](labels, logits)


@pytest.mark.parametrize("method", FITS)
def test_a_fit_of_few_rows_works_or_refuses_but_never_gives_nan(method):
    rng = np.random.default_rng(0)
    for n in (2, 3, 4, 6):
        for _ in range(20):
            labels, logits = rng.integers(0, 2, n), rng.normal(0, 1, n).round(1)
            try:
                fitted = FITS[method](labels, logits)
            except CalibrationError:
                continue
            assert np.isfinite(apply_map(fitted, np.linspace(-5, 5, 11))).all()


@pytest.mark.parametrize("method", [m for m in FITS if m != "identity"])
def test_a_fit_lowers_the_log_loss_and_keeps_the_order(scored, method):
    labels, logits = scored
    calibrated = apply_map(FITS[method](labels, logits), logits)
    assert log_loss(labels, calibrated) < log_loss(labels, logits)
    assert (np.diff(calibrated[np.argsort(logits)]) >= 0).all()


@pytest.mark.parametrize("method", FITS)
def test_a_row_of_weight_0_is_not_there(method):
    labels, logits = [1, 0, 1, 0, 1], [2.0, 1.0, -1.0, 0.5, 3.0]
    fitted = FITS[method]([*labels, 0], [*logits, -9.0], np.r_[np.ones(5), 0.0])
    assert fitted == FITS[method](labels, logits)
    with pytest.raises(CalibrationError, match="2 positives among 2"):
        FITS[method]([1, 1, 0], [2.0, 1.0, 0.0], np.array([1.0, 1.0, 0.0]))


@pytest.mark.parametrize("scale", [0.01, 3.0, 30.0])
def test_beta_is_the_bounded_maximum_whatever_the_tails(scale):
    rng = np.random.default_rng(7)
    for _ in range(30):
        logits = rng.standard_t(1.2, 40) * scale
        labels = (rng.random(40) < expit(np.clip(logits / scale, -3, 3))).astype(float)
        fitted = fit_beta(labels, logits)
        assert min(fitted["a"], fitted["b"]) >= 0
        ours = log_loss(labels, apply_map(fitted, logits))
        assert ours <= bend(labels, logits).fun + 1e-6


def test_classes_that_only_a_falling_curve_parts_still_have_a_beta_map():
    # Positives on both sides: the free fit is infinite, the one that never falls is not.
    fitted = fit_beta([1, 0, 1, 0, 1], [2.0, 1.0, -1.0, 0.5, 3.0])
    known = bend(np.array([1, 0, 1, 0, 1.0]), np.array([2.0, 1.0, -1.0, 0.5, 3.0]))
    losses = log_loss([1, 0, 1, 0, 1], apply_map(fitted, [2.0, 1.0, -1.0, 0.5, 3.0])), known.fun
    assert losses[0] == pytest.approx(losses[1], abs=1e-7)


def test_beta_of_logits_that_rank_backwards_is_flat_at_the_prevalence():
    labels = np.tile([1.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0], 20)
    logits = np.tile(np.arange(7.0), 20)
    fitted = fit_beta(labels, logits)
    assert (fitted["a"], fitted["b"]) == (0, 0)
    assert expit(fitted["c"]) == pytest.approx(3 / 7)


def test_beta_of_separated_classes_is_refused():
    with pytest.raises(CalibrationError, match="parts the classes without error"):
        fit_beta([0, 0, 1, 1], [-2.0, -1.0, -1.0, 2.0])


def test_newton_that_overshoots_comes_back():
    # Whole steps end at coefficients of a thousand million here.
    rng = np.random.default_rng(100)
    n = int(rng.integers(6, 60))
    logits = rng.standard_t(1.0, n) * rng.choice([0.1, 3, 30])
    labels = (rng.random(n) < expit(np.clip(2 * logits - 1, -3, 3))).astype(float)
    fitted = fit_beta(labels, logits)
    assert max(fitted["a"], fitted["b"]) < 10
    assert log_loss(labels, apply_map(fitted, logits)) <= bend(labels, logits).fun + 1e-6
