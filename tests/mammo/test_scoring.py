import numpy as np
import pytest
from scipy.stats import mannwhitneyu

from mammo_pipeline.mammo import scoring


@pytest.fixture
def tied():
    rng = np.random.default_rng(3)
    labels = (rng.random(200) < 0.3).astype(float)
    return labels, np.round(rng.normal(size=200) + labels)


def test_auroc_is_the_mann_whitney_statistic_with_mid_ranks(tied):
    labels, scores = tied
    u = mannwhitneyu(scores[labels == 1], scores[labels == 0]).statistic
    pairs = labels.sum() * (1 - labels).sum()
    assert scoring.auroc(labels, scores) == pytest.approx(u / pairs, abs=1e-12)


def test_weights_equal_repeated_rows(tied):
    labels, scores = tied
    counts = np.random.default_rng(0).integers(0, 4, len(labels))
    weighted = scoring.ranking_figures(labels, scores, 0.8, counts.astype(float))
    repeated = scoring.ranking_figures(np.repeat(labels, counts), np.repeat(scores, counts), 0.8)
    for name, value in repeated.items():
        assert weighted[name] == pytest.approx(value, abs=1e-12), name


def test_many_weight_rows_give_what_each_gives_alone(tied):
    labels, scores = tied
    weights = np.random.default_rng(1).integers(0, 3, (5, len(labels))).astype(float)
    together = scoring.ranking_figures(labels, scores, 0.8, weights)
    for row in range(5):
        alone = scoring.ranking_figures(labels, scores, 0.8, weights[row])
        for name in alone:
            assert together[name][row] == pytest.approx(alone[name], abs=1e-12)


def test_integer_ratings_give_0_4_where_the_first_point_gives_0():
    labels, ratings = [1, 1, 0, 0], [2, 1, 1, 1]
    false_rate, true_rate = scoring.roc_points(labels, ratings)
    first = np.argmax(true_rate >= 0.8)
    assert 1 - false_rate[first] == 0.0
    assert scoring.specificity_on_curve(false_rate, true_rate, 0.8) == pytest.approx(0.4)


def test_specificity_is_read_at_an_exact_point_of_the_curve():
    labels = np.array([1] * 5 + [0] * 4)
    scores = np.array([9, 8, 7, 6, 1, 6.5, 3, 2, 0.5])
    false_rate, true_rate = scoring.roc_points(labels, scores)
    assert scoring.specificity_on_curve(false_rate, true_rate, 0.8) == pytest.approx(0.75)


def test_partial_area_equals_a_fine_numeric_integral(tied):
    labels, scores = tied
    false_rate, true_rate = scoring.roc_points(labels, scores)
    grid = np.linspace(0.8, 1, 20001)
    numeric = np.trapezoid(
        [scoring.specificity_on_curve(false_rate, true_rate, s) for s in grid[::20]], grid[::20]
    )
    assert scoring.partial_area(false_rate, true_rate, 0.8) == pytest.approx(numeric, abs=1e-4)


def test_whole_partial_area_is_the_auroc(tied):
    labels, scores = tied
    points = scoring.roc_points(labels, scores)
    area = scoring.partial_area(*points, 0.0)
    assert area == pytest.approx(float(scoring.auroc(labels, scores)), abs=1e-12)


@pytest.mark.parametrize("labels", [[0, 0, 0], [1, 1, 1]])
def test_one_class_gives_nan_and_a_reason(labels):
    figures = scoring.ranking_figures(labels, [1, 2, 3], 0.8)
    assert all(np.isnan(value) for value in figures.values())
    assert "among 3" in scoring.undefined_reason(labels)


def test_a_score_that_is_not_finite_stops():
    with pytest.raises(ValueError, match="not finite, the first at row 1"):
        scoring.auroc([0, 1], [0.1, np.nan])


def test_a_label_beyond_0_and_1_stops():
    with pytest.raises(ValueError, match="0 or 1"):
        scoring.auroc([0, 2], [0.1, 0.2])


def test_nothing_scored_is_refused_in_words():
    with pytest.raises(ValueError, match="no label and no score"):
        scoring.auroc([], [])
