"""Sections of the page: the device probe, the modes, and each device's scale."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from mammo_pipeline.pipelines.standardize.feature_names import name_feature
from mammo_pipeline.pipelines.standardize.image_facts import SIZE_WORDS
from mammo_pipeline.reporting.page import show_figure

Section = dict[str, Any]
Record = Mapping[str, Any]

FAMILIES = {
    "geometry": "geometry: frame, outline, corners and borders",
    "statistics": "statistics: grey, noise and power of tissue",
    "network": "network: what a frozen net sees",
}
CHANCE = 0.5


def show_probes(device_audit: Record, measured: pd.DataFrame) -> Section:
    """Returns how well devices are told apart before and after: whole, by device, and by what."""
    probes = device_audit["probes"]
    told = [f"{name}: {conclude_probe(record['after'])}" for name, record in probes.items()]
    section: Section = {
        "title": "Device probe",
        "text": "A classifier is asked which device an image came from. The area under the ROC "
        "curve is 0.5 for guessing and 1 for certainty. Before is the whole frame resized to the "
        "canvas, as most systems feed their nets; after is the canvas.\n\nConclusion after "
        f"standardization: {'; '.join(told)}. {say_most_told(probes)}",
        "table": [_tabulate_families(probes)],
    }
    if any(record["after"]["auc"] is not None for record in probes.values()):
        section |= {
            "chart": [_draw_family(name, record, _span(probes)) for name, record in probes.items()],
            "caption": f"{_say_n(probes)} Both lines on top are the mean over devices, the others "
            "one device against the rest after standardization; dashed: chance.",
        }
        section["table"] += _tabulate_devices(probes, device_audit, measured)
    return section


def conclude_probe(record: Record) -> str:
    """Returns what a reader should conclude from one probe.

    >>> conclude_probe({"auc": 0.51, "low": 0.47, "high": 0.55})
    'cannot be told from chance'
    """
    if record["auc"] is None or record["low"] is None:
        return f"not probed ({record.get('reason', 'no interval')})"
    if record["low"] > CHANCE:
        return f"told better than chance, AUC at least {record['low']:.3f}"
    return "cannot be told from chance" if record["high"] >= CHANCE else "below chance, no leak"


def say_most_told(probes: Record) -> str:
    """Returns the device that is told best after standardization: the gates judge the mean alone.

    >>> after = {"auc": 0.6, "by_device": {"A": 0.7}, "by_device_interval": {"A": [0.6, 0.8]}}
    >>> say_most_told({"network": {"after": after}})
    'The single device that is told best: A by network, AUC 0.700 (0.600 to 0.800).'
    """
    found = [
        (area, f"{device} by {name}", record["after"]["by_device_interval"][device])
        for name, record in probes.items()
        for device, area in record["after"].get("by_device", {}).items()
    ]
    if not found:
        return ""
    area, which, (low, high) = max(found, key=lambda entry: entry[0])
    told = show_figure({"value": area, "low": low, "high": high})
    return f"The single device that is told best: {which}, AUC {told}."


def as_figure(record: Record) -> dict[str, Any]:
    """Returns a probe's record as a figure."""
    reason = record.get("reason") or "no interval"
    return {"value": record["auc"], "low": record["low"], "high": record["high"], "reason": reason}


def _tabulate_families(probes: Record) -> dict[str, Any]:
    rows, how = [], ""
    for name, record in probes.items():
        for when in ("before", "after"):
            found = record[when]
            how = how or found.get("how", "")
            counts = [found.get(key) for key in ("images", "patients", "devices")]
            rows.append([FAMILIES.get(name, name), when, as_figure(found), *counts])
    columns = ["what the classifier sees", "when", "AUC", "images", "women", "devices"]
    note = f"{how[:1].upper()}{how[1:]}. An area of 1 gets no width from it." if how else ""
    note = note or "Nothing was probed."
    return {"caption": "Three families", "columns": columns, "rows": rows, "note": note}


def _own_figure(record: Record, device: str) -> dict[str, Any]:
    if record["auc"] is None:
        return as_figure(record)
    low, high = record["by_device_interval"][device]
    return {"value": record["by_device"][device], "low": low, "high": high}


def _list_devices(probes: Record) -> list[str]:
    return sorted({d for r in probes.values() for d in r["after"].get("by_device", {})})


def _span(probes: Record) -> tuple[float, float]:
    """Returns the axis that all forests share."""
    lows = [low for r in probes.values() for low, _ in r["after"]["by_device_interval"].values()]
    return min([0.4, *(low - 0.02 for low in lows if low is not None)]), 1.02


def _draw_family(name: str, record: Record, limits: tuple[float, float]) -> str:
    from mammo_pipeline.reporting import charts

    rows = [{"name": f"all, {when}", **as_figure(record[when])} for when in ("before", "after")]
    names = record["after"].get("by_device", {})
    rows += [{"name": device, **_own_figure(record["after"], device)} for device in names]
    label = f"AUC, {name}"
    return charts.forest_plot(rows, label, f"Device probe by {name}", CHANCE, limits)


def _say_n(probes: Record) -> str:
    found = next(r["after"] for r in probes.values() if r["after"]["auc"] is not None)
    return f"{found['images']} images of {found['patients']} women."


def _tabulate_devices(
    probes: Record, device_audit: Record, measured: pd.DataFrame
) -> list[dict[str, Any]]:
    weighing = device_audit["confounding"]
    women = measured.groupby("device")["patient_id"].nunique()
    level = next(r["after"]["level_by_device"] for r in probes.values() if r["after"]["auc"])
    note = f"As above, each at {level:.2%}, so that 95% holds for all devices of a family together."
    return [
        *(
            {
                "caption": f"One device against the rest: {name}",
                "columns": ["device", "images", "women", "AUC before", "AUC after"],
                "rows": [
                    [device, int(weighing["images"][device]), int(women.get(device, 0))]
                    + [_own_figure(record[when], device) for when in ("before", "after")]
                    for device in _list_devices(probes)
                ],
                "note": note,
            }
            for name, record in probes.items()
        ),
        *_tabulate_weights(weighing),
        _tabulate_leading(device_audit["leading"], sum(weighing["images"].values())),
    ]


def _tabulate_weights(weighing: Record) -> list[dict[str, Any]]:
    shifts = [
        [name, weighing["imbalance_before"][name], weighing["imbalance_after"][name]]
        for name in weighing["confounders"]
    ]
    images = [[d, n, weighing["effective_images"][d]] for d, n in weighing["images"].items()]
    trimmed = f"{100 * weighing['trimmed_share']:.1f} % of the weights were cut."
    return [
        {
            "caption": "Honest differences of population, weighted away",
            "columns": ["confounder", "unweighted", "weighted"],
            "rows": shifts,
            "note": "Largest distance of a device's mean from that of all, in standard deviations; "
            f"under 0.1 counts as balanced. Inverse probability weights; {trimmed}",
        },
        {
            "caption": "What the weights cost",
            "columns": ["device", "images", "effective"],
            "rows": images,
            "note": "Effective: (sum w)^2 / sum w^2. Far below the images: they lean on few.",
        },
    ]


def _tabulate_leading(leading: list[Record], images: int) -> dict[str, Any]:
    rows = [
        [name_feature(r["feature"]), r["device"], r["auc"], _say_side(r["auc"])] for r in leading
    ]
    return {
        "caption": "Where a leak would sit: single features after standardization",
        "columns": ["feature", "device", "AUC alone", "the device's values are"],
        "rows": rows,
        "note": f"n = {images} images, weighted; the farthest from 0.5 of every feature and "
        "device, so some lie off by chance. No interval: a pointer to where to look, no test.",
    }


def _say_side(auc: float) -> str:
    return "higher" if auc > CHANCE else "lower"


def show_modes(device_audit: Record) -> Section:
    """Returns the number of modes of a few features, before and after, with the test."""
    before, after = device_audit["modes_before"], device_audit["modes"]
    rows = [
        [
            name_feature(name),
            before[name]["modes"],
            _say_tests(before[name]),
            after[name]["modes"],
            _say_tests(after[name]),
            after[name]["n"],
        ]
        for name in after
    ]
    how = sorted({r["how"] for part in (before, after) for r in part.values()})
    several = [name_feature(name) for name, found in after.items() if found["modes"] > 1]
    told = "No image was measured."
    if rows:
        told = f"More than one mode remains in: {', '.join(several)}." if several else ""
        told = told or "After standardization every feature has one mode."
    columns = ["feature", "modes before", "test before", "modes after", "test after", "women"]
    return {
        "title": "Modes",
        "text": "Devices that differ put a feature into several heaps. The test asks for the "
        "fewest modes that the images do not contradict: a small p rejects that many. Few women, "
        f"few modes: the test cannot prove that there is one.\n\n{told}",
        "table": {
            "columns": columns,
            "rows": rows,
            "note": f"{'; '.join(how) or 'Not tested'}. One image a woman, each view's median "
            "taken off.",
        },
    }


def _say_tests(record: Record) -> str:
    return ", ".join(f"{k}: p {p:.3f}" for k, p in enumerate(record["p_values"], 1))


def show_scales(scales: Record) -> Section:
    """Returns how much too large each device draws the same woman's breast."""
    from mammo_pipeline.reporting import charts

    section: Section = {
        "title": "Same woman, other device",
        "text": "Women who were imaged on two devices measure both: the same breast in the same "
        "view should come out as large. 0 % is to scale; a scale that errs by 1 % is a leak that "
        "no grey can hide. Not estimated where fewer than five women link a device to the rest.",
    }
    known = [name for name, devices in scales.items() if devices]
    if not known:
        return section | {"table": {"columns": ["device", "scale, %"], "rows": []}}
    charted = [
        name for name in known if any(r["percent"] is not None for r in scales[name].values())
    ]
    drawn = [
        charts.forest_plot(
            [{"name": f"{d} (n {r['women']})", **_scale(r)} for d, r in scales[name].items()],
            f"scale by {SIZE_WORDS.get(name, name)}, %",
            f"Scale of each device by {SIZE_WORDS.get(name, name)}",
            0.0,
        )
        for name in charted
    ]
    if drawn:
        section |= {
            "chart": drawn,
            "caption": "Scale of each device in per cent; n: women; 0: true.",
        }
    rows = [
        [SIZE_WORDS.get(name, name), device, _scale(r), r["women"], r["pairs"]]
        for name in known
        for device, r in scales[name].items()
    ]
    columns = ["measured by", "device", "scale, %", "women", "breast views"]
    note = "Least squares within breast and view, relative to the median of the linked devices; "
    note += "bootstrap over women, at a level that holds for all devices of a size together (95%)."
    return section | {"table": {"columns": columns, "rows": rows, "note": note}}


def _scale(record: Record) -> dict[str, Any]:
    reason = record["reason"] and record["reason"].split(":")[0]
    return {"value": record["percent"], **{k: record[k] for k in ("low", "high")}, "reason": reason}
