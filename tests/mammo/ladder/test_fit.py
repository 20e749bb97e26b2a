"""The epoch loop: exact across a restore, and loud when it diverges."""

from __future__ import annotations

import numpy as np
import pytest

from mammo_pipeline.mammo.ladder import compiled, fit
from mammo_pipeline.mammo.ladder.compiled import assign_state, capture_state, compile_stage
from mammo_pipeline.mammo.ladder.examples import Examples, select_images
from mammo_pipeline.mammo.ladder.restore import average_path, restore_state, select_weights
from mammo_pipeline.mammo.ladder.stages import Stage
from toy_study import CANVAS, make_ladder, make_study


@pytest.fixture(scope="module")
def images() -> tuple[np.ndarray, Examples, Examples]:
    fit.make_deterministic()
    store, cohort, _ = make_study()
    sides = (select_images(cohort, store.index, side, CANVAS) for side in ("train", "tune"))
    return store.pixels, *sides


def start(stage: Stage, source: dict | None = None):
    """The compiled net of a stage, started from a state, or from scratch."""
    ladder = make_ladder()
    if source is None:
        stage = stage.model_copy(update={"start": "scratch", "restore": ()})
    model, fresh = compile_stage(ladder.network, stage, ladder.seed, prevalence=0.5)
    state, _ = restore_state(fresh, source, stage)
    assign_state(model, state)
    return model


def test_going_on_from_a_state_equals_not_stopping_to_the_bit(images, monkeypatch):
    augment = {"flip_vertical": True, "rotation_degrees": 10, "gain": 0.1}
    stage = make_ladder(image_adam={"dropout": 0.3, "augment": augment}).stages["image_adam"]
    model = start(stage)
    for epoch in (1, 2):
        fit.fit_epoch(model, stage, *images, seed=7, epoch=epoch)
    half = capture_state(model)
    rows = [fit.fit_epoch(model, stage, *images, seed=7, epoch=epoch) for epoch in (3, 4)]
    straight = capture_state(model)
    monkeypatch.setattr(compiled, "_compile_once", compiled._compile_once.__wrapped__)
    other = start(stage)
    assert other is not model
    assign_state(other, half)
    again = [fit.fit_epoch(other, stage, *images, seed=7, epoch=epoch) for epoch in (3, 4)]
    assert straight.keys() == capture_state(other).keys()
    for path, value in capture_state(other).items():
        np.testing.assert_array_equal(value, straight[path], err_msg=path)
    assert [r["loss"] for r in rows] == [r["loss"] for r in again]
    assert straight["optimizer/iteration"] > half["optimizer/iteration"] > 0


def test_the_average_is_the_one_computed_by_hand(images):
    ladder = make_ladder(finetune_ema={"examples_per_epoch": 8})
    before = start(ladder.stages["image_adam"])
    source = {**capture_state(before), "optimizer/iteration": np.array(5)}
    stage = ladder.stages["finetune_ema"]
    model = start(stage, source)
    by_hand = select_weights(capture_state(model))
    for epoch in (1, 2, 3):  # one step each
        fit.fit_epoch(model, stage, *images, seed=7, epoch=epoch)
        raw = capture_state(model)
        by_hand = {p: 0.9 * by_hand[p] + 0.1 * raw[p] for p in by_hand}
    averaged = [p for p in by_hand if average_path(p) in raw]
    assert len(averaged) == len(model.trainable_variables)
    for path in averaged:
        np.testing.assert_allclose(raw[average_path(path)], by_hand[path], rtol=1e-5, atol=1e-7)


def test_tune_auc_judges_the_average_and_puts_the_raw_weights_back(images):
    stage = make_ladder().stages["finetune_ema"]
    model = start(stage, capture_state(start(make_ladder().stages["image_adam"])))
    rng = np.random.default_rng(0)
    raw = capture_state(model)
    averages = {p: rng.normal(size=v.shape) for p, v in raw.items() if p.endswith("_average")}
    assign_state(model, {**raw, **averages})
    of_average = fit.tune_auc(model, stage, images[0], images[2])
    after = capture_state(model)
    assert all(np.array_equal(after[path], raw[path]) for path in select_weights(raw))
    plain = make_ladder().stages["image_adam"]
    swapped = {p: averages.get(average_path(p), v) for p, v in select_weights(raw).items()}
    judge = start(plain, swapped)
    assert fit.tune_auc(judge, plain, images[0], images[2]) == of_average
    assert fit.tune_auc(start(plain, raw), plain, images[0], images[2]) != of_average


def test_a_loss_that_is_no_number_stops_with_stage_epoch_and_images(images):
    stage = make_ladder().stages["image_adam"]
    model = start(stage)
    model.get_layer("image_output").bias.assign([np.nan])
    message = r"loss is nan in stage image_adam, epoch 3, on the images image\d{3}, image"
    with pytest.raises(fit.DivergedError, match=message):
        fit.fit_epoch(model, stage, *images, seed=7, epoch=3)


def test_weights_that_are_no_numbers_stop_even_when_the_last_loss_was_fine(images):
    settings = {"learning_rate": float("inf"), "examples_per_epoch": 8}
    stage = make_ladder(finetune_sgd=settings).stages["finetune_sgd"]
    with pytest.raises(fit.DivergedError, match="weights are not finite after stage finetune_sgd"):
        fit.fit_epoch(start(stage), stage, *images, seed=7, epoch=1)


def test_an_epoch_draws_the_same_whatever_ran_before():
    first = fit.seed_epoch(7, "image_adam", 3).integers(2**31)
    assert first == fit.seed_epoch(7, "image_adam", 3).integers(2**31)
    assert first != fit.seed_epoch(7, "image_adam", 4).integers(2**31)
    assert first != fit.seed_epoch(7, "finetune_ema", 3).integers(2**31)


def test_weight_decay_shrinks_kernels_only(images):
    stage = make_ladder(image_adam={"weight_decay": 0.5}).stages["image_adam"]
    model = start(stage)
    assert model.optimizer.weight_decay == 0.5
    decayed = [v.path for v in model.trainable_variables if model.optimizer._use_weight_decay(v)]
    assert decayed == [v.path for v in model.trainable_variables if v.path.endswith("kernel")]


def test_the_images_of_a_breast_answer_together():
    units = np.array(["a|L", "a|R", "a|L"])
    examples = Examples(units, units, units, (1, 1), np.array([1, 0, 1]), units)
    labels, means = fit.mean_by_unit(examples, np.array([1.0, 5.0, 2.0]))
    assert (labels.tolist(), means.tolist()) == ([1, 0], [1.5, 5.0])


def test_malignancy_is_the_higher_of_the_malignant_classes():
    classes = np.array([[9.0, 9.0, 9.0, -1.0, 2.0], [0.0, 0.0, 0.0, 3.0, 1.0]])
    assert fit.malignancy_scores(classes).tolist() == [2.0, 3.0]


def test_prefetch_keeps_the_order_and_passes_errors_on():
    assert list(fit.prefetch(iter(range(5)))) == [0, 1, 2, 3, 4]

    def broken():
        yield 1
        raise OSError("disk")

    with pytest.raises(OSError, match="disk"):
        list(fit.prefetch(broken()))
