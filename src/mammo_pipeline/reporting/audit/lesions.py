"""Whether the drawn lesions were found, as a section of the audit page."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from mammo_pipeline.reporting.froc_chart import froc_chart
from mammo_pipeline.reporting.page import show_figure, show_number

TITLE = "Lesions"
COUNTS = {
    "images": "images that were marked",
    "images_with_lesion": "of them with a malignant lesion drawn",
    "images_without_cancer": "of breasts without cancer",
    "images_with_cancer_undrawn": "left out: cancer, but no malignant lesion drawn",
    "images_without_outcome": "left out: outcome unknown",
    "breasts_with_lesion": "breasts with a malignant lesion",
    "patients_with_lesion": "patients with one",
    "lesions": "malignant lesions, each view's box counted",
    "lesions_benign": "benign lesions",
    "lesions_out_of_reach": "malignant lesions that lie where no mark can",
    "marks": "marks",
}
MASKS = {
    "dice": "Dice",
    "iou": "intersection over union",
    "precision": "precision of pixels",
    "recall": "recall of pixels",
    "specificity": "specificity of pixels",
    "accuracy": "accuracy of pixels",
    "hausdorff_95_mm": "Hausdorff distance, 95 %, mm",
}
BOXES = {"ap_50": "average precision, IoU 0.5", "ap_50_95": "average precision, IoU 0.5 to 0.95"}
LIMITS = (
    "The marks are peaks of the network's heatmap, which has one place a stride, and a lesion "
    "lights up every window that it fills: a mark tells where to look, not how large the lesion "
    "is. So average precision and the measures of regions are low even where lesions are found, "
    "and a lesion no larger than a stride may be missed by a mark beside it."
)
Section = dict[str, Any]


def show_lesions(record: Mapping[str, Any]) -> Section:
    """Returns the free-response curve, its readings, groups of lesions, boxes and masks.

    Args:
        record: What `detection.lesions.measure_lesions` returned, or {reason} alone.
    """
    if "reason" in record:
        section: Section = {"title": TITLE, "text": f"Not measured: {record['reason']}."}
        return section | ({"table": [_list_counts(record["count"])]} if "count" in record else {})
    rates = {_name_rate(float(r)): r for r in record["froc"]["sensitivity_at"]}
    curves = {
        f"lesions, mean {show_figure(record['froc']['mean_sensitivity'])}": record["froc"],
        f"breasts, mean {show_figure(record['froc_by_breast']['mean_sensitivity'])}": record[
            "froc_by_breast"
        ],
    }
    chart = froc_chart(
        {name: curve["points"] for name, curve in curves.items()},
        {name: float(rate) for name, rate in rates.items()},
        "false positives an image",
        "Sensitivity for lesions against false positives an image",
    )
    return {
        "title": TITLE,
        "text": "\n\n".join([_tell_result(record), record["how"], LIMITS]),
        "chart": chart,
        "caption": "Free-response curve (FROC) of lesions and of breasts, where any lesion in "
        "either view counts; shaded: the interval at each rate. The mean is over the rates that "
        "are marked.",
        "table": [
            _list_readings(record, rates),
            _list_groups(record),
            _list_outlines(record),
            _list_counts(record["count"]),
        ],
    }


def _name_rate(rate: float) -> str:
    """Returns a rate as it is usually written: 1/8 for 0.125."""
    part = Fraction(rate).limit_denominator(1000)
    return str(part) if 0 < part < 1 and part.numerator == 1 else f"{rate:g}"


def _tell_result(record: Mapping[str, Any]) -> str:
    count, point = record["count"], record["at_mark_score"]
    return (
        f"{count['lesions']} malignant lesions were drawn on {count['images_with_lesion']} images "
        f"of {count['patients_with_lesion']} patients. Marks of score "
        f"{show_number(float(point['score']))} and more find "
        f"{show_figure(point['sensitivity'])} of them, at "
        f"{show_figure(point['false_positives'])} false positives an image."
    )


def _list_readings(record: Mapping[str, Any], rates: Mapping[str, str]) -> dict[str, Any]:
    by_lesion, by_breast = record["froc"], record["froc_by_breast"]
    rows = [
        [name, by_lesion["sensitivity_at"][key], by_breast["sensitivity_at"][key]]
        for name, key in rates.items()
    ]
    rows += [
        [name, by_lesion[key], by_breast[key]]
        for key, name in (("mean_sensitivity", "mean of these"), ("area", "area, over its width"))
    ]
    ends_at = by_lesion["ends_at"]
    last = f"All marks together make {show_number(ends_at)} false positives an image; " * (
        ends_at is not None
    )
    return {
        "columns": ["false positives an image", "sensitivity, lesions", "sensitivity, breasts"],
        "rows": rows,
        "caption": "Sensitivity along the curve",
        "note": f"{last}beyond the last mark the curve stays level. Intervals: patient bootstrap; "
        "Wilson's with the patients as n where all or none are found.",
    }


def _list_groups(record: Mapping[str, Any]) -> dict[str, Any]:
    groups = [*record["kinds"], *record["sizes"]]
    wanted = [rate for rate in ("0.25", "1") if rate in record["froc"]["sensitivity_at"]]
    return {
        "columns": [
            *("lesions", "n", "patients", "mean sensitivity"),
            *(f"at {_name_rate(float(rate))}" for rate in wanted),
        ],
        "rows": [
            [
                *(group[key] for key in ("group", "lesions", "patients", "mean_sensitivity")),
                *(group["sensitivity_at"][rate] for rate in wanted),
            ]
            for group in groups
        ],
        "caption": "By kind and by longest side of the box",
        "note": "The same false positives for every group: a mark names no kind and no size.",
    }


def _list_outlines(record: Mapping[str, Any]) -> dict[str, Any]:
    named = {BOXES[name]: found for name, found in record["map"].items()}
    masks = record["masks"]
    named |= {MASKS[name]: found for name, found in masks.get("figures", {}).items()}
    return {
        "columns": ["measure", "mean", "n", "how"],
        "rows": [[name, found, found["n"], found["how"]] for name, found in named.items()],
        "caption": f"Boxes, and regions of marks of score {record['at_mark_score']['score']:g} and "
        "more against drawn boxes",
        "note": "Average precision: every box, n lesions. Regions: images with a malignant lesion, "
        f"n where defined; {masks.get('how') or masks.get('reason')}.",
        "folded": True,
    }


def _list_counts(count: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "columns": ["counted", "n"],
        "rows": [[name, count[key]] for key, name in COUNTS.items() if count.get(key) is not None],
        "caption": "What the figures rest on",
        "folded": True,
    }
