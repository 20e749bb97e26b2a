"""What each device brings, as sections of the page: views, resolution, cancers, exposure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from mammo_pipeline.pipelines.check.distributions import NOT_STATED, NUMBERS, WORDS, keep_central
from mammo_pipeline.reporting import charts

Section = dict[str, Any]

DRAWN = ("age", "thickness_mm", "exposure_mas")


def show_completeness(contract: Mapping[str, Any]) -> Section:
    """Returns which standard views the exams have."""
    rows = [[p["views"], p["exams"], p["share"]] for p in contract["completeness"]]
    return {
        "title": "Completeness",
        "text": "A screening exam has four standard views. Only accepted images count: a view that "
        "was quarantined is missing here and has its reason under Cohort flow.",
        "table": {
            "columns": ["standard views", "exams", "share"],
            "rows": rows,
            "note": f"n = {contract['study']['exams']['value']} exams; Wilson intervals.",
        },
    }


def show_modes(modes: list[dict[str, Any]]) -> Section:
    """Returns the resolution modes of each device, as they came."""
    columns = ["device", "rows", "columns", "spacing, mm", "field, mm", "images", "share"]
    rows = [
        [
            _name_mode(m),
            m["rows_px"],
            m["columns_px"],
            _pair(m["row_spacing_mm"], m["column_spacing_mm"], ".4g"),
            _pair(m["field_rows_mm"], m["field_columns_mm"], ".0f"),
            m["images"],
            m["share"],
            _mark_listed(m["listed"]),
            m["native_spacing"] or "not known",
        ]
        for m in modes
    ]
    return {
        "title": "Resolution modes",
        "text": "Matrix and spacing of each device before any standardization. A net that sees "
        "images resized to one frame learns these modes: each gives the breast another scale. A "
        "mode is on the list when the device is known to make it, exactly, or by the size of its "
        "field where the images were binned.",
        "table": {"columns": [*columns, "on the list", "detector's own spacing"], "rows": rows},
    }


def _name_mode(mode: Mapping[str, Any]) -> str:
    device = mode["device"] or NOT_STATED
    return f"{device}, {mode['other_modes']} more modes" if mode["other_modes"] else device


def _pair(first: float | None, second: float | None, form: str) -> str:
    if first is None or second is None:
        return ""
    one, two = format(first, form), format(second, form)
    return f"{one} x {two}" if form == ".0f" or one != two else one


def _mark_listed(listed: str | None) -> dict[str, str]:
    states = {"yes": "passed", "no": "warn"}
    return {"state": states.get(listed or "", "info"), "text": listed or "not known"}


def show_association(contract: Mapping[str, Any]) -> Section:
    """Returns the share of cancers by device, and how strongly attributes go with the outcome."""
    rows = [[p["group"], p["images"], p["patients"], p["share"]] for p in contract["prevalence"]]
    forest = [
        {"name": f"{p['group']} (n {p['patients']})", "small": p["patients"] < 20, **p["share"]}
        for p in contract["prevalence"]
    ]
    whole = contract["study"]["cancer_share_patients"]["value"]
    factors = [
        [name.replace("_", " "), f["unit"], f["groups"], f["n"], _bare(f), f["p"]]
        for name, f in contract["associations"].items()
    ]
    return {
        "title": "What goes with the outcome",
        "text": "A net can learn the device instead of the disease when cancers come from other "
        "devices than the rest. Cramer's V is 0 where an attribute says nothing of the outcome and "
        "1 where it gives it away; chance is taken off.",
        "chart": charts.forest_plot(
            forest, "share of patients with cancer", "Cancers by device", whole
        ),
        "caption": "Share of patients with cancer by device, Wilson intervals; dashed: the whole "
        "study; hollow: fewer than 20 patients.",
        "table": [
            {
                "caption": "Cancers by device",
                "columns": ["device", "images", "patients", "share with cancer"],
                "rows": rows,
                "note": "A patient with images from two devices counts at both.",
            },
            {
                "caption": "Attributes and the outcome",
                "columns": ["attribute", "unit", "groups", "n", "Cramer's V", "p"],
                "rows": factors,
                "note": "Interval: noncentral chi-square. p: share of drawn tables with the same "
                "margins whose chi-square is as large. With this many attributes some p is small "
                "by chance.",
            },
        ],
    }


def _bare(figure: Mapping[str, Any]) -> dict[str, Any]:
    return {key: figure[key] for key in ("value", "low", "high", "n", "how", "reason")}


def show_numbers(contract: Mapping[str, Any], images: pd.DataFrame) -> Section:
    """Returns the distributions by device: medians with quartiles, and three of them drawn."""
    tables = [
        {
            "caption": NUMBERS[column],
            "columns": ["device", "n", "median (quartiles)"],
            "rows": [[row["device"], row["n"], _bare(row)] for row in rows],
        }
        for column, rows in contract["numbers"].items()
    ]
    devices = images["device"].fillna("unknown")
    drawn = [
        charts.histogram_by_group(keep_central(images[column]), devices, NUMBERS[column])
        for column in DRAWN
        if column in contract["numbers"]
    ]
    section: Section = {
        "title": "How the images were taken, by device",
        "text": "n: images that state the value. Where devices differ here, they may differ in the "
        "women they see or in the way they expose; standardization removes neither.",
        "table": tables,
    }
    caption = "Each device's images to area 1; the outermost hundredth at either end is left out."
    return section | ({"chart": drawn, "caption": caption} if drawn else {})


def show_words(contract: Mapping[str, Any]) -> Section:
    """Returns how many images of each device state what."""
    tables = []
    for column, devices in contract["words"].items():
        names = list(next(iter(devices.values()), {}))
        said = [name.replace("_", " ") for name in names]
        rows = [[device, *(counts[name] for name in names)] for device, counts in devices.items()]
        caption = f"{WORDS[column][0]}, images"
        tables.append({"caption": caption, "columns": ["device", *said], "rows": rows})
    return {"title": "What the headers and labels say, by device", "table": tables}


def show_classes(contract: Mapping[str, Any]) -> Section:
    """Returns what the patch net can learn from."""
    rows = [[c["class"], c["boxes"], c["images"], c["patients"]] for c in contract["classes"]]
    drawn = sum(c["boxes"] for c in contract["classes"])
    return {
        "title": "Lesions for the patch net",
        "text": f"{drawn} drawn boxes. Distortion and asymmetry count as mass. A box is held "
        "against the matrix and the chest wall's side here; whether it lies in the breast is "
        "known where the column inside_share is given.",
        "table": {"columns": ["class", "boxes", "images", "patients"], "rows": rows},
    }
