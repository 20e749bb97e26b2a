"""Room `train`."""

from __future__ import annotations

import json
import logging
from typing import get_type_hints

import pytest

from mammo_pipeline.mammo.patches import sample_patches
from mammo_pipeline.pipelines.train.nodes import train_ladder
from mammo_pipeline.pipelines.train.parameters import TrainParameters
from mammo_pipeline.pipelines.train.pipeline import create_pipeline
from toy_study import make_ladder, make_sampling, make_study


@pytest.fixture(scope="module")
def trained():
    store, cohort, lesions = make_study()
    patches = sample_patches(store.pixels, store.index, cohort, lesions, make_sampling())
    parameters = TrainParameters.model_validate(make_ladder().model_dump())
    return train_ladder(store, cohort, patches, {}, parameters)


def test_every_stage_leaves_a_state_a_history_and_a_report(trained):
    states, history, report, _ = trained
    stages = list(make_ladder().stages)
    assert list(states) == stages
    assert history.groupby("stage", sort=False)["epoch"].max().to_dict() == {
        name: stage.epochs for name, stage in make_ladder().stages.items()
    }
    assert set(report["stage"]) == set(stages)
    assert list(report) == ["stage", "variable", "kind", "action", "from_stage", "shape"]


def test_metrics_are_flat_numbers_with_their_n(trained):
    _, history, _, metrics = trained
    version = metrics.pop("data_version")
    assert len(version) == 12
    assert all(isinstance(value, int | float) for value in metrics.values())
    assert json.loads(json.dumps(metrics)) == metrics
    last = history[history["stage"] == "finetune_sgd"].iloc[-1]
    assert metrics["finetune_sgd_tune_auc"] == last["tune_auc"]
    assert metrics["tune_images"] == 2 * metrics["tune_images_units"] > 0


def test_the_room_ends_with_a_closing_block(caplog):
    store, cohort, lesions = make_study()
    patches = sample_patches(store.pixels, store.index, cohort, lesions, make_sampling())
    described = make_ladder().model_dump()
    described["stages"] = {"patch_adam": described["stages"]["patch_adam"]}
    with caplog.at_level(logging.INFO):
        train_ladder(store, cohort, patches, {}, TrainParameters.model_validate(described))
    assert "== train ==" in caplog.text
    assert "patch_adam epoch 1: loss" in caplog.text


def test_parameters_are_checked_by_kedro_before_any_work():
    (node,) = create_pipeline().nodes
    assert get_type_hints(node.func)["parameters"] is TrainParameters
    assert node.inputs[-1] == "params:train"
