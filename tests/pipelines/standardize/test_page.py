"""The page of the audit: verdict first, every gate told, nobody named, and no case too empty."""

from __future__ import annotations

import json
import re
from dataclasses import asdict
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mammo_pipeline.datasets.store import StoredImages
from mammo_pipeline.mammo.audit.features import FRAME, GEOMETRY, HISTOGRAM_BINS, STATISTICS
from mammo_pipeline.mammo.audit.gates import AuditBounds, judge_audit
from mammo_pipeline.mammo.audit.lesions_kept import tabulate_lesions
from mammo_pipeline.mammo.audit.similarity import ABSOLUTE, RELATIVE, tabulate_twins
from mammo_pipeline.mammo.audit.spectrum import CURVE_POINTS
from mammo_pipeline.pipelines.standardize import contact_sheets, device_figures, image_facts
from mammo_pipeline.pipelines.standardize.page import write_standardize_page
from mammo_pipeline.reporting.page import render_page, twin
from small_archive import standardize_rules

DEVICES = tuple(f"Maker Model {letter}" for letter in "ABCDEFGH")
WOMEN = 6  # of each device, with two images each
BOUNDS = AuditBounds(0.65, 0.7, 0.7, 1.0, 1)
HOW = "linear discriminant, widened 1.50 times, 95%"


def make_study(devices: tuple[str, ...]) -> tuple[StoredImages, pd.DataFrame, pd.DataFrame]:
    """Two views of six women of each device: canvases, what ingest knows, what was measured."""
    rng = np.random.default_rng(0)
    rows = [
        {"image_id": f"image{d}{w}{view}", "patient_id": f"woman-{d}-{w}", "device": device}
        | {"view": view, "laterality": "L"}
        for d, device in enumerate(devices)
        for w in range(WOMEN)
        for view in ("CC", "MLO")
    ]
    cohort = pd.DataFrame(rows)
    n = len(cohort)
    index = cohort[["image_id"]].assign(
        code="accepted", found="", position=np.arange(n), meaning="window LINEAR"
    )
    for name in image_facts.AREA_WORDS:
        index[name] = 0.0 if name == "lost_mm2" else rng.uniform(900, 1100, n)
    index = index.assign(breast_height_mm=90.0, breast_width_mm=60.0)
    index["muscle_edge"] = np.where(cohort["view"] == "MLO", "2.5:20.0 30.5:1.0", "")
    pixels = np.zeros((n, 48, 32), np.uint16)
    pixels[:, 8:40, :20] = rng.integers(20000, 40000, (n, 32, 20))
    features: dict[str, Any] = {"image_id": cohort["image_id"]}
    for when, peaks in (("before", 0.1), ("after", 1.0)):
        names = (*GEOMETRY, *STATISTICS, *(FRAME if when == "before" else ()))
        features |= {f"{when}_{name}": rng.normal(0.5, 0.1, n) for name in names}
        features[f"{when}_histogram"] = list(rng.dirichlet(np.full(HISTOGRAM_BINS, peaks), n))
        features[f"{when}_spectrum"] = list(rng.normal(-2 * peaks, 0.1, (n, CURVE_POINTS)))
    return StoredImages(pixels, index), cohort, pd.DataFrame(features)


def make_probe(area: float, devices: tuple[str, ...]) -> dict[str, Any]:
    each = {d: [area - 0.1, area + 0.1] for d in devices}
    return {
        **{"auc": area, "low": area - 0.031, "high": area + 0.031, "images": 96, "patients": 48},
        **{"devices": len(devices), "how": HOW, "level_by_device": 0.99},
        **{"by_device": dict.fromkeys(devices, area), "by_device_interval": each},
    }


def make_twins() -> dict[str, Any]:
    names = ("alpha_one", "beta_two")
    pairs = [
        {"twin": t, "one": a, "other": b, "code": "accepted"}
        | dict.fromkeys((*RELATIVE, *ABSOLUTE), 0.1 + 0.1 * (a != b))
        for t in range(3)
        for a, b in ((names[0], names[0]), names, (names[1], names[1]))
    ]
    lesions = [
        {"twin": t, "device": d, "kind": "mass", "pathology": "malignant", "code": "accepted"}
        | {"before_contrast": 1.0, "after_contrast": 0.9, "before_cnr": 2.0, "after_cnr": 2.1}
        for t in range(3)
        for d in names
    ]
    rng = np.random.default_rng(0)
    kept = tabulate_lesions(lesions, 100, rng)
    return {"binning": 8.0, **tabulate_twins(pairs, 100, rng), "lesions_kept": kept}


def make_audit(devices: tuple[str, ...], **changes: Any) -> dict[str, Any]:
    mode = {"modes": 1, "n": 48, "p_values": [0.4], "how": "Silverman's test"}
    scale = {"percent": 0.1, "low": -0.2, "high": 0.4, "women": 7, "pairs": 14, "reason": None}
    shifts = dict.fromkeys(("age", "density"), 0.2)
    n = len(devices) * WOMEN * 2
    areas = {"geometry": 0.51, "statistics": 0.6, "network": 0.62}
    record = {
        "standard": json.loads(json.dumps(asdict(standardize_rules().standard))),
        **{"images": n + 1, "standardized": n, "measured": n, "refused": {"no_breast": 1}},
        **{"meanings": {"window LINEAR": n - 1, "table Jane Doe": 1}},
        **{"images_with_tissue_lost": 0, "images_beyond_field": n},
        "probes": {
            name: {"before": make_probe(0.9, devices), "after": make_probe(area, devices)}
            for name, area in areas.items()
        },
        "confounding": {
            **{"confounders": list(shifts), "trimmed_share": 0.0},
            **{"images": dict.fromkeys(devices, 12), "effective_images": dict.fromkeys(devices, 9)},
            **{"imbalance_before": shifts, "imbalance_after": shifts},
        },
        "leading": [{"feature": "after_q05", "device": devices[0], "auc": 0.6}],
        "scales": {"breast_mm2": dict.fromkeys(devices, scale)},
        **{"modes_before": {"q50": mode}, "modes": {"q50": mode}, "twins": make_twins()},
        **changes,
    }
    gates = judge_audit(record, BOUNDS)
    failed = sum(gate["state"] == "fail" for gate in gates)
    return {**record, "gates": gates, "failed": failed, "verdict": "counted"}


@cache
def write(kind: str = "sound") -> tuple[dict[str, Any], dict[str, Any], str]:
    """The audit, the report and the page of one kind of study."""
    devices = DEVICES[:1] if kind == "one device" else DEVICES
    store, cohort, features = make_study(devices)
    blank = {"auc": None, "low": None, "high": None, "reason": "only one device"}
    unknown = {name: {"before": blank, "after": blank} for name in ("geometry", "statistics")}
    unprobed = {"probes": {**unknown, "network": unknown["geometry"]}, "twins": {}}
    audit = make_audit(devices)
    if kind == "leaking":
        probes = {**audit["probes"], "network": audit["probes"]["network"] | {}}
        probes["network"]["after"] = make_probe(0.9, devices)
        audit = make_audit(devices, probes=probes)
    elif kind == "one device":
        none = {"percent": None, "low": None, "high": None, "women": 0, "pairs": 0}
        scales = {"breast_mm2": {devices[0]: {**none, "reason": "cannot be estimated: 0 women"}}}
        audit = make_audit(devices, **unprobed, scales=scales)
    elif kind in ("unmeasured", "refused"):
        nothing = {"modes": {}, "modes_before": {}, "scales": {}, "measured": 0, "meanings": {}}
        audit = make_audit(devices, **unprobed, **nothing)
        features = pd.DataFrame()
    if kind == "refused":
        index = store.index[["image_id"]].assign(code="no_breast", found="", position=-1)
        store = StoredImages(store.pixels[:0], index)
        audit |= {"standardized": 0, "refused": {"no_breast": len(cohort)}}
    report = write_standardize_page(store, cohort, features, audit)
    return audit, report, render_page(report)


def section(kind: str, title: str) -> dict[str, Any]:
    return next(s for s in write(kind)[1]["sections"] if s["title"] == title)


KINDS = ("sound", "leaking", "one device", "unmeasured", "refused")


@pytest.mark.parametrize("kind", KINDS)
def test_the_page_stands_alone_and_names_nobody(kind):
    _, report, page = write(kind)
    assert "<script" not in page
    assert not re.search(r'(?:src|href)="(?!#|data:image/png)', page)
    assert not re.search(r"url\((?!#)", page)
    assert "woman-" not in page and "woman-" not in json.dumps(twin(report))
    assert "Jane" not in page, "a header may write a name where a window's name belongs"
    assert "nan" not in re.sub(r'base64,[^"]+', "", page).split()


@pytest.mark.parametrize("kind", KINDS)
def test_every_gate_is_told_once_with_its_bound(kind):
    audit = write(kind)[0]
    rows = [row for table in section(kind, "Gates")["table"] for row in table["rows"]]
    assert sorted(row[0] for row in rows) == sorted(
        image_facts.name_gate(gate["name"]) for gate in audit["gates"]
    )
    assert {row[3] for row in rows} == {gate["bound"] for gate in audit["gates"]}


def test_a_failed_gate_leads():
    _, report, page = write("leaking")
    first = report["sections"][0]["table"][0]
    assert report["verdict"]["state"] == "failed"
    assert first["caption"] == "Failed"
    assert first["rows"][0][:2] == ["network probe", {"state": "failed", "text": "fail"}]
    assert page.index("network probe") < page.index("geometry probe")


def test_nothing_judged_is_no_pass():
    assert write("sound")[1]["verdict"]["state"] == "passed"
    assert write("refused")[1]["verdict"]["state"] == "info"
    assert "proves nothing" in write("refused")[1]["verdict"]["text"]


def test_every_probe_figure_has_its_n_interval_and_method():
    families, *rest = section("sound", "Device probe")["table"]
    assert "widened 1.50 times" in families["note"]
    assert len(families["rows"]) == 6
    for _, _, figure, *counts in families["rows"]:
        assert figure["low"] < figure["value"] < figure["high"]
        assert counts == [96, 48, 8]
    for table in rest[:3]:
        assert [row[0] for row in table["rows"]] == list(DEVICES)
        for _, images, women, before, after in table["rows"]:
            assert (images, women) == (12, WOMEN)
            assert before["low"] < before["value"] == 0.9 and after["low"] < after["high"]


def test_the_text_says_what_to_conclude_and_names_the_worst_device():
    text = section("leaking", "Device probe")["text"]
    assert "geometry: cannot be told from chance" in text
    assert "network: told better than chance, AUC at least 0.869" in text
    assert "Maker Model A by network, AUC 0.900" in text


def test_a_probe_that_could_not_run_says_why():
    found = section("one device", "Device probe")
    assert "chart" not in found
    assert "only one device" in found["text"]
    assert all(row[2]["reason"] == "only one device" for row in found["table"][0]["rows"])


def test_losses_are_told_in_mm2_and_per_cent_with_an_interval():
    areas = section("sound", "What became of the images")["table"][0]
    rows = {row[0]: row[1:] for row in areas["rows"]}
    total, share, images, n = rows["breast beyond the field, left out"]
    store = make_study(DEVICES)[0]
    assert total == round(store.index["beyond_field_mm2"].sum())
    assert share["low"] < share["value"] < share["high"] and (images, n) == (96, 96)
    assert rows["breast off the canvas, lost"][1]["low"] is None


def test_a_refusal_comes_with_its_reason_and_remedy():
    rows = section("sound", "What became of the images")["table"][1]["rows"]
    assert rows[0][0] == "no breast is found in the image"
    assert rows[0][2] == 1 and rows[0][3]["n"] == 97 and rows[0][4]


def test_each_device_is_told_before_and_after():
    tables = section("sound", "Each device, before and after")["table"]
    assert len(tables) == 2 + len(device_figures.COMPARED)
    for table in tables[2:]:
        assert [row[:3] for row in table["rows"]] == [
            [device, when, 12] for when in ("before", "after") for device in DEVICES
        ]
    width = standardize_rules().shape_px[1]
    assert tables[0]["rows"][-1][4] == width, "the last row of the frame is the canvas"


def test_curves_of_before_and_after_share_their_axes():
    charts = section("sound", "Curves of the devices")["chart"]
    ticks = [re.findall(r">([−.\d]+)</text>", chart) for chart in charts]
    assert ticks[0] == ticks[1] and ticks[2] == ticks[3]
    assert all(f"{device} (n 12)" in chart for chart in charts for device in DEVICES)


def test_a_point_that_few_images_have_is_not_averaged():
    curves = [np.array([1.0, np.nan]), np.array([3.0, np.nan]), np.array([2.0, 9.0])]
    found = device_figures.average_curves(pd.DataFrame({"device": "A", "c": curves}), "c")
    assert found["A (n 3)"][0] == 2
    assert np.isnan(found["A (n 3)"][1])


def test_twins_say_that_they_are_made_up_and_why_a_coarse_ratio_is_large():
    text = section("sound", "Same anatomy, other device")["text"]
    assert "3 made-up breasts" in text and "binning of 8" in text
    assert "divides by nearly nothing" in text
    lesions = section("sound", "Lesions kept")["table"]["rows"]
    assert lesions[0][1:3] == [6, 3] and lesions[0][3]["value"] == pytest.approx(0.9)


def test_twins_left_out_are_said_to_be():
    text = section("unmeasured", "Same anatomy, other device")["text"]
    assert text.startswith("Left out") and "Nothing here says" in text


def test_the_most_unusual_image_leads_its_devices_sheet():
    store, cohort, features = make_study(DEVICES[:2])
    features.loc[17, "after_noise"] = 40.0
    used = store.index.merge(cohort, on="image_id")
    ranked = contact_sheets.rank_images(used, features.merge(cohort[["image_id"]], on="image_id"))
    assert ranked.loc[0, "image_id"] == features.loc[17, "image_id"]
    assert ranked.loc[0, "farthest"] == "after_noise"
    sheets = contact_sheets.show_sheets(store, used, features)
    assert sheets[1]["table"]["rows"][0][1] == features.loc[17, "image_id"]
    assert len(sheets[0]["table"]["rows"]) == contact_sheets.MOST


def test_the_muscles_edge_is_drawn_where_it_lies():
    canvas = np.full((48, 32), 30000, np.uint16)
    plain = contact_sheets.draw_canvas(canvas, "")
    drawn = contact_sheets.draw_canvas(canvas, "4.0:16.0 40.0:16.0")
    assert plain.shape == (240, 160, 3) and (plain == 30000 >> 8).all()
    changed = np.argwhere((drawn != plain).any(axis=2))
    assert set(changed[:, 1]) == {80}
    assert changed[:, 0].min() == 20 and changed[:, 0].max() == 200


@pytest.mark.parametrize("kind", ["unmeasured", "refused"])
def test_without_measured_images_the_page_says_so(kind):
    assert section(kind, "Curves of the devices")["text"] == "No image was measured."
    assert "No image was measured" in section(kind, "Modes")["text"]
    if kind == "refused":
        assert section(kind, "Contact sheets")["text"] == "No image was standardized."
