"""The sections of the drift page: each takes the record of drift and returns one section."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from mammo_pipeline.reporting import charts
from mammo_pipeline.reporting.page import show_number

Section = dict[str, Any]

GROUPS = {
    "acquisition": "how the images were taken",
    "patient": "who was imaged",
    "before": "pixels, fixed resize of the frame",
    "after": "pixels, standardized canvas",
    "score": "what the ensemble says",
}
STATES = {"stable": "passed", "watch": "warn", "drift": "failed", "not compared": "info"}


def show_verdict(verdict: str) -> dict[str, str]:
    """Returns a verdict as a cell with its colour."""
    return {"state": STATES[verdict], "text": verdict}


def show_fates(drift: Mapping[str, Any]) -> Section:
    """Returns what became of every file of the current folder."""
    return {
        "title": "Files of the current folder",
        "text": "A later folder that loses more of its files than the study did has changed too.",
        "table": {
            "columns": ["fate", "reason", "files"],
            "rows": drift["current_fates"],
            "note": f"The counts add up to {drift['count']['current_files']} files found.",
        },
    }


def state_result(drift: Mapping[str, Any]) -> str:
    """Returns the sentence on top of the page."""
    parts = [
        f"{GROUPS.get(name, name)}: {group['verdict']} ({group['drift']} of {group['features']} "
        "drifted)"
        for name, group in drift["groups"].items()
    ]
    return "; ".join(parts) + "."


def pair_pixels(drift: Mapping[str, Any]) -> pd.DataFrame:
    """Returns one row a pixel feature: psi, chance and verdict, before and after."""
    table = pd.DataFrame(drift["features"])
    sides = []
    for when in ("before", "after"):
        side = table[table["group"] == when].copy()
        side.index = pd.Index(side["feature"].str.removeprefix(f"{when}_"))
        sides.append(side[["psi", "psi_chance", "verdict"]].add_suffix(f"_{when}"))
    return sides[0].join(sides[1], how="inner")


def show_groups(drift: Mapping[str, Any]) -> Section:
    """Returns the verdict of each group of features."""
    rows = [
        [GROUPS.get(name, name), show_verdict(g["verdict"])]
        + [g[key] for key in ("features", "stable", "watch", "drift", "not compared")]
        for name, g in drift["groups"].items()
    ]
    limits = drift["thresholds"]
    return {
        "title": "Verdict by group",
        "text": f"A feature is watched from a PSI of {limits['watch']:g} and has drifted from "
        f"{limits['drift']:g}, if chance alone does not reach that PSI at these sizes. A group "
        "takes the verdict of its worst feature.",
        "table": {
            "columns": [
                "group",
                "verdict",
                "features",
                "stable",
                "watch",
                "drift",
                "not compared",
            ],
            "rows": rows,
        },
    }


def show_devices(drift: Mapping[str, Any]) -> Section:
    """Returns the device mix of both sides, and the devices that were never trained on."""
    mix = drift["device_mix"]
    totals = {side: sum(n[side] for n in mix.values()) for side in ("reference", "current")}
    shares = {s: [n[s] / max(totals[s], 1) for n in mix.values()] for s in totals}
    new = [name for name, n in mix.items() if n["reference"] == 0]
    rows = [
        [name, n["reference"], n["current"], shares["reference"][i], shares["current"][i]]
        for i, (name, n) in enumerate(mix.items())
    ]
    told = f"Never seen in development: {', '.join(new)}." if new else "No device is new."
    return {
        "title": "Device mix",
        "text": f"{told} Images of a new device are the first to look at when scores move.",
        "chart": charts.bars(list(mix), shares, "share of images", "Device mix of both cohorts"),
        "caption": f"Share of images by device: reference {totals['reference']} images, current "
        f"{totals['current']}.",
        "table": {
            "columns": ["device", "reference", "current", "share", "share now"],
            "rows": rows,
        },
    }


def show_pixels(drift: Mapping[str, Any]) -> Section:
    """Returns acquisition's mark on the pixels before and after standardization, side by side."""
    pairs = pair_pixels(drift)
    if pairs.empty:
        return {"title": "Pixels before and after standardization", "text": "No pixel features."}
    lower = int((pairs["psi_after"] < pairs["psi_before"]).sum())
    medians = [show_number(float(pairs[f"psi_{when}"].median())) for when in ("before", "after")]
    rows = []
    for name, row in pairs.to_dict("index").items():
        shown = {k: show_verdict(v) if "verdict" in str(k) else v for k, v in row.items()}
        rows.append([name, *shown.values()])
    series = {when: pairs[f"psi_{when}"].tolist() for when in ("before", "after")}
    columns = ["feature", "PSI before", "chance", "before", "PSI after", "chance", "after"]
    return {
        "title": "Pixels before and after standardization",
        "text": f"The PSI is lower after standardization for {lower} of {len(pairs)} features; its "
        f"median is {medians[0]} before and {medians[1]} after. Before means the fixed resize of "
        "the whole frame; both are measured on the same images.",
        "chart": charts.bars(list(pairs.index), series, "PSI", "PSI of pixel features"),
        "caption": f"PSI of each pixel feature, n = {drift['count']['reference_images']} reference "
        f"and {drift['count']['current_images']} current images.",
        "table": {"columns": columns, "rows": rows},
    }


def show_features(drift: Mapping[str, Any]) -> Section:
    """Returns every feature with its interval, its tests and its n."""
    keys = ["psi_chance", "ks", "chi2", "p", "n_reference", "n_current"]
    keys += ["missing_reference", "missing_current"]
    rows = [
        [f["feature"], _as_figure(f), *(f[key] for key in keys), show_verdict(f["verdict"])]
        for f in drift["features"]
    ]
    return {
        "title": "Every feature",
        "table": {
            "columns": [
                "feature",
                "PSI",
                "chance",
                "KS",
                "chi-square",
                "p",
                "n reference",
                "n current",
                "missing",
                "missing now",
                "verdict",
            ],
            "rows": rows,
            "note": "p is not adjusted for the number of features and plays no pa"
            "rt in the verdict.",
        },
    }


def _as_figure(feature: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "value": feature["psi"],
        "low": feature["psi_low"],
        "high": feature["psi_high"],
        "reason": feature["reason"],
    }


def show_scores(drift: Mapping[str, Any], scores: Mapping[str, pd.Series]) -> Section:
    """Returns the distribution of the ensemble's scores on both sides."""
    values = np.concatenate(list(scores.values()))
    groups = np.repeat(list(scores), [len(s) for s in scores.values()])
    chart = charts.histogram_by_group(values, groups, "calibrated logit of an image")
    return {
        "title": "Scores",
        "text": "Scores of the same ensemble on tune and on the current cohort. Outcomes of the "
        "current cohort are not known here: a shift of scores may be a shift of cancers.",
        "chart": chart,
        "caption": "Distribution of image scores, each cohort to area 1. Members were selected on "
        "tune, which may part its cancers somewhat too well.",
    }


def show_method(drift: Mapping[str, Any]) -> Section:
    """Returns how the figures were computed."""
    return {"title": "How it was computed", "text": drift["how"]}
