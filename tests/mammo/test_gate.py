import math

import pytest

from mammo_pipeline.mammo.gate import gate_passed, judge_gate

RULES = [
    {"name": "auroc", "bound": 0.8, "direction": "at_least"},
    {"name": "calibration_error", "bound": 0.05, "direction": "at_most"},
]


def test_each_rule_is_judged_in_its_direction():
    results = judge_gate(RULES, {"auroc": 0.8, "calibration_error": 0.06})
    assert [result["passed"] for result in results] == [True, False]
    assert results[1]["reason"] == "calibration_error is 0.06, expected <= 0.05"


@pytest.mark.parametrize("value", [None, math.nan, math.inf])
def test_what_was_not_measured_does_not_pass(value):
    result = judge_gate(RULES[:1], {"auroc": value})[0]
    assert (result["passed"], result["value"]) == (False, None)
    assert "not measured" in result["reason"]


def test_a_missing_metric_does_not_pass():
    assert not judge_gate(RULES[:1], {})[0]["passed"]


def test_an_empty_gate_lets_nothing_pass():
    with pytest.raises(ValueError, match="no rule"):
        judge_gate([], {"auroc": 1.0})
    assert not gate_passed([])


def test_unknown_direction_is_refused():
    with pytest.raises(ValueError, match="'above'"):
        judge_gate([{"name": "auroc", "bound": 0.8, "direction": "above"}], {"auroc": 0.9})
