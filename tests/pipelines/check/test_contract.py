"""The data contract: a sound study keeps every rule, and each rule tells of its own fault alone."""

from __future__ import annotations

import json
import re

import numpy as np
import pandas as pd
import pytest

from mammo_pipeline.mammo.contract.summary import FACTORS
from mammo_pipeline.pipelines.check import contract
from mammo_pipeline.pipelines.check.facts import Facts, gather_facts, lay_out
from mammo_pipeline.pipelines.check.rules import Rule, read_rules
from mammo_pipeline.pipelines.check.suites import write_suites
from screening_study import (
    COUNTS,
    RULES,
    make_files,
    make_images,
    make_lesions,
    no_pairs,
    parameters,
)

# One device, or one encoding, or one way of taking views has nothing to be compared with.
NOT_COMPARED = {"implant_tells_nothing", "views_taken_tells_nothing"}
# A fault of the whole table: see test_a_missing_column_stops_the_study_...
WHOLE = {"columns_present"}
STUDY_RULES = {entry["id"] for entry in RULES["rules"] if entry["table"] == "study"}
ROW_RULES = [e["id"] for e in RULES["rules"] if e["id"] not in STUDY_RULES | WHOLE]


def gather(tables: dict[str, pd.DataFrame]) -> Facts:
    return gather_facts(
        tables["images"], tables["files"], tables["lesions"], COUNTS, parameters(), no_pairs()
    )


def check(facts: Facts, table: str | None = None) -> dict[str, dict]:
    rules = read_rules(RULES, parameters(), facts.columns)
    chosen = [rule for rule in rules if table in (None, rule.table)]
    return {row["id"]: row for row in contract.check_rules(chosen, facts, 0.95)}


def named(checked: tuple) -> dict[str, dict]:
    return {row["id"]: row for row in checked[0]["rules"]}


@pytest.fixture(scope="module")
def misled() -> dict[str, dict]:
    """Every figure of the study is out of its bounds."""
    images = make_images(12)
    facts = gather({"images": images, "files": make_files(images), "lesions": make_lesions(images)})
    wrong = dict.fromkeys(facts.figures, 1e9) | {"patients_with_cancer": 1.0}
    wrong |= {"patients_without_cancer": 0.0, "smallest_patch_class": 0.0}
    figures = {
        name: figure | {"value": wrong[name], "low": wrong[name], "high": wrong[name]}
        for name, figure in facts.figures.items()
    }
    tables = facts.tables | {"study": lay_out(figures)}
    return check(Facts(**(vars(facts) | {"tables": tables, "figures": figures})), "study")


def test_a_sound_study_keeps_every_rule(sound):
    broken = {name: row["found"] for name, row in named(sound).items() if not row["held"]}
    assert broken == {}


def test_a_sound_study_has_every_rule_checked(sound):
    unchecked = {name for name, row in named(sound).items() if row["state"] == "not checked"}
    assert unchecked == NOT_COMPARED


@pytest.mark.parametrize("rule", ROW_RULES)
def test_each_rule_tells_of_its_own_fault_alone(faulty, rule):
    row, planted = named(faulty)[rule], faulty[2][rule]
    hidden = {name for name in planted if rule != "only_pseudonyms"}
    assert row["state"] == "broken"
    assert set(row["examples"]) <= hidden
    assert len(row["examples"]) == min(len(hidden), 5)
    if row["table"] != "devices":
        twice = 2 if rule in ("image_once", "one_row_a_file") else 1
        assert row["count"] == twice * len(planted)


@pytest.mark.parametrize("rule", sorted(STUDY_RULES))
def test_each_rule_on_the_whole_study_can_break(misled, rule):
    assert misled[rule]["state"] == "broken"


def test_every_association_has_its_rule():
    assert {f"{name}_tells_nothing" for name in FACTORS} <= STUDY_RULES


def test_a_share_comes_with_its_interval_and_n(faulty):
    row = named(faulty)["lesion_kind"]
    share = row["share"]
    assert share["low"] < share["value"] < share["high"]
    assert share["n"] == row["n"] > 100


def test_no_value_of_any_row_is_told(faulty):
    told = json.dumps(faulty[0]["rules"])
    for planted in ("Doe", "XCCL", "RGB", "PROCESSING", "20000", "60000", "9999", "blob"):
        assert not re.search(rf"(?<![.\d]){planted}(?!\d)", told), planted


def test_many_faults_still_have_examples(monkeypatch):
    images = make_images(12).assign(lossy="yes")
    monkeypatch.setattr(contract, "LISTED", 10)
    monkeypatch.setattr(contract, "HEAD", 20)
    tables = {"images": images, "files": make_files(images), "lesions": make_lesions(images)}
    row = check(gather(tables), "images")["not_lossy"]
    assert row["count"] == len(images)
    assert set(row["examples"]) <= set(images["image_id"]) and len(row["examples"]) == 5


def test_a_missing_column_stops_the_study_and_what_nobody_states_is_not_checked():
    images = make_images(12).drop(columns=["density", "kvp"]).assign(force_n=np.nan, lossy="")
    tables = {"images": images, "files": make_files(images), "lesions": make_lesions(images)}
    rows = check(gather(tables), "images")
    assert rows["columns_present"]["state"] == "broken"
    assert rows["columns_present"]["found"] == "missing: density"
    assert rows["voltage_plausible"]["found"] == "no column kvp"
    for name in ("voltage_plausible", "force_plausible", "not_lossy"):
        assert rows[name]["state"] == "not checked" and rows[name]["held"]


def own_rule(expectation: str, column: str) -> Rule:
    return Rule(
        id="own",
        says="A rule that a site wrote.",
        table="images",
        expectation=expectation,
        arguments={"column": column, "min_value": 0, "max_value": 1},
        severity="warn",
        remedy="Look at it.",
    )


@pytest.mark.parametrize(
    ("expectation", "column", "told"),
    [
        ("ExpectColumnValuesToBeBetween", "view", "the rule could not be run on this column"),
        ("ExpectColumnMaxToBeBetween", "age", "not as expected"),
        ("ExpectColumnMeanToBeBetween", "kvp", "29"),
    ],
)
def test_a_sites_own_rule_tells_a_sum_and_no_value(expectation, column, told):
    images = make_images(12)
    tables = {"images": images, "files": make_files(images), "lesions": make_lesions(images)}
    row = contract.check_rules([own_rule(expectation, column)], gather(tables), 0.95)[0]
    assert (row["state"], row["found"]) == ("broken", told)


def test_the_suites_are_the_rules_as_great_expectations_writes_them():
    images = make_images(12)
    facts = gather({"images": images, "files": make_files(images), "lesions": make_lesions(images)})
    rules = read_rules(RULES, parameters(), facts.columns)
    suites = write_suites(rules)
    assert json.dumps(suites) == json.dumps(write_suites(rules))
    written = [entry for suite in suites.values() for entry in suite["expectations"]]
    assert {entry["meta"]["rule"] for entry in written} == {rule.id for rule in rules}
    assert {entry["severity"] for entry in written} == {"critical", "warning", "info"}


def test_a_broken_stop_rule_stops_and_names_rule_count_remedy_and_page():
    rules = [
        {"rule": "A.", "held": False, "severity": "stop", "found": "3 of 9", "remedy": "Mend it."},
        {"rule": "B.", "held": False, "severity": "warn", "found": "1 of 9", "remedy": "Look."},
    ]
    with pytest.raises(contract.ContractError, match=r"(?s)A\. Found: 3 of 9\. Mend it.*x\.html"):
        contract.refuse_broken({"rules": rules}, "x.html")
    contract.refuse_broken({"rules": rules[1:]}, "x.html")
