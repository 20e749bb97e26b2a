"""What was measured, as sections of the audit page: each takes a record, returns one section."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from mammo_pipeline.mammo.evaluation import HOW
from mammo_pipeline.mammo.scoring import roc_points
from mammo_pipeline.reporting import charts
from mammo_pipeline.reporting.page import show_figure, show_number

Section = dict[str, Any]

NAMES = {
    "auroc": "AUROC",
    "pauc": "partial AUROC",
    "specificity_at_sensitivity": "specificity on the curve",
    "brier_loss": "Brier loss",
    "log_loss": "log loss",
    "calibration_error": "expected calibration error",
    "calibration_slope": "calibration slope",
    "calibration_intercept": "calibration intercept",
    "sensitivity": "sensitivity",
    "specificity": "specificity",
    "recall_rate": "recall rate",
    "ppv": "positive predictive value",
}
AXES = {"device": "device", "density": "density", "age_band": "age", "views": "views"}
AXES |= {"laterality": "breast", "lesion_kind": "cancers showing"}


def state_result(evaluation: Mapping[str, Any]) -> str:
    """Returns the one sentence on top of the page."""
    count = evaluation["count"]
    return (
        f"AUROC {show_figure(evaluation['auroc'])} on {count['breasts']} breasts of "
        f"{count['patients']} patients, {count['positives']} with cancer. Whether that is enough "
        "is the gate's decision, in the room release."
    )


def list_facts(evaluation: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the facts on top of the page."""
    names = ["auroc", "sensitivity", "specificity", "recall_rate", "calibration_error"]
    count = evaluation["count"]
    return {NAMES[name]: evaluation[name] for name in names} | {
        "breasts": count["breasts"],
        "with cancer": count["positives"],
        "patients": count["patients"],
        "images": count["images"],
    }


def show_figures(evaluation: Mapping[str, Any]) -> Section:
    """Returns every figure with its interval, its n and how it was computed."""
    rows = []
    for name in HOW:
        found = evaluation[name]
        low, high = found["low"], found["high"]
        value = found["value"] if found["value"] is not None else f"undefined: {found['reason']}"
        rows.append([NAMES[name], value, low, high, found["n"], found["how"]])
    return {
        "title": "Figures",
        "text": "A patient drawn twice counts twice; patients with and without cancer are drawn "
        "apart, so that prevalence stays. All figures share the same replicates.",
        "table": {"columns": ["figure", "value", "low", "high", "n", "how"], "rows": rows},
    }


def show_ranking(evaluation: Mapping[str, Any], breasts: pd.DataFrame) -> Section:
    """Returns the ROC curve with the frozen operating point and BCSC's readers."""
    false_rate, true_rate = roc_points(breasts["cancer"], breasts["calibrated_logit"])
    section: Section = {"title": "Ranking and operating point", "text": _tell_point(evaluation)}
    if evaluation["auroc"]["value"] is None:
        return section | {"caption": f"No curve: {evaluation['auroc']['reason']}."}
    point = (1 - evaluation["specificity"]["value"], evaluation["sensitivity"]["value"])
    label = f"ensemble, {show_figure(evaluation['auroc'])}"
    readers = {"BCSC readers, screening": (1 - 0.889, 0.869)}
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
    rule = {
        "target_sensitivity": "the highest threshold whose sensitivity on tune reaches",
        "target_recall_rate": "the lowest threshold whose recall rate on tune does not exceed",
    }[point["rule"]]
    return (
        f"A breast is recalled when its probability is at least {show_number(point['threshold'])}: "
        f"{rule} {point['target']:g} ({point['n']} breasts, {point['positives']} with cancer). On "
        f"test this gives sensitivity {show_figure(evaluation['sensitivity'])}, specificity "
        f"{show_figure(evaluation['specificity'])} and recall rate "
        f"{show_figure(evaluation['recall_rate'])}."
    )


def show_calibration(evaluation: Mapping[str, Any], breasts: pd.DataFrame) -> Section:
    """Returns the reliability diagram and its table."""
    table = pd.DataFrame(evaluation["reliability"])
    keys = ["n", "positives", "predicted", "observed", "low", "high"]
    return {
        "title": "Calibration",
        "text": "Bins hold equal counts of breasts; bars are Wilson intervals of the share with "
        "cancer, which take breasts as independent. The calibration error cannot fall below what "
        "chance gives at this n.",
        "chart": charts.reliability_diagram(table, breasts["probability"], "Reliability on test"),
        "caption": "Observed share with cancer against predicted probability; below, how often "
        "each probability was given.",
        "table": {
            "columns": ["breasts", "with cancer", "predicted", "observed", "low", "high"],
            "rows": table[keys].to_numpy(object).tolist(),
        },
    }


def show_subgroups(evaluation: Mapping[str, Any]) -> Section:
    """Returns the forest of subgroup AUROCs and the table; small cells are marked, not dropped."""
    groups = evaluation["subgroups"]
    keys = ["n", "positives", "patients", "auroc", "recall_rate", "sensitivity", "specificity"]
    named = [f"{AXES.get(group['axis'], group['axis'])}: {group['group']}" for group in groups]
    rows = [
        [name, *(g[key] for key in keys), _mark_small(g)]
        for name, g in zip(named, groups, strict=True)
    ]
    forest = [
        {"name": f"{name} ({g['positives']}/{g['n']})", "small": g["small"], **g["auroc"]}
        for name, g in zip(named, groups, strict=True)
    ]
    columns = ["subgroup", "breasts", "with cancer", "patients", "AUROC", "recall rate"]
    return {
        "title": "Subgroups",
        "text": "The same ensemble and the same frozen threshold in each subgroup. A lesion kind "
        "holds the cancers that show it and every breast without cancer.",
        "chart": charts.forest_plot(
            forest, "AUROC", "AUROC by subgroup", evaluation["auroc"]["value"]
        ),
        "caption": "AUROC by subgroup (breasts with cancer / all); hollow: small; dashed: the "
        "whole test set.",
        "table": {
            "columns": [*columns, "sensitivity", "specificity", "size"],
            "rows": rows,
            "note": "AUROC: patient bootstrap within the subgroup; an area of 1 gets no width from "
            "it, which is no certainty. Shares: Wilson. With this many subgroups some lie far from "
            "the whole by chance.",
        },
    }


def _mark_small(group: Mapping[str, Any]) -> Any:
    return {"state": "warn", "text": "small"} if group["small"] else "enough"
