"""The page says of lesions what the record says, and why where nothing was measured."""

from __future__ import annotations

import json
from functools import cache

import numpy as np
import pandas as pd
import pytest

from mammo_pipeline.mammo.detection.lesions import measure_lesions
from mammo_pipeline.mammo.detection.settings import LesionSettings
from mammo_pipeline.reporting.audit.lesions import show_lesions
from mammo_pipeline.reporting.page import render_page

BOX = {"row_min": 5, "column_min": 5, "row_max": 25, "column_max": 25}


@cache
def make_record() -> str:
    names = [f"i{n}" for n in range(24)]
    images = pd.DataFrame(
        {
            "image_id": names,
            "patient_id": names,
            "exam_id": names,
            "laterality": "L",
            "cancer": [1] * 8 + [0] * 16,
        }
    )
    lesions = images.iloc[:8][["image_id"]].assign(kind="mass", pathology="malignant", **BOX)
    marks = images.iloc[2:14][["image_id"]].assign(
        score=np.linspace(0.9, 0.1, 12), row_px=9.0, column_px=9.0, **BOX
    )
    settings = LesionSettings(precision_repeats=2)
    rng = np.random.default_rng(0)
    shape = (40, 40)
    record = measure_lesions(
        marks, lesions, images, (0.5, 0.5), shape, settings, 50, 0.95, rng, np.array([0, 0, 9, 9])
    )
    return json.dumps(record, allow_nan=False)


def read_record() -> dict:
    return json.loads(make_record())


def test_the_section_is_taken_by_the_page_and_changes_nothing():
    record = read_record()
    page = render_page({"title": "t", "sections": [show_lesions(record)]})
    assert "Free-response curve" in page
    assert "<svg" in page
    assert record == read_record()


def test_the_first_table_reads_lesions_and_breasts_at_each_rate():
    record = read_record()
    table = show_lesions(record)["table"][0]
    assert [row[0] for row in table["rows"][:3]] == ["1/8", "1/4", "1/2"]
    assert table["rows"][3][1] == record["froc"]["sensitivity_at"]["1"]
    assert table["rows"][3][2] == record["froc_by_breast"]["sensitivity_at"]["1"]
    assert table["rows"][-1][1] == record["froc"]["area"]
    assert table["rows"][0][1]["value"] == pytest.approx(0.75)


def test_the_text_tells_the_marks_rule_and_the_counts():
    section = show_lesions(read_record())
    assert section["text"].startswith("8 malignant lesions were drawn on 8 images of 8 patients.")
    assert "centre lies in the drawn box" in section["text"]
    counts = dict(section["table"][3]["rows"])
    assert counts["malignant lesions that lie where no mark can"] == 0
    assert counts["marks"] == 12


def test_masks_and_boxes_are_listed_with_their_n():
    rows = {row[0]: row for row in show_lesions(read_record())["table"][2]["rows"]}
    assert rows["Dice"][2] == 8
    assert rows["average precision, IoU 0.5"][1]["value"] > 0


def test_what_was_not_measured_says_why():
    without = show_lesions({"reason": "this top reads features, it has no heatmap"})
    assert without == {
        "title": "Lesions",
        "text": "Not measured: this top reads features, it has no heatmap.",
    }
    counted = show_lesions({"reason": "nothing to find", "count": read_record()["count"]})
    assert counted["table"][0]["rows"]
    render_page({"title": "t", "sections": [without, counted]})


def test_other_rates_and_too_few_patients_are_shown_too():
    record = read_record()
    for curve in (record["froc"], *record["kinds"], *record["sizes"], record["froc_by_breast"]):
        curve["sensitivity_at"] = {"0.3": {"value": None, "reason": "cannot be estimated, n = 3"}}
    page = render_page({"title": "t", "sections": [show_lesions(record)]})
    assert "cannot be estimated, n = 3" in page
