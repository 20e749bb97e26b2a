from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest

from mammo_pipeline.mammo.ladder.examples import draw_epoch
from mammo_pipeline.mammo.ladder.feed import Batch, make_batch
from mammo_pipeline.mammo.ladder.nets import Net, assign_state, build_net, capture_state
from mammo_pipeline.mammo.ladder.settings import Wiring
from mammo_pipeline.mammo.ladder.stages import Stage
from mammo_pipeline.mammo.ladder.steps import Step, make_step
from mammo_pipeline.mammo.ladder.wiring import (
    DeadNetError,
    check_wiring,
    measure_activations,
)
from toy_study import make_ladder, make_lessons

SETTINGS = Wiring(steps=12, learning_rate=3e-3, loss_ratio=0.95)
LADDER = make_ladder(
    # Of two units both may be silent for all pictures of one batch.
    network={"image_widths": [16, 8]},
    # All that lives in variables and must come back: moments, averages, dropout's numbers.
    image_adam={"dropout": 0.2, "ema": {"momentum": 0.9}, "augment": {"flip_vertical": True}},
    finetune_sgd={
        "optimizer": {"name": "sgd", "momentum": 0.9},
        "trainable": ["head_*", "heatmap", "image_*"],
    },
)


@cache
def open_stage(name: str) -> tuple[Net, Step, Stage, Batch, dict[str, np.ndarray]]:
    """A stage's net in its starting state, its step and first batch, and that state."""
    stage = LADDER.stages[name]
    lessons = make_lessons(LADDER, breasts=24)
    train, _ = lessons.examples[stage.data]
    net, start = build_net(LADDER, stage, np.full(5, 0.2) if stage.data == "patches" else 0.3)
    rng = np.random.default_rng(0)
    # Moments of an earlier stage: a check that forgot to take them off would run away.
    moments = {
        path: value + 1 if path.endswith("iteration") else rng.random(value.shape, np.float32)
        for path, value in start.items()
        if path.startswith("optimizer/")
    }
    rows = draw_epoch(rng, train.labels, stage)[0]
    batch = make_batch(lessons.pixels, train, rows, stage, rng)
    return net, make_step(net, stage, LADDER.execution), stage, batch, {**start, **moments}


def check(
    name: str,
    wiring: Wiring = SETTINGS,
    planted: dict[str, Any] | None = None,
    batch: Batch | None = None,
) -> list[dict[str, Any]]:
    """The rows of the check, from the starting state with some values replaced."""
    net, step, stage, own, start = open_stage(name)
    values = {p: np.full_like(start[p], value) for p, value in (planted or {}).items()}
    assign_state(net, {**start, **values})
    step.reload()
    return check_wiring(net, step, stage, batch or own, wiring)


def verdicts(rows: list[dict[str, Any]]) -> dict[str, str]:
    return {row["layer"]: row["verdict"] for row in rows}


def everything(net: Net) -> dict[str, np.ndarray]:
    seeds = {v.path: np.array(v) for v in net.model.non_trainable_variables}
    return {**seeds, **capture_state(net)}


@pytest.mark.parametrize("name", ["image_adam", "finetune_sgd"])
def test_the_net_is_afterwards_what_it_was_to_the_bit(name):
    net, step, _, batch, start = open_stage(name)
    assign_state(net, start)
    step.reload()
    before = everything(net)
    first = float(step.take(batch, 1e-3)[0])
    step.settle()
    taken = everything(net)
    check(name)
    after = everything(net)
    assert before.keys() == after.keys()
    for path in start:
        assert np.array_equal(after[path], before[path]), path
    again = float(step.take(batch, 1e-3)[0])
    step.settle()
    assert again == first
    for path, value in everything(net).items():
        assert np.array_equal(value, taken[path]), path


def test_the_random_numbers_of_dropout_are_where_they_were():
    net, *_ = open_stage("image_adam")
    seeds = [v for v in net.model.non_trainable_variables if "seed" in v.path]
    before = [np.array(v) for v in seeds]
    assert before
    check("image_adam")
    assert all(np.array_equal(np.array(v), b) for v, b in zip(seeds, before, strict=True))


def test_a_sound_net_learns_and_a_head_that_starts_at_zero_wakes_up():
    found = verdicts(check("image_adam"))
    assert found["block_1_conv_1"] == found["heatmap"] == found["image_output"] == "learns"
    assert found["image_conv_1"] == found["image_conv_2"] == "wakes up"
    assert found["block_1_norm_1"] == "frozen", "its statistics are kept by the stage"
    assert found["block_1_pool"] == "no weights"
    assert found[""] == "learned"


def test_a_frozen_layer_needs_no_gradient():
    rows = {row["layer"]: row for row in check("finetune_sgd")}
    assert rows["block_1_conv_1"]["verdict"] == rows["block_2_norm_2"]["verdict"] == "frozen"
    assert rows["block_1_conv_1"]["gradient_norm"] is None
    assert rows["image_shortcut"]["verdict"] == "learns"
    assert rows[""]["loss_last"] < 0.95 * rows[""]["loss_first"]


def test_every_layer_has_a_row_in_forward_order_and_the_batch_is_the_last():
    net, *_ = open_stage("image_adam")
    rows = check("image_adam")
    assert [row["layer"] for row in rows[:-1]] == [
        layer.name for layer in net.model.layers if type(layer).__name__ != "InputLayer"
    ]
    assert {row["stage"] for row in rows} == {"image_adam"}
    assert [row["check"] for row in rows[-2:]] == ["layer", "one batch"]
    assert sum(row["weights"] for row in rows[:-1]) == sum(
        np.prod(v.shape) for v in net.model.weights
    )


def test_a_layer_that_gives_nothing_is_named_and_the_net_comes_back():
    planted = {"head_conv_1/bias": -1e6}
    with pytest.raises(
        DeadNetError, match=r"image_adam.* Layer head_conv_1.*zero for every"
    ) as told:
        check("image_adam", planted=planted)
    found = verdicts(told.value.rows)
    assert found["head_conv_1"] == found["block_1_conv_1"] == "dead"
    assert found["image_shortcut"] == "dead", "it multiplies zeros"
    net, _, _, _, start = open_stage("image_adam")
    held = capture_state(net)
    assert (held["head_conv_1/bias"] == -1e6).all()
    assert all(np.array_equal(held[p], start[p]) for p in start if p not in planted)


def test_a_small_dead_branch_beside_one_that_learns_stands_in_the_report():
    found = verdicts(check("image_adam", planted={"image_conv_2/bias": -1e6}))
    assert found["image_conv_2"] == "dead" and found["image_shortcut"] == "learns"
    assert found[""] == "learned"


def test_weights_that_are_no_numbers_stop_the_check_at_the_first_layer():
    with pytest.raises(DeadNetError, match=r"output of layer block_2_conv_1.*NaN") as told:
        check("image_adam", planted={"block_2_conv_1/kernel": np.nan})
    row = next(r for r in told.value.rows if r["layer"] == "block_2_conv_1")
    assert row["activation_mean"] is None


def test_a_net_that_cannot_learn_one_batch_stops_with_both_losses():
    slow = SETTINGS.model_copy(update={"learning_rate": 1e-9})
    with pytest.raises(DeadNetError, match=r"loss went from [\d.]+ to [\d.]+ in 12 steps") as told:
        check("image_adam", slow)
    assert told.value.rows[-1]["verdict"] == "not learned"


def test_a_batch_that_is_known_already_need_not_be_learned_again():
    *_, batch, _ = open_stage("image_adam")
    sure = {"image_output/bias": -12.0}
    healthy = replace(batch, labels=np.zeros_like(batch.labels))
    slow = SETTINGS.model_copy(update={"learning_rate": 1e-9})
    assert check("image_adam", slow, sure, healthy)[-1]["verdict"] == "learned"


def test_activations_are_those_of_the_pictures_as_the_net_sees_them():
    net, _, _, batch, start = open_stage("image_adam")
    assign_state(net, start)
    rows = {row["layer"]: row for row in measure_activations(net, batch)}
    seen = batch.pixels[:2] / 65535
    assert rows["rescale"]["activation_mean"] == pytest.approx(seen.mean(), rel=1e-5)
    assert rows["rescale"]["activation_std"] == pytest.approx(seen.std(), rel=1e-5)
    assert rows["rescale"]["zero_share"] == pytest.approx(np.mean(seen == 0))
    assert 0.1 < rows["block_1_relu_1"]["zero_share"] < 0.9
