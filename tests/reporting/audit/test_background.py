"""What stands behind the figures is shown as it was recorded."""

from __future__ import annotations

import pytest

from mammo_pipeline.reporting.audit.background import (
    show_benchmarks,
    show_contract,
    show_devices,
    show_flow,
    show_limits,
    show_making,
)
from mammo_pipeline.reporting.page import render_page

FLOW = {
    "found": 12, "accepted": 9, "quarantined": 1, "duplicate": 1, "other": 1, "outside_cohort": 1,
    "cohort": 8, "train": 4, "tune": 2, "test": 2, "standardized": 7, "refused": 1,
    "test_refused": 1, "scored": 1, "not_used_by_reason": {"dose report": 1},
    "refused_by_reason": {"no breast": 1},
}  # fmt: skip


def render(section):
    return render_page({"title": "t", "sections": [section]})


def test_every_file_and_every_reason_is_in_the_flow():
    section = show_flow(FLOW)
    steps = {row[0]: row[1] for row in section["table"][0]["rows"]}
    assert steps["files found"] == 12 and steps["test images scored"] == 1
    page = render(section)
    assert "file: dose report" in page and "image: no breast" in page


def test_without_refusals_there_is_no_table_of_reasons():
    flow = FLOW | {"not_used_by_reason": {}, "refused_by_reason": {}}
    assert len(show_flow(flow)["table"]) == 1


def test_the_flow_is_drawn_with_what_goes_no_further():
    drawn = show_flow(FLOW)["chart"]
    assert "0 duplicate" not in show_flow(FLOW | {"duplicate": 0})["chart"]
    for words in ("12 files found", "1 quarantined", "1 test image scored", "1 refused", "4 train"):
        assert words in drawn


@pytest.mark.parametrize(("held", "words"), [(True, "0 broken"), (False, "1 broken")])
def test_only_broken_rules_are_listed(held, words):
    rule = {"rule": "left or right", "severity": "critical", "held": held, "n": 3, "found": "x"}
    section = show_contract({"passed": held, "rules": [rule]})
    assert words in section["text"]
    assert ("table" in section) is not held


def test_a_probe_that_was_not_made_says_why():
    blank = {"auc": None, "low": None, "high": None, "reason": "only one device"}
    audit = {"probes": {"geometry": {"before": blank, "after": blank}}, "verdict": "0 pass"}
    assert "not probed: only one device" in render(show_devices(audit))


def test_the_making_gives_the_note_and_figures_whatever_the_calibration_is():
    ensemble = {"note": "chosen on tune", "calibration": {"method": "isotonic"}, "members": []}
    page = render(
        show_making(ensemble, {"tune_auroc": 0.9, "members": 3.0}, {"sgd": {"loss": 1.0}})
    )
    for words in ("chosen on tune", "tune auroc", "sgd loss", ">3<"):
        assert words in page


def test_published_figures_stand_beside_ours_with_the_caution():
    figure = {"value": 0.8, "low": 0.7, "high": 0.9}
    evaluation = {"count": {"positives": 1, "breasts": 4}, "auroc": figure, "sensitivity": figure}
    section = show_benchmarks(evaluation)
    assert "25.0% of the breasts" in section["text"]
    here = {(row[0], row[1]): row[3] for row in section["table"]["rows"]}
    assert here["NYU", "AUROC"] == figure
    assert here["BCSC", "specificity"] is None
    render(section)


def test_images_without_an_outcome_are_counted_in_the_limits():
    section = show_limits({"count": {"images_without_outcome": 7}}, {"members": [1, 2]})
    assert "not measured: 7" in section["text"] and "Members: 2" in section["text"]
