"""Sections of the page: the gates, and what became of every image on the way to the canvas."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from mammo_pipeline.mammo.fates import describe_fate
from mammo_pipeline.mammo.intervals import draw_patient_counts, figure, proportion
from mammo_pipeline.pipelines.standardize.feature_names import name_feature

Section = dict[str, Any]
Gates = Sequence[Mapping[str, Any]]

LEVEL, DRAWS = 0.95, 1000
STATES = {"pass": "passed", "fail": "failed", "not judged": "warn"}
SIZE_WORDS = {
    "breast_mm2": "breast area",
    "breast_height_mm": "breast height",
    "breast_width_mm": "breast width",
}
AREA_WORDS = {
    "breast_mm2": "breast, as it is looked at",
    "beyond_field_mm2": "breast beyond the field, left out",
    "lost_mm2": "breast off the canvas, lost",
    "muscle_mm2": "pectoral muscle, kept",
    "removed_marker_mm2": "marker, taken off",
    "removed_border_mm2": "border of the detector, taken off",
    "removed_line_mm2": "line, taken off",
    "removed_other_tissue_mm2": "other tissue, taken off",
}
STANDARD_WORDS = {
    "spacing_mm": "spacing of the canvas, mm",
    "shape_px": "rows x columns of the canvas",
    "field_mm": "height x width of the field that is looked at, mm",
    "bandwidth_mm": "standard deviation of the blur that every image ends with, mm",
    "skin_mm": "rim of the breast that is taken off, mm",
    "detail_ratios": "size of each band of detail over the next, the finest first",
    "grey_quantiles": "quantiles of grey that are laid on the reference",
}


def show_gates(gates: Gates) -> Section:
    """Returns every gate: the failed first, then those not judged, then the passed by kind."""
    failed, opened = (_pick(gates, state) for state in ("fail", "not judged"))
    passed = _pick(gates, "pass")
    kinds = dict.fromkeys(name_kind(gate["name"]) for gate in passed)
    groups = {"Failed": failed, "Not judged": opened}
    groups |= {
        f"Passed: {kind}": [g for g in passed if name_kind(g["name"]) == kind] for kind in kinds
    }
    columns = ["gate", "state", "found", "bound", "reason"]
    return {
        "title": "Gates",
        "text": "A failed gate ends the run: a net trained on these images could learn the device "
        "instead of the disease. A gate that is not judged had too little to go by; it proves "
        "nothing either way. Probes: 0.5 is chance, 1 tells every device. Scales: a device draws "
        "the same woman's breast larger or smaller. Modes: a feature in several heaps shows "
        "groups of images that no anatomy makes.",
        "table": [
            {"caption": caption, "columns": columns, "rows": [_tell_gate(g) for g in rows]}
            for caption, rows in groups.items()
            if rows
        ],
    }


def _pick(gates: Gates, state: str) -> list[Mapping[str, Any]]:
    return [gate for gate in gates if gate["state"] == state]


def name_kind(gate: str) -> str:
    """Returns the group that a gate is shown in.

    >>> name_kind("scale of GE Pristina by breast_mm2"), name_kind("modes of q50")
    ('scale by breast area', 'modes')
    """
    if gate.startswith("scale of "):
        size = gate.rpartition(" by ")[2]
        return f"scale by {SIZE_WORDS.get(size, size)}"
    return "modes" if gate.startswith("modes of ") else "probes"


def name_gate(gate: str) -> str:
    """Returns a gate's name in words.

    >>> name_gate("scale of GE Pristina by breast_mm2"), name_gate("modes of q50")
    ('scale of GE Pristina by area', 'modes of median grey')
    """
    head, _, size = gate.rpartition(" by ")
    if gate.startswith("scale of ") and size in SIZE_WORDS:
        return f"{head} by {SIZE_WORDS[size].removeprefix('breast ')}"
    if gate.startswith("modes of "):
        return f"modes of {name_feature(gate.removeprefix('modes of '))}"
    return gate


def _tell_gate(gate: Mapping[str, Any]) -> list[Any]:
    reason = gate["reason"].removeprefix(f"{gate['found']}: ")
    state = {"state": STATES[gate["state"]], "text": gate["state"]}
    return [name_gate(gate["name"]), state, gate["found"] or "nothing", gate["bound"], reason]


def show_images(used: pd.DataFrame, device_audit: Mapping[str, Any]) -> Section:
    """Returns what became of the images: areas, refusals, meanings of grey, and the standard."""
    lost, beyond = device_audit["images_with_tissue_lost"], device_audit["images_beyond_field"]
    count = device_audit["standardized"]
    return {
        "title": "What became of the images",
        "text": f"{count} of {device_audit['images']} images were standardized. {lost} of them "
        f"lose tissue off the canvas; that must be 0, for tissue that is lost may hold the lesion. "
        f"{beyond} reach beyond the field: what only a larger detector sees is left out of every "
        "image, for its presence would tell the device.",
        "table": [
            sum_up_areas(used),
            list_refusals(device_audit["refused"], device_audit["images"]),
            list_meanings(device_audit["meanings"], device_audit["standard"]["show"]["prefer"]),
            list_standard(device_audit["standard"]),
        ],
    }


def sum_up_areas(used: pd.DataFrame) -> dict[str, Any]:
    """Returns the areas summed over all images, in cm2 and in per cent of the breast."""
    rows = []
    for name, words in AREA_WORDS.items():
        if name not in used:
            continue
        areas = used[name].fillna(0.0)
        share = None if name == "breast_mm2" else measure_share(used, name, ["breast_mm2"])
        rows.append([words, round(areas.sum()), share, int((areas > 0).sum()), len(used)])
    return {
        "caption": "Areas",
        "columns": ["area", "sum, mm2", "% of the breast", "images with it", "images"],
        "rows": rows,
        "note": "As the sketch shows them, in cells of about 0.56 mm. Share: sum over sum; "
        f"bootstrap over {used['patient_id'].nunique()} women, {DRAWS} replicates, {LEVEL:.0%}; "
        "none where the sum is 0.",
    }


def measure_share(used: pd.DataFrame, part: str, whole: list[str]) -> dict[str, Any]:
    """Returns an area in per cent of others, summed over all images, as a figure.

    Args:
        used: The standardized images.
        part: Column of the area, mm2.
        whole: Columns that sum up to what it is a share of.
    """
    how, why = f"100 * sum of {part} / sum of {' + '.join(whole)}", "no image was standardized"
    areas = pd.DataFrame({"part": used[part], "whole": used[whole].sum(axis=1)}).astype(float)
    sums = areas.groupby(used["patient_id"]).sum()
    if sums["whole"].sum() == 0:
        return figure(float("nan"), np.empty(0), 0, LEVEL, how, why)
    counts = draw_patient_counts(np.zeros(len(sums)), DRAWS, np.random.default_rng(0))
    parts, wholes = (sums[name].to_numpy() for name in ("part", "whole"))
    value = 100 * float(parts.sum() / wholes.sum())
    found = figure(value, 100 * (counts @ parts) / (counts @ wholes), len(sums), LEVEL, how, why)
    # Draws of nothing but zeros have no width, which is no certainty.
    return found if value else found | {"value": 0, "low": None, "high": None}


def list_refusals(refused: Mapping[str, int], images: int) -> dict[str, Any]:
    """Returns why images were refused, the commonest first, and what to do."""
    told = {code: describe_fate(code) for code in refused}
    return {
        "caption": "Refused images",
        "columns": ["reason", "decided by", "images", "share", "what to do"],
        "rows": [
            [
                told[code]["reason"],
                told[code]["tag"] or "the file",
                n,
                proportion(n, images, LEVEL),
                told[code]["remedy"],
            ]
            for code, n in sorted(refused.items(), key=lambda entry: -entry[1])
        ],
        "note": f"Of n = {images} images; Wilson intervals, which take images as independent.",
    }


def list_meanings(meanings: Mapping[str, int], known: Sequence[str]) -> dict[str, Any]:
    """Returns what a stored value was taken to mean, and in how many images.

    A name that the standard does not list is not shown: a header may write anything there.
    """
    counts: Counter[str] = Counter()
    for meaning, n in meanings.items():
        counts[tell_meaning(meaning, known)] += n
    whole = sum(counts.values())
    rows = [[word, n, proportion(n, whole, LEVEL)] for word, n in counts.most_common()]
    return {
        "caption": "What a stored value means",
        "columns": ["the display that was taken", "images", "share"],
        "rows": rows,
        "note": "DICOM PS3.3 C.11.2: the file states how its values are shown, by a table (VOI LUT "
        f"Sequence (0028,3010)) or a window. n = {whole} images; Wilson intervals.",
    }


def tell_meaning(meaning: str, known: Sequence[str]) -> str:
    """Returns the display of an image in words.

    >>> tell_meaning("window LINEAR", ["NORMAL"]), tell_meaning("table NORMAL", ["NORMAL"])
    ('window without a name, LINEAR', 'table NORMAL')
    >>> tell_meaning("window Jane Doe SIGMOID", ["NORMAL"])
    'window of another name, SIGMOID'
    """
    kind, *words = meaning.split(" ")
    if kind not in ("window", "table"):
        return meaning
    shape = f", {words.pop()}" if kind == "window" and words else ""
    name = " ".join(words).strip()
    if not name:
        return f"{kind} without a name{shape}"
    told = name if name.upper() in known else "of another name"
    return f"{kind} {told}{shape}"


def list_standard(standard: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the standard's parameters with their meaning."""
    rows = [[words, _spell(standard[name])] for name, words in STANDARD_WORDS.items()]
    show = standard["show"]
    rows += [
        ["displays in order of preference", ", ".join(show["prefer"])],
        ["tables or windows first", show["order"].replace("_", " ")],
        ["raw images, FOR PROCESSING", show["for_processing"]],
    ]
    columns = ["parameter", "value"]
    return {"caption": "The standard", "columns": columns, "rows": rows}


def _spell(value: Any) -> str:
    if isinstance(value, list | tuple):
        return (
            " x ".join(f"{v:g}" for v in value) if len(value) == 2 else ", ".join(map(str, value))
        )
    return f"{value:g}"
