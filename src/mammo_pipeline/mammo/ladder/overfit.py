"""One batch learned by heart: what a net must be able to do before it is given more."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from mammo_pipeline.mammo.ladder.feed import Batch
from mammo_pipeline.mammo.ladder.nets import assign_state, capture_state
from mammo_pipeline.mammo.ladder.restore import OPTIMIZER, State
from mammo_pipeline.mammo.ladder.settings import Wiring
from mammo_pipeline.mammo.ladder.stages import Stage
from mammo_pipeline.mammo.ladder.steps import Step, layer_gradients

if TYPE_CHECKING:
    from mammo_pipeline.mammo.ladder.nets import Net

# Of the declared rate, one after the other until one learns: what is too fast for a net that comes
# from another stage is too slow for a fresh one, and neither is dead.
FACTORS = (1.0, 0.1, 10.0)
# In nats: a net that comes from another stage may know the batch already.
KNOWN_LOSS = 0.01
# Adam's own (Kingma and Ba 2015), for stages whose optimizer is another.
BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-7


def narrow_batch(batch: Batch, parts: int) -> tuple[Batch, Batch]:
    """Returns the pictures that a device holds at once, and a whole batch of them, repeated.

    Both as `pack_batch` deals a batch out: every `parts`-th picture is of one part.

    Args:
        batch: Over all devices.
        parts: That it is computed in: devices x accumulated parts.
    """
    weights = batch.weights[::parts] / batch.weights[::parts].sum()
    part = replace(
        batch,
        pixels=batch.pixels[::parts],
        labels=batch.labels[::parts],
        weights=weights,
        changes={name: value[::parts] for name, value in batch.changes.items()},
        rows=batch.rows[::parts],
    )
    whole = replace(
        part,
        pixels=np.repeat(part.pixels, parts, axis=0),
        labels=np.repeat(part.labels, parts),
        weights=np.repeat(part.weights, parts) / parts,
        changes={name: np.repeat(v, parts, axis=0) for name, v in part.changes.items()},
        rows=np.repeat(part.rows, parts),
    )
    return part, whole


def overfit_batch(
    net: Net, step: Step, stage: Stage, part: Batch, whole: Batch, wiring: Wiring
) -> tuple[float, float]:
    """Returns the loss of a batch before and after some steps of Adam on it alone.

    Where the declared rate does not learn it, a tenth and ten times of it are tried from the same
    start; the figures are those of the try that came lowest.

    The stage's own step takes them where its optimizer adapts as Adam does, from blank moments.
    Plain gradient descent would need another rate for every net: there Adam is worked out here.

    Args:
        net: Changed by it.
        step: Of this net and stage.
        stage: What is to be learned.
        part: The pictures.
        whole: The same, as often as the step divides its batch.
        wiring: How many steps, and how fast.
    """
    start = _blank_optimizer(capture_state(net))
    tries: list[tuple[float, float]] = []
    for factor in FACTORS:
        assign_state(net, start)
        step.reload()
        rate = factor * wiring.learning_rate
        tries.append(_try_rate(net, step, stage, part, whole, rate, wiring.steps))
        if is_learned(tries[-1], wiring):
            break
    return min(tries, key=lambda losses: losses[1] if np.isfinite(losses[1]) else np.inf)


def is_learned(losses: tuple[float, float], wiring: Wiring) -> bool:
    """Returns whether the loss fell far enough, or was next to nothing.

    >>> is_learned((0.7, 0.5), Wiring(loss_ratio=0.9)), is_learned((0.7, 0.7), Wiring())
    (True, False)
    """
    first, last = losses
    return last < wiring.loss_ratio * first or last < KNOWN_LOSS


def _try_rate(
    net: Net, step: Step, stage: Stage, part: Batch, whole: Batch, rate: float, steps: int
) -> tuple[float, float]:
    """Returns the loss before and after the steps at one rate."""
    if stage.optimizer.name != "sgd":
        losses = [float(step.take(whole, rate)[0]) for _ in range(steps)]
    else:
        losses = [float(step.take(whole, 0.0)[0])]
        step.settle()
        _descend(net, stage, part, rate, steps)
        step.reload()
    losses.append(float(step.take(whole, 0.0)[0]))
    step.settle()
    return losses[0], losses[-1]


def _blank_optimizer(state: State) -> State:
    """Returns the state with all that its optimizer remembers as a new one has it."""
    # Nadam's product of momenta starts at 1, all else at 0.
    return {
        path: np.full_like(value, path.endswith("u_product"))
        if path.startswith(OPTIMIZER)
        else value
        for path, value in state.items()
    }


def _descend(net: Net, stage: Stage, part: Batch, learning_rate: float, steps: int) -> None:
    """Takes steps of Adam on the net's variables (Kingma and Ba 2015, section 2)."""
    variables = net.model.trainable_variables
    mean = {v.path: np.zeros(v.shape, np.float32) for v in variables}
    square = {path: value.copy() for path, value in mean.items()}
    for count in range(1, steps + 1):
        rate = learning_rate * (1 - BETA_2**count) ** 0.5 / (1 - BETA_1**count)
        gradients = layer_gradients(net, stage, part)
        for v in variables:
            gradient = gradients[v.path]
            mean[v.path] += (1 - BETA_1) * (gradient - mean[v.path])
            square[v.path] += (1 - BETA_2) * (gradient**2 - square[v.path])
            scale = np.sqrt(square[v.path]) + EPSILON
            v.assign(np.array(v) - rate * mean[v.path] / scale)
