"""The promises of a step, held on TensorFlow; `test_jax` holds the other backend to them."""

from __future__ import annotations

from dataclasses import replace

import keras
import numpy as np
import pytest

from mammo_pipeline.mammo.ladder.settings import Execution
from mammo_pipeline.mammo.ladder.steps import (
    choose,
    layer_gradients,
    make_deterministic,
    make_step,
)
from mammo_pipeline.mammo.ladder.strategy import Strategy
from toy_steps import make_batches, make_net, make_stage, read_arrays, train

FROZEN = {"normalization": "frozen"}
OUTPUT = "weights/output/kernel"


@pytest.fixture(scope="module", autouse=True)
def deterministic():
    make_deterministic()


@pytest.fixture(scope="module")
def plain():
    return train(make_stage())


@pytest.fixture(scope="module")
def frozen():
    return train(make_stage(**FROZEN))


def assert_near(one: dict, other: dict, tolerance: float) -> None:
    assert one.keys() == other.keys()
    for path, value in one.items():
        np.testing.assert_allclose(other[path], value, rtol=0, atol=tolerance, err_msg=path)


def test_the_same_steps_give_the_same_bits(plain):
    again = train(make_stage())
    for path, value in plain.items():
        np.testing.assert_array_equal(again[path], value, err_msg=path)


def test_the_step_is_the_one_that_keras_takes():
    stage = make_stage()
    (batch,) = make_batches(stage, steps=1)
    ours, theirs = make_net(stage), make_net(stage)
    loss, _ = make_step(ours, stage, Execution()).take(batch, 0.01)
    theirs.optimizer.learning_rate = 0.01
    theirs.model.compile(theirs.optimizer, keras.losses.BinaryCrossentropy(from_logits=True))
    expected = theirs.model.train_on_batch(batch.pixels.astype(np.float32), batch.labels[:, None])
    assert float(loss) == pytest.approx(float(expected), rel=1e-6)
    assert_near(read_arrays(theirs), read_arrays(ours), 1e-6)


def test_four_parts_are_as_one(frozen):
    assert_near(frozen, train(make_stage(accumulate=4, **FROZEN)), 2e-6)


def test_four_parts_normalize_each_for_itself(plain):
    parts = train(make_stage(accumulate=4))
    assert abs(parts["loss"] - plain["loss"]).max() > 1e-3


def test_xla_is_near_the_same(plain):
    compiled = train(make_stage(), Execution(xla=True))
    np.testing.assert_allclose(compiled["loss"], plain["loss"], atol=1e-5)


def test_half_precision_trains_and_keeps_its_variables_float32(plain):
    half = train(make_stage(), Execution(precision="bfloat16"))
    np.testing.assert_allclose(half["loss"], plain["loss"], atol=0.02)
    assert not np.array_equal(half["loss"], plain["loss"])
    assert {v.dtype.name for p, v in half.items() if p.startswith("weights")} == {"float32"}


def test_l2_is_the_regularizer_of_keras():
    decay = {"name": "sgd", "weight_decay": 0.1, "decay": "l2"}
    stage = make_stage(optimizer=decay)
    (batch,) = make_batches(stage, steps=1)
    ours, theirs = make_net(stage), make_net(stage)
    make_step(ours, stage, Execution()).take(batch, 0.1)
    for layer in theirs.model.layers:
        if hasattr(layer, "kernel_regularizer"):
            layer.kernel.regularizer = keras.regularizers.L2(0.1)
    theirs.optimizer.learning_rate = 0.1
    theirs.model.compile(theirs.optimizer, keras.losses.BinaryCrossentropy(from_logits=True))
    theirs.model.train_on_batch(batch.pixels.astype(np.float32), batch.labels[:, None])
    assert_near(read_arrays(theirs), read_arrays(ours), 1e-6)
    bare = train(make_stage(optimizer={"name": "sgd"}), batches=[batch])
    assert not np.allclose(bare[OUTPUT], read_arrays(ours)[OUTPUT])


def test_clipping_shortens_the_step_and_not_the_reported_norm():
    (batch,) = make_batches(make_stage(), steps=1)
    free, clipped = (
        train(make_stage(optimizer={"name": "sgd", **clip}, learning_rate=1.0), batches=[batch])
        for clip in ({}, {"clip_norm": 0.125})
    )
    assert clipped["norm"] == free["norm"] > 0.125
    start = read_arrays(make_net(make_stage()))
    learned = [v.path for v in make_net(make_stage()).model.trainable_variables]
    moved = [clipped[f"weights/{p}"] - start[f"weights/{p}"] for p in learned]
    assert np.sqrt(sum(np.sum(m**2) for m in moved)) == pytest.approx(0.125, rel=1e-4)


def test_the_rate_is_the_one_of_the_call():
    stage = make_stage(optimizer={"name": "sgd"})
    net = make_net(stage)
    before = read_arrays(net)
    step = make_step(net, stage, Execution())
    batch, *_ = make_batches(stage)
    step.take(batch, 0.0)
    assert np.array_equal(read_arrays(net)[OUTPUT], before[OUTPUT])
    step.take(batch, 0.5)
    assert not np.allclose(read_arrays(net)[OUTPUT], before[OUTPUT])


def test_dropout_depends_on_the_batch_and_on_nothing_before_it():
    stage = make_stage(dropout=0.5, optimizer={"name": "sgd"})
    net = make_net(stage)
    step = make_step(net, stage, Execution())
    first, second, *_ = make_batches(stage)
    alone = float(step.take(second, 0.0)[0])
    step.take(first, 0.0)
    assert float(step.take(second, 0.0)[0]) == alone
    assert float(step.take(replace(second, dropout_seed=1), 0.0)[0]) != alone


def test_heavier_pictures_pull_harder():
    stage = make_stage()
    (batch,) = make_batches(stage, steps=1)
    heavy = replace(batch, weights=np.where(batch.labels == 1, 1.0, 0.0).astype(np.float32))
    light = replace(batch, weights=np.where(batch.labels == 1, 0.0, 1.0).astype(np.float32))
    both = [
        float(make_step(make_net(stage), stage, Execution()).take(b, 0.0)[0])
        for b in (heavy, light, replace(batch, weights=np.ones(8, np.float32)))
    ]
    assert both[0] + both[1] == pytest.approx(both[2], rel=1e-5)
    assert both[0] > 0 < both[1]


def test_a_net_is_traced_once_for_stages_that_differ_in_numbers_only(monkeypatch):
    stage, later = make_stage(), make_stage(name="later", learning_rate=0.5, epochs=3)
    net = make_net(stage)
    calls = []
    original = type(net.model).call
    monkeypatch.setattr(
        type(net.model), "call", lambda self, *a, **k: calls.append(1) or original(self, *a, **k)
    )
    for one in (stage, later):
        step = make_step(net, one, Execution())
        for batch in make_batches(one, steps=3):
            step.take(batch, one.learning_rate)
    assert len(calls) == 1
    assert choose._make_step_once.cache_info().hits > 0


def test_layer_gradients_are_those_of_the_step_and_leave_the_net_alone():
    stage = make_stage(dropout=0.5, optimizer={"name": "sgd"})
    (batch,) = make_batches(stage, steps=1)
    net = make_net(stage)
    before = read_arrays(net)
    gradients = layer_gradients(net, stage, batch)
    after = read_arrays(net)
    assert all(np.array_equal(before[path], after[path]) for path in before)
    assert list(gradients) == [v.path for v in net.model.trainable_variables]
    make_step(net, stage, Execution()).take(batch, 1.0)
    stepped = read_arrays(net)
    for path, gradient in gradients.items():
        np.testing.assert_allclose(
            before[f"weights/{path}"] - gradient, stepped[f"weights/{path}"], atol=2e-6
        )


@pytest.mark.parametrize(("accumulate", "xla"), [(2, False), (1, True)])
def test_devices_that_cannot_meet_are_refused_before_tensorflow_does(accumulate, xla):
    execution = Execution(devices="mirrored", norm="synchronized", xla=xla)
    stage = make_stage(accumulate=accumulate)
    with pytest.raises(ValueError, match="norm synchronized on 2 devices does not go together"):
        make_step(make_net(stage), stage, execution, Strategy(replicas=2))


def test_another_backend_is_refused(monkeypatch):
    monkeypatch.setattr(keras.backend, "backend", lambda: "torch")
    with pytest.raises(ValueError, match="KERAS_BACKEND is torch"):
        layer_gradients(make_net(make_stage()), make_stage(), make_batches(make_stage(), 1)[0])
