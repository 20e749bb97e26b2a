"""The page that a reviewer signs: verdict, cohort flow, and every rule as a sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from mammo_pipeline.pipelines.check.words import say_counts, several
from mammo_pipeline.reporting.flow_chart import flow_chart
from mammo_pipeline.reporting.page import show_number

Section = dict[str, Any]
Rules = Sequence[Mapping[str, Any]]

SEVERITIES = {
    "stop": ("Stop rules", "failed", "While one of these is broken, no pixel is read."),
    "warn": ("Warnings", "warn", "The run goes on; say in the study's report why that is right."),
    "note": ("Notes", "info", "Nothing is wrong; know it when reading the figures."),
}


def state_verdict(contract: Mapping[str, Any]) -> dict[str, str]:
    """Returns the verdict on top of the page: what is broken, by severity, and what is unknown."""
    counts = contract["counts"]
    broken = several(counts["stop"], "stop rule")
    head = f"{broken} broken: the run ends here." if counts["stop"] else "No stop rule is broken."
    text = f"{head} {say_counts(counts)[0].upper()}{say_counts(counts)[1:]}"
    if counts["unchecked"]:
        text += f", of them {several(counts['unchecked_stop'], 'stop rule')}"
    return {"state": "failed" if counts["stop"] else "passed", "text": f"{text}."}


def list_facts(contract: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the figures on top of the page."""
    study, flow = contract["study"], contract["flow"]
    return {
        "files found": flow["found"],
        "images accepted": flow["accepted"],
        "exams": study["exams"]["value"],
        "patients": study["patients"]["value"],
        "patients with cancer": study["patients_with_cancer"]["value"],
        "share of breasts with cancer": study["cancer_share_breasts"],
        "share of mammograms quarantined": study["quarantined_share"],
    }


def show_flow(contract: Mapping[str, Any]) -> Section:
    """Returns the way from files to patients: what left at each step, and why."""
    flow, study = contract["flow"], contract["study"]
    return {
        "title": "Cohort flow",
        "text": "Every file that was found is accepted, quarantined, a duplicate or another "
        "object, and the four add up. A quarantined file is a mammogram that cannot be used as it "
        "is.",
        "chart": flow_chart(draw_steps(flow, study), "From files found to patients"),
        "caption": f"From {flow['found']} files found to {study['patients']['value']} patients; "
        "on the right what goes no further.",
        "table": [*list_steps(flow, study), list_reasons(contract["reasons"], flow["found"])],
    }


def draw_steps(flow: Mapping[str, int], study: Mapping[str, Any]) -> list[dict[str, list[str]]]:
    """Returns the boxes of the flow's chart."""
    n = {name: show_number(figure["value"]) for name, figure in study.items() if figure["how"]}
    left = [f"{show_number(flow[f])} {f}" for f in ("quarantined", "duplicate")]
    left += [f"{show_number(flow['other'])} other objects"]
    refused = flow["found"] - flow["accepted"]
    ill = study["cancer_share_breasts"]
    cancers = round(ill["value"] * ill["n"]) if ill["value"] is not None else 0
    return [
        {
            "lines": [f"{show_number(flow['found'])} files found"],
            "left": [f"{show_number(refused)} not used", *left],
        },
        {"lines": [f"{n['images']} images accepted"], "left": []},
        {"lines": [f"{n['exams']} exams"], "left": []},
        {"lines": [f"{n['breasts']} breasts", f"{cancers} with cancer"], "left": []},
        {
            "lines": [
                f"{n['patients']} patients",
                f"{n['patients_with_cancer']} with cancer",
                f"{n['patients_without_cancer']} without",
            ],
            "left": [],
        },
    ]


def list_steps(flow: Mapping[str, int], study: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Returns the flow as two tables: what became of the files, and whom the images show."""
    names = {
        "found": "files found",
        "accepted": "accepted as images",
        "quarantined": "quarantined",
        "duplicate": "duplicates",
        "other": "other objects",
    }
    people = ["images", "exams", "breasts", "patients"]
    people += ["patients_with_cancer", "patients_without_cancer"]
    files = [[words, flow[name]] for name, words in names.items()]
    shown = [[name.replace("_", " "), study[name]["value"]] for name in people]
    return [
        {"caption": "Files", "columns": ["files", "n"], "rows": files},
        {"caption": "Whom they show", "columns": ["of the accepted images", "n"], "rows": shown},
    ]


def list_reasons(reasons: Rules, found: int) -> dict[str, Any]:
    """Returns why files were not used, commonest first within each fate."""
    rows = [[r["fate"], r["reason"], r["tag"], r["files"], r["remedy"]] for r in reasons]
    return {
        "caption": "Why files were not used",
        "columns": ["fate", "reason", "decided by", "files", "what to do"],
        "rows": rows,
        "note": f"{sum(r['files'] for r in reasons)} of {found} files.",
    }


def show_broken(rules: Rules) -> Section:
    """Returns the broken rules, stop rules first, each with its count, share, remedy, examples."""
    tables = []
    for severity, (title, _, words) in SEVERITIES.items():
        broken = [r for r in rules if r["severity"] == severity and r["state"] == "broken"]
        if broken:
            tables.append(
                {
                    "caption": title,
                    "columns": ["rule", "found", "share or figure", "expected", "what to do"],
                    "rows": [_tell_broken(rule) for rule in broken],
                    "note": words,
                }
            )
    named = [[r["rule"], ", ".join(r["examples"])] for r in rules if r["examples"]]
    if named:
        tables.append({"caption": "Examples", "columns": ["rule", "pseudonyms"], "rows": named})
    return {
        "title": "Broken rules",
        "text": "Found: rows that break the rule, of those that state what it asks; the share has "
        "Wilson's interval, which takes rows as independent. Examples are pseudonyms, at most "
        "five; only the room ingest knows which files they are. No value of a row is kept."
        if tables
        else "None.",
        "table": tables,
    }


def _tell_broken(rule: Mapping[str, Any]) -> list[Any]:
    found = rule["found"]
    if rule["share"]:
        found = "broken" if rule["count"] is None else f"{rule['count']} of {rule['n']}"
    state = {"state": SEVERITIES[rule["severity"]][1], "text": found}
    return [rule["rule"], state, rule["share"], rule["expected"], rule["remedy"]]


def show_rules(rules: Rules) -> Section:
    """Returns every rule by severity: the sentence, whether it holds, and on how much."""
    tables = []
    for severity, (title, _, _) in SEVERITIES.items():
        here = [rule for rule in rules if rule["severity"] == severity]
        rows = [[r["rule"], _mark(r), r["expected"], _tell_found(r), r["n"]] for r in here]
        columns = ["rule", "result", "expected", "found", "n"]
        tables.append({"caption": title, "columns": columns, "rows": rows})
    return {
        "title": "The whole contract",
        "text": "Great Expectations ran each rule. Found: rows that break it, or the figure that "
        "it judges; n: rows, or cases behind the figure, that state what it asks. A rule is not "
        "checked where the folder states nothing to check.",
        "table": tables,
    }


def _tell_found(rule: Mapping[str, Any]) -> Any:
    if rule["count"] is not None:
        return str(rule["count"])
    return rule["share"] if rule["state"] != "not checked" and rule["share"] else rule["found"]


def _mark(rule: Mapping[str, Any]) -> dict[str, str]:
    states = {"kept": "passed", "not checked": "info", "broken": SEVERITIES[rule["severity"]][1]}
    return {"state": states[rule["state"]], "text": rule["state"]}


def show_changes(changes: Mapping[str, int] | None) -> Section | None:
    """Returns what became of the files since the last ingest, or None where that is not told."""
    if changes is None:
        return None
    moved = {name for name in ("changed", "vanished") if changes.get(name)}
    rows = [
        [name, {"state": "warn", "text": str(n)} if name in moved else str(n)]
        for name, n in changes.items()
    ]
    text = "A changed or vanished file means that earlier figures belong to other data."
    table = {"columns": ["files", "n"], "rows": rows}
    return {"title": "Since the last ingest", "text": text, "table": table}


def count_reasons(files: pd.DataFrame) -> list[dict[str, Any]]:
    """Returns why files were not used: fate, reason, tag, remedy and number of files."""
    keys = ["fate", "reason", "tag", "remedy"]
    unused = files[files["fate"].ne("accepted")][keys].fillna("")
    counts = unused.groupby(keys).size().rename("files").reset_index()
    order = counts["fate"].map({"quarantined": 0, "duplicate": 1, "other": 2})
    ordered = counts.assign(order=order).sort_values(["order", "files"], ascending=[True, False])
    return [
        {**row, "files": int(row["files"])} for row in ordered[[*keys, "files"]].to_dict("records")
    ]
