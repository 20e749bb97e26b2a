"""One step of training on JAX: the weights are arrays that go in and come out."""

from __future__ import annotations

from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

import numpy as np

from mammo_pipeline.mammo.ladder.averages import move_average
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

Held = dict[str, list[Any]]


def make_step(net: Net, rule: Rule, strategy: Strategy) -> Step:
    """Returns the step of a net; between `reload` and `settle` it alone knows the weights."""
    import jax

    # The old weights are given away: the new ones take their memory.
    compiled = jax.jit(partial(_advance, net, rule), donate_argnums=0)
    dropping = len(find_seeds(net.model))
    current: dict[str, Held] = {}

    def reload() -> None:
        current["seen"] = current["held"] = _read(net)

    def take(batch: Batch, rate: float) -> tuple[Any, Any]:
        inputs = pack_batch(batch, rule.accumulate)
        seeds = draw_seeds(batch.dropout_seed, dropping)
        current["held"], loss, norm = compiled(
            current["held"], inputs, np.float32(rate), seeds.astype(np.uint32)
        )
        return loss, norm

    def settle() -> None:
        if current["held"] is current["seen"]:
            return
        _refuse_foreign_values(net, current["seen"])
        for group, variables in _group(net).items():
            for variable, value in zip(variables, current["held"][group], strict=True):
                variable.assign(value)
        reload()

    return Step(take=take, settle=settle, reload=reload)


def _group(net: Net) -> dict[str, list[Any]]:
    """Returns the variables of a net as JAX' calls of Keras want them."""
    return {
        "trainable": net.model.trainable_variables,
        "others": net.model.non_trainable_variables,
        "optimizer": net.optimizer.variables,
        "averages": list(net.averages.values()),
    }


def _read(net: Net) -> Held:
    return {group: [v.value for v in variables] for group, variables in _group(net).items()}


def _refuse_foreign_values(net: Net, seen: Held) -> None:
    """Raises where a variable was assigned behind the step's back: its value would be lost."""
    for group, variables in _group(net).items():
        for variable, value in zip(variables, seen[group], strict=True):
            if variable.value is not value:
                raise RuntimeError(
                    f"{variable.path} was assigned while the step held the weights: call "
                    "`settle` before and `reload` after assigning"
                )


def _advance(
    net: Net, rule: Rule, held: Held, inputs: dict[str, Any], rate: Any, seeds: Any
) -> tuple[Held, Any, Any]:
    """Returns (all variables after the step, loss, norm of the gradient)."""
    trainable = held["trainable"]
    others = _set_seeds(net, held["others"], seeds)
    loss, others, gradients = _differentiate_parts(net, rule, trainable, others, inputs)
    gradients = add_decay(gradients, net.model.trainable_variables, trainable, rule.l2)
    norm, gradients = clip_gradients(gradients, rule.clip_norm)
    # `learning_rate` of the optimizer is one of its variables.
    optimizer = [
        rate.astype(value.dtype) if variable is net.optimizer._learning_rate else value
        for variable, value in zip(net.optimizer.variables, held["optimizer"], strict=True)
    ]
    trainable, optimizer = net.optimizer.stateless_apply(optimizer, gradients, trainable)
    averages = _move_averages(net, rule, held["averages"], trainable, others)
    after = {
        "trainable": trainable,
        "others": others,
        "optimizer": optimizer,
        "averages": averages,
    }
    return after, loss, norm


def _set_seeds(net: Net, others: list[Any], seeds: Any) -> list[Any]:
    """Returns the variables that no gradient changes, with the seeds of this step."""
    from jax import numpy as jnp

    states = find_seeds(net.model)
    numbers = {id(state): number for number, state in enumerate(states)}
    return [
        jnp.stack([seeds[numbers[id(v)]], jnp.zeros((), seeds.dtype)]).astype(value.dtype)
        if id(v) in numbers
        else value
        for v, value in zip(net.model.non_trainable_variables, others, strict=True)
    ]


def _move_averages(
    net: Net, rule: Rule, averages: list[Any], trainable: list[Any], others: list[Any]
) -> list[Any]:
    both = [*net.model.trainable_variables, *net.model.non_trainable_variables]
    now = {id(v): value for v, value in zip(both, [*trainable, *others], strict=True)}
    return [
        move_average(average, now[id(variable)], rule.momentum or 0.0)
        for average, (_, variable) in zip(
            averages, pair_averages(net.model, net.averages), strict=True
        )
    ]


def _differentiate_parts(
    net: Net, rule: Rule, trainable: list[Any], others: list[Any], inputs: dict[str, Any]
) -> tuple[Any, list[Any], list[Any]]:
    """Returns (loss, the variables that no gradient changes, gradients), summed over the parts."""
    import jax

    if rule.accumulate == 1:
        return _differentiate(net, rule, trainable, others, inputs)

    def cut(values: Any) -> Any:
        return values.reshape(rule.accumulate, -1, *values.shape[1:])

    def add_part(sums: Any, part: dict[str, Any]) -> tuple[Any, None]:
        loss, others, gradients = sums
        more_loss, others, more = _differentiate(net, rule, trainable, others, part)
        summed = [a + b for a, b in zip(gradients, more, strict=True)]
        return (loss + more_loss, others, summed), None

    zeros = [jax.numpy.zeros_like(value) for value in trainable]
    start = (jax.numpy.zeros(()), others, zeros)
    return jax.lax.scan(add_part, start, jax.tree.map(cut, inputs))[0]


def _differentiate(
    net: Net, rule: Rule, trainable: list[Any], others: list[Any], inputs: dict[str, Any]
) -> tuple[Any, list[Any], list[Any]]:
    import jax

    def find_loss(values: list[Any]) -> tuple[Any, list[Any]]:
        after: list[Any] = []

        def call(pictures: Any) -> Any:
            logits, after[:] = net.model.stateless_call(values, others, pictures, training=True)
            return logits

        return sum_loss(call, rule.loss, inputs), after

    (loss, after), gradients = jax.value_and_grad(find_loss, has_aux=True)(trainable)
    return loss, after, gradients


def layer_gradients(net: Net, rule: Rule, batch: Batch) -> dict[str, np.ndarray]:
    """Returns the gradient for every trainable variable by its path; the net stays as it was."""
    import jax

    held = _read(net)
    seeds = draw_seeds(batch.dropout_seed, len(find_seeds(net.model)))
    others = _set_seeds(net, held["others"], jax.numpy.asarray(seeds.astype(np.uint32)))
    differentiate = _compile_gradients(net, rule)
    _, _, gradients = differentiate(held["trainable"], others, pack_batch(batch, 1))
    paths = [v.path for v in net.model.trainable_variables]
    return {path: np.asarray(g) for path, g in zip(paths, gradients, strict=True)}


@lru_cache(maxsize=2)  # tracing anew costs seconds, and the checks of the wiring ask often
def _compile_gradients(net: Net, rule: Rule) -> Any:
    import jax

    return jax.jit(partial(_differentiate, net, rule))
