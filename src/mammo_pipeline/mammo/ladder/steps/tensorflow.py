"""One step of training on TensorFlow, on one device or on several."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from mammo_pipeline.mammo.ladder.averages import find_statistics, move_average
from mammo_pipeline.mammo.ladder.feed import Batch
from mammo_pipeline.mammo.ladder.steps.arithmetic import (
    add_decay,
    clip_gradients,
    find_seeds,
    pair_averages,
    sum_loss,
)
from mammo_pipeline.mammo.ladder.steps.rule import Rule, Step, draw_seeds, pack_batch

if TYPE_CHECKING:
    from mammo_pipeline.mammo.ladder.nets import Net
    from mammo_pipeline.mammo.ladder.strategy import Strategy

Inputs = dict[str, Any]


def make_step(net: Net, rule: Rule, strategy: Strategy) -> Step:
    """Returns the step of a net; its weights live in the net's own variables all the time."""
    import tensorflow as tf

    one = strategy.tensorflow is None
    # The collective sums of several devices stay outside of what XLA compiles.
    differentiate = partial(_differentiate_parts, net, rule)
    if rule.xla and not one:
        differentiate = tf.function(differentiate, autograph=False, jit_compile=True)
    change = partial(_change_net, net, rule, strategy, differentiate)
    if not one:
        _sum_gradients_once(net.optimizer)

    def run(inputs: Inputs, rate: Any, seeds: Any) -> Any:
        return change(inputs, rate, seeds) if one else strategy.run(change, inputs, rate, seeds)

    compiled = tf.function(run, autograph=False, jit_compile=rule.xla and one)
    dropping = len(find_seeds(net.model))

    def take(batch: Batch, rate: float) -> tuple[Any, Any]:
        packed = pack_batch(batch, strategy.replicas * rule.accumulate)
        inputs = tf.nest.map_structure(strategy.spread, packed)
        seeds = tf.constant(draw_seeds(batch.dropout_seed, dropping), tf.int64)
        loss, norm = compiled(inputs, tf.constant(rate, tf.float32), seeds)
        return strategy.collect(loss), strategy.collect(norm)

    return Step(take=take, settle=lambda: None, reload=lambda: None)


def _change_net(
    net: Net,
    rule: Rule,
    strategy: Strategy,
    differentiate: Callable[[Inputs], tuple[Any, list[Any]]],
    inputs: Inputs,
    rate: Any,
    seeds: Any,
) -> tuple[Any, Any]:
    """Returns (loss, norm of the gradient) of the whole batch, on each replica the same."""
    variables = net.model.trainable_variables
    _set_seeds(net, seeds, strategy.number_replica() * rule.accumulate)
    loss, gradients = differentiate(inputs)
    loss, *gradients = strategy.sum_over_replicas([loss, *gradients])
    gradients = add_decay(gradients, variables, [v.value for v in variables], rule.l2)
    norm, gradients = clip_gradients(gradients, rule.clip_norm)
    net.optimizer.learning_rate = rate
    net.optimizer.apply(gradients, variables)
    strategy.share_mean(find_statistics(net.model))
    for average, value in pair_averages(net.model, net.averages):
        average.assign(move_average(average.value, value.value, rule.momentum or 0.0))
    return loss, norm


def _set_seeds(net: Net, seeds: Any, first: Any) -> None:
    """Gives every layer that drops its seed, and the number of the first part of this replica.

    So a batch in 4 parts drops the same on 1 device x 4 parts, 2 x 2 and 4 x 1.
    """
    import tensorflow as tf

    for number, state in enumerate(find_seeds(net.model)):
        state.assign(tf.stack([seeds[number], tf.cast(first, seeds.dtype)]))


def _differentiate_parts(net: Net, rule: Rule, inputs: Inputs) -> tuple[Any, list[Any]]:
    """Returns (loss, gradients), summed over the parts of these pictures."""
    import tensorflow as tf

    if rule.accumulate == 1:
        return _differentiate(net, rule, inputs)
    parts = tf.nest.map_structure(partial(_cut, rule.accumulate), inputs)

    def add_part(number: Any, loss: Any, gradients: list[Any]) -> tuple[Any, Any, list[Any]]:
        part = tf.nest.map_structure(lambda values: values[number], parts)
        more_loss, more = _differentiate(net, rule, part)
        summed = [a + b for a, b in zip(gradients, more, strict=True)]
        return number + 1, loss + more_loss, summed

    zeros = [tf.zeros(v.shape, v.dtype) for v in net.model.trainable_variables]
    _, loss, gradients = tf.while_loop(
        lambda number, *sums: number < rule.accumulate,
        add_part,
        (tf.constant(0), tf.constant(0.0), zeros),
        parallel_iterations=1,  # more would hold the activations of several parts at once
        maximum_iterations=rule.accumulate,
    )
    return loss, gradients


def _cut(parts: int, values: Any) -> Any:
    import tensorflow as tf

    return tf.reshape(values, (parts, values.shape[0] // parts, *values.shape[1:]))


def _differentiate(net: Net, rule: Rule, inputs: Inputs) -> tuple[Any, list[Any]]:
    import tensorflow as tf

    values = [v.value for v in net.model.trainable_variables]
    with tf.GradientTape() as tape:
        loss = sum_loss(partial(net.model, training=True), rule.loss, inputs)
    return loss, tape.gradient(loss, values, unconnected_gradients="zero")


def _sum_gradients_once(optimizer: Any) -> None:
    """Keeps a Keras optimizer from summing over the replicas: the step did, to clip the sum.

    Its own clipping comes before its sum, so each replica would be clipped alone.
    """
    optimizer._all_reduce_sum_gradients = list


def layer_gradients(net: Net, rule: Rule, batch: Batch) -> dict[str, np.ndarray]:
    """Returns the gradient for every trainable variable by its path; the net stays as it was."""
    import tensorflow as tf

    held = [(v, v.numpy()) for v in net.model.non_trainable_variables]
    seeds = draw_seeds(batch.dropout_seed, len(find_seeds(net.model)))
    _set_seeds(net, tf.constant(seeds, tf.int64), 0)
    _, gradients = _differentiate(
        net, rule, tf.nest.map_structure(tf.convert_to_tensor, pack_batch(batch, 1))
    )
    for variable, value in held:
        variable.assign(value)
    paths = [v.path for v in net.model.trainable_variables]
    return {path: g.numpy() for path, g in zip(paths, gradients, strict=True)}
