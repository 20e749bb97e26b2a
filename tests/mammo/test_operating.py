import numpy as np
import pytest

from mammo_pipeline.mammo import operating


@pytest.fixture
def scored():
    rng = np.random.default_rng(2)
    labels = (rng.random(500) < 0.2).astype(float)
    return labels, np.round(1 / (1 + np.exp(-(rng.normal(size=500) + labels))), 2)


@pytest.mark.parametrize("target", [0.5, 0.87, 0.99])
def test_sensitivity_reaches_its_target_and_a_higher_threshold_would_not(scored, target):
    labels, p = scored
    point = operating.freeze_operating_point(labels, p, "target_sensitivity", target)
    recalled = p >= point["threshold"]
    assert operating.operating_figures(labels, recalled)["sensitivity"] >= target
    lowest = p[recalled].min()
    assert operating.operating_figures(labels, p > lowest)["sensitivity"] < target


@pytest.mark.parametrize("target", [0.05, 0.116, 0.5])
def test_recall_rate_keeps_its_target_and_a_lower_threshold_would_not(scored, target):
    labels, p = scored
    point = operating.freeze_operating_point(labels, p, "target_recall_rate", target)
    recalled = p >= point["threshold"]
    assert recalled.mean() <= target
    next_score = p[~recalled].max()
    assert (p >= next_score).mean() > target


def test_threshold_stands_between_scores_not_on_one(scored):
    labels, p = scored
    point = operating.freeze_operating_point(labels, p, "target_sensitivity", 0.8)
    assert np.abs(p - point["threshold"]).min() > 1e-3


def test_one_class_cannot_freeze_a_threshold():
    with pytest.raises(ValueError, match="no positive among 2"):
        operating.freeze_operating_point([0, 0], [0.1, 0.2], "target_sensitivity", 0.8)


def test_a_share_of_nobody_is_nan():
    figures = operating.operating_figures([0, 0], [0, 0])
    assert np.isnan(figures["sensitivity"])
    assert np.isnan(figures["ppv"])
    assert figures["specificity"] == 1.0
