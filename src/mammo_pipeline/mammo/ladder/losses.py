"""What a net is told it got wrong, one number a picture, and how much each picture counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from mammo_pipeline.mammo.ladder.stages import Stage

Loss = Callable[[Any, Any], Any]


def one_against_rest(labels: Any, logits: Any) -> Any:
    """Returns the cross-entropy of every class against the rest, summed, (n,) float32.

    A softmax does not care what all logits have in common, but the image net does: it passes each
    class of the heatmap through a ReLU of its own and takes the maximum over places. Trained
    against the rest, a logit is the log odds of its class, and its zero means as likely as not.

    Args:
        labels: Class numbers, (n,), of the whole patch.
        logits: (n, rows, columns, classes); the loss is the mean over the places.
    """
    from keras import ops

    truth, logits = _spread(labels, logits)
    return ops.mean(ops.sum(ops.softplus(logits) - truth * logits, axis=-1), axis=(1, 2))


def softmax(labels: Any, logits: Any) -> Any:
    """Returns the cross-entropy of one class out of all, (n,) float32, in nats.

    Args:
        labels: Class numbers, (n,), of the whole patch.
        logits: (n, rows, columns, classes); the loss is the mean over the places.
    """
    from keras import ops

    truth, logits = _spread(labels, logits)
    return ops.mean(ops.logsumexp(logits, axis=-1) - ops.sum(truth * logits, axis=-1), axis=(1, 2))


def binary(labels: Any, logits: Any) -> Any:
    """Returns the cross-entropy of cancer or not, (n,) float32, in nats.

    Args:
        labels: 1 where the breast has cancer, (n,).
        logits: (n, 1).
    """
    from keras import ops

    logits = ops.cast(logits, "float32")[:, 0]
    return ops.softplus(logits) - ops.cast(labels, "float32") * logits


LOSSES: dict[str, Loss] = {
    "one_against_rest": one_against_rest,
    "softmax": softmax,
    "binary": binary,
}


def _spread(labels: Any, logits: Any) -> tuple[Any, Any]:
    """Returns the labels at every place, one-hot, and the logits, both float32."""
    from keras import ops

    truth = ops.one_hot(ops.cast(labels, "int32"), logits.shape[-1], dtype="float32")
    return truth[:, None, None, :], ops.cast(logits, "float32")


def name_loss(stage: Stage) -> str:
    """Returns the name of a stage's loss in `LOSSES`: images know one question only."""
    return stage.loss if stage.data == "patches" else "binary"


def loss_of(stage: Stage) -> Loss:
    """Returns the loss of a stage: of (labels, logits), one float32 value a picture."""
    return LOSSES[name_loss(stage)]


def example_weights(labels: np.ndarray, stage: Stage) -> np.ndarray:
    """Returns what each picture counts in the loss of its batch, float32 (n,), with the sum 1.

    Because they sum to 1 over the whole batch, replicas and accumulated parts simply add up. All
    count the same, or, with `balance.weights`, all the classes that are present do: a picture of
    class c counts 1 / (classes present x pictures of c).

    Args:
        labels: Of the whole batch over all devices, (n,).
        stage: Says whether classes are balanced.

    Raises:
        ValueError: There is no picture.

    >>> stage = Stage(name="a", data="images", start="scratch", learning_rate=1, epochs=1, batch=4,
    ...               optimizer={"name": "adam"}, balance={"weights": True})
    >>> [round(float(w), 3) for w in example_weights(np.array([0, 0, 0, 1]), stage)]
    [0.167, 0.167, 0.167, 0.5]
    """
    if not len(labels):
        raise ValueError("the batch is empty, expected at least one picture")
    if not stage.balance.weights:
        return np.full(len(labels), 1 / len(labels), np.float32)
    _, inverse, counts = np.unique(labels, return_inverse=True, return_counts=True)
    return (1 / (len(counts) * counts[inverse])).astype(np.float32)
