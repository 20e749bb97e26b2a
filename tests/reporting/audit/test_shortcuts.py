"""The section shows every alarm first, and stands what could not be measured."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mammo_pipeline.mammo.audit.probe import ProbeRule
from mammo_pipeline.mammo.shortcuts.columns import COLUMNS
from mammo_pipeline.mammo.shortcuts.embedding import SourceRule, measure_embedding
from mammo_pipeline.mammo.shortcuts.injection import measure_injection
from mammo_pipeline.mammo.shortcuts.masking import measure_masking, picture_masks
from mammo_pipeline.mammo.shortcuts.metadata import MetadataRule, measure_metadata
from mammo_pipeline.mammo.shortcuts.pairs import InjectionRule, part_pairs
from mammo_pipeline.mammo.shortcuts.verdict import ShortcutBounds, judge_shortcuts
from mammo_pipeline.reporting.audit.shortcuts import show_shortcuts, tabulate_alarms
from mammo_pipeline.reporting.page import render_page, twin


@pytest.fixture(scope="module")
def record():
    rng = np.random.default_rng(0)
    n = 160
    labels, on = rng.integers(0, 2, n), rng.random(n) < 0.5
    score = labels + 1.5 * on + rng.normal(size=n)
    table = pd.DataFrame(
        {
            "exam_id": [f"e{k}" for k in range(n)],
            "laterality": "L",
            "patient_id": [f"p{k}" for k in range(n)],
            "cancer": labels,
            "device": np.where(on, "<A>", "B"),
            "images": rng.integers(1, 3, n),
            "age": rng.normal(58, 9, n),
            "calibrated_logit": score,
        }
    )
    patients, sources = table["patient_id"].to_numpy(), table["device"].to_numpy()
    pairs = InjectionRule(0.02, 100, 0.95)
    probe = SourceRule(ProbeRule(2, 50, 0.95, 1), 0.6, 0.02, 0.15, 0.01, 99)
    embedding = rng.normal(size=(n, 3)) + 2.0 * on[:, None]
    masked = {name: rng.normal(size=n) for name in ("breast_blanked", "corners_only")}
    return judge_shortcuts(
        measure_metadata(table, table, score, MetadataRule(COLUMNS, 2, 100, 0.95, 1), rng),
        {
            source: measure_embedding(embedding, table, table, table, source, probe, rng)
            for source in ("device", "site_id")
        },
        measure_masking(labels, masked, patients, 100, 0.95, rng),
        {
            "parted": part_pairs(labels, score, sources, patients, pairs, rng),
            "added": measure_injection(labels, score - on, score, sources, patients, pairs, rng),
        },
        ShortcutBounds(),
    )


def test_the_section_makes_a_page(record):
    canvas = np.full((40, 30), 30000, np.uint16)
    section = show_shortcuts(record, picture_masks(canvas, 1.0))
    html = render_page({"title": "t", "sections": [section]})
    assert html.count("<svg") == 2
    assert "data:image/png" in html
    assert "&lt;A&gt;" in html
    assert "<A>" not in html
    assert twin({"title": "t", "sections": [section]})


def test_the_alarms_come_first_and_none_is_left_out(record):
    first = show_shortcuts(record)["table"][0]
    assert first["caption"] == "Alarms"
    assert [row[0] for row in first["rows"]] == [alarm["name"] for alarm in record["alarms"]]


def test_rung_quiet_and_unmeasured_look_different():
    alarms = [
        {"name": "n", "found": None, "bound": 0.5, "alarmed": state, "words": "w"}
        for state in (True, False, None)
    ]
    states = [row[1]["state"] for row in tabulate_alarms({"alarms": alarms})["rows"]]
    assert states == ["failed", "passed", "info"]


def test_nothing_measured_is_still_a_section():
    reason = {"reason": "cannot be estimated, n = 3"}
    silent = judge_shortcuts(reason, {"device": reason}, reason, {}, ShortcutBounds())
    section = show_shortcuts(silent)
    assert "chart" not in section
    html = render_page({"title": "t", "sections": [section]})
    assert html.count("cannot be estimated, n = 3") >= 4
    assert "could not be measured" in html
