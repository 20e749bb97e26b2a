"""The arithmetic of a step that every backend shares, in keras.ops."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mammo_pipeline.mammo.ladder.averages import find_statistics, walk_layers
from mammo_pipeline.mammo.ladder.losses import LOSSES
from mammo_pipeline.mammo.ladder.optimizers import is_kernel
from mammo_pipeline.mammo.ladder.warp import warp


def sum_loss(call: Callable[[Any], Any], loss: str, inputs: dict[str, Any]) -> Any:
    """Returns the weighted sum of the losses of some pictures, float32.

    Args:
        call: The net while training, from pictures to logits.
        loss: Name in `LOSSES`.
        inputs: What `pack_batch` gave, or a part of it.
    """
    from keras import ops

    logits = call(warp(inputs["pixels"], inputs["changes"]))
    return ops.sum(inputs["weights"] * LOSSES[loss](inputs["labels"], logits))


def add_decay(gradients: list[Any], variables: list[Any], values: list[Any], l2: float) -> list:
    """Returns the gradients of the loss plus l2 x the sum of squares of all kernels.

    Args:
        gradients: One a variable.
        variables: Of Keras: their names say which are kernels.
        values: What they hold.
        l2: As a Keras regularizer of this name has it; 0 adds nothing.
    """
    if not l2:
        return list(gradients)
    return [
        g + 2 * l2 * value if is_kernel(v) else g
        for g, v, value in zip(gradients, variables, values, strict=True)
    ]


def clip_gradients(gradients: list[Any], clip_norm: float | None) -> tuple[Any, list[Any]]:
    """Returns the norm of all gradients together, and them scaled to at most `clip_norm`."""
    from keras import ops

    squares = [ops.sum(ops.square(ops.cast(g, "float32"))) for g in gradients]
    norm = ops.sqrt(sum(squares[1:], start=squares[0]))
    if clip_norm is None:
        return norm, gradients
    scale = clip_norm / ops.maximum(norm, clip_norm)
    return norm, [g * ops.cast(scale, g.dtype) for g in gradients]


def find_seeds(model: Any) -> list[Any]:
    """Returns the state of the random numbers of every layer that drops something."""
    return [
        layer.seed_generator.state
        for layer in walk_layers(model)
        if getattr(layer, "seed_generator", None) is not None
    ]


def pair_averages(model: Any, averages: dict[str, Any]) -> list[tuple[Any, Any]]:
    """Returns (average, averaged variable) of a net."""
    held = {v.path: v for v in [*model.trainable_variables, *find_statistics(model)]}
    return [(average, held[path]) for path, average in averages.items()]
