"""The verdict names every gate that failed, and passes nothing that was not judged."""

from __future__ import annotations

import pytest

from mammo_pipeline.mammo.gate import judge_gate
from mammo_pipeline.reporting.audit.verdict import show_verdict, state_verdict
from mammo_pipeline.reporting.page import check_table, render_page

RULES = [
    {"name": "evaluation.auroc.low", "bound": 0.7, "direction": "at_least"},
    {"name": "device_audit.failed", "bound": 0, "direction": "at_most"},
]
RINGS = {"name": "corners alone", "alarmed": True, "found": 0.7, "bound": 0.6, "words": "read"}


@pytest.fixture
def gates():
    found = judge_gate(RULES, {"evaluation.auroc.low": 0.65, "device_audit.failed": 0})
    return [gate | {"why": "because"} for gate in found]


def test_one_failed_gate_fails_the_page_and_is_named(gates):
    verdict = state_verdict(gates)
    assert verdict["state"] == "failed"
    assert "1 of 2 gates not met: evaluation.auroc.low is 0.65" in verdict["text"]


def test_all_gates_met_is_passed_and_no_gate_is_only_information(gates):
    assert state_verdict(gates[1:])["state"] == "passed"
    assert state_verdict([])["state"] == "info"


def test_a_gate_that_was_not_judged_is_said_so(gates):
    skipped = gates[1] | {"value": None}
    told = state_verdict([skipped, skipped | {"value": 0}])["text"]
    assert told == "1 of 2 gates met. 1 had nothing to judge in this study."
    row = show_verdict([skipped])["table"][0]["rows"][0]
    assert row[1] == {"state": "warn", "text": "not judged"}
    assert row[2] == "undefined"


def test_an_alarm_is_told_and_changes_no_gate(gates):
    verdict = state_verdict(gates[1:], [RINGS, RINGS | {"name": "quiet", "alarmed": False}])
    assert verdict["state"] == "passed"
    assert "corners alone" in verdict["text"] and "quiet" not in verdict["text"]


def test_failed_gates_and_ringing_alarms_stand_first(gates):
    quiet = RINGS | {"name": "quiet", "alarmed": False}
    section = show_verdict(gates[::-1], [quiet, RINGS])
    assert [row[1]["text"] for row in section["table"][0]["rows"]] == ["failed", "passed"]
    assert [row[0] for row in section["table"][1]["rows"]] == ["corners alone", "quiet"]
    for table in section["table"]:
        check_table("verdict", table)
    assert "≥ 0.7" in render_page({"title": "t", "sections": [section]})


def test_without_the_shortcut_audit_there_is_no_table_of_it(gates):
    assert len(show_verdict(gates)["table"]) == 1


def test_an_alarm_that_could_not_be_measured_is_not_taken_for_silence(gates):
    lost = RINGS | {"alarmed": None}
    told = state_verdict(gates[1:], [lost, RINGS | {"alarmed": False}])["text"]
    assert "1 of 2 shortcut alarms could not be measured" in told
    assert "could not" not in state_verdict(gates[1:], [RINGS])["text"]
