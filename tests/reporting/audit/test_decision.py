import numpy as np
import pytest
from scipy.special import expit

from mammo_pipeline.mammo.decision import measure_decision
from mammo_pipeline.reporting.audit.decision import show_decision_curve, tell_useful_range
from mammo_pipeline.reporting.page import render_page

THRESHOLDS = np.arange(0.05, 0.55, 0.01)


def measure(labels, logits, **prevalences):
    rng = np.random.default_rng(0)
    women = np.arange(len(labels))
    return measure_decision(labels, logits, women, THRESHOLDS, 100, 0.95, rng, **prevalences)


@pytest.fixture(scope="module")
def breasts():
    rng = np.random.default_rng(0)
    logits = rng.normal(-1, 2, 500)
    return (rng.random(500) < expit(logits)).astype(float), logits


def test_the_section_has_a_curve_its_meaning_and_about_ten_rows(breasts):
    record = measure(*breasts)
    section = show_decision_curve(record)
    assert (
        section["title"] == f"Decision curve at the prevalence of this set, {breasts[0].mean():.2%}"
    )
    assert len(section["table"]["rows"]) == 10
    assert section["table"]["rows"][1][1] == record["model"][5]
    assert "Vickers and Elkin" in section["text"]
    assert "500 breasts" in section["caption"]
    assert "<svg" in render_page({"title": "t", "sections": [section]})


def test_at_another_prevalence_the_assumption_is_printed(breasts):
    here = float(breasts[0].mean())
    section = show_decision_curve(
        measure(*breasts, prevalence=0.005, from_prevalence=here), "screening"
    )
    assert section["title"] == "Decision curve at the prevalence of screening, 0.50%"
    assert "label shift" in section["text"]


def test_without_cancer_the_section_says_so_and_draws_nothing():
    section = show_decision_curve(measure([0] * 8, np.arange(8.0)))
    assert "No curve: cannot be estimated, n = 8: no cancer." in section["text"]
    assert "chart" not in section
    render_page({"title": "t", "sections": [section]})


def test_three_patients_draw_a_curve_without_a_band():
    section = show_decision_curve(measure([1, 0, 0], [1.0, 0.2, -0.5]))
    assert section["chart"].startswith("<svg")
    assert section["table"]["rows"][0][1]["reason"] == "no interval: only 1 patient with cancer"


@pytest.mark.parametrize(
    ("values", "lows", "words"),
    [
        ([0.0, -0.1], [None, None], "At none of these thresholds"),
        ([0.1, 0.2], [-0.1, None], "at none of them does the whole interval lie above 0"),
        ([0.1, 0.2], [-0.1, 0.1], "at 1 of them (between 0.2 and 0.2)"),
    ],
)
def test_the_useful_range_is_told_as_it_is(values, lows, words):
    gains = [{"value": v, "low": low} for v, low in zip(values, lows, strict=True)]
    assert words in tell_useful_range({"thresholds": [0.1, 0.2], "advantage": gains})
