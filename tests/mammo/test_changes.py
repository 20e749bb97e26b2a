"""Two evaluations are compared figure by figure, and only where their breasts are the same."""

from __future__ import annotations

import json

import pytest

from mammo_pipeline.mammo.changes import (
    compare_evaluations,
    compare_figures,
    count_ensembles,
    find_previous,
    summarize_evaluation,
)

GATES = [{"name": "auroc", "passed": True, "value": 0.8, "why": "x", "reason": "y"}]


def figure(value, low=None, high=None):
    return {"value": value, "low": low, "high": high, "n": 50, "how": "area", "reason": None}


@pytest.fixture
def evaluation():
    return {
        "ensemble_sha256": "e1",
        "data_version": "d1",
        "test_truth_version": "t1",
        "count": {"breasts": 50, "patients": 25},
        "operating_point": {"threshold": 0.1},
        "auroc": figure(0.8, 0.7, 0.9),
        "ppv": figure(None),
        "subgroups": [],
    }


def summarize(evaluation, when="2026-01-01", gates=GATES, alarms=(), **calibration):
    fitted = {"method": "platt", "scope": "pooled"} | calibration
    return summarize_evaluation(evaluation, fitted, gates, alarms, when)


def test_the_summary_is_one_line_of_json_with_the_figures_that_are_there(evaluation):
    record = json.loads(json.dumps(summarize(evaluation), allow_nan=False))
    assert set(record["figures"]) == {"auroc", "ppv"}
    assert record["figures"]["auroc"]["low"] == 0.7
    assert record["calibration"] == "platt, pooled"
    assert record["threshold"] == 0.1
    assert record["gates"] == [{"name": "auroc", "passed": True, "value": 0.8}]


def test_the_first_evaluation_has_nothing_to_be_compared_with(evaluation):
    assert compare_evaluations(summarize(evaluation), None) is None


def test_a_page_written_again_is_compared_with_what_was_before_it(evaluation):
    old = summarize(evaluation | {"auroc": figure(0.7)})
    now = summarize(evaluation, when="2026-01-02")
    again = summarize(evaluation, when="2026-01-03")
    assert find_previous(again, [old, now]) == old
    assert find_previous(now, [now]) is None
    assert find_previous(now, []) is None


def test_another_model_on_the_same_breasts_compares(evaluation):
    other = evaluation | {"ensemble_sha256": "e2", "auroc": figure(0.95, 0.91, 0.99)}
    found = compare_evaluations(summarize(other), summarize(evaluation))
    assert found["comparable"] and found["warning"] is None
    parts = {one["part"]: one["same"] for one in found["parts"]}
    assert [name for name, same in parts.items() if not same] == ["ensemble"]
    auroc = found["figures"][0]
    assert auroc["difference"] == pytest.approx(0.15)
    assert auroc["overlap"] is False


@pytest.mark.parametrize(
    "change", [{"test_truth_version": "t2"}, {"count": {"breasts": 51, "patients": 25}}]
)
def test_another_test_set_is_warned_of(evaluation, change):
    found = compare_evaluations(summarize(evaluation | change), summarize(evaluation))
    assert not found["comparable"]
    assert "no difference below is a difference between models" in found["warning"]


def test_calibration_and_threshold_are_told_as_changed(evaluation):
    moved = evaluation | {"operating_point": {"threshold": 0.2}}
    now = summarize(moved, method="beta", scope="by_device")
    found = compare_evaluations(now, summarize(evaluation))
    changed = {p["part"]: (p["before"], p["now"]) for p in found["parts"] if not p["same"]}
    assert changed == {
        "calibration": ("platt, pooled", "beta, by device"),
        "threshold": (0.1, 0.2),
    }


@pytest.mark.parametrize(
    ("before", "now", "difference", "overlap"),
    [
        (None, figure(0.8, 0.7, 0.9), None, None),
        (figure(None), figure(0.8, 0.7, 0.9), None, None),
        (figure(0.5), figure(0.8, 0.7, 0.9), 0.3, None),
        (figure(0.5, 0.4, 0.7), figure(0.8, 0.7, 0.9), 0.3, True),
        (figure(0.5, 0.4, 0.69), figure(0.8, 0.7, 0.9), 0.3, False),
    ],
)
def test_a_figure_without_value_or_interval_is_not_judged(before, now, difference, overlap):
    found = compare_figures("auroc", before, now)
    expected = None if difference is None else pytest.approx(difference)
    assert found["difference"] == expected
    assert found["overlap"] is overlap


def test_a_gate_that_turns_and_an_alarm_that_rings_anew_are_told(evaluation):
    broken = [GATES[0] | {"passed": False}]
    old = summarize(evaluation, alarms=["corners"])
    found = compare_evaluations(summarize(evaluation, gates=broken, alarms=["metadata"]), old)
    assert found["gates"] == [{"gate": "auroc", "before": "passed", "now": "failed"}]
    assert found["alarms"] == {"new": ["metadata"], "gone": ["corners"]}


def test_nothing_is_changed_in_what_is_given(evaluation):
    before = json.dumps(evaluation)
    compare_evaluations(summarize(evaluation), summarize(evaluation))
    assert json.dumps(evaluation) == before


def test_only_other_ensembles_on_the_same_outcomes_are_further_looks():
    now = {"ensemble_sha256": "a", "test_truth_version": "t"}
    again, other = dict(now), now | {"ensemble_sha256": "b"}
    elsewhere = {"ensemble_sha256": "c", "test_truth_version": "u"}
    assert count_ensembles(now, []) == 1
    assert count_ensembles(now, [again, elsewhere]) == 1
    assert count_ensembles(now, [other, again, other]) == 2
