"""The epochs of a stage: exact across a restore and a kill, and loud when they diverge."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mammo_pipeline.mammo.ladder import fit
from mammo_pipeline.mammo.ladder.averages import keep_average
from mammo_pipeline.mammo.ladder.course import Course, DivergedError, Listener
from mammo_pipeline.mammo.ladder.examples import Examples, select_images
from mammo_pipeline.mammo.ladder.fit import fit_epoch, fit_stage
from mammo_pipeline.mammo.ladder.judge import tune_auc
from mammo_pipeline.mammo.ladder.nets import assign_state, build_net, capture_state
from mammo_pipeline.mammo.ladder.progress import Progress
from mammo_pipeline.mammo.ladder.restore import restore_state, select_weights
from mammo_pipeline.mammo.ladder.stages import Ladder
from mammo_pipeline.mammo.ladder.steps import make_deterministic, make_step
from toy_study import CANVAS, make_ladder, make_study

CHANGES = {"flip_vertical": True, "rotation_degrees": 10, "gain": 0.1}


@pytest.fixture(scope="module")
def images() -> tuple[np.ndarray, Examples, Examples]:
    make_deterministic()
    store, cohort, _ = make_study()
    sides = (select_images(cohort, store.index, side, CANVAS) for side in ("train", "tune"))
    return store.pixels, *sides


def begin(ladder: Ladder, name: str, images, source: dict | None = None) -> Course:
    """A stage in its starting state, from the given state or from scratch."""
    stage = ladder.stages[name]
    alone = stage
    if source is None:
        alone = stage.model_copy(update={"start": "scratch", "restore": ()})
    net, fresh = build_net(ladder, stage, 0.5)
    assign_state(net, restore_state(fresh, source, alone)[0])
    step = make_step(net, stage, ladder.execution)
    step.reload()
    return Course(ladder, stage, net, step, *images)


def stand(course: Course, epoch: int = 1) -> Progress:
    return Progress(epoch, 0, 0, capture_state(course.net))


def same(a: dict, b: dict) -> bool:
    return a.keys() == b.keys() and all(np.array_equal(a[path], b[path]) for path in a)


def untimed(history) -> list[dict]:
    timed = ("seconds", "step_ms", "feed_wait_share", "images_per_second", "memory_mb")
    return [{key: row[key] for key in row if key not in timed} for row in history]


def test_going_on_from_a_restored_state_equals_not_stopping_to_the_bit(images):
    ladder = make_ladder(
        image_adam={"dropout": 0.3, "augment": CHANGES, "start": "patch_adam", "epochs": 4}
    )
    course = begin(ladder, "image_adam", images)
    at = stand(course)
    for _ in range(2):
        at = fit_epoch(course, at)
    half = at.state
    for _ in range(2):
        at = fit_epoch(course, at)
    # The same stage again, its net thrown away, all variables restored by path from the half.
    other = begin(ladder, "image_adam", images, source=half)
    assert same(capture_state(other.net), half)
    again = replace(stand(other, epoch=3))
    for _ in range(2):
        again = fit_epoch(other, again)
    assert same(again.state, at.state)
    assert [r["loss"] for r in again.history] == [r["loss"] for r in at.history[2:]]
    assert at.state["optimizer/iteration"] > half["optimizer/iteration"] > 0


@pytest.mark.parametrize("when", [1, 4, 5, 7])
def test_a_stage_that_stops_after_any_step_ends_with_the_same_bits(images, when):
    changes = {
        "epochs": 2,
        "dropout": 0.2,
        "augment": CHANGES,
        "examples_per_epoch": 32,
        "keep": {"epoch": "best", "weights": "ema"},
    }
    ladder = make_ladder(execution={"checkpoint_seconds": 0}, finetune_ema=changes)
    whole, history = fit_stage(begin(ladder, "finetune_ema", images), None, lambda at: None)
    kept: list[Progress] = []
    steps = iter(range(1, 100))

    def stop(*_: object) -> None:
        if next(steps) == when + 1:
            raise KeyboardInterrupt

    course = begin(ladder, "finetune_ema", images)
    with pytest.raises(KeyboardInterrupt):
        fit_stage(replace(course, listener=Listener(step=stop)), None, kept.append)
    fresh = begin(ladder, "finetune_ema", images)
    entered = kept[-1] if kept else None
    again, rest = fit_stage(fresh, entered, lambda at: None)
    assert same(again, whole)
    assert untimed(rest) == untimed(history)


def test_it_is_written_down_after_every_step_and_once_at_the_end(images):
    ladder = make_ladder(execution={"checkpoint_seconds": 0}, image_adam={"examples_per_epoch": 24})
    kept: list[Progress] = []
    fit_stage(begin(ladder, "image_adam", images), None, kept.append)
    assert [(at.epoch, at.step, at.taken) for at in kept] == [(1, 1, 1), (1, 2, 2), (2, 0, 3)]
    never = make_ladder(
        execution={"checkpoint_seconds": 1e6}, image_adam={"examples_per_epoch": 24}
    )
    kept.clear()
    fit_stage(begin(never, "image_adam", images), None, kept.append)
    assert [(at.epoch, at.step) for at in kept] == [(2, 0)]


def test_the_average_is_the_one_computed_by_hand(images):
    ladder = make_ladder(finetune_ema={"examples_per_epoch": 8, "epochs": 3})
    before = capture_state(begin(ladder, "image_adam", images).net)
    source = {**before, "optimizer/iteration": np.array(5)}
    course = begin(ladder, "finetune_ema", images, source)
    at = stand(course)
    by_hand = {p: v.astype(np.float64) for p, v in select_weights(at.state).items()}
    for _ in range(3):  # one step each
        at = fit_epoch(course, at)
        by_hand = {p: 0.9 * by_hand[p] + 0.1 * at.state[p] for p in by_hand}
    averaged = [path for path in by_hand if f"ema/{path}" in at.state]
    assert len(averaged) == len(course.net.model.trainable_variables)
    for path in averaged:
        np.testing.assert_allclose(at.state[f"ema/{path}"], by_hand[path], rtol=1e-5, atol=1e-7)


def test_an_epoch_judges_the_average_and_goes_on_with_the_raw_weights(images):
    ladder = make_ladder(finetune_ema={"examples_per_epoch": 8})
    course = begin(ladder, "finetune_ema", images)
    at = fit_epoch(course, stand(course))
    assert same(capture_state(course.net), at.state)
    rng = np.random.default_rng(0)
    wild = {p: rng.normal(size=v.shape) for p, v in at.state.items() if p.startswith("ema/")}
    raw = {**at.state, **{p: v.astype(np.float32) for p, v in wild.items()}}
    assign_state(course.net, raw)
    judged = fit.judge_state(course, raw)
    assert same(capture_state(course.net), raw)
    assign_state(course.net, keep_average(raw))
    assert tune_auc(course.net.model, course.stage, course.pixels, course.tune) == judged
    assign_state(course.net, raw)
    assert tune_auc(course.net.model, course.stage, course.pixels, course.tune) != judged


def test_the_best_epoch_is_kept_where_the_stage_says_so(images, monkeypatch):
    aucs = iter([0.5, 0.8, 0.6])
    monkeypatch.setattr(fit, "judge_state", lambda course, state: next(aucs))
    settings = {"epochs": 3, "examples_per_epoch": 8, "keep": {"epoch": "best"}}
    ladder = make_ladder(image_adam=settings)
    states: list[dict] = []
    course = begin(ladder, "image_adam", images)
    seen = Listener(epoch=lambda row: states.append(capture_state(course.net)))
    kept, history = fit_stage(replace(course, listener=seen), None, lambda at: None)
    assert [row["tune_auc"] for row in history] == [0.5, 0.8, 0.6]
    assert same(kept, states[1])
    assert not same(kept, states[2])


def test_a_stage_stops_when_it_gains_no_more(images, monkeypatch):
    aucs = iter([0.5, 0.8, 0.79, 0.805, 0.9])
    monkeypatch.setattr(fit, "judge_state", lambda course, state: next(aucs))
    settings = {"epochs": 5, "examples_per_epoch": 8, "stop": {"patience": 2, "least_gain": 0.01}}
    course = begin(make_ladder(image_adam=settings), "image_adam", images)
    _, history = fit_stage(course, None, lambda at: None)
    assert [row["tune_auc"] for row in history] == [0.5, 0.8, 0.79, 0.805]


def test_a_loss_that_is_no_number_stops_with_its_place_and_its_batch(images):
    course = begin(make_ladder(image_adam={"epochs": 3}), "image_adam", images)
    course.net.model.get_layer("image_output").bias.assign([np.nan])
    course.step.reload()
    message = r"loss is nan .* stage image_adam, epoch 3, step 1, on the images image\d{3}"
    with pytest.raises(DivergedError, match=message) as caught:
        fit_epoch(course, stand(course, epoch=3))
    batch = caught.value.batch
    assert batch["pixels"].shape == (8, *CANVAS, 1)
    assert batch["pixels"].dtype == np.uint16
    assert set(batch["image_ids"]) <= set(course.train.image_ids)
    assert len(batch["labels"]) == len(batch["weights"]) == 8


def test_weights_that_are_no_numbers_stop_even_when_the_last_loss_was_fine(images):
    settings = {"learning_rate": float("inf"), "examples_per_epoch": 8}
    course = begin(make_ladder(finetune_sgd=settings), "finetune_sgd", images)
    with pytest.raises(DivergedError, match="weights are not finite after stage finetune_sgd"):
        fit_epoch(course, stand(course))


def test_an_epoch_draws_the_same_whatever_ran_before():
    first = fit.seed_epoch(7, "image_adam", 3).integers(2**31)
    assert first == fit.seed_epoch(7, "image_adam", 3).integers(2**31)
    assert first != fit.seed_epoch(7, "image_adam", 4).integers(2**31)
    assert first != fit.seed_epoch(7, "finetune_ema", 3).integers(2**31)


def test_every_step_of_an_epoch_is_in_its_row(images):
    ladder = make_ladder(image_adam={"examples_per_epoch": 24})
    told: list[tuple] = []
    course = begin(ladder, "image_adam", images)
    course = replace(course, listener=Listener(step=lambda *figures: told.append(figures)))
    row = fit_epoch(course, stand(course)).history[0]
    assert [figures[:4] for figures in told] == [("image_adam", 1, k, 3) for k in (1, 2, 3)]
    assert row["loss"] == pytest.approx(np.mean([figures[4] for figures in told]))
    assert row["gradient_norm"] > 0
    assert row["weight_norm"] > 0
