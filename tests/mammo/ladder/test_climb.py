"""The climb: what each stage starts from, and how a killed one goes on."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from mammo_pipeline.datasets.arrays import CheckpointMapping
from mammo_pipeline.mammo.ladder import strategy
from mammo_pipeline.mammo.ladder.climb import Climb, ReadOnly, climb_ladder, stage_key
from mammo_pipeline.mammo.ladder.course import DivergedError, Listener
from mammo_pipeline.mammo.ladder.lessons import Lessons
from mammo_pipeline.mammo.ladder.nets import assign_state, build_net, capture_state
from mammo_pipeline.mammo.ladder.restore import restore_state, select_weights
from mammo_pipeline.mammo.ladder.settings import Wiring
from toy_study import make_ladder, make_lessons

LADDER = make_ladder(
    patch_adam={"epochs": 8, "batch": 16},
    image_adam={"epochs": 3, "augment": {"flip_vertical": True, "zoom": 0.1}},
    finetune_sgd={"learning_rate": 1e-12},
)


@pytest.fixture(scope="module")
def lessons() -> Lessons:
    return make_lessons(LADDER, breasts=72)


@pytest.fixture(scope="module")
def checkpoints() -> dict:
    return {}


@pytest.fixture(scope="module")
def climb(lessons: Lessons, checkpoints: dict) -> Climb:
    return climb_ladder(LADDER, lessons, checkpoints)


def equal_states(a: dict, b: dict) -> bool:
    return a.keys() == b.keys() and all(np.array_equal(a[path], b[path]) for path in a)


def untimed(history: list[dict]) -> list[dict]:
    timed = ("seconds", "step_ms", "feed_wait_share", "images_per_second", "memory_mb")
    return [{key: row[key] for key in row if key not in timed} for row in history]


def norm(state: dict) -> float:
    trainable = [v for p, v in select_weights(state).items() if "moving" not in p]
    return float(np.sqrt(sum(np.sum(v.astype(float) ** 2) for v in trainable)))


def test_stars_are_told_from_discs(climb):
    last = pd.DataFrame(climb.history).groupby("stage")["tune_auc"].last()
    assert last["patch_adam"] > 0.9
    assert last["finetune_sgd"] > 0.9


def moments_of_normalization(state: dict) -> set[str]:
    """Adam's variables of what the image stages keep as the patches left it."""
    return {path for path in state if path.startswith("optimizer/") and "_norm_" in path}


def test_normalization_stays_as_the_patches_left_it(climb):
    patch, last = climb.states["patch_adam"], climb.states["finetune_sgd"]
    kept = [path for path in patch if "_norm_" in path and not path.startswith("optimizer/")]
    assert kept
    for path in kept:
        np.testing.assert_array_equal(last[path], patch[path], err_msg=path)


def test_every_shared_weight_and_adam_variable_comes_over_to_the_bit(climb):
    stage, patch = LADDER.stages["image_adam"], climb.states["patch_adam"]
    net, fresh = build_net(LADDER, stage, 0.5)
    assign_state(net, restore_state(fresh, patch, stage)[0])
    held = capture_state(net)
    for path in patch.keys() - moments_of_normalization(patch):
        np.testing.assert_array_equal(held[path], patch[path], err_msg=path)
    assert held["optimizer/iteration"] > 0


def test_the_report_tells_shared_from_new(climb):
    rows = pd.DataFrame(climb.report)
    image = rows[rows["stage"] == "image_adam"]
    shared = image[image["action"] == "restored"]
    patch = climb.states["patch_adam"]
    dropped = set(image.loc[image["action"] == "dropped", "variable"])
    assert dropped == moments_of_normalization(patch)
    assert set(shared["variable"]) == patch.keys() - dropped
    assert set(shared["kind"]) == {"weight", "first_moment", "second_moment", "iteration"}
    new = image.loc[image["action"] == "new", "variable"]
    assert {path.removeprefix("optimizer/").split("_")[0] for path in new} == {"image"}
    assert set(rows["stage"]) == set(LADDER.stages)


def test_the_last_stage_starts_from_the_average_not_from_the_raw_weights(climb):
    raw = pd.DataFrame(climb.history).groupby("stage")["weight_norm"].last()
    kept = norm(climb.states["finetune_ema"])
    assert abs(kept - raw["finetune_ema"]) > 1e-5
    assert norm(climb.states["finetune_sgd"]) == pytest.approx(kept, abs=1e-9)


def test_a_killed_climb_skips_what_was_finished_and_ends_the_same(lessons, climb, checkpoints):
    kept = {key: checkpoints[key] for key in list(checkpoints)[:2]}

    def kill(row: dict) -> None:
        if row["stage"] == "finetune_sgd":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        climb_ladder(LADDER, lessons, kept, listener=Listener(epoch=kill))
    assert [key.rsplit("-", 1)[0] for key in kept] == ["patch_adam", "image_adam", "finetune_ema"]
    trained, found = [], []
    listener = Listener(epoch=trained.append, found=lambda stage, rows: found.append(stage))
    again = climb_ladder(LADDER, lessons, kept, listener=listener)
    assert {row["stage"] for row in trained} == {"finetune_sgd"}
    assert found == ["patch_adam", "image_adam", "finetune_ema"]
    assert again.states.keys() == climb.states.keys()
    assert all(equal_states(again.states[name], climb.states[name]) for name in climb.states)
    assert again.report == climb.report
    assert untimed(again.history) == untimed(climb.history)


def test_a_climb_killed_inside_an_epoch_goes_on_there_and_ends_the_same(lessons, climb):
    ladder = LADDER.model_copy(
        update={"execution": LADDER.execution.model_copy(update={"checkpoint_seconds": 0.0})}
    )
    kept, told = {}, []

    def kill(stage: str, epoch: int, step: int, steps: int, loss: float) -> None:
        if (stage, epoch, step) == ("image_adam", 2, 3):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        climb_ladder(ladder, lessons, kept, listener=Listener(step=kill))
    running = [key for key in kept if ".running_" in key]
    assert len(running) == 2
    entered = Listener(step=lambda *figures: told.append(figures[:3]))
    again = climb_ladder(ladder, lessons, kept, listener=entered)
    assert told[0] == ("image_adam", 2, 3)
    assert all(equal_states(again.states[name], climb.states[name]) for name in climb.states)
    assert untimed(again.history) == untimed(climb.history)
    assert again.report == climb.report
    assert not [key for key in kept if ".running_" in key]


def test_a_kill_right_after_the_last_write_leaves_nothing_behind(lessons, climb, checkpoints):
    kept = dict(checkpoints)
    first = next(iter(kept))
    kept[f"{first}.running_1"] = {}
    climb_ladder(LADDER, lessons, kept)
    assert kept.keys() == checkpoints.keys()


def test_the_batch_of_a_step_that_diverged_is_kept(lessons):
    ladder = make_ladder(patch_adam={"learning_rate": 1e30})
    kept = {}
    with pytest.raises(DivergedError, match=r"kept as patch_adam-\w+\.diverged\.npz"):
        climb_ladder(ladder.model_copy(update={"wiring": Wiring(check=False)}), lessons, kept)
    (place,) = [key for key in kept if key.endswith(".diverged")]
    assert kept[place]["pixels"].dtype == np.uint16
    assert not any(value.dtype.hasobject for value in kept[place].values())


def test_a_worker_that_is_not_the_chief_reads_and_never_writes():
    kept = {"stage": {"w": np.ones(1)}}
    mapping = ReadOnly(kept)
    assert mapping["stage"] is kept["stage"]
    mapping["other"] = {}
    del mapping["stage"]
    assert list(kept) == ["stage"]
    assert "other" not in mapping


def test_a_worker_asks_for_a_damaged_checkpoint_without_reading_it(tmp_path):
    (tmp_path / "stage.running_0.npz").write_bytes(b"damaged")
    assert "stage.running_0" in ReadOnly(CheckpointMapping(tmp_path))


def test_the_wiring_is_checked_before_every_stage_and_moves_no_bit(lessons, climb):
    checked = {row["stage"] for row in climb.wiring}
    assert checked == set(LADDER.stages)
    blind = LADDER.model_copy(
        update={
            "wiring": Wiring(check=False),
            "stages": {"patch_adam": LADDER.stages["patch_adam"]},
        }
    )
    again = climb_ladder(blind, lessons, {})
    assert again.wiring == []
    assert equal_states(again.states["patch_adam"], climb.states["patch_adam"])


def test_a_finished_ladder_is_not_trained_again(lessons, climb, checkpoints):
    trained = []
    again = climb_ladder(LADDER, lessons, checkpoints, listener=Listener(epoch=trained.append))
    assert trained == []
    assert again.history == climb.history


def test_checkpoints_are_plain_arrays(checkpoints, climb):
    for state in checkpoints.values():
        assert all(isinstance(v, np.ndarray) and not v.dtype.hasobject for v in state.values())
        assert json.loads(str(state["record"]))["history"]
    assert "record" not in climb.states["patch_adam"]
    assert "optimizer/learning_rate" not in climb.states["patch_adam"]


def test_given_stages_are_started_from_and_not_trained(lessons, climb):
    ladder = make_ladder(image_adam={"epochs": 1})
    given = {"patch_adam": climb.states["patch_adam"]}
    trained = []
    climb_ladder(ladder, lessons, {}, given=given, listener=Listener(epoch=trained.append))
    assert trained[0]["stage"] == "image_adam"


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({}, True),
        ({"finetune_sgd": {"epochs": 9}}, True),
        ({"image_adam": {"learning_rate": 2e-3}}, False),
        ({"patch_adam": {"batch": 4}}, False),
        ({"execution": {"precision": "bfloat16"}}, False),
        ({"execution": {"prefetch": 9, "checkpoint_seconds": 1}}, True),
    ],
)
def test_a_checkpoint_is_found_only_by_what_it_depends_on(change, same):
    declared, changed = make_ladder(), make_ladder(**change)
    keys = {stage_key(ladder, "image_adam", "data") for ladder in (declared, changed)}
    assert (len(keys) == 1) is same
    assert stage_key(declared, "image_adam", "other data") not in keys


def test_what_more_devices_trained_is_another_checkpoint(monkeypatch):
    mirrored = make_ladder(execution={"devices": "mirrored"})
    monkeypatch.setattr(strategy, "_open_once", lambda devices: strategy.Strategy(replicas=2))
    two = stage_key(mirrored, "image_adam", "data")
    monkeypatch.setattr(strategy, "_open_once", lambda devices: strategy.Strategy(replicas=4))
    assert stage_key(mirrored, "image_adam", "data") != two
