"""The data contract: the rules as suites of Great Expectations, and their result as plain data."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any

from mammo_pipeline.mammo.intervals import proportion
from mammo_pipeline.pipelines.check.facts import Facts
from mammo_pipeline.pipelines.check.rules import GX_SEVERITY, Rule
from mammo_pipeline.pipelines.check.suites import name_examples, run_suite
from mammo_pipeline.pipelines.check.words import say_expected
from mammo_pipeline.reporting.page import show_figure

# How a broken row of a table is named to a reader; the last column stands alone.
NAMES = {
    "images": ["image_id"],
    "exams": ["exam_id"],
    "breasts": ["exam_id", "laterality"],
    "patients": ["patient_id"],
    "devices": ["device"],
    "lesions": ["image_id"],
    "files": ["file_id"],
}
UNITS = {"images": "images", "breasts": "breasts", "lesions": "lesion boxes"}
# Great Expectations lists every unexpected row or none, 16 seconds for a million: where many break
# a rule, the first rows of the table give the examples.
LISTED, HEAD = 2_000, 20_000
# Rules on the columns themselves see a table as it came.
ON_COLUMNS = ("ExpectTable", "ExpectColumnToExist")
# These sum up many rows; a largest or a most common value is the value of one.
SUMS = ("Mean", "Sum", "Stdev", "Proportion", "Count")


class ContractError(ValueError):
    """The tables broke a stop rule of the contract."""


def check_rules(rules: Sequence[Rule], facts: Facts, level: float) -> list[dict[str, Any]]:
    """Returns one record a rule, in the order of the rules, with no value of any row.

    Args:
        rules: The contract.
        facts: The tables that it speaks of.
        level: Of the interval of each share, such as 0.95.

    Returns:
        {id, rule, table, severity, state, held, found, expected, n, not_stated, count, share,
        examples, remedy}. `state` is kept, broken or not checked; `held` is False for broken alone;
        `examples` are pseudonyms.
    """
    found: dict[str, dict[str, Any]] = {}
    for name, table in facts.tables.items():
        here = [rule for rule in rules if rule.table == name]
        ready = [rule for rule in here if not _why_not(rule, facts)]
        results = run_suite(name, ready, table) if ready else {}
        for rule in here:
            why = _why_not(rule, facts)
            told = blank(why) if why else tell_result(rule, results[rule.id], facts, level)
            found[rule.id] = _head(rule) | told
    _add_examples(rules, found, facts)
    return [found[rule.id] for rule in rules]


def _why_not(rule: Rule, facts: Facts) -> str:
    table = facts.tables[rule.table]
    if rule.expectation.startswith(ON_COLUMNS):
        return ""
    absent = [column for column in rule.columns() if column not in table]
    if absent:
        return f"no column {', '.join(absent)}"
    if not len(table):
        return "the table is empty"
    if rule.expectation == "ExpectColumnValuesToNotBeNull":
        return ""
    bare = [column for column in rule.columns() if table[column].isna().all()]
    if bare and rule.table == "study":
        return str(facts.figures[name_figure(bare[0])]["reason"])
    return "nothing in the table states it" if bare else ""


def name_figure(column: str) -> str:
    """Returns the figure that a column of the table `study` is an end of.

    >>> name_figure("device_association_low")
    'device_association'
    """
    return re.sub(r"_(low|high)$", "", column)


def _head(rule: Rule) -> dict[str, Any]:
    told = rule.model_dump(include={"id", "table", "severity", "remedy"})
    expected = say_expected(rule.expectation, rule.arguments)
    ends = {"_low": "lower end ", "_high": "upper end "}
    if rule.table == "study" and rule.columns():
        end = next((words for e, words in ends.items() if rule.columns()[0].endswith(e)), "")
        expected = end + expected
    return told | {"rule": rule.says, "expected": expected}


def blank(why: str) -> dict[str, Any]:
    """Returns the record of a rule that could not be checked."""
    empty: dict[str, Any] = {
        "n": 0,
        "not_stated": None,
        "count": None,
        "share": None,
        "examples": [],
    }
    return {"state": "not checked", "held": True, "found": why} | empty


def tell_result(rule: Rule, result: Any, facts: Facts, level: float) -> dict[str, Any]:
    """Returns what a rule's result comes to: state, counts, share with interval, and words."""
    raw = result.result or {}
    state = {"state": "kept" if result.success else "broken", "held": bool(result.success)}
    if "unexpected_count" not in raw or rule.table == "study":
        return blank("") | state | _tell_whole(rule, raw, facts)
    broken, missing = int(raw["unexpected_count"]), int(raw.get("missing_count") or 0)
    n = int(raw["element_count"]) - missing
    return (
        blank("")
        | state
        | {
            "n": n,
            "not_stated": missing,
            "count": broken,
            "share": proportion(broken, n, level),
            "found": f"{broken} of {n} {UNITS.get(rule.table, rule.table)} break it",
        }
    )


def _tell_whole(rule: Rule, raw: Mapping[str, Any], facts: Facts) -> dict[str, Any]:
    """Tells a rule on the study's figures, on the columns, or on a sum over many rows."""
    rows = len(facts.tables[rule.table])
    if rule.table == "study" and rule.columns():
        figure = facts.figures[name_figure(rule.columns()[0])]
        return {"n": figure["n"], "share": figure, "found": show_figure(figure)}
    if rule.expectation.startswith(ON_COLUMNS) and rule.columns():
        absent = [name for name in rule.columns() if name not in facts.tables[rule.table]]
        if absent or "exact_match" in rule.arguments:
            return {"n": rows, "found": f"missing: {', '.join(absent) or 'none'}"}
    value = raw.get("observed_value")
    if isinstance(value, Real) and any(word in rule.expectation for word in SUMS):
        return {"n": rows, "found": f"{float(value):.4g}"}
    if not raw:
        return {"n": rows, "found": "the rule could not be run on this column"}
    return {"n": rows, "found": "not as expected"}


def _add_examples(rules: Sequence[Rule], found: dict[str, dict[str, Any]], facts: Facts) -> None:
    """Fills the examples of the broken rules, which need a second, smaller run."""
    for name, naming in NAMES.items():
        broken = [r for r in rules if r.table == name and found[r.id]["count"]]
        broken = [rule for rule in broken if found[rule.id]["state"] == "broken"]
        table = facts.tables[name]
        if not set(naming) <= set(table):
            continue
        for many in (False, True):
            chosen = [rule for rule in broken if (found[rule.id]["count"] > LISTED) == many]
            if not chosen:
                continue
            results = run_suite(name, chosen, table.head(HEAD) if many else table, naming)
            for rule in chosen:
                found[rule.id]["examples"] = name_examples(results[rule.id].result, naming)


def count_results(results: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Returns how many rules are kept, broken (also by severity) and not checked.

    >>> one = {"state": "broken", "severity": "warn"}
    >>> count_results([one])["warn"], count_results([one])["kept"]
    (1, 0)
    """
    broken = [r["severity"] for r in results if r["state"] == "broken"]
    unchecked = [r["severity"] for r in results if r["state"] == "not checked"]
    return {
        "rules": len(results),
        "kept": len(results) - len(broken) - len(unchecked),
        "broken": len(broken),
        **{severity: broken.count(severity) for severity in GX_SEVERITY},
        "unchecked": len(unchecked),
        "unchecked_stop": unchecked.count("stop"),
    }


def refuse_broken(contract: Mapping[str, Any], page: str) -> None:
    """Does nothing while every stop rule is kept.

    Args:
        contract: What `check_contract` returned.
        page: Where its page was written.

    Raises:
        ContractError: A stop rule is broken; the message says which, how often and what to do.
    """
    broken = [r for r in contract["rules"] if not r["held"] and r["severity"] == "stop"]
    if not broken:
        return
    named = "\n".join(f"  {r['rule']} Found: {r['found']}. {r['remedy']}" for r in broken)
    count = f"{len(broken)} stop rule{'s' if len(broken) > 1 else ''}"
    raise ContractError(
        f"The study breaks {count} of the data contract:\n{named}\nNo pixel was read for training. "
        f"Examples stand on {page}."
    )
