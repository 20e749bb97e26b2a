"""Room score: what is said of a breast rests on its images, and on the right kind of image."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from canvases import STANDARD
from mammo_pipeline.datasets.store import StoredImages
from mammo_pipeline.mammo.fates import describe_fate
from mammo_pipeline.mammo.standard import describe_standard
from mammo_pipeline.pipelines.score import nodes
from mammo_pipeline.pipelines.score.parameters import ScoreParameters

STATED = describe_standard(STANDARD, None)
MAPS = {"targets": [0.1, 0.9], "devices": {"A": {"levels": [0.2, 0.8], "images": 3}}}


def scores(*rows: tuple[str, str, str, float]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=["exam_id", "laterality", "view", "probability"])
    return table.assign(patient_id="p", image_id=[f"i{i}" for i in range(len(rows))])


def test_a_breast_is_the_mean_of_its_images_in_logits():
    table = scores(("e", "L", "CC", 0.2), ("e", "L", "MLO", 0.5), ("e", "R", "CC", 0.1))
    breasts, exams = nodes.aggregate_scores(table, {"aggregation": "mean"})
    logit = (np.log(0.2 / 0.8) + 0) / 2
    assert breasts["score"].tolist() == pytest.approx([1 / (1 + np.exp(-logit)), 0.1])
    assert breasts["missing"].tolist() == ["", "MLO"]
    assert exams["score"].tolist() == pytest.approx([breasts["score"].max()])
    assert exams["images"].tolist() == [3]


def test_an_unscored_image_counts_for_nothing():
    table = scores(("e", "L", "CC", 0.2), ("e", "L", "MLO", float("nan")))
    breasts, _ = nodes.aggregate_scores(table, {"aggregation": "max"})
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
    model = {"name": "m", "version": "1", "alias": "candidate", "aggregation": "mean"}
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
