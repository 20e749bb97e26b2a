"""How well the ensemble ranks and recalls, as sections of the audit page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from mammo_pipeline.mammo.evaluation import HOW
from mammo_pipeline.mammo.operating import tell_rule
from mammo_pipeline.mammo.published import BCSC
from mammo_pipeline.mammo.scoring import roc_points
from mammo_pipeline.reporting import charts
from mammo_pipeline.reporting.page import show_figure, show_number
from mammo_pipeline.reporting.score_chart import score_panels

Section = dict[str, Any]

NAMES = {
    "auroc": "AUROC",
    "auroc_by_delong": "AUROC, by DeLong",
    "pauc": "partial AUROC",
    "specificity_at_sensitivity": "specificity on the curve",
    "average_precision": "average precision",
    "probabilistic_f1": "probabilistic F1",
    "brier_loss": "Brier loss",
    "log_loss": "log loss",
    "calibration_error": "expected calibration error",
    "calibration_slope": "calibration slope",
    "calibration_intercept": "calibration intercept",
    "sensitivity": "sensitivity",
    "specificity": "specificity",
    "recall_rate": "recall rate",
    "ppv": "positive predictive value",
    "npv": "negative predictive value",
    "detection_per_1000": "cancers detected per 1000",
}

# How `intervals.figure` ends its words.
DRAWN = "patient bootstrap"


def show_figures(evaluation: Mapping[str, Any]) -> Section:
    """Returns every figure with its interval, its n and how it was computed."""
    shown = ("auroc", "auroc_by_delong", *HOW)
    known = {name: evaluation[name] for name in shown if name in evaluation}
    shared, told = _part_from_shared(known)
    rows = [[NAMES[name], dict(found), found["n"], told[name]] for name, found in known.items()]
    return {
        "title": "Figures",
        "text": f"Intervals: {shared or 'as each row says'}. A patient drawn twice counts twice; "
        "patients with and without cancer are drawn apart, so that prevalence stays. All these "
        "figures share the same replicates; a share has Wilson's interval, as its row says.",
        "table": {"columns": ["figure", "value", "n", "how"], "rows": rows},
    }


def _part_from_shared(figures: Mapping[str, Mapping[str, Any]]) -> tuple[str, dict[str, str]]:
    """Returns (what holds for all intervals, how each figure was made), so that it is said once.

    Where a value has no interval, the reason stands beside how it was computed.
    """
    drawn = [found["how"].split("; ") for found in figures.values() if DRAWN in found["how"]]
    same = 0
    while drawn and same < min(map(len, drawn)) and len({parts[-same - 1] for parts in drawn}) == 1:
        same += 1
    shared = "; ".join(drawn[0][len(drawn[0]) - same :]) if same else ""
    told = {}
    for name, found in figures.items():
        how = found["how"].removesuffix(f"; {shared}") if shared else found["how"]
        missing = found["value"] is not None and found["low"] is None and found["reason"]
        told[name] = f"{how}; {found['reason']}" if missing else how
    return shared, told


def show_ranking(evaluation: Mapping[str, Any], breasts: pd.DataFrame) -> Section:
    """Returns the ROC curve with the frozen operating point and BCSC's readers.

    Args:
        evaluation: Figures by name, and `operating_point`.
        breasts: One row a breast: cancer, calibrated_logit.
    """
    section: Section = {"title": "Ranking and operating point", "text": _tell_point(evaluation)}
    if evaluation["auroc"]["value"] is None:
        return section | {"caption": f"No curve: {evaluation['auroc']['reason']}."}
    false_rate, true_rate = roc_points(breasts["cancer"], breasts["calibrated_logit"])
    point = (1 - evaluation["specificity"]["value"], evaluation["sensitivity"]["value"])
    label = f"ensemble, {show_figure(evaluation['auroc'])}"
    readers = {"BCSC readers, screening": (1 - BCSC["specificity"], BCSC["sensitivity"])}
    drawn = charts.roc_curve(false_rate, true_rate, label, "ROC curve on test", point, readers)
    outcome = breasts["cancer"].map({0: "no cancer", 1: "cancer"})
    logits = "calibrated logit of a breast"
    spread = charts.histogram_by_group(breasts["calibrated_logit"], outcome, logits)
    caption = (
        f"ROC curve of {len(breasts)} breasts, {int(breasts['cancer'].sum())} with cancer, and the "
        "scores behind it, each group to area 1."
    )
    return section | {"chart": [drawn, spread], "caption": caption}


def _tell_point(evaluation: Mapping[str, Any]) -> str:
    point = evaluation["operating_point"]
    return (
        f"A breast is recalled when its probability is at least {show_number(point['threshold'])}: "
        f"on tune {tell_rule(dict(point))} ({point['n']} breasts, {point['positives']} with "
        f"cancer). On test this gives sensitivity {show_figure(evaluation['sensitivity'])}, "
        f"specificity {show_figure(evaluation['specificity'])} and recall rate "
        f"{show_figure(evaluation['recall_rate'])}.{_tell_miss(evaluation)}"
    )


def _tell_miss(evaluation: Mapping[str, Any]) -> str:
    """Returns a warning where the interval on test leaves out the sensitivity aimed at on tune."""
    point, found = evaluation["operating_point"], evaluation["sensitivity"]
    if point["rule"] != "target_sensitivity" or found["low"] is None:
        return ""
    if found["low"] <= point["target"] <= found["high"]:
        return ""
    return (
        f" The interval leaves out the target of {point['target']:g}: the threshold did not carry "
        "over from tune, where it was chosen on few cancers or on other breasts."
    )


def show_units(units: Mapping[str, Any]) -> Section:
    """Returns the ranking per image, breast and exam side by side, and which views were scored.

    Args:
        units: What `evaluation.measure_units` returns.
    """
    rows = units["units"]
    forest = [
        {"name": f"{row['unit']} ({row['positives']}/{row['n']})", **row["auroc"]} for row in rows
    ]
    return {
        "title": "Image, breast and exam",
        "text": "The same scores per image, per breast (its images joined) and per exam (its more "
        "suspicious breast). An image has the outcome of its breast. The breast is the unit of "
        "every other figure of this page; average precision follows the share with cancer, which "
        "differs by unit. A breast without one of its views is scored from the other.",
        "chart": charts.forest_plot(forest, "AUROC", "AUROC per image, breast and exam"),
        "caption": "AUROC by unit (with cancer / all).",
        "table": [
            _list_units(rows, ["n", "positives", "patients", "auroc", "average_precision"]),
            _list_units(rows, ["pauc", "specificity_at_sensitivity"])
            | {
                "columns": ["unit", "partial AUROC", "specificity"],
                "caption": f"At sensitivity {units['sensitivity']:g} on the curve",
                "note": "Partial AUROC: specificity integrated from there to sensitivity 1.",
            },
            _list_views(units["missing_views"]),
        ],
    }


def _list_units(rows: Any, keys: list[str]) -> dict[str, Any]:
    named = NAMES | {"positives": "with cancer"}
    return {
        "columns": ["unit", *(named.get(key, key) for key in keys)],
        "rows": [[row["unit"], *(row[key] for key in keys)] for row in rows],
    }


def _list_views(missing: Mapping[str, Any]) -> dict[str, Any]:
    rows = [[f"scored from {name}", count] for name, count in missing["views"].items()]
    if missing["absent"] is not None:
        rows.append(["without any scored image", missing["absent"]])
    rows.append(["exams with one breast scored", missing["one_breast"]])
    return {"columns": ["breasts", "n"], "rows": rows, "caption": "Views"}


def show_screening(screening: Mapping[str, Any]) -> Section:
    """Returns the figures at a screening prevalence, beside the published benchmarks.

    Args:
        screening: What `screening.measure_screening` returns.
    """
    published = {row["name"]: row["published"] for row in screening["benchmarks"]}
    figures = screening["figures"]
    shared, told = _part_from_shared(figures)
    rows = [
        [NAMES[name], found, published.get(name), told[name]] for name, found in figures.items()
    ]
    unit = screening["unit"]
    by_screen = "" if unit == "exam" else " BCSC counts screens, of two breasts each, not breasts."
    return {
        "title": f"At a screening prevalence of {100 * screening['prevalence']:.3g} %",
        "text": f"{screening['assumption']}\n\n{screening['probabilities']} The intervals cover "
        f"the draw of these {screening['patients']} patients ({shared or 'as each row says'}), not "
        "whether that assumption holds.",
        "table": {
            "columns": ["figure", "here", "BCSC", "how"],
            "rows": rows,
            "note": "BCSC: digital screening in the United States, 1.68 million screens of 2007 to "
            f"2013, read by radiologists.{by_screen} Sensitivity and specificity do not depend on "
            "prevalence, but on the cases. Standing beside is no evidence of equal skill.",
        },
    }


def show_ripening(ripening: Mapping[str, Any]) -> Section:
    """Returns the area within each horizon, and the scores at diagnosis, one exam before, never.

    Args:
        ripening: What `ripening.measure_ripening` returns.
    """
    title = "Cancers before their diagnosis"
    if "groups" not in ripening:
        return {"title": title, "text": f"Not measured: {ripening['reason']}."}
    graded, groups = ripening["scale"] == "score", ripening["groups"]
    edges = np.arange(11) + 0.5 if graded else np.linspace(0, 1, 11)
    label = "score, 1 to 10" if graded else "probability"
    least, most = ripening["before_months"]
    section: Section = {
        "title": title,
        "text": "A cancer found at a later exam of the same breast ripens the label of an earlier "
        f"one. N is the first exam with cancer, N-1 the last exam of that breast {least:g} to "
        f"{most:g} months before it, read as free of cancer then. {_tell_before(ripening)}"
        f"\n\n{_tell_unripe(ripening)}",
        "chart": score_panels(groups, edges, label, "Scores at diagnosis, before it, and never"),
        "caption": "Scores of the exam of diagnosis (N), the exam before (N-1) and of breasts "
        "without cancer: bars are shares of each group, hollow where 20 or fewer; the line runs "
        "from quartile to quartile, the diamond is the median.",
    }
    return section | {"table": [_list_groups(ripening, label), _list_horizons(ripening)]}


def _tell_before(ripening: Mapping[str, Any]) -> str:
    found = ripening["auroc_before"]
    if found["value"] is None:
        return f"N-1 against no cancer: {found['reason']}."
    why = f" ({found['reason']})" if found["reason"] else ""
    return f"N-1 against no cancer: AUROC {show_figure(found)}{why}; 0.5 is chance."


def _tell_unripe(ripening: Mapping[str, Any]) -> str:
    unripe = (
        "An unripe exam, whose breast was not seen again late enough to know, "
        + ("counts as without cancer" if ripening["unripe_as_negative"] else "is left out")
        + "."
    )
    if not ripening["unripe_as_negative"]:
        unripe += " Cancers need no such wait, so that they are more frequent here than they were."
    return (
        f"{unripe} Also left out: {ripening['after_diagnosis']} exams after a diagnosis, "
        f"{ripening['undated']} without a date."
    )


def _list_groups(ripening: Mapping[str, Any], label: str) -> dict[str, Any]:
    against = {"diagnosis": "auroc_diagnosis", "before": "auroc_before"}
    rows = [
        [
            group["group"],
            group["n"],
            group["patients"],
            _tell_quartiles(group),
            group["recalled"],
            ripening[against[group["key"]]] if group["key"] in against else None,
        ]
        for group in ripening["groups"]
    ]
    columns = ["group", "breasts", "patients", "median (quartiles)", "recalled", "AUROC"]
    return {
        "columns": columns,
        "rows": rows,
        "note": f"Median of {label}. Recalled at the frozen operating point; its interval takes a "
        "patient's exams as alike. AUROC: against the breasts without cancer.",
    }


def _tell_quartiles(group: Mapping[str, Any]) -> dict[str, Any]:
    found = {"value": group["median"], "low": group["q1"], "high": group["q3"], "n": group["n"]}
    return found | {"how": "median and quartiles", "reason": None if group["n"] else "nobody"}


def _list_horizons(ripening: Mapping[str, Any]) -> dict[str, Any]:
    rows = [
        [f"{row['months']:g} months", row["n"], row["positives"], row["unripe"], row["auroc"]]
        for row in ripening["horizons"]
    ]
    columns = ["cancer within", "breasts", "with cancer", "unripe", "AUROC"]
    return {"columns": columns, "rows": rows, "caption": "Within a horizon"}
