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


def expected_cost(labels, p, threshold, ratio, prevalence):
    missed, alarmed = (p[labels == 1] < threshold).mean(), (p[labels == 0] >= threshold).mean()
    return ratio * prevalence * missed + (1 - prevalence) * alarmed


@pytest.mark.parametrize(("ratio", "prevalence"), [(1, 0.2), (20, 0.005), (500, 0.005), (0.1, 0.5)])
def test_no_threshold_costs_less_than_the_one_of_least_cost(scored, ratio, prevalence):
    labels, p = scored
    point = operating.freeze_operating_point(labels, p, "cost", ratio, prevalence)
    found = expected_cost(labels, p, point["threshold"], ratio, prevalence)
    assert found == pytest.approx(point["expected_cost"], abs=1e-12)
    assert point["prevalence"] == prevalence
    for threshold in [*np.unique(p), 1.1]:
        assert found <= expected_cost(labels, p, threshold, ratio, prevalence) + 1e-12


def test_a_dearer_miss_and_more_cancer_recall_more(scored):
    def threshold(ratio, prevalence):
        point = operating.freeze_operating_point(*scored, "cost", ratio, prevalence)
        return point["threshold"]

    assert threshold(500, 0.005) < threshold(50, 0.005)
    assert threshold(50, 0.05) < threshold(50, 0.005)


def test_of_equal_costs_the_fewest_are_recalled():
    # Recalling the second breast finds one cancer more and costs one false recall more.
    point = operating.freeze_operating_point([1, 0, 1, 0], [0.9, 0.7, 0.7, 0.1], "cost", 1.0)
    assert point["threshold"] == pytest.approx(0.8)
    assert point["prevalence"] is None


def test_a_recall_rate_is_that_of_the_prevalence_stated(scored):
    labels, p = scored
    point = operating.freeze_operating_point(labels, p, "target_recall_rate", 0.1, 0.005)
    at_point = operating.operating_figures(labels, p >= point["threshold"])
    rate = operating.screening_figures(at_point["sensitivity"], at_point["specificity"], 0.005)
    assert rate["recall_rate"] <= 0.1
    as_it_is = operating.freeze_operating_point(labels, p, "target_recall_rate", 0.1)
    assert point["threshold"] < as_it_is["threshold"]
    assert "0.5 %" in operating.tell_rule(point)
    assert "prevalence" not in operating.tell_rule(as_it_is)


def test_a_sensitivity_does_not_ask_for_the_prevalence(scored):
    points = [
        operating.freeze_operating_point(*scored, "target_sensitivity", 0.8, share)
        for share in (None, 0.005)
    ]
    assert points[0]["threshold"] == points[1]["threshold"]


def test_neighbouring_scores_and_a_score_of_one_are_parted():
    low = 0.3
    high = np.nextafter(low, 1)
    point = operating.freeze_operating_point([1, 0], [high, low], "target_sensitivity", 1.0)
    assert low < point["threshold"] <= high
    point = operating.freeze_operating_point([0, 1], [1.0, 0.2], "target_recall_rate", 0.3)
    assert point["threshold"] > 1.0


@pytest.mark.parametrize(
    ("rule", "target", "prevalence", "words"),
    [
        ("guess", 0.5, None, "unknown rule 'guess'"),
        ("target_sensitivity", 1.5, None, "at most 1"),
        ("target_recall_rate", 0.0, None, "at most 1"),
        ("cost", -1.0, None, "above 0 and finite"),
        ("cost", np.inf, None, "above 0 and finite"),
        ("cost", 5.0, 1.2, "prevalence is 1.2"),
    ],
)
def test_a_rule_that_makes_no_sense_stops(scored, rule, target, prevalence, words):
    with pytest.raises(ValueError, match=words):
        operating.freeze_operating_point(*scored, rule, target, prevalence)


@pytest.mark.parametrize("bad", [np.nan, 1.2])
def test_what_is_no_probability_freezes_nothing(bad):
    with pytest.raises(ValueError, match=r"not in \[0, 1\], the first at row 0"):
        operating.freeze_operating_point([1, 0], [bad, 0.1], "target_sensitivity", 0.8)


def test_negative_predictive_value_is_a_share_of_those_not_recalled():
    figures = operating.operating_figures([1, 0, 0, 0, 1], [0, 0, 0, 1, 1])
    assert figures["npv"] == pytest.approx(2 / 3)
    assert np.isnan(operating.operating_figures([1, 0], [1, 1])["npv"])


def test_screening_figures_are_those_of_a_population_counted_out():
    # 100 000 women, 500 with cancer: 435 found, 65 missed; 11 044.5 of 99 500 falsely recalled.
    found = operating.screening_figures(np.array([0.87]), np.array([0.889]), 0.005)
    assert found["detection_per_1000"] == pytest.approx(4.35)
    assert found["recall_rate"] == pytest.approx((435 + 11044.5) / 100_000)
    assert found["ppv"] == pytest.approx(435 / (435 + 11044.5))
    assert found["npv"] == pytest.approx(88455.5 / (88455.5 + 65))
    with pytest.raises(ValueError, match="prevalence is 0"):
        operating.screening_figures(0.5, 0.5, 0)


@pytest.mark.parametrize("prevalence", np.linspace(0.001, 0.6, 40))
def test_a_share_of_nobody_is_no_number_at_any_prevalence(prevalence):
    everybody = operating.screening_figures(1.0, 0.0, prevalence)
    nobody = operating.screening_figures(0.0, 1.0, prevalence)
    assert np.isnan(everybody["npv"]) and np.isnan(nobody["ppv"])
