"""The optimizers: Keras' own, decayed on kernels only, every variable named."""

from __future__ import annotations

import numpy as np
import pytest

from mammo_pipeline.mammo.ladder.optimizers import build_optimizer, is_kernel
from mammo_pipeline.mammo.ladder.settings import Optimizer
from toy_steps import build_model, make_net, make_stage


def build(**settings):
    return build_optimizer(Optimizer(**settings))


def test_the_settings_reach_keras():
    adam = build(name="adam", beta_1=0.8, beta_2=0.99, epsilon=1e-4)
    assert (adam.beta_1, adam.beta_2, adam.epsilon) == (0.8, 0.99, 1e-4)
    sgd = build(name="sgd", momentum=0.9, nesterov=True)
    assert (sgd.momentum, sgd.nesterov) == (0.9, True)
    assert build(name="nadam", beta_1=0.8).beta_1 == 0.8


def test_neither_average_nor_clipping_is_left_to_keras():
    optimizer = build(name="adam", clip_norm=1.0, weight_decay=0.1, decay="l2")
    assert not optimizer.use_ema
    assert optimizer.global_clipnorm is None
    assert optimizer.weight_decay is None


@pytest.mark.parametrize("name", ["adam", "nadam", "sgd"])
def test_every_variable_has_a_path_below_the_optimizers(name):
    net = make_net(make_stage(optimizer={"name": name}))
    paths = [v.path for v in net.optimizer.variables]
    assert all(path.startswith("optimizer/") for path in paths)
    assert len(set(paths)) == len(paths)


def test_the_product_of_nadam_starts_at_one():
    net = make_net(make_stage(optimizer={"name": "nadam"}))
    found = {v.path: float(v) for v in net.optimizer.variables if v.shape == ()}
    assert found["optimizer/u_product"] == 1


def test_nadam_steps_as_the_one_of_keras():
    import keras

    stage = make_stage()
    models = [build_model(stage, execution()) for _ in range(2)]
    optimizers = [build(name="nadam"), keras.optimizers.Nadam(1.0)]
    rng = np.random.default_rng(0)
    for _ in range(3):
        gradients = [rng.normal(size=v.shape) for v in models[0].trainable_variables]
        for model, optimizer in zip(models, optimizers, strict=True):
            optimizer.learning_rate = 0.01
            given = [keras.ops.convert_to_tensor(g, dtype="float32") for g in gradients]
            optimizer.apply(given, model.trainable_variables)
    for ours, theirs in zip(models[0].weights, models[1].weights, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def execution():
    from mammo_pipeline.mammo.ladder.settings import Execution

    return Execution()


def test_both_kinds_of_decay_spare_all_but_kernels():
    net = make_net(make_stage(optimizer={"name": "adam", "weight_decay": 0.5}))
    variables = net.model.trainable_variables
    decoupled = {v.path for v in variables if net.optimizer._use_weight_decay(v)}
    assert decoupled == {v.path for v in variables if is_kernel(v)}
    assert decoupled == {"conv_1/kernel", "conv_2/kernel", "output/kernel"}


def test_the_names_that_tensorflow_gives_are_told_apart_too():
    import re

    from mammo_pipeline.mammo.ladder.optimizers import NO_KERNEL

    for name in ("kernel", "a/kernel:0", "a/kernel/replica_1:0", "depthwise_kernel"):
        assert re.search(NO_KERNEL, name) is None, name
    for name in ("bias", "kernel_1/bias:0", "norm/gamma/replica_1:0", "beta"):
        assert re.search(NO_KERNEL, name), name
