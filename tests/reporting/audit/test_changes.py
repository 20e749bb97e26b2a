"""What changed is told with both figures, and a changed test set before anything else."""

from __future__ import annotations

import pytest

from mammo_pipeline.mammo.changes import compare_evaluations
from mammo_pipeline.reporting.audit.changes import show_changes
from mammo_pipeline.reporting.page import render_page


@pytest.fixture
def before():
    return {
        "when": "2026-01-01",
        "ensemble_sha256": "ab" * 32,
        "test_truth_version": "t1",
        "data_version": "d1",
        "count": {"breasts": 50},
        "calibration": "temperature, by device",
        "threshold": 0.1,
        "figures": {"auroc": {"value": 0.7, "low": 0.65, "high": 0.75, "n": 50, "reason": None}},
        "gates": [{"name": "auroc", "passed": True}],
        "alarms": [],
    }


def test_the_first_page_says_that_it_is_the_first():
    assert "first evaluation of this study" in show_changes(None)["text"]


def test_figures_stand_side_by_side_with_their_difference(before):
    now = before | {
        "when": "2026-02-02",
        "ensemble_sha256": "cd" * 32,
        "calibration": "platt, pooled",
        "figures": {
            "auroc": before["figures"]["auroc"] | {"value": 0.9, "low": 0.85, "high": 0.95}
        },
        "gates": [{"name": "auroc", "passed": False}],
        "alarms": ["corners"],
    }
    section = show_changes(compare_evaluations(now, before))
    assert "auroc: passed, now failed" in section["text"]
    assert "ring anew: corners" in section["text"]
    changed, figures = section["table"]
    assert ["ensemble", "abababababab", "cdcdcdcdcdcd"] in changed["rows"]
    assert ["calibration", "temperature, by device", "platt, pooled"] in changed["rows"]
    [row] = figures["rows"]
    assert row[3] == pytest.approx(0.2)
    assert row[4] == {"state": "warn", "text": "apart"}
    page = render_page({"title": "t", "sections": [section]})
    assert "0.700 " in page and "0.900 " in page


def test_another_test_set_is_the_first_thing_that_is_said(before):
    now = before | {"test_truth_version": "t2"}
    section = show_changes(compare_evaluations(now, before))
    assert section["text"].startswith("The test set is not the one of before")


def test_a_figure_that_was_not_measured_then_is_shown_as_such(before):
    now = before | {"figures": before["figures"] | {"ppv": before["figures"]["auroc"]}}
    section = show_changes(compare_evaluations(now, before))
    row = section["table"][1]["rows"][-1]
    assert row[0] == "ppv" and row[3] is None and row[4] == "no interval"
    assert "was not measured" in render_page({"title": "t", "sections": [section]})
