"""The data check's page: verdict first, everything counted, nobody named."""

from __future__ import annotations

import json
import re

import pytest

from mammo_pipeline.mammo.contract.detectors import find_modes
from mammo_pipeline.pipelines.check import by_device, distributions, nodes, page
from mammo_pipeline.reporting.page import render_page, twin
from screening_study import RULES, make_files, make_images

CHANGES = {"new": 3, "changed": 2, "vanished": 0, "unchanged": 100}


@pytest.fixture(scope="module")
def good(sound):
    contract, images = sound
    return contract, nodes.write_contract_page(contract, images, CHANGES)


@pytest.fixture(scope="module")
def broken(faulty):
    contract, images, _ = faulty
    return contract, nodes.write_contract_page(contract, images)


def section(report, title):
    return next(s for s in report["sections"] if s["title"] == title)


def tables_of(found):
    return found["table"] if isinstance(found["table"], list) else [found["table"]]


def test_the_verdict_comes_first_and_counts_by_severity(good, broken):
    assert good[1]["verdict"]["state"] == "passed"
    assert broken[1]["verdict"]["state"] == "failed"
    n = broken[0]["counts"]["stop"]
    assert broken[1]["verdict"]["text"].startswith(f"{n} stop rules broken")


def test_what_is_not_checked_is_told_in_the_verdict(good):
    assert f"{good[0]['counts']['unchecked']} not checked" in good[1]["verdict"]["text"]


def test_counts_of_rules_add_up(broken):
    counts = broken[0]["counts"]
    assert counts["kept"] + counts["broken"] + counts["unchecked"] == counts["rules"]
    assert counts["stop"] + counts["warn"] + counts["note"] == counts["broken"]
    assert broken[0]["passed"] is False and broken[0]["broken"] == counts["broken"]


def test_the_flow_adds_up_and_every_refusal_has_its_reason(good):
    flow, reasons = good[0]["flow"], good[0]["reasons"]
    assert flow["found"] == sum(flow[k] for k in ("accepted", "quarantined", "duplicate", "other"))
    assert sum(r["files"] for r in reasons) == flow["found"] - flow["accepted"] == 5
    assert [r["fate"] for r in reasons][:2] == ["quarantined", "quarantined"]
    chart = section(good[1], "Cohort flow")["chart"]
    assert ">5 not used<" in chart and "48 patients" in chart and "16 with cancer" in chart


def test_the_patients_with_cancer_are_those_of_the_study(good):
    assert good[0]["study"]["patients_with_cancer"]["value"] == 16
    assert good[0]["study"]["cancer_share_patients"]["value"] == pytest.approx(16 / 48)


def test_each_broken_rule_stands_with_share_remedy_and_examples(broken):
    contract, report = broken
    tables = tables_of(section(report, "Broken rules"))
    told = [row for table in tables[:3] for row in table["rows"]]
    assert len(told) == contract["counts"]["broken"]
    row = next(row for row in told if row[0].startswith("No pixel is larger"))
    assert row[1]["text"].startswith("1 of ") and row[2]["low"] < row[2]["value"] < row[2]["high"]
    assert "BitsStored" in row[4]
    assert tables[3]["caption"] == "Examples"


def test_a_sound_study_says_that_nothing_is_broken(good):
    found = section(good[1], "Broken rules")
    assert found["text"] == "None." and not found["table"]


def test_every_rule_stands_in_the_whole_contract(good):
    rows = [r for t in tables_of(section(good[1], "The whole contract")) for r in t["rows"]]
    assert len(rows) == len(RULES["rules"])


def test_changes_since_the_last_ingest_are_shown_where_told(good, broken):
    rows = section(good[1], "Since the last ingest")["table"]["rows"]
    assert rows[1] == ["changed", {"state": "warn", "text": "2"}]
    assert "Since the last ingest" not in [s["title"] for s in broken[1]["sections"]]


def test_the_page_renders_and_its_twin_is_json(good, broken):
    for _, report in (good, broken):
        html = render_page(report)
        assert html.count("<svg") >= 4 and "http://" not in re.sub(r'xmlns[^"]*"[^"]*"', "", html)
        assert json.loads(json.dumps(twin(report), allow_nan=False))["title"] == "Data check"


def test_no_value_of_a_broken_row_is_on_the_page(broken):
    contract, report = broken
    html = render_page(report) + json.dumps(contract)
    assert "Jane" not in html
    assert not re.search(r"(?<![.\d])60000(?!\d)", html)


def test_few_images_of_a_device_give_no_quartiles():
    images = make_images(4)
    images.loc[:2, "device"] = "Rare Unit"
    rows = distributions.measure_devices(images)["age"]
    rare = next(row for row in rows if row["device"] == "Rare Unit")
    assert rare["value"] is None and rare["reason"] == "fewer than 5 images"


def test_resolution_modes_are_listed_before_standardization(good):
    modes = {m["device"]: m for m in good[0]["modes"]}
    assert modes["Planmed Nuance"]["rows_px"] == 2812
    assert modes["Planmed Nuance"]["field_rows_mm"] == pytest.approx(239.02)
    assert {m["listed"] for m in modes.values()} == {"yes"}


def test_completeness_counts_each_pattern_of_views():
    exams = make_images(6).groupby("exam_id").size().reset_index()
    exams["views_seen"] = ["LCC RCC", *["LCC LMLO RCC RMLO"] * (len(exams) - 1)]
    found = distributions.count_patterns(exams, 0.95)
    assert [p["exams"] for p in found] == [len(exams) - 1, 1]
    assert found[1]["share"]["value"] == pytest.approx(1 / len(exams))


def test_reasons_of_a_folder_without_refusals_are_none():
    assert page.count_reasons(make_files(make_images(2)).query("fate == 'accepted'")) == []


def test_a_header_value_that_no_list_knows_is_not_told():
    images = make_images(4)
    images.loc[0, "photometric"] = "Doe^Jane"
    told = distributions.tally_devices(images)["photometric"]
    assert told["Hologic Selenia Dimensions"] == {"MONOCHROME1": 0, "MONOCHROME2": 11, "other": 1}


def test_a_device_that_crops_has_its_many_modes_counted_together():
    images = make_images(9).assign(device="Planmed Nuance")
    images["rows_px"] = 2000 + images.index
    rows = distributions.list_modes(find_modes(images))
    assert len(rows) == distributions.MOST_MODES + 1
    assert sum(row["images"] for row in rows) == len(images)
    assert sum(row["share"] for row in rows) == pytest.approx(1)
    assert "more modes" in str(by_device.show_modes(rows)["table"]["rows"])
