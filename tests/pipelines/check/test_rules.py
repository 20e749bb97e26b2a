"""The table of rules: a site may edit it, and a slip is told with the name that was meant."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest

from mammo_pipeline.pipelines.check.rules import RuleError, read_rules
from screening_study import RULES, parameters

COLUMNS = {"images": ["age", "view"], "study": ["quarantined_share"]}
GOOD: dict[str, Any] = {
    "id": "age_plausible",
    "says": "Ages are those of screened women.",
    "table": "images",
    "expectation": "ExpectColumnValuesToBeBetween",
    "arguments": {"column": "age", "min_value": "params:age_years.0", "max_value": 100},
    "severity": "warn",
    "remedy": "Correct the age.",
}


def read(**changes: Any) -> Any:
    entry = deepcopy(GOOD) | changes
    return read_rules({"rules": [entry]}, parameters(), COLUMNS)[0]


def arguments(**changes: Any) -> dict[str, Any]:
    return {"arguments": GOOD["arguments"] | changes}


def test_a_reference_becomes_the_parameter():
    assert read().arguments["min_value"] == parameters().age_years[0]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"table": "image"}, "did you mean 'images'"),
        ({"expectation": "ExpectColumnValuesToBeBetwen"}, "did you mean 'ExpectColumnValuesToBeB"),
        ({"expectation": "ExpectQueryResultsToMatchComparison"}, "unknown"),
        (arguments(min_valu=3), "did you mean 'min_value'"),
        (arguments(severity="critical"), "unknown 'severity'"),
        (arguments(column="agee"), "did you mean 'age'"),
        (arguments(min_value="params:age_year.0"), "did you mean 'age_years'"),
        (arguments(min_value="params:age_years.2"), "unknown '2'"),
        (arguments(min_value="much"), "age_plausible"),
        ({"severity": "critical"}, "severity"),
        ({"severty": "warn"}, "did you mean 'severity'"),
        ({"remedy": ""}, "remedy"),
        ({"id": "Age plausible"}, "id"),
    ],
)
def test_a_slip_is_told_with_what_was_meant(changes, told):
    with pytest.raises(RuleError, match=told):
        read(**changes)


def test_two_rules_of_one_id_are_refused():
    with pytest.raises(RuleError, match="age_plausible stands twice"):
        read_rules({"rules": [GOOD, GOOD]}, parameters(), COLUMNS)


@pytest.mark.parametrize("written", [{}, {"rules": []}, {"rule": [GOOD]}])
def test_a_table_without_rules_is_refused(written):
    with pytest.raises(RuleError, match="rules"):
        read_rules(written, parameters(), COLUMNS)


def test_each_severity_is_used_and_each_rule_speaks_to_a_reader():
    assert {rule["severity"] for rule in RULES["rules"]} == {"stop", "warn", "note"}
    for rule in RULES["rules"]:
        assert rule["says"].endswith(".") and rule["remedy"].endswith(".")
        assert "_" not in rule["says"]
