"""Whether a net can learn at all, asked before hours are spent on it.

At step 0 every layer's output and every layer's gradient are measured; then the net must learn one
batch by heart. Karpathy's recipe for training neural networks (2019) asks for the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from mammo_pipeline.mammo.ladder.feed import Batch
from mammo_pipeline.mammo.ladder.nets import assign_state, capture_state
from mammo_pipeline.mammo.ladder.optimizers import is_kernel
from mammo_pipeline.mammo.ladder.overfit import is_learned, narrow_batch, overfit_batch
from mammo_pipeline.mammo.ladder.restore import State
from mammo_pipeline.mammo.ladder.settings import Wiring
from mammo_pipeline.mammo.ladder.stages import Stage
from mammo_pipeline.mammo.ladder.steps import Step, layer_gradients
from mammo_pipeline.mammo.ladder.warp import warp

if TYPE_CHECKING:
    from mammo_pipeline.mammo.ladder.nets import Net

Row = dict[str, Any]

# Outputs of all layers are held at once: two pictures take no more than a step of training does.
PROBED = 2
# Of the weights that should learn: what is left are biases and a head that reads nothing.
DEAD_SHARE = 0.5


class DeadNetError(RuntimeError):
    """A net cannot learn; the message names the layer, what was found and what to do.

    Attributes:
        rows: What was measured, as `check_wiring` returns it.
    """

    def __init__(self, message: str, rows: list[Row]) -> None:
        super().__init__(message)
        self.rows = rows


def check_wiring(
    net: Net, step: Step, stage: Stage, batch: Batch, wiring: Wiring, replicas: int = 1
) -> list[Row]:
    """Returns one row a layer in forward order, and one row of the batch learned by heart.

    Afterwards the net is as it was, to the bit. A layer counts as dead when its kernel has no
    gradient before the steps and none after them: behind a head that starts at zero there is none
    at step 0, rightly. A frozen layer has none and needs none.

    Args:
        net: In its starting state.
        step: Of this net and stage.
        stage: What is to be learned.
        batch: Its first batch, over all devices.
        wiring: How many steps, how fast, and by how much the loss must fall.
        replicas: Devices: what one of them holds at once is what is looked at.

    Returns:
        Rows of stage, check (`layer` or `one batch`), layer, kind, weights (how many),
        activation_mean, activation_std, zero_share, gradient_norm, gradient_norm_after,
        loss_first, loss_last and verdict.

    Raises:
        DeadNetError: An output or a gradient is not finite, or the loss of the batch does not fall
            below `loss_ratio` of where it began.
    """
    held = capture_state(net)
    others = [(v, np.array(v)) for v in net.model.non_trainable_variables]
    try:
        return _check(net, step, stage, narrow_batch(batch, stage.accumulate * replicas), wiring)
    finally:
        step.settle()
        for variable, value in others:  # dropout's random numbers are in no state
            variable.assign(value)
        assign_state(net, held)
        step.reload()


def _check(
    net: Net, step: Step, stage: Stage, batch: tuple[Batch, Batch], wiring: Wiring
) -> list[Row]:
    part, whole = batch
    rows = [
        {"stage": stage.name, "check": "layer", **row} for row in measure_activations(net, part)
    ]
    before = layer_gradients(net, stage, part)
    _add_gradients(rows, net, before, "gradient_norm")
    _refuse_infinite(rows, stage)
    losses = overfit_batch(net, step, stage, part, whole, wiring)
    after = layer_gradients(net, stage, part)
    _add_gradients(rows, net, after, "gradient_norm_after")
    moved = {path for path in after if np.any(before[path]) or np.any(after[path])}
    for row in rows:
        row["verdict"] = _judge_layer(row, net, moved)
    rows.append(_judge_losses(stage, losses, wiring))
    _refuse_dead(rows, stage, wiring)
    return rows


def measure_activations(net: Net, batch: Batch) -> list[Row]:
    """Returns what every layer gives for a few pictures while training, one row a layer.

    Args:
        net: Batch normalization that learns moves its averages, as it does in training.
        batch: The first `PROBED` pictures are looked at.
    """
    import keras
    from keras import ops

    layers = [layer for layer in net.model.layers if type(layer).__name__ != "InputLayer"]
    probe = keras.Model(net.model.inputs, [layer.output for layer in layers])
    changes = {name: ops.convert_to_tensor(value[:PROBED]) for name, value in batch.changes.items()}
    outputs = probe(warp(ops.convert_to_tensor(batch.pixels[:PROBED]), changes), training=True)
    return [
        _describe_layer(layer, output)
        for layer, output in zip(layers, keras.tree.flatten(outputs), strict=True)
    ]


def _describe_layer(layer: Any, output: Any) -> Row:
    from keras import ops

    values = np.asarray(ops.convert_to_numpy(ops.cast(output, "float32")))
    finite = bool(np.isfinite(values).all())
    return {
        "layer": layer.name,
        "kind": type(layer).__name__,
        "weights": int(sum(np.prod(v.shape) for v in layer.weights)),
        "activation_mean": float(values.mean(dtype=np.float64)) if finite else None,
        "activation_std": float(values.std(dtype=np.float64)) if finite else None,
        "zero_share": float(np.mean(values == 0)),
    }


def _list_learning(layer: Any) -> list[Any]:
    """Returns the variables by which a layer is judged: its kernels, where it has any."""
    learning = list(layer.trainable_variables)
    return [v for v in learning if is_kernel(v)] or learning


def _add_gradients(rows: list[Row], net: Net, gradients: State, column: str) -> None:
    """Writes the norm of every layer's gradient into its row, None where nothing learns."""
    for row in rows:
        paths = [v.path for v in net.model.get_layer(row["layer"]).trainable_variables]
        squares = sum(float(np.sum(np.square(gradients[p], dtype=np.float64))) for p in paths)
        row[column] = float(np.sqrt(squares)) if paths else None


def _judge_layer(row: Row, net: Net, moved: set[str]) -> str:
    """Returns what became of a layer.

    `learns`; `wakes up`, where the gradient comes with the first steps; `frozen`; `no weights`;
    `silent`, where its output is zero everywhere and nothing learns; or `dead`.
    """
    layer = net.model.get_layer(row["layer"])
    judged = _list_learning(layer)
    if any(v.path not in moved for v in judged):
        return "dead"
    if judged:
        return "learns" if row["gradient_norm"] else "wakes up"
    if row["zero_share"] == 1:
        return "silent"
    return "frozen" if row["weights"] else "no weights"


def _judge_losses(stage: Stage, losses: tuple[float, float], wiring: Wiring) -> Row:
    first, last = losses
    learned = is_learned(losses, wiring)
    row = {"stage": stage.name, "check": "one batch", "layer": "", "kind": f"{wiring.steps} steps"}
    return row | {
        "loss_first": first,
        "loss_last": last,
        "verdict": "learned" if learned else "not learned",
    }


def _refuse_infinite(rows: list[Row], stage: Stage) -> None:
    """Raises at the first layer whose output is no number, or else the last whose gradient is."""
    outputs = [row for row in rows if row["activation_mean"] is None]
    gradients = [row for row in rows if not np.isfinite(row["gradient_norm"] or 0.0)]
    if not outputs and not gradients:
        return
    what, row = ("output", outputs[0]) if outputs else ("gradient", gradients[-1])
    raise DeadNetError(
        f"stage {stage.name}: the {what} of layer {row['layer']} ({row['kind']}) holds NaN or "
        "infinity before the first step: look at the weights that the stage starts from, and "
        "compute in float32 where execution.precision is bfloat16",
        rows,
    )


def _refuse_dead(rows: list[Row], stage: Stage, wiring: Wiring) -> None:
    """Raises where the batch was not learned, or most of the weights never will.

    A small dead layer beside a way that learns is no dead net: it stands in the report.
    """
    told, learning = rows[-1], [row for row in rows if row["verdict"] not in ("frozen", "silent")]
    lost = sum(row["weights"] or 0 for row in learning if row["verdict"] == "dead")
    if told["verdict"] == "learned" and lost <= DEAD_SHARE * sum(
        row.get("weights") or 0 for row in learning
    ):
        return
    raise DeadNetError(
        f"stage {stage.name}: on one batch the loss went from {told['loss_first']:.4g} to "
        f"{told['loss_last']:.4g} in {wiring.steps} steps at the best of three rates about "
        f"{wiring.learning_rate:g}, expected below {wiring.loss_ratio:g} of where it began. "
        f"{_blame_layers(rows)}",
        rows,
    )


def _blame_layers(rows: list[Row]) -> str:
    """Returns what stands in the way of a batch that was not learned, and what to do."""
    dead = [row for row in rows if row["verdict"] == "dead"]
    if not dead:
        return (
            "The net cannot learn even what it sees all the time: look at the gradients in the "
            "wiring report and at the labels, or change wiring.learning_rate or wiring.steps"
        )
    # Where all is zero nothing learns from there on, nor below: the first such layer is why.
    silent = [row for row in dead if row.get("zero_share") == 1]
    first = (silent or dead)[0]
    found = "gives zero for every picture" if silent else "has no gradient"
    return (
        f"Layer {first['layer']} ({first['kind']}) {found}, and no gradient reaches "
        f"{', '.join(row['layer'] for row in dead)}: take another seed, widen the layer, or leave "
        "what nothing reads out of `trainable`"
    )
