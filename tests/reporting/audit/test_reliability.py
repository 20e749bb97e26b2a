import numpy as np
import pytest
from scipy.special import expit

from mammo_pipeline.mammo.calibration.choose import choose_calibration
from mammo_pipeline.mammo.calibration.maps import apply_calibration
from mammo_pipeline.mammo.calibration.prevalence import ASSUMPTION, tabulate_shift
from mammo_pipeline.mammo.calibration.reliability import HOW, measure_calibration
from mammo_pipeline.reporting.audit.reliability import (
    NAMES,
    show_calibration,
    show_choice,
    show_prevalence_shift,
)
from mammo_pipeline.reporting.page import render_page


def make_breasts(n=600):
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 2, n)
    devices = np.where(np.arange(n) % 2, "A <b>", "B")
    labels = (rng.random(n) < expit(logits / 2 - 1 + 2 * (devices == "B"))).astype(float)
    return labels, logits, np.arange(n) // 2, devices


@pytest.fixture(scope="module")
def calibration():
    return choose_calibration(*make_breasts(), repeats=100)


@pytest.fixture(scope="module")
def measured(calibration):
    labels, logits, patients, devices = make_breasts()
    after = apply_calibration(calibration, logits, devices)
    rng = np.random.default_rng(0)
    return measure_calibration(labels, logits, after, patients, 10, 100, 0.95, rng)


def render(section):
    return render_page({"title": "t", "sections": [section]})


def test_every_figure_is_named_and_stands_before_and_after(measured):
    assert set(NAMES) == set(HOW)
    section = show_calibration(measured)
    table = section["table"][0]
    assert [row[0] for row in table["rows"]] == list(NAMES.values())
    for row in table["rows"]:
        assert row[1]["value"] != row[2]["value"]
    losses = dict(zip(NAMES.values(), table["rows"], strict=True))["log loss"]
    keys = ("before", "after", "change")
    assert losses[1:4] == [measured[key]["log_loss"] for key in keys]
    assert "600 breasts of 300 patients" in table["note"]
    assert f"{measured['after']['log_loss']['value']:.3f}" in render(section)


def test_the_bins_of_both_are_there_folded(measured):
    how, before, after = show_calibration(measured)["table"][1:]
    assert before["folded"]
    assert ["log loss", measured["after"]["log_loss"]["how"]] in how["rows"]
    assert [row[0] for row in before["rows"]] == [60] * 10
    assert after["rows"][0][2] == measured["reliability_after"][0]["predicted"]


def test_an_undefined_figure_shows_its_reason_in_place_of_a_number():
    x = np.linspace(-3, 1, 40)
    rng = np.random.default_rng(0)
    record = measure_calibration([0] * 40, x, x - 1, np.arange(40), 5, 50, 0.95, rng)
    assert "cannot be estimated, n = 40: no cancer" in render(show_calibration(record))


def test_the_choice_shows_the_rule_every_candidate_and_one_frozen(calibration):
    section = show_choice(calibration)
    assert calibration["rule"] in section["text"]
    candidates, frozen = section["table"]
    assert len(candidates["rows"]) == 8
    marked = [row[0] for row in candidates["rows"] if row[3]]
    assert marked == [f"{calibration['method']}, by device"]
    assert [row[0] for row in frozen["rows"]] == ["all devices", "A <b>", "B"]
    page = render(section)
    assert "A &lt;b&gt;" in page
    assert "the map of all devices" in page


@pytest.mark.parametrize(
    ("fitted", "words"),
    [
        ({"method": "identity"}, "the logit as it comes"),
        ({"method": "platt", "slope": 0.5, "intercept": -0.25}, "0.5000 logit - 0.2500"),
        ({"method": "temperature", "temperature": 2.0}, "logit / 2.0000"),
        (
            {"method": "beta", "a": 1.0, "b": 2.0, "c": 0.5},
            "1.0000 log p - 2.0000 log(1 - p) + 0.5000",
        ),
        (
            {"method": "isotonic", "logits": [0.0, 1.0], "calibrated": [0.0, 1.0]},
            "straight between 2 knots",
        ),
    ],
)
def test_a_frozen_map_is_written_as_its_equation(calibration, fitted, words):
    pooled = calibration | {"by_device": {}, "pooled": fitted | {"n": 9, "positives": 4}}
    assert show_choice(pooled)["table"][1]["rows"] == [["all devices", 9, 4, words]]


def test_a_candidate_that_was_not_measured_says_why():
    record = choose_calibration([0, 1, 0], [0.0, 1.0, 0.5], ["a", "b", "c"], repeats=50)
    assert "cannot be cross-validated: 1 of 3 patients with cancer" in render(show_choice(record))


def test_a_shift_shows_each_prevalence_and_its_assumption():
    record = tabulate_shift([0.0, 1.0], 0.4, [0.1, 0.005], [0.2, 0.5])
    section = show_prevalence_shift(record)
    columns = ["at 40.00% (here)", "breasts below", "at 10.00%", "at 0.50%"]
    assert section["table"]["columns"] == columns
    assert section["table"]["rows"][1][2:] == record["rows"][1]["shifted"]
    assert ASSUMPTION in section["text"]
    assert "at 0.50%" in render(section)
