import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from mammo_pipeline.mammo import precision


@pytest.fixture(params=["fine", "tied", "rare"])
def scored(request):
    rng = np.random.default_rng(5)
    labels = (rng.random(300) < (0.02 if request.param == "rare" else 0.3)).astype(float)
    scores = rng.normal(size=300) + labels
    return labels, np.round(scores) if request.param == "tied" else scores


def test_average_precision_is_scikit_learns(scored):
    labels, scores = scored
    expected = average_precision_score(labels, scores)
    assert precision.average_precision(labels, scores) == pytest.approx(expected, abs=1e-12)


def test_weighted_average_precision_is_scikit_learns_row_by_row(scored):
    labels, scores = scored
    weights = np.random.default_rng(2).integers(0, 4, (6, 300)).astype(float)
    together = precision.average_precision(labels, scores, weights)
    assert together.shape == (6,)
    for row, found in zip(weights, together, strict=True):
        expected = average_precision_score(labels, scores, sample_weight=row)
        assert found == pytest.approx(expected, abs=1e-12)


def test_a_tie_counts_for_nobody():
    assert precision.average_precision([1, 0, 0, 0], [1, 1, 1, 1]) == 0.25


@pytest.mark.parametrize("labels", [[0, 0, 0], [1, 1, 1]])
def test_one_class_has_no_average_precision(labels):
    assert np.isnan(precision.average_precision(labels, [1, 2, 3]))
    drawn = np.array([[1.0, 1.0, 0.0], [1.0, 0.0, 1.0]])
    found = precision.average_precision([1, 0, 1], [3, 2, 1], drawn)
    assert np.isfinite(found[0])
    assert np.isnan(found[1])


def kaggle_pf1(labels, predictions):
    """The challenge's own formula, beta = 1."""
    true = sum(p for y, p in zip(labels, predictions, strict=True) if y)
    false = sum(p for y, p in zip(labels, predictions, strict=True) if not y)
    clean, found = true / (true + false), true / sum(labels)
    return 2 * clean * found / (clean + found) if clean > 0 and found > 0 else 0.0


def test_probabilistic_f1_is_that_of_the_challenge(scored):
    labels, scores = scored
    p = 1 / (1 + np.exp(-scores))
    expected = kaggle_pf1(labels, p)
    assert precision.probabilistic_f1(labels, p) == pytest.approx(expected, abs=1e-12)
    counts = np.random.default_rng(3).integers(0, 3, 300)
    expected = kaggle_pf1(np.repeat(labels, counts), np.repeat(p, counts))
    found = precision.probabilistic_f1(labels, p, counts[None].astype(float))
    assert found == pytest.approx([expected], abs=1e-12)


def test_certain_predictions_give_the_plain_f1():
    # 1 true positive, 1 false positive, 1 missed: F1 = 2 / (2 + 1 + 1).
    assert precision.probabilistic_f1([1, 1, 0], [1.0, 0.0, 1.0]) == pytest.approx(0.5)


def test_no_positive_has_no_probabilistic_f1():
    assert np.isnan(precision.probabilistic_f1([0, 0], [0.1, 0.2]))


@pytest.mark.parametrize("bad", [np.nan, 1.5, -0.1])
def test_what_is_no_probability_stops(bad):
    with pytest.raises(ValueError, match="first at row 1"):
        precision.probabilistic_f1([1, 0], [0.5, bad])


def test_labels_and_probabilities_of_unequal_length_stop():
    with pytest.raises(ValueError, match="expected one each"):
        precision.probabilistic_f1([1, 0, 1], [0.5, 0.5])
    with pytest.raises(ValueError, match="0 or 1"):
        precision.probabilistic_f1([1, 3], [0.5, 0.5])
