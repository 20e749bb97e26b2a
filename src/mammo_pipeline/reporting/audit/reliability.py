"""Calibration on the audit page: reliability, the choice of the map, other prevalences."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mammo_pipeline.mammo.calibration.reliability import HOW
from mammo_pipeline.reporting.page import show_number
from mammo_pipeline.reporting.reliability_chart import reliability_pair

Section = dict[str, Any]

NAMES = {
    "brier_loss": "Brier loss",
    "brier_skill": "Brier skill",
    "log_loss": "log loss",
    "calibration_error": "calibration error, equal count",
    "calibration_error_equal_width": "calibration error, equal width",
    "smooth_calibration_error": "smooth calibration error",
    "calibration_slope": "slope",
    "calibration_intercept": "intercept",
    "calibration_in_the_large": "in the large",
    "observed_over_expected": "observed over expected",
}


def show_calibration(record: Mapping[str, Any]) -> Section:
    """Returns the reliability diagram before and after, the figures of both, and their bins.

    Args:
        record: What `calibration.reliability.measure_calibration` returned.
    """
    rows = []
    for name in HOW:
        change = record["change"].get(name)
        pair = [record[when][name] for when in ("before", "after")]
        rows.append([NAMES[name], *pair, change])
    figures = {
        "columns": ["figure", "before", "after", "change"],
        "rows": rows,
        "caption": "Before and after calibration",
        "note": "Change: after less before, both in the same replicates; below 0 is better. "
        f"Each rests on {record['n']} breasts of {record['patients']} patients, "
        f"{record['positives']} with cancer; {record['level']:.0%} intervals by patient bootstrap.",
    }
    # Its own table: beside three intervals the words would run out of the page.
    hows = {
        "columns": ["figure", "how"],
        "rows": [[NAMES[name], record["after"][name]["how"]] for name in HOW],
        "caption": "How each is computed",
        "folded": True,
    }
    tables = {when: record[f"reliability_{when}"] for when in ("before", "after")}
    drawn = reliability_pair(tables, record["histogram"], "Reliability before and after")
    return {
        "title": "Calibration",
        "text": "A probability is calibrated when, of the breasts that get it, that share has "
        "cancer. Bins hold equal counts of breasts; bars are Wilson intervals of the share with "
        "cancer, which take breasts as independent; intervals in the table draw patients. A "
        "calibration error cannot fall below what chance gives at this n.",
        "chart": drawn,
        "caption": "Observed share with cancer against predicted probability, before and after "
        "calibration; below, how many breasts get each probability.",
        "table": [figures, hows, *(_show_bins(when, table) for when, table in tables.items())],
    }


def _show_bins(when: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    keys = ["n", "positives", "predicted", "observed", "low", "high"]
    return {
        "columns": ["breasts", "with cancer", "predicted", "observed", "low", "high"],
        "rows": [[row[key] for key in keys] for row in rows],
        "caption": f"Reliability {when} calibration",
        "folded": True,
    }


def show_choice(calibration: Mapping[str, Any]) -> Section:
    """Returns the candidates, what they lost on held-out patients, the rule and the frozen maps.

    Args:
        calibration: The record of `calibration.choose.choose_calibration`.
    """
    rows = [
        [
            _name_scope(found["method"], found["scope"]),
            found["log_loss"],
            found["difference"],
            {"state": "passed", "text": "frozen"} if found["chosen"] else "",
            found["reason"],
        ]
        for found in calibration["candidates"]
    ]
    candidates = {
        "columns": ["calibration", "log loss", "above the lowest", "", "why"],
        "rows": rows,
        "caption": "Candidates",
        "note": f"{calibration['folds']} folds by patient on {calibration['n']} tune breasts, "
        f"{calibration['positives']} with cancer.",
    }
    maps = [["all devices", *_tell_map(calibration["pooled"])]]
    maps += [[device, *_tell_map(own)] for device, own in calibration["by_device"].items()]
    columns = ["device", "breasts", "with cancer", "calibrated logit"]
    frozen = {"columns": columns, "rows": maps, "caption": "What was frozen"}
    chosen = _name_scope(calibration["method"], calibration["scope"])
    if calibration["by_device"]:
        frozen["note"] = "A device that is not named gets the map of all devices."
    return {
        "title": "Choice of the calibration",
        "text": f"Frozen: {chosen}.\n\n{calibration['rule']}",
        "table": [candidates, frozen],
    }


def _name_scope(method: str, scope: str) -> str:
    return f"{method}, {scope.replace('_', ' ')}"


def _tell_map(fitted: Mapping[str, Any]) -> list[Any]:
    """Returns n, positives and the equation of a map."""
    words = {
        "identity": "the logit as it comes",
        "platt": "{slope} logit {intercept}",
        "temperature": "logit / {temperature}",
        "beta": "{a} log p - {b} log(1 - p) {c}",
        "isotonic": "straight between {knots} knots",
    }[fitted["method"]]
    signed = {"intercept", "c"}
    numbers = {
        key: f"{value:+.4f}".replace("+", "+ ").replace("-", "- ") if key in signed else value
        for key, value in fitted.items()
        if isinstance(value, float)
    }
    plain = {key: v if isinstance(v, str) else f"{v:.4f}" for key, v in numbers.items()}
    knots = len(fitted.get("logits", []))
    return [fitted["n"], fitted["positives"], words.format(**plain, knots=knots)]


def show_prevalence_shift(record: Mapping[str, Any]) -> Section:
    """Returns what a probability becomes where cancer is rarer, and the assumption behind it.

    Args:
        record: What `calibration.prevalence.tabulate_shift` returned.
    """
    here = record["from_prevalence"]
    rows = [[r["probability"], r["share_below"], *r["shifted"]] for r in record["rows"]]
    columns = [f"at {here:.2%} (here)", "breasts below"]
    columns += [f"at {to:.2%}" for to in record["to_prevalences"]]
    return {
        "title": "At another prevalence",
        "text": f"The probabilities hold where {show_number(100 * here)} % of breasts have cancer, "
        "as on tune. Elsewhere the log-odds move by the difference of the two log-odds of cancer; "
        f"the order of breasts stays.\n\n{record['assumption']}",
        "table": {
            "columns": columns,
            "rows": rows,
            "caption": "The same breast at other prevalences",
            "note": f"Breasts below: share of {record['n']} breasts with a lower probability here.",
        },
    }
