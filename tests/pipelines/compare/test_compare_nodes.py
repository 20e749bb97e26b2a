import json
import logging

import numpy as np
import pandas as pd
import pytest

from mammo_pipeline.pipelines.compare import nodes
from mammo_pipeline.pipelines.compare.pairs import ALL
from mammo_pipeline.pipelines.compare.parameters import CompareParameters
from mammo_pipeline.reporting.page import render_page, twin

LOGIT = CompareParameters(kind="logit", axes=[])


@pytest.fixture(scope="module")
def table():
    """Two useful models, one of noise, one that is upside down; 60 patients on each side."""
    rng = np.random.default_rng(5)
    rows = []
    for side in ("tune", "test"):
        for patient in range(60):
            for laterality in "LR":
                ill = int(patient % 3 == 0 and laterality == "L")
                skill = rng.normal(1.6 * ill, 1)
                for view in ("CC", "MLO"):
                    rows.append(
                        {
                            "image_id": f"{side}{patient}{laterality}{view}",
                            "patient_id": f"{side}{patient}",
                            "exam_id": f"{side}{patient}",
                            "laterality": laterality,
                            "view": view,
                            "side": side,
                            "cancer": ill,
                            "device": ["A", "B"][patient % 2],
                            "scanner_room": ["one", "two"][patient % 2],
                            "score_good": skill + rng.normal(0, 0.5),
                            "score_fair": skill + rng.normal(0, 1.5),
                            "score_noise": rng.normal(),
                            "score_upside_down": -skill,
                        }
                    )
    return pd.DataFrame(rows)


@pytest.fixture
def sizes(ensemble_parameters, evaluate_parameters):
    return ensemble_parameters, evaluate_parameters


@pytest.fixture
def frozen(table, sizes):
    return nodes.freeze_table(table, LOGIT, sizes[0])


@pytest.fixture
def measured(table, frozen, sizes):
    return nodes.measure_table(table, frozen, LOGIT, *sizes)


def test_anybodys_scores_are_ensembled_calibrated_and_given_a_threshold(frozen):
    record = json.loads(json.dumps(frozen, allow_nan=False))
    assert {member["name"] for member in record["members"]} <= {
        "good", "fair", "noise", "upside_down",
    }  # fmt: skip
    assert record["calibration"]["pooled"]["method"] in {"temperature", "platt", "beta", "isotonic"}
    assert 0 < record["operating_point"]["threshold"] < 1
    assert "sha256" not in record["members"][0]


def test_the_evaluation_is_plain_json_and_better_than_chance(measured):
    evaluation = json.loads(json.dumps(measured[0], allow_nan=False))
    assert evaluation["auroc"]["low"] > 0.6
    assert evaluation["count"]["breasts"] == 120
    assert evaluation["count"]["tune_rows"] == evaluation["count"]["test_rows"] == 240


def test_tune_rows_alone_decide_what_is_frozen(table, frozen, sizes):
    turned = table.assign(cancer=table["cancer"].where(table["side"].eq("tune"), 0))
    turned.loc[turned["side"].eq("test"), "score_good"] = 0.0
    again = nodes.freeze_table(turned, LOGIT, sizes[0])
    assert again == frozen


def test_each_model_is_compared_and_one_without_skill_says_why(measured):
    models = {one["model"]: one for one in measured[0]["models"]}
    assert set(models) == {"good", "fair", "noise", "upside_down"}
    assert "no better than chance" in models["upside_down"]["reason"]
    assert models["good"]["first"] == ALL
    assert models["good"]["operating"]["sensitivity"]["difference"]["value"] is not None


def test_columns_of_the_table_make_subgroups(table, frozen, sizes):
    parameters = CompareParameters(kind="logit", axes=["scanner_room"])
    evaluation, _ = nodes.measure_table(table, frozen, parameters, *sizes)
    axes = {group["axis"] for group in evaluation["subgroups"]}
    assert "scanner_room" in axes
    assert "device" in axes
    assert "density" not in axes


def test_images_without_exam_are_units_of_their_own(table, sizes):
    single = table.drop(columns=["exam_id", "laterality"])
    frozen = nodes.freeze_table(single, LOGIT, sizes[0])
    evaluation, _ = nodes.measure_table(single, frozen, LOGIT, *sizes)
    assert evaluation["unit"] == "image"
    assert evaluation["count"]["breasts"] == 240


def test_rows_without_an_outcome_are_counted_and_left_out(table, frozen, sizes):
    gone = table["image_id"].isin(["test0LCC", "test0LMLO"])
    evaluation, _ = nodes.measure_table(
        table.assign(cancer=table["cancer"].mask(gone)), frozen, LOGIT, *sizes
    )
    assert evaluation["count"]["rows_without_outcome"] == 2
    assert evaluation["count"]["breasts"] == 119


def test_a_table_without_tune_or_test_is_refused(table, sizes):
    with pytest.raises(ValueError, match="no row with an outcome on tune"):
        nodes.freeze_table(table[table["side"].eq("test")], LOGIT, sizes[0])


def test_one_class_on_test_gives_figures_that_say_so(table, frozen, sizes):
    healthy = table.assign(cancer=table["cancer"].where(table["side"].eq("tune"), 0))
    evaluation, breasts = nodes.measure_table(healthy, frozen, LOGIT, *sizes)
    assert evaluation["auroc"]["value"] is None
    assert "n = 120" in evaluation["auroc"]["reason"]
    assert "n = 120" in render_page(nodes.write_compare_page(evaluation, breasts, frozen))


def test_the_page_names_every_model_and_its_twin_is_json(measured, frozen, caplog):
    report = nodes.write_compare_page(*measured, frozen)
    page = render_page(report)
    for name in ("good", "fair", "upside_down", "Reliability", "Decision curve"):
        assert name in page
    json.dumps(twin(report), allow_nan=False)
    with caplog.at_level(logging.INFO):
        nodes.close_compare(measured[0], frozen, {"page": "compare.html"})
    assert "no better than chance" in caplog.text
    assert "compare.html" in caplog.text
