"""What stands behind the figures, as sections of the audit page: cohort, data, model, others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mammo_pipeline.mammo.published import PUBLISHED
from mammo_pipeline.reporting.flow_chart import flow_chart

Section = dict[str, Any]

# Counts that the flat record of metrics holds as floats.
COUNTED = {"members", "members_offered", "tune_breasts", "tune_positives"}

# How a published figure is called, and its key in our own record.
BESIDE = {
    "AUROC": "auroc",
    "sensitivity": "sensitivity",
    "specificity": "specificity",
    "recall rate": "recall_rate",
    "positive predictive value": "ppv",
}


def show_flow(flow: Mapping[str, Any]) -> Section:
    """Returns the flow from files found to images scored."""
    steps = [
        ("files found", flow["found"], "accepted + quarantined + duplicate + other"),
        ("accepted as images", flow["accepted"], "in the cohort + outside it"),
        ("quarantined", flow["quarantined"], "by reason below"),
        ("duplicates", flow["duplicate"], ""),
        ("other objects", flow["other"], "by reason below"),
        ("outside the cohort", flow["outside_cohort"], ""),
        ("in the cohort", flow["cohort"], "train + tune + test"),
        ("train", flow["train"], ""),
        ("tune", flow["tune"], ""),
        ("test", flow["test"], "scored + refused"),
        ("standardized, all sides", flow["standardized"], ""),
        ("refused for their pixels, all sides", flow["refused"], "by reason below"),
        ("test images refused", flow["test_refused"], ""),
        ("test images scored", flow["scored"], ""),
    ]
    reasons = [[f"file: {why}", n] for why, n in flow["not_used_by_reason"].items()]
    reasons += [[f"image: {why}", n] for why, n in flow["refused_by_reason"].items()]
    why = {"columns": ["not used because", "n"], "rows": reasons, "caption": "Reasons"}
    return {
        "title": "Cohort flow",
        "text": "Every file that was found is in exactly one row of each sum; the run stops when "
        "a sum does not hold.",
        "chart": flow_chart(draw_steps(flow), "From files found to test images scored"),
        "caption": "On the right what goes no further, or to another side.",
        "table": [
            {"columns": ["step", "n", "adds up as"], "rows": [list(step) for step in steps]},
            *([why] if reasons else []),
        ],
    }


def draw_steps(flow: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Returns the steps of `flow_chart.flow_chart`; what is 0 is not drawn on the right.

    Args:
        flow: Of `mammo.flow.count_cohort_flow`.
    """
    steps = [
        ("found", "file", "found", ["quarantined", "duplicate", "other object"]),
        ("accepted", "image", "accepted", ["outside the cohort"]),
        ("cohort", "image", "in the cohort", ["train", "tune"]),
        ("test", "test image", "", ["refused for its pixels"]),
        ("scored", "test image", "scored", []),
    ]
    beside = {
        "other object": "other",
        "outside the cohort": "outside_cohort",
        "refused for its pixels": "test_refused",
    }
    return [
        {
            "lines": [_count_things(flow[key], thing, word)],
            "left": [f"{flow[beside.get(n, n)]} {n}" for n in names if flow[beside.get(n, n)]],
        }
        for key, thing, word, names in steps
    ]


def _count_things(n: int, thing: str, word: str) -> str:
    return f"{n} {thing}{'' if n == 1 else 's'} {word}".strip()


def show_contract(contract: Mapping[str, Any]) -> Section:
    """Returns the verdict of the data contract and its broken rules."""
    broken = [rule for rule in contract["rules"] if not rule["held"]]
    rows = [[rule["rule"], rule["severity"], rule["found"], rule["n"]] for rule in broken]
    unchecked = sum(rule.get("state") == "not checked" for rule in contract["rules"])
    state = "kept" if contract["passed"] else "broken"
    section: Section = {
        "title": "Data contract",
        "text": f"The contract is {state}: {len(contract['rules'])} rules, {len(broken)} broken, "
        f"{unchecked} not checked. Its page, data_check.html, says how and why.",
    }
    columns = ["broken rule", "severity", "found", "n"]
    return section | ({"table": {"columns": columns, "rows": rows}} if rows else {})


def show_devices(device_audit: Mapping[str, Any]) -> Section:
    """Returns what the audit of devices found before and after standardization."""
    rows = []
    for name, record in device_audit["probes"].items():
        for when in ("before", "after"):
            found = record[when]
            shown = found["auc"] if found["auc"] is not None else f"not probed: {found['reason']}"
            bounds = [found["low"], found["high"]]
            rows.append([name, when, shown, *bounds, found.get("images"), found.get("patients")])
    how = next(iter(device_audit["probes"].values()))["after"].get("how", "")
    return {
        "title": "Devices",
        "text": "AUC with which a classifier tells one device from the rest: by geometry, by "
        "simple statistics, by a frozen net; before is the stretched frame, after the "
        f"standardized canvas; 0.5 is chance. {how} Gates of the audit: {device_audit['verdict']}; "
        "its page, standardization.html, has each.",
        "table": {
            "columns": ["probe", "images", "AUC", "low", "high", "n", "patients"],
            "rows": rows,
        },
    }


def show_making(
    ensemble: Mapping[str, Any], metrics: Mapping[str, float], train: Mapping[str, Any]
) -> Section:
    """Returns what tune and the training say of the model; its members have their own section."""
    learnt = [[name, value] for name, value in flatten_numbers(train).items()]
    return {
        "title": "How the model was made",
        "text": ensemble["note"],
        "table": [
            _as_table("On tune", metrics),
            {"columns": ["figure", "value"], "rows": learnt, "caption": "Training ladder"},
        ],
    }


def _as_table(caption: str, metrics: Mapping[str, float]) -> dict[str, Any]:
    rows = [
        [name.replace("_", " "), int(value) if name in COUNTED else value]
        for name, value in metrics.items()
    ]
    return {"columns": ["figure", "value"], "rows": rows, "caption": caption}


def flatten_numbers(record: Mapping[str, Any], prefix: str = "") -> dict[str, float]:
    """Returns the numbers of a nested record by their path, in order.

    >>> flatten_numbers({"a": {"b": 1}, "c": "text"})
    {'a b': 1}
    """
    flat: dict[str, float] = {}
    for key, value in record.items():
        name = f"{prefix}{key}".replace("_", " ")
        if isinstance(value, Mapping):
            flat |= flatten_numbers(value, f"{name} ")
        elif isinstance(value, int | float) and not isinstance(value, bool):
            flat[name] = value
    return flat


def show_benchmarks(evaluation: Mapping[str, Any]) -> Section:
    """Returns published figures beside ours, with the caution that they need."""
    count = evaluation["count"]
    ours = {name: evaluation.get(key) for name, key in BESIDE.items()}
    share = count["positives"] / count["breasts"]
    rows = [[who, what, value, ours.get(str(what))] for who, what, value in PUBLISHED]
    return {
        "title": "Beside published figures",
        "text": f"These are other women, other devices and other definitions. {share:.1%} of the "
        "breasts here have cancer, against about 0.5 % of women in screening: positive predictive "
        "value, recall rate and detection depend on that share and do not compare. Standing beside "
        "a published figure is no evidence of equal skill.",
        "table": {"columns": ["published by", "figure", "theirs", "here"], "rows": rows},
    }


def show_limits(evaluation: Mapping[str, Any], ensemble: Mapping[str, Any]) -> Section:
    """Returns what these figures cannot tell."""
    return {
        "title": "Limits",
        "text": "For research use only: no figure here supports a clinical decision.\n\nIntervals "
        "cover the draw of patients, not the draw of training runs, sites or years. Wilson "
        "intervals take breasts as independent. Outcomes are as good as the label table: a cancer "
        "that was never diagnosed counts as none.\n\n"
        f"Images without an outcome were scored and not measured: "
        f"{evaluation['count']['images_without_outcome']}. Members: {len(ensemble['members'])}.",
    }
