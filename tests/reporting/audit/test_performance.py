import re

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from mammo_pipeline.mammo import evaluation, operating, ripening, screening, units
from mammo_pipeline.mammo.published import BCSC
from mammo_pipeline.reporting.audit import performance
from mammo_pipeline.reporting.page import render_page

RNG = np.random.default_rng
NO_CHART = {"Figures", "At a screening prevalence of 0.5 %"}


def draw_images(sick):
    rng = RNG(3)
    rows = [
        {
            "exam_id": f"w{woman}-{month}",
            "patient_id": f"w{woman}",
            "laterality": side,
            "view": view,
            "exam_offset_days": month * 30.4375,
            "cancer": float(woman < sick and side == "L" and month == 24),
        }
        for woman in range(60)
        for month in (0, 12, 24)
        for side in "LR"
        for view in ("CC", "MLO")
    ]
    images = pd.DataFrame(rows)
    images["image_id"] = images.index.astype(str)
    images["calibrated_logit"] = rng.normal(-2, 1, len(images)) + 2 * images["cancer"]
    return images.drop(index=3)  # One MLO view of one breast was not scored.


def measure(sick):
    images = draw_images(sick)
    breasts = units.aggregate_breasts(images, ["calibrated_logit"])
    p = expit(breasts["calibrated_logit"])
    breasts = breasts.assign(probability=p, recalled=p >= 0.3)
    figures = evaluation.measure_breasts(breasts, 0.8, 5, 100, 0.95, RNG(0))
    exams = units.aggregate_exams(breasts)
    chosen = {"rule": "cost", "target": 50.0, "prevalence": 0.005, "threshold": 0.3}
    return {
        "breasts": breasts,
        "evaluation": figures | {"operating_point": chosen | {"n": 90, "positives": 9}},
        "units": evaluation.measure_units(
            images, breasts, exams, 0.8, 100, 0.95, RNG(0), expected=draw_images(sick)
        ),
        "screening": screening.measure_screening(breasts, 0.005, 100, 0.95, RNG(0)),
        "ripening": ripening.measure_ripening(breasts, 0.3, 100, 0.95, RNG(0)),
    }


def show(records):
    return [
        performance.show_figures(records["evaluation"]),
        performance.show_ranking(records["evaluation"], records["breasts"]),
        performance.show_units(records["units"]),
        performance.show_screening(records["screening"]),
        performance.show_ripening(records["ripening"]),
    ]


@pytest.fixture(scope="module")
def records():
    return measure(sick=24)


@pytest.mark.parametrize("sick", [0, 1, 24, 60])
def test_every_section_is_shown_however_few_cancers_there_are(sick):
    sections = show(measure(sick))
    page = render_page({"title": "t", "sections": sections})
    assert not re.search(r"\bnan\b|\binf\b", page, re.IGNORECASE)
    for section in sections:
        assert section["title"] in page
        assert section.get("chart") or sick in (0, 60) or section["title"] in NO_CHART


def test_every_figure_stands_with_its_interval_and_n(records):
    table = performance.show_figures(records["evaluation"])["table"]
    named = {row[0]: row for row in table["rows"]}
    assert len(named) == len(evaluation.HOW)
    assert named["AUROC"][1] == records["evaluation"]["auroc"]
    assert named["sensitivity"][2] == 24
    assert {"average precision", "probabilistic F1", "negative predictive value"} <= set(named)


def test_what_all_intervals_share_is_said_once(records):
    section = performance.show_figures(records["evaluation"])
    assert "patient bootstrap, 100 replicates, 95%" in section["text"]
    assert not any("bootstrap" in row[-1] for row in section["table"]["rows"])


def test_a_missing_interval_says_why_where_the_value_stands():
    records = measure(sick=1)
    rows = performance.show_figures(records["evaluation"])["table"]["rows"]
    named = {row[0]: row for row in rows}
    assert named["AUROC"][1]["value"] is not None
    assert named["AUROC"][3].endswith("no interval: only 1 patient with cancer")
    assert "no interval" not in named["specificity"][3]


def test_the_rule_of_the_point_is_told_with_its_cost_and_prevalence(records):
    text = performance.show_ranking(records["evaluation"], records["breasts"])["text"]
    assert "a missed cancer costing 50 times a false recall" in text
    assert "at a prevalence of 0.5 %" in text
    assert "(90 breasts, 9 with cancer)" in text


@pytest.mark.parametrize("rule", operating.RULES)
def test_every_rule_has_words(records, rule):
    point = {"rule": rule, "target": 0.5, "threshold": 0.3, "n": 9, "positives": 3}
    shown = records["evaluation"] | {"operating_point": point}
    assert performance.show_ranking(shown, records["breasts"])["chart"]


def test_without_a_curve_the_reason_stands_in_its_place():
    records = measure(sick=0)
    section = performance.show_ranking(records["evaluation"], records["breasts"])
    assert "chart" not in section
    assert "no positive among 360" in section["caption"]


def test_units_stand_side_by_side_and_missing_views_are_counted(records):
    tables = performance.show_units(records["units"])["table"]
    assert [row[:2] for row in tables[0]["rows"]] == [
        ["image", 719],
        ["breast", 360],
        ["exam", 180],
    ]
    views = dict(tables[2]["rows"])
    assert views["scored from CC only"] + views["scored from MLO only"] == 1
    assert views["without any scored image"] == 0


def test_bcsc_stands_beside_the_same_figure(records):
    section = performance.show_screening(records["screening"])
    named = {row[0]: row for row in section["table"]["rows"]}
    for name, published in BCSC.items():
        row = named[performance.NAMES[name]]
        assert row[1:3] == [records["screening"]["figures"][name], published]
    assert named["log loss"][2] is None
    assert records["screening"]["assumption"] in section["text"]
    assert "of two breasts each" in section["table"]["note"]


def test_ripening_shows_the_three_groups_and_each_horizon(records):
    groups, horizons = performance.show_ripening(records["ripening"])["table"]
    assert [row[1] for row in groups["rows"]] == [24, 24, 288]
    assert groups["rows"][1][5] == records["ripening"]["auroc_before"]
    assert [row[0] for row in horizons["rows"]] == ["12 months", "24 months"]


def test_ripening_says_what_became_of_unripe_exams(records):
    left_out = performance.show_ripening(records["ripening"])["text"]
    assert "is left out. Cancers need no such wait" in left_out
    counted = performance.show_ripening(records["ripening"] | {"unripe_as_negative": True})["text"]
    assert "counts as without cancer" in counted


def test_a_table_without_exam_dates_says_that_it_was_not_measured():
    section = performance.show_ripening({"reason": "no table says when the exams were taken"})
    assert section["text"] == "Not measured: no table says when the exams were taken."


@pytest.mark.parametrize(("target", "told"), [(0.87, True), (0.7, False)])
def test_a_target_that_the_test_set_leaves_out_is_named(target, told):
    record = measure(20)
    found = record["evaluation"]["sensitivity"] | {"value": 0.6, "low": 0.4, "high": 0.76}
    point = {"rule": "target_sensitivity", "target": target, "threshold": 0.3}
    shown = performance.show_ranking(
        record["evaluation"]
        | {"sensitivity": found, "operating_point": point | {"n": 90, "positives": 9}},
        record["breasts"],
    )
    assert ("did not carry over" in shown["text"]) is told
