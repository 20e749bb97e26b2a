"""Room score: what is said of a breast rests on its images, and on the right kind of image."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from canvases import STANDARD
from mammo_pipeline.datasets.store import StoredImages
from mammo_pipeline.mammo.fates import describe_fate
from mammo_pipeline.mammo.standard import describe_standard
from mammo_pipeline.pipelines.score import nodes, page
from mammo_pipeline.pipelines.score.parameters import ScoreParameters

STATED = describe_standard(STANDARD, None)
MAPS = {"targets": [0.1, 0.9], "devices": {"A": {"levels": [0.2, 0.8], "images": 3}}}


FROZEN = {
    "aggregation": "mean",
    "calibration": {
        "scope": "by_device",
        "pooled": {"method": "platt", "slope": 2.0, "intercept": -1.0},
        "by_device": {"B": {"method": "temperature", "temperature": 0.5}},
    },
    "operating_point": {"rule": "target_sensitivity", "target": 0.87, "threshold": 0.5},
    "scale": {"edges": [-4.0, -3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0, 4.0]},
}
OLDER = FROZEN | {"operating_point": None, "scale": None}


def scores(*rows: tuple[str, str, str, float]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=["exam_id", "laterality", "view", "logit"])
    table = table.assign(patient_id="p", device="A", image_id=[f"i{i}" for i in range(len(rows))])
    return table.assign(probability=expit(table["logit"]))


def test_a_breast_is_calibrated_after_its_images_were_aggregated():
    table = scores(("e", "L", "CC", 0.2), ("e", "L", "MLO", 0.6), ("e", "R", "CC", 0.1))
    breasts, exams = nodes.aggregate_scores(table, FROZEN)
    assert breasts["probability"].tolist() == pytest.approx([expit(-0.2), expit(-0.8)])
    assert breasts["missing"].tolist() == ["", "MLO"]
    assert breasts["score"].tolist() == [5, 5]
    assert exams["probability"].tolist() == pytest.approx([breasts["probability"].max()])
    assert exams["images"].tolist() == [3]


def test_noisy_or_joins_the_uncalibrated_logits():
    table = scores(("e", "L", "CC", 0.0), ("e", "L", "MLO", 0.0))
    breasts, _ = nodes.aggregate_scores(table, FROZEN | {"aggregation": "noisy_or"})
    assert breasts["probability"].tolist() == pytest.approx([expit(2 * np.log(3) - 1)])


def test_a_device_has_its_own_map_and_its_recall_is_told():
    table = scores(("e", "L", "CC", 0.3), ("f", "L", "CC", 0.3))
    table["device"] = ["A", "B"]
    breasts, exams = nodes.aggregate_scores(table, FROZEN)
    assert breasts["probability"].tolist() == pytest.approx([expit(-0.4), expit(0.6)])
    assert breasts["recalled"].tolist() == exams["recalled"].tolist() == [False, True]
    assert exams["score"].tolist() == [5, 6]


def test_a_model_without_scale_leaves_score_and_recall_empty():
    breasts, exams = nodes.aggregate_scores(scores(("e", "L", "CC", 0.3)), OLDER)
    assert breasts[["score", "recalled"]].isna().all(axis=None)
    assert exams[["score", "recalled"]].isna().all(axis=None)


class Served:
    """A released model: gives probabilities, and logits where it can be asked for them."""

    def __init__(self, logits: np.ndarray, slope: float, intercept: float, can_tell: bool):
        self.logits, self.map, self.can_tell = logits, (slope, intercept), can_tell

    def predict(self, canvases, params=None):
        if params is None:
            return expit(self.map[0] * self.logits + self.map[1])
        assert self.can_tell and params == {"output": "logit"}
        return self.logits


@pytest.mark.parametrize("can_tell", [True, False])
def test_a_model_released_before_logits_could_be_asked_for_still_scores(can_tell):
    logits = np.array([-2.0, 0.0, 3.0])
    platt = {"slope": 2.0, "intercept": -1.0}
    older = {"aggregation": "mean", **platt}
    config = {"calibration": FROZEN["calibration"]} if can_tell else older
    found = nodes.ask_logits(Served(logits, 2.0, -1.0, can_tell), np.zeros((3, 1, 1, 1)), config)
    np.testing.assert_allclose(found, logits, atol=1e-12)
    assert nodes.read_frozen(older)["calibration"]["pooled"] == {"method": "platt", **platt}


def test_an_unscored_image_counts_for_nothing():
    table = scores(("e", "L", "CC", 0.2), ("e", "L", "MLO", float("nan")))
    breasts, _ = nodes.aggregate_scores(table, FROZEN | {"aggregation": "max"})
    assert breasts["images"].tolist() == [1]
    assert breasts["missing"].tolist() == ["MLO"]


def test_the_model_s_own_standard_is_accepted():
    nodes.refuse_other_standard(json.loads(json.dumps(STATED)), STATED)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"spacing_mm": 0.2}, r"spacing_mm: model 0\.2, here 0\.8"),
        ({"show": {**STATED["show"], "order": "window_first"}}, "show: model"),
        ({"device_maps": describe_standard(STANDARD, MAPS)["device_maps"]}, "device_maps: model"),
        ({"jobs": 1}, "jobs: model 1, here None"),
    ],
)
def test_images_of_another_standard_are_refused(change, words):
    with pytest.raises(ValueError, match=words):
        nodes.refuse_other_standard({**STATED, **change}, STATED)


def test_a_model_of_before_a_setting_was_there_is_refused():
    older = {name: value for name, value in STATED.items() if name != "field_mm"}
    with pytest.raises(ValueError, match="field_mm: model None"):
        nodes.refuse_other_standard(older, STATED)


def page_of(files: pd.DataFrame) -> dict:
    """The page of a folder with one image, refused for its pixels."""
    images = scores(("e", "L", "CC", float("nan"))).assign(position=-1, code="no_breast")
    model = {"name": "m", "version": "1", "alias": "candidate", **FROZEN}
    breasts, exams = nodes.aggregate_scores(images, model)
    store = StoredImages(np.empty((0, 2, 2), np.uint16), pd.DataFrame())
    limits = ScoreParameters(batch=1, pictures=1)
    return nodes.write_score_page(images, breasts, exams, files, store, model, limits)


def test_a_folder_whose_images_are_all_refused_still_gets_its_page():
    page = page_of(pd.DataFrame([{"file_id": "f", **describe_fate("accepted")}]))
    fates = page["sections"][-1]["table"]["rows"]
    assert [(row[0], row[1]) for row in fates] == [(0, "scored"), (1, "quarantined")]


def test_files_without_a_fate_stop_the_page():
    files = pd.DataFrame([{"file_id": f, **describe_fate("accepted")} for f in "ab"])
    with pytest.raises(ValueError, match="0 files scored and 1 refused, 2 found"):
        page_of(files)


@pytest.mark.parametrize(("model", "words"), [(FROZEN, "frozen on tune"), (OLDER, "without a")])
def test_the_page_says_what_a_score_and_a_recall_are(model, words):
    breasts, exams = nodes.aggregate_scores(scores(("e", "L", "CC", 3.0)), model)
    section = page.show_breasts(breasts, model)
    assert words in section["text"]
    told = [section["table"]["rows"][0][3:5], page.show_exams(exams)["table"]["rows"][0][2:4]]
    assert told == ([["10", "yes"]] * 2 if model is FROZEN else [[None, None]] * 2)
