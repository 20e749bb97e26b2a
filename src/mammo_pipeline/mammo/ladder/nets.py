"""The nets of the ladder, each with its optimizer and averages, and all their variables as arrays.

Nothing here is compiled or traced: `steps` does that.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from mammo_pipeline.mammo.ladder.averages import EMA, make_averages, walk_layers
from mammo_pipeline.mammo.ladder.optimizers import build_optimizer
from mammo_pipeline.mammo.ladder.restore import OPTIMIZER, State, match_layers
from mammo_pipeline.mammo.ladder.settings import Average, Optimizer
from mammo_pipeline.mammo.ladder.stages import Ladder, Stage
from mammo_pipeline.mammo.networks.families import Network, build_image_net, build_patch_net
from mammo_pipeline.mammo.networks.predict import assign_variables

if TYPE_CHECKING:
    import keras

    from mammo_pipeline.mammo.ladder.strategy import Strategy

LEARNING_RATE = f"{OPTIMIZER}learning_rate"
# A class that no batch holds would give a bias without end; at one in ten thousand it is -9.2.
LEAST_SHARE = 1e-4

Prevalence = float | np.ndarray


@dataclass(frozen=True, eq=False)
class Net:
    """A net that can learn.

    Attributes:
        model: The net; its frozen layers are not trainable.
        optimizer: Built for what is trainable; also the model's own.
        averages: Variable path to moving average; empty where none is taken.
    """

    model: keras.Model
    optimizer: keras.optimizers.Optimizer
    averages: dict[str, Any]


@dataclass(frozen=True)
class _Recipe:
    """All of a ladder and a stage that decides a net's variables and how they are computed."""

    network: Network
    data: str
    loss: str
    trainable: tuple[str, ...]
    normalization: str
    optimizer: Optimizer
    ema: Average | None
    precision: str
    norm: str


def build_net(
    ladder: Ladder, stage: Stage, prevalence: Prevalence, strategy: Strategy | None = None
) -> tuple[Net, State]:
    """Returns the net of a stage, and the state that a new one has with the ladder's seed.

    The net is the same object for all stages that differ only in what lives in variables or in
    the batches, as the learning rate does, for tracing it anew takes seconds. So assign a whole
    state before use.

    Args:
        ladder: Its seed, network and execution.
        stage: What is built, what learns, with which optimizer and averages.
        prevalence: Of images the share of cancers; of patches the share of every class, shape
            (classes,), or one number for all. A fresh head answers it.
        strategy: On whose devices the variables live; on the default one where absent.

    Raises:
        ValueError: A pattern of `trainable` names no layer, nothing learns, or the prevalence does
            not fit.
    """
    recipe = _write_recipe(ladder, stage)
    head = _find_head(recipe, prevalence)
    net, optimizer_state = _build_once(recipe, strategy)
    weights = _draw_weights(ladder.network, recipe.data, ladder.seed, head)
    averages = {f"{EMA}{path}": weights[path] for path in net.averages}
    return net, {**weights, **optimizer_state, **averages}


def _write_recipe(ladder: Ladder, stage: Stage) -> _Recipe:
    network = ladder.network
    if stage.dropout is not None:
        network = network.model_copy(update={"dropout": stage.dropout})
    return _Recipe(
        network=network,
        data=stage.data,
        loss=stage.loss,
        trainable=stage.trainable,
        normalization=stage.normalization,
        optimizer=stage.optimizer,
        ema=stage.ema,
        precision=ladder.execution.precision,
        norm=ladder.execution.norm,
    )


def _find_head(recipe: _Recipe, prevalence: Prevalence) -> tuple[float, ...]:
    """Returns the first bias of each class of patches, or the one prevalence of images."""
    classes = recipe.network.classes
    shape = (classes,) if recipe.data == "patches" else ()
    shares = np.asarray(prevalence, np.float64)
    if shares.shape not in ((), shape) or not np.all((shares >= 0) & (shares <= 1)):
        raise ValueError(
            f"the prevalence is {prevalence}, expected "
            + (f"the shares of {classes} classes" if shape else "one share between 0 and 1")
        )
    shares = np.broadcast_to(np.clip(shares, LEAST_SHARE, 1 - LEAST_SHARE), shape)
    if recipe.data == "images":
        return (float(shares),)
    odds = 1.0 if recipe.loss == "softmax" else 1 - shares
    return tuple(np.log(shares / odds).tolist())


def _build(
    network: Network, data: str, seed: int, head: tuple[float, ...] | None, **options: Any
) -> keras.Model:
    if data == "patches":
        bias = None if head is None else np.array(head, np.float32)
        return build_patch_net(network, seed, bias=bias, **options)
    return build_image_net(network, seed, 0.5 if head is None else head[0], **options)


@lru_cache(maxsize=2)  # of the patches and of the images
def _draw_weights(network: Network, data: str, seed: int, head: tuple[float, ...]) -> State:
    """Returns the weights of a new net; those of all stages of a seed are the same arrays."""
    weights = {v.path: np.array(v) for v in _build(network, data, seed, head).weights}
    for value in weights.values():
        value.setflags(write=False)
    return weights


@lru_cache(maxsize=4)  # the nets of the winner's four stages
def _build_once(recipe: _Recipe, strategy: Strategy | None) -> tuple[Net, State]:
    with _open_scope(strategy):
        model = _build(
            recipe.network,
            recipe.data,
            seed=0,
            head=None,
            precision=recipe.precision,
            synchronized=recipe.norm == "synchronized",
        )
        freeze_layers(model, recipe.trainable, recipe.normalization)
        optimizer = build_optimizer(recipe.optimizer, name=OPTIMIZER.rstrip("/"))
        optimizer.build(model.trainable_variables)  # else its variables are missing from the state
        averages = make_averages(model, recipe.ema)
    model.optimizer = optimizer
    net = Net(model, optimizer, averages)
    first = {path: np.array(v) for path, v in _find_optimizer_variables(optimizer).items()}
    return net, first


def _open_scope(strategy: Strategy | None) -> AbstractContextManager[Any]:
    return nullcontext() if strategy is None else strategy.scope()


def freeze_layers(model: keras.Model, trainable: tuple[str, ...], normalization: str) -> None:
    """Makes the layers that match a pattern learn, and no others.

    A batch normalization that does not learn uses its moving statistics while training, too, and
    keeps its scale and offset. More than half of a canvas is air, and a batch holds few canvases:
    their statistics would change every feature that patches have taught.

    Args:
        model: The net; its layers are changed.
        trainable: Shell patterns of layer names.
        normalization: `frozen` keeps every batch normalization, whatever the patterns say.

    Raises:
        ValueError: A pattern matches no layer with weights, or nothing is left to learn.
    """
    layers = {layer.name: layer for layer in walk_layers(model) if layer.weights}
    chosen = match_layers(trainable, layers, "trainable")
    for name, layer in layers.items():
        kept = normalization == "frozen" and type(layer).__name__ == "BatchNormalization"
        layer.trainable = name in chosen and not kept
    if not model.trainable_variables:
        raise ValueError(
            f"trainable {list(trainable)} with {normalization} normalization leaves nothing to "
            "learn: name a layer that is no batch normalization"
        )


def capture_state(net: Net) -> State:
    """Returns copies of all variables of a net, by path, without the learning rate."""
    return {path: np.array(v) for path, v in _find_variables(net).items()}


def assign_state(net: Net, state: State) -> None:
    """Gives every variable of a net its value.

    Raises:
        ValueError: A path is missing or unknown, or a shape differs; each is named.
    """
    assign_variables(_find_variables(net), state)


def _find_variables(net: Net) -> dict[str, Any]:
    weights = {v.path: v for v in net.model.weights}
    averages = {f"{EMA}{path}": v for path, v in net.averages.items()}
    return {**weights, **_find_optimizer_variables(net.optimizer), **averages}


def _find_optimizer_variables(optimizer: Any) -> dict[str, Any]:
    """Returns all that the optimizer remembers, by path."""
    return {v.path: v for v in optimizer.variables if v.path != LEARNING_RATE}
