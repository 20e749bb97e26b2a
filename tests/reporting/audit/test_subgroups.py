import json
import re

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from mammo_pipeline.mammo.bias.measure import measure_subgroups
from mammo_pipeline.reporting.audit.subgroups import show_subgroups
from mammo_pipeline.reporting.page import render_page, twin

WHOLE = {"auroc": {"value": 0.8}, "sensitivity": {"value": 0.7}}


@pytest.fixture(scope="module")
def records():
    rng, n = np.random.default_rng(0), 400
    cancer = (rng.random(n) < 0.3).astype(float)
    device = rng.choice(["a", "b", "c"], n, p=[0.5, 0.45, 0.05])
    logit = rng.normal(1.5 * cancer - 1, 1) + 1.5 * (device == "a")
    facts = {"calibrated_logit": logit, "probability": expit(logit), "device": device}
    women = pd.DataFrame({"patient_id": np.arange(n) // 2, "cancer": cancer, **facts})
    women["density"] = rng.choice(list("AB"), n)
    women["lesion_kind"] = np.where(cancer == 1, "mass", "")
    axes = ["device", "density", "lesion_kind", ["device", "density"]]
    return measure_subgroups(women, axes, 0.5, 100, 0.95, 20, rng)


@pytest.fixture(scope="module")
def section(records):
    return show_subgroups(records, WHOLE)


def tables_of(section):
    return {table["caption"]: table for table in section["table"]}


def test_the_section_makes_a_page_and_its_twin_is_json(section):
    report = {"title": "Audit", "sections": [section]}
    assert "Subgroups" in render_page(report)
    json.dumps(twin(report), allow_nan=False)


def test_every_subgroup_is_shown_and_small_ones_are_grey(section, records):
    tables = tables_of(section)
    rows = tables["Subgroups"]["rows"] + tables["Intersections"]["rows"]
    assert len(rows) == len(records)
    for row, record in zip(rows, records, strict=True):
        assert (isinstance(row[0], dict) and row[0]["state"] == "faint") == record["small"]
    assert tables["Intersections"]["folded"]
    assert all(len(row) == 4 for row in rows), "more columns do not fit a telephone"


def test_a_figure_that_does_not_exist_is_a_dash_and_no_crash(section, records):
    recall = {
        row[0]: row[2]
        for row in tables_of(section)[
            next(k for k in tables_of(section) if k.startswith("Recall"))
        ]["rows"]
        if isinstance(row[0], str)
    }
    assert recall["cancers showing: mass"] is None


def test_the_gaps_stand_by_p_and_each_question_once(section, records):
    rows = [row for c, t in tables_of(section).items() if "gaps" in c for row in t["rows"]]
    counted = sum(gap["counted"] for record in records for gap in record["gaps"].values())
    assert len(rows) == counted
    firsts = [float(row[3].split(",")[0].replace("<", "")) for row in rows]
    assert firsts == sorted(firsts)
    assert rows[0][4]["text"] == "holds"
    assert sum(isinstance(row[4], dict) for row in rows) == sum(
        g["significant"] and g["counted"] for r in records for g in r["gaps"].values()
    )


def test_the_text_says_how_many_gaps_hold_of_how_many(section):
    assert re.search(r"\d+ gaps were tested; \d+ holds? at 5%", section["text"])


def test_without_subgroups_the_section_says_so():
    assert show_subgroups([], WHOLE)["text"] == "No subgroup was measured."
    assert "chart" not in show_subgroups([], WHOLE)
