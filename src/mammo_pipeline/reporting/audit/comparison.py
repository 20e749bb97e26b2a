"""Two models on the same breasts, as a section of a page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mammo_pipeline.reporting import charts
from mammo_pipeline.reporting.page import show_figure, show_number

NAMES = {
    "auroc": "AUROC",
    "sensitivity": "sensitivity",
    "specificity": "specificity",
    "recall_rate": "recall rate",
}


def show_comparison(record: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the section of a paired comparison, as `mammo.comparison.compare_models` makes it.

    Args:
        record: first, second, count, auroc, operating, thresholds, repeats, level.
    """
    found = {"auroc": record["auroc"], **record["operating"]}
    rows = [
        [NAMES[name], part["first"], part["second"], part["difference"], part["p"], *_second(part)]
        for name, part in found.items()
    ]
    forest = [
        {"name": NAMES[name], "small": False}
        | {key: part["difference"][key] for key in ("value", "low", "high")}
        for name, part in found.items()
    ]
    columns = ["figure", record["first"], record["second"], "difference", "p", "second p", "by"]
    return {
        "title": f"{record['first']} against {record['second']}",
        "text": _tell_comparison(record),
        "chart": charts.forest_plot(
            forest, "first less second", "Differences between the two models", 0.0
        ),
        "caption": f"{record['first']} less {record['second']}, with intervals by patient "
        "bootstrap; dashed: no difference.",
        "table": {"columns": columns, "rows": rows, "note": _note(record)},
    }


def _second(part: Mapping[str, Any]) -> list[Any]:
    """Returns the p of the other method, and its name with what it rests on."""
    if "delong" in part:
        return [part["delong"]["p"], "DeLong, clustered by patient"]
    mcnemar = part["mcnemar"]
    counts = f"{mcnemar['first_only']} against {mcnemar['second_only']}"
    return [mcnemar["p"], f"McNemar, exact: {counts} breasts"]


def _tell_comparison(record: Mapping[str, Any]) -> str:
    count, area = record["count"], record["auroc"]
    difference = area["difference"]
    told = (
        f"The same {count['breasts']} breasts of {count['patients']} patients, "
        f"{count['positives']} with cancer, scored by both. AUROC of {record['first']} less that "
        f"of {record['second']}: {show_figure(difference)}"
    )
    if area["p"] is not None:
        told += f", p = {show_number(area['p'])}"
    if (delong := area["delong"])["p"] is not None:
        told += f"; by DeLong {show_figure(delong['difference'])}, p = {show_number(delong['p'])}"
    if not record["thresholds"]:
        return f"{told}. No thresholds were given, so that only the ranking is compared."
    cuts = [f"{name} {show_number(value)}" for name, value in record["thresholds"].items()]
    return f"{told}. Recalled from: {', '.join(cuts)}."


def _note(record: Mapping[str, Any]) -> str:
    return (
        f"Intervals and p: bootstrap by patient, {record['repeats']} replicates, both models on "
        "the same patients; p two-sided, plus one, not corrected for their number. McNemar "
        "counts the breasts on which the models disagree and takes breasts as independent."
    )
