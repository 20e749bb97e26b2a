import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit

from mammo_pipeline.mammo.calibration.errors import log_loss
from mammo_pipeline.mammo.calibration.logistic import fit_logistic


@pytest.fixture(scope="module")
def scored():
    rng = np.random.default_rng(4)
    logits = rng.normal(-1, 2, 4000)
    labels = (rng.random(4000) < expit(0.5 * logits - 0.3)).astype(float)
    return labels, logits


def test_newton_finds_the_maximum_that_a_general_optimiser_finds(scored):
    labels, logits = scored
    known = minimize(lambda ab: log_loss(labels, ab[0] * logits + ab[1]), [1.0, 0.0], tol=1e-10).x
    assert np.allclose(fit_logistic(labels, logits), known, atol=1e-4)


def test_slope_and_intercept_that_made_the_labels_are_found(scored):
    slope, intercept = fit_logistic(*scored)
    assert slope == pytest.approx(0.5, abs=0.05)
    assert intercept == pytest.approx(-0.3, abs=0.1)


def test_weights_equal_repeated_rows_in_the_fit(scored):
    labels, logits = (part[:300] for part in scored)
    counts = np.random.default_rng(0).integers(0, 3, (2, 300))
    slopes, intercepts = fit_logistic(labels, logits, counts.astype(float))
    for row in range(2):
        alone = fit_logistic(*(np.repeat(part, counts[row]) for part in (labels, logits)))
        assert np.allclose((slopes[row], intercepts[row]), alone, atol=1e-8)


@pytest.mark.parametrize(
    ("labels", "logits"),
    [
        ([0, 0, 1, 1], [1, 2, 3, 4]),
        ([1, 1, 0, 0], [1, 2, 3, 4]),
        ([0, 0, 1, 1], [1, 2, 2, 3]),
        ([0, 1], [0, 3000]),
        ([0, 0, 0], [1, 2, 3]),
        ([0, 1, 0], [5, 5, 5]),
        ([], []),
    ],
    ids=["separated", "turned", "touching", "far", "one class", "one score", "nothing"],
)
def test_no_maximum_is_nan_never_a_large_number(labels, logits):
    assert np.isnan(fit_logistic(labels, logits)).all()


@pytest.mark.parametrize("seed", range(300))
def test_a_slope_is_finite_exactly_where_the_classes_overlap(seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=rng.integers(2, 30)) * 10 ** rng.uniform(-6, 6)
    y = (x > np.median(x)).astype(float) if seed % 3 == 0 else (rng.random(x.size) < 0.4) * 1.0
    negatives, positives = x[y == 0], x[y == 1]
    overlaps = bool(positives.size and negatives.size)
    overlaps = overlaps and bool(
        negatives.max() > positives.min() and positives.max() > negatives.min()
    )
    slope, intercept = fit_logistic(y, x)
    assert np.isfinite(slope) == np.isfinite(intercept) == overlaps
    if overlaps:
        error = y - expit(slope * x + intercept)
        assert abs(error.sum()) < 1e-6
        assert abs(error @ (x - x.mean())) < 1e-6 * np.abs(x).max()


def test_one_far_score_does_not_hide_the_maximum():
    rng = np.random.default_rng(0)
    x = rng.normal(size=60)
    y = (rng.random(60) < expit(x)).astype(float)
    alone = fit_logistic(y, x)
    assert np.allclose(fit_logistic(np.append(y, 1.0), np.append(x, 1e5)), alone, rtol=1e-6)


def test_a_replicate_without_overlap_leaves_the_others_alone():
    y, x = np.array([0.0, 1.0, 0.0, 1.0]), np.array([1.0, 2.0, 3.0, 4.0])
    weights = np.array([[1.0, 1, 1, 1], [1, 1, 0, 1], [2, 1, 1, 1]])
    slopes, _ = fit_logistic(y, x, weights)
    assert np.isnan(slopes[1])
    for row in (0, 2):
        assert slopes[row] == pytest.approx(float(fit_logistic(y, x, weights[row])[0]))


def test_scores_of_several_models_are_fitted_row_by_row(scored):
    labels, logits = (part[:200] for part in scored)
    together = fit_logistic(labels, np.stack([logits, 2 * logits]))[0]
    assert together[0] == pytest.approx(2 * together[1])
