"""How well a net tells cancer on the tune side, while it learns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from mammo_pipeline.mammo.ladder.examples import Examples, read_windows
from mammo_pipeline.mammo.ladder.stages import Stage
from mammo_pipeline.mammo.networks.predict import predict_batches
from mammo_pipeline.mammo.patches.classes import first_malignant
from mammo_pipeline.mammo.scoring import auroc

if TYPE_CHECKING:
    import keras


def tune_auc(model: keras.Model, stage: Stage, pixels: np.ndarray, tune: Examples) -> float:
    """Returns the area under the ROC curve on `tune` of the weights that the net holds.

    It is of cancer or not by breast, or of malignant or not by patch; NaN where the net gives an
    answer that is not finite.

    Args:
        model: The net.
        stage: Says what it reads, and how many at once.
        pixels: The image store, uint16 (images, rows, columns).
        tune: What to judge on.
    """
    batch = max(1, stage.batch // stage.accumulate)
    outputs = predict_batches(
        model, lambda rows: read_windows(pixels, tune, rows), len(tune.labels), batch
    )
    if not np.isfinite(outputs).all():
        return float("nan")
    if stage.data == "patches":
        logits = outputs.reshape(len(tune.labels), -1)
        truth = tune.labels >= first_malignant(logits.shape[1])
        return float(auroc(truth, malignancy_scores(logits, stage.loss)))
    return float(auroc(*mean_by_unit(tune, outputs.reshape(-1))))


def malignancy_scores(logits: np.ndarray, loss: str) -> np.ndarray:
    """Returns how malignant each patch is, from logits of shape (n, classes); higher is more so.

    Trained against the rest, it is the higher log odds of the malignant classes; trained with a
    softmax, the log odds of all malignant classes together.

    >>> malignancy_scores(np.array([[9.0, 9.0, 9.0, -1.0, 2.0]]), "one_against_rest").tolist()
    [2.0]
    """
    first = first_malignant(logits.shape[1])
    malignant, other = logits[:, first:], logits[:, :first]
    if loss == "softmax":
        return np.logaddexp.reduce(malignant, axis=1) - np.logaddexp.reduce(other, axis=1)
    return malignant.max(axis=1)


def mean_by_unit(examples: Examples, logits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns (label, mean logit) of every breast: its images answer together."""
    _, unit = np.unique(examples.units, return_inverse=True)
    counts = np.bincount(unit)
    return (
        (np.bincount(unit, examples.labels) > 0).astype(int),
        np.bincount(unit, logits.astype(np.float64)) / counts,
    )
