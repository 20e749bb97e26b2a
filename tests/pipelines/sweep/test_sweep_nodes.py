"""Room `sweep`."""

from __future__ import annotations

from typing import get_type_hints

import numpy as np
import pandas as pd
import pytest

from mammo_pipeline.mammo.digest import digest_data
from mammo_pipeline.mammo.ladder.climb import climb_ladder
from mammo_pipeline.mammo.networks.predict import member_logits
from mammo_pipeline.pipelines.sweep.nodes import find_patch_loss, summarize_sweep, sweep_ladders
from mammo_pipeline.pipelines.sweep.parameters import SweepParameters
from mammo_pipeline.pipelines.sweep.pipeline import create_pipeline
from mammo_pipeline.pipelines.train.parameters import TrainParameters
from toy_study import (
    draw_toy_patches,
    make_lessons,
    make_study,
    make_train_parameters,
    refuse_files,
)

TRAIN = make_train_parameters(finetune_ema={"epochs": 1})
LADDER = TRAIN.choose()
SWEEP = SweepParameters.model_validate(
    {
        "seed": 1,
        "trials": 2,
        "start_from": "patch_adam",
        "ranges": [{"path": "stages.image_adam.learning_rate", "low": 1e-4, "high": 1e-2}],
        "random_trials": 2,
        "prune_after_trials": 5,
        "prune_after_epochs": 0,
        "score_batch": 8,
    }
)


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    store, cohort, lesions = make_study()
    patches = draw_toy_patches(store, cohort, lesions)
    stages = {"patch_adam": LADDER.stages["patch_adam"]}
    patch_only = LADDER.model_copy(update={"stages": stages})
    state = climb_ladder(patch_only, make_lessons(LADDER), {}).states["patch_adam"]
    journal = tmp_path_factory.mktemp("sweep") / "journal.log"
    states = {"patch_adam": lambda: state}
    trained = {"data_version": digest_data(cohort, store.index)}
    tables = (store, cohort, patches, lesions, refuse_files)
    found = sweep_ladders(*tables, states, trained, str(journal), {}, TRAIN, SWEEP)
    return store, cohort, found


def test_a_ladder_of_another_split_is_refused(tmp_path):
    store, cohort, lesions = make_study()
    patches = draw_toy_patches(store, cohort, lesions)
    journal = str(tmp_path / "journal.log")
    old = {"data_version": "old"}
    with pytest.raises(ValueError, match="Run `train` again"):
        tables = (store, cohort, patches, lesions, refuse_files)
        sweep_ladders(*tables, {}, old, journal, {}, TRAIN, SWEEP)


def test_every_completed_trial_is_a_member_with_scores_on_tune(swept):
    store, cohort, (members, trials, scores, _) = swept
    assert list(members) == trials["member"].tolist() == ["trial_000", "trial_001"]
    tune = cohort[cohort["side"] == "tune"]
    assert set(scores["image_id"]) == set(tune["image_id"])
    positions = store.index.set_index("image_id").loc[scores["image_id"], "position"].to_numpy()
    network = LADDER.network.model_dump(mode="json")
    for name, member in members.items():
        logits = member_logits(network, member, store.pixels, positions, batch=8)
        np.testing.assert_allclose(scores[name], logits, rtol=1e-5)


def test_a_trial_is_a_row_with_its_values(swept):
    _, _, (_, trials, _, metrics) = swept
    assert trials["stages.image_adam.learning_rate"].iloc[0] == pytest.approx(1e-3)
    assert metrics["best_tune_auc"] == trials["tune_auc"].max()
    assert metrics["network"] == LADDER.network.model_dump(mode="json")


def test_the_sweep_says_with_what_loss_the_patches_of_its_members_were_learnt():
    trials = pd.DataFrame({"state": ["COMPLETE"], "tune_auc": [0.7], "trial": 0, "seconds": 1.0})
    for loss in ("softmax", "one_against_rest"):
        ladder = make_train_parameters(patch_adam={"loss": loss}).choose()
        assert summarize_sweep(trials, ladder)["patch_loss"] == loss
    images = {k: s for k, s in LADDER.stages.items() if s.data == "images"}
    first, *_ = images.values()
    from_file = images | {first.name: first.model_copy(update={"start": "file"})}
    assert find_patch_loss(LADDER.model_copy(update={"stages": from_file})) == "one_against_rest"


def test_a_sweep_without_a_completed_trial_is_an_error():
    trials = pd.DataFrame({"state": ["FAIL"], "tune_auc": [None], "reason": ["the loss is nan"]})
    with pytest.raises(ValueError, match=r"none of 1 trials was completed.*the loss is nan"):
        summarize_sweep(trials, LADDER)


def test_parameters_are_checked_by_kedro_before_any_work():
    (node,) = create_pipeline().nodes
    hints = get_type_hints(node.func)
    assert (hints["train"], hints["parameters"]) == (TrainParameters, SweepParameters)
    assert node.inputs[-2:] == ["params:train", "params:sweep"]
