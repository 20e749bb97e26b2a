"""The nets of the ladder, compiled, and their variables as plain arrays."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from mammo_pipeline.mammo.ladder.restore import OPTIMIZER, State
from mammo_pipeline.mammo.ladder.stages import Stage
from mammo_pipeline.mammo.networks.dreamnet import DreamNet, build_image_net, build_patch_net
from mammo_pipeline.mammo.networks.predict import assign_variables

if TYPE_CHECKING:
    import keras

LEARNING_RATE = f"{OPTIMIZER}learning_rate"
NEVER_DECAYED = ["bias", "gamma", "beta"]


def compile_stage(
    network: DreamNet, stage: Stage, seed: int, prevalence: float
) -> tuple[keras.Model, State]:
    """Returns the net of a stage, compiled, and the state that a new one has with this seed.

    The net is the same object for all stages that differ only in what lives in variables, as the
    learning rate does, for tracing it anew takes seconds. So assign a whole state before use.

    Args:
        network: What to build.
        stage: Says which net, which loss and which optimizer.
        seed: Of the initial weights.
        prevalence: Share of cancers that the stage sees; a patch net does not use it.
    """
    dropout = network.dropout if stage.dropout is None else stage.dropout
    described = network.model_copy(update={"dropout": dropout})
    settings = (stage.optimizer, stage.momentum, stage.ema_momentum, stage.weight_decay)
    model = _compile_once(described, stage.data, settings)
    model.optimizer.learning_rate = stage.learning_rate
    blank = _build(described, stage.data, seed, prevalence)
    weights = {v.path: np.array(v) for v in blank.weights}
    zeros = {v.path: np.zeros(v.shape, v.dtype) for v in model.optimizer.variables}
    del zeros[LEARNING_RATE]
    return model, {**weights, **zeros}


def _build(network: DreamNet, data: str, seed: int, prevalence: float) -> keras.Model:
    if data == "patches":
        return build_patch_net(network, seed)
    return build_image_net(network, seed, prevalence)


@lru_cache(maxsize=8)
def _compile_once(network: DreamNet, data: str, settings: tuple[Any, ...]) -> keras.Model:
    import keras

    model = _build(network, data, seed=0, prevalence=0.5)
    optimizer = _build_optimizer(*settings)
    optimizer.build(model.trainable_variables)  # else its variables are missing from the state
    losses = {
        "patches": one_against_rest,
        "images": keras.losses.BinaryCrossentropy(from_logits=True),
    }
    model.compile(optimizer, losses[data], jit_compile=False)  # XLA was slower on a CPU
    return model


def one_against_rest(labels: Any, logits: Any) -> Any:
    """Returns the cross-entropy of every class against the rest, summed, one value a place.

    A softmax does not care what all logits have in common, but the image net does: it passes each
    class of the heatmap through a ReLU of its own and takes the maximum over places. Trained
    against the rest, a logit is the log odds of its class, and its zero means as likely as not.

    Args:
        labels: Class numbers, (n, rows, columns).
        logits: (n, rows, columns, classes).
    """
    from keras import ops

    truth = ops.one_hot(ops.cast(labels, "int32"), logits.shape[-1], dtype=logits.dtype)
    losses = ops.softplus(logits) - truth * logits
    return ops.sum(losses, axis=-1)


def _build_optimizer(
    name: str, momentum: float, ema_momentum: float | None, weight_decay: float
) -> keras.optimizers.Optimizer:
    import keras

    options: dict[str, Any] = {"name": OPTIMIZER.rstrip("/"), "learning_rate": 1.0}
    if ema_momentum is not None:
        options |= {"use_ema": True, "ema_momentum": ema_momentum}
    if weight_decay:
        options["weight_decay"] = weight_decay
    if name == "sgd":
        optimizer = keras.optimizers.SGD(momentum=momentum, **options)
    else:
        optimizer = keras.optimizers.Adam(**options)
    if weight_decay:
        optimizer.exclude_from_weight_decay(var_names=NEVER_DECAYED)
    return optimizer


def capture_state(model: keras.Model) -> State:
    """Returns copies of all variables of a compiled net, by path, without the learning rate."""
    return {path: np.array(v) for path, v in _find_variables(model).items()}


def assign_state(model: keras.Model, state: State) -> None:
    """Gives every variable of a compiled net its value.

    Raises:
        ValueError: A path is missing or unknown, or a shape differs; each is named.
    """
    assign_variables(_find_variables(model), state)


def _find_variables(model: keras.Model) -> dict[str, Any]:
    both = [*model.weights, *model.optimizer.variables]
    return {v.path: v for v in both if v.path != LEARNING_RATE}
