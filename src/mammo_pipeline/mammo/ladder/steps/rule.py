"""What of a stage a step is traced with, and what of a batch it is given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from mammo_pipeline.mammo.ladder.feed import Batch
from mammo_pipeline.mammo.ladder.losses import name_loss
from mammo_pipeline.mammo.ladder.settings import Execution
from mammo_pipeline.mammo.ladder.stages import Stage


@dataclass(frozen=True)
class Step:
    """One step of training, compiled.

    Where the backend keeps the weights in arrays of its own (JAX), two rules hold. After `take`
    the net's variables may not be read until `settle` was called. After somebody assigned a
    variable, `reload` must be called before the next `take`. On TensorFlow both do nothing.

    Attributes:
        take: Given (batch over all devices, learning rate) it changes the net and returns (loss,
            norm of the gradient before clipping), scalars on the device: `float()` waits for them.
            The loss is the weighted mean over the whole batch, without the decay's term.
        settle: Writes the weights, the optimizer and the averages into the net's variables.
        reload: Takes them from there.
    """

    take: Callable[[Batch, float], tuple[Any, Any]]
    settle: Callable[[], None]
    reload: Callable[[], None]


@dataclass(frozen=True)
class Rule:
    """All of a stage that is written into the compiled step; steps of equal rules are shared.

    Attributes:
        loss: Name in `losses.LOSSES`.
        accumulate: Parts, one after the other.
        clip_norm: Largest norm of the gradient.
        l2: Decay of the kernels inside the gradient.
        momentum: Of the moving average.
        xla: Whether TensorFlow compiles with XLA; JAX always does.
    """

    loss: str
    accumulate: int = 1
    clip_norm: float | None = None
    l2: float = 0.0
    momentum: float | None = None
    xla: bool = False


def read_rule(stage: Stage, execution: Execution) -> Rule:
    """Returns what of a stage is written into its step."""
    settings = stage.optimizer
    return Rule(
        loss=name_loss(stage),
        accumulate=stage.accumulate,
        clip_norm=settings.clip_norm,
        l2=settings.weight_decay if settings.decay == "l2" else 0.0,
        momentum=stage.ema.momentum if stage.ema else None,
        xla=execution.xla,
    )


def pack_batch(batch: Batch, parts: int) -> dict[str, Any]:
    """Returns what of a batch goes to the device, every array with one row a picture.

    The parts lie one behind the other, and the pictures are dealt out to them in turn: a batch
    begins with all its cancers, and a part that held one class alone would be normalized by it.

    Args:
        batch: Over all devices.
        parts: Equal parts that it must fall into: devices x accumulated parts.

    Raises:
        ValueError: It does not.
    """
    count = len(batch.labels)
    if count % parts:
        raise ValueError(
            f"a batch of {count} pictures does not fall into {parts} equal parts (devices x "
            f"accumulate): choose a `batch` that is a multiple of {parts}"
        )
    return {
        "pixels": deal_out(batch.pixels, parts),
        "labels": deal_out(batch.labels.astype(np.int32), parts),
        "weights": deal_out(batch.weights, parts),
        "changes": {name: deal_out(value, parts) for name, value in batch.changes.items()},
    }


def deal_out(values: np.ndarray, parts: int) -> np.ndarray:
    """Returns the rows in the order of the parts; part k has the rows k, k + parts, and so on.

    >>> deal_out(np.array([1, 1, 0, 0]), 2).tolist()
    [1, 0, 1, 0]
    >>> deal_out(np.arange(6), 2).tolist()
    [0, 2, 4, 1, 3, 5]
    """
    if parts == 1:
        return values
    dealt = values.reshape(-1, parts, *values.shape[1:])
    return np.ascontiguousarray(dealt.swapaxes(0, 1)).reshape(values.shape)


def draw_seeds(dropout_seed: int, layers: int) -> np.ndarray:
    """Returns one seed a layer that drops, (layers,) int64 below 2**31, all from one number."""
    return np.random.SeedSequence(dropout_seed).generate_state(layers).astype(np.int64) >> 1
