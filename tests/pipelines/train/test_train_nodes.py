"""Room `train`."""

from __future__ import annotations

import json
import logging
from typing import get_type_hints

import numpy as np
import pandas as pd
import pytest

from mammo_pipeline.mammo.digest import digest_data
from mammo_pipeline.mammo.ladder.mining import MINED_COLUMNS
from mammo_pipeline.pipelines.train import nodes
from mammo_pipeline.pipelines.train.nodes import train_ladder
from mammo_pipeline.pipelines.train.parameters import TrainParameters
from mammo_pipeline.pipelines.train.pipeline import create_pipeline
from toy_study import (
    draw_toy_patches,
    make_ladder,
    make_study,
    make_train_parameters,
    refuse_files,
)

OUTPUTS = ("states", "history", "restored", "wiring", "mined", "views", "metrics")


def train(parameters: TrainParameters, checkpoints: dict | None = None) -> dict:
    store, cohort, lesions = make_study()
    patches = draw_toy_patches(store, cohort, lesions)
    facts = {"data_version": digest_data(cohort, store.index)}
    found = train_ladder(
        *(store, cohort, patches, facts, lesions, refuse_files),
        {} if checkpoints is None else checkpoints,
        parameters,
    )
    return dict(zip(OUTPUTS, found, strict=True))


@pytest.fixture(scope="module")
def trained() -> dict:
    return train(make_train_parameters())


def test_every_stage_leaves_a_state_a_history_a_report_and_views(trained):
    stages = list(make_ladder().stages)
    assert list(trained["states"]) == stages
    assert trained["history"].groupby("stage", sort=False)["epoch"].max().to_dict() == {
        name: stage.epochs for name, stage in make_ladder().stages.items()
    }
    assert set(trained["restored"]["stage"]) == set(stages)
    assert set(trained["wiring"]["stage"]) == set(stages)
    assert list(trained["views"]) == stages
    assert all(trained["views"][stage] for stage in stages)
    assert len(trained["mined"]) == 0


def test_patches_of_other_data_are_refused():
    store, cohort, lesions = make_study()
    patches = draw_toy_patches(store, cohort, lesions)
    old = {"data_version": "another"}
    with pytest.raises(ValueError, match="Run `patches` again"):
        train_ladder(
            store, cohort, patches, old, lesions, refuse_files, {}, make_train_parameters()
        )


def test_metrics_are_flat_figures_with_their_n(trained):
    metrics = dict(trained["metrics"])
    assert len(metrics.pop("data_version")) == 12
    assert metrics.pop("ladder") == "toy"
    assert all(isinstance(value, int | float) for value in metrics.values())
    assert json.loads(json.dumps(metrics)) == metrics
    history = trained["history"]
    last = history[history["stage"] == "finetune_sgd"].iloc[-1]
    assert metrics["finetune_sgd_tune_auc"] == last["tune_auc"]
    assert metrics["tune_images"] == 2 * metrics["tune_images_units"] > 0


def test_the_room_ends_with_a_closing_block(caplog):
    with caplog.at_level(logging.INFO):
        train(make_train_parameters(stages=1, wiring={"check": False}))
    assert "== train ==" in caplog.text
    assert "patch_adam epoch 1: loss" in caplog.text


def test_a_stage_gets_one_tracked_run_and_one_call_an_epoch(monkeypatch):
    calls: list[tuple] = []

    class Run:
        def __init__(self, name: str) -> None:
            self.name = name

        def __enter__(self) -> Run:
            calls.append((self.name, "opened"))
            return self

        def __exit__(self, *error: object) -> None:
            calls.append((self.name, "closed"))

        def log(self, figures: dict, step: int) -> None:
            assert all(np.isfinite(value) for value in figures.values())
            assert {"loss", "tune_auc", "learning_rate", "gradient_norm"} <= set(figures)
            calls.append((self.name, step))

    monkeypatch.setattr("mammo_pipeline.tracking.child_run", lambda name, _: Run(name))
    checkpoints: dict = {}
    parameters = make_train_parameters(stages=2, wiring={"check": False})
    train(parameters, checkpoints)
    expected = [
        *(("stage patch_adam", step) for step in ("opened", 1, 2, "closed")),
        *(("stage image_adam", step) for step in ("opened", 1, "closed")),
    ]
    assert calls == expected
    calls.clear()
    train(parameters, checkpoints)
    assert calls == expected  # what was trained before is in the new run, too


def test_a_long_epoch_is_not_silent(caplog, monkeypatch):
    monkeypatch.setattr(nodes, "SECONDS_BETWEEN_LINES", 0.0)
    with caplog.at_level(logging.INFO):
        nodes.make_teller()("image_adam", 2, 7, 40, 0.5)
    assert "image_adam epoch 2: step 7 of 40, loss 0.5000" in caplog.text


def test_a_worker_that_is_not_the_chief_saves_nothing(monkeypatch):
    monkeypatch.setattr(
        "mammo_pipeline.mammo.ladder.strategy.open_strategy",
        lambda execution: type("Second", (), {"is_chief": False}),
    )
    with pytest.raises(SystemExit) as ended:
        nodes.leave_to_the_chief(make_ladder())
    assert ended.value.code == 0


def test_a_ladder_that_is_not_declared_is_named():
    described = make_train_parameters().model_dump(mode="json")
    with pytest.raises(ValueError, match=r"train\.ladder is 'winner', declared are: toy, other"):
        TrainParameters.model_validate({**described, "ladder": "winner"})


def test_a_ladder_that_is_not_climbed_is_checked_too():
    described = make_train_parameters().model_dump(mode="json")
    described["ladders"]["other"]["stages"]["image_adam"]["start"] = "patch_adm"
    with pytest.raises(ValueError, match="starts from 'patch_adm'"):
        TrainParameters.model_validate(described)


def test_the_chosen_ladder_has_the_seed_and_the_execution():
    parameters = make_train_parameters(execution={"precision": "bfloat16"})
    ladder = parameters.choose()
    assert (ladder.seed, ladder.execution.precision) == (7, "bfloat16")
    assert list(ladder.stages) == list(make_ladder().stages)


def test_parameters_are_checked_by_kedro_before_any_work():
    node = next(node for node in create_pipeline().nodes if node.name == "train_ladder")
    assert get_type_hints(node.func)["parameters"] is TrainParameters
    assert node.inputs[-1] == "params:train"


def test_a_study_without_hard_negatives_keeps_an_empty_table(trained):
    assert isinstance(trained["mined"], pd.DataFrame)
    assert list(trained["mined"]) == MINED_COLUMNS
