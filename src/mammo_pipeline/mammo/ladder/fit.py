"""The epoch loop of one stage."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar
from zlib import crc32

import numpy as np

from mammo_pipeline.mammo.ladder.augment import apply_changes, make_changes
from mammo_pipeline.mammo.ladder.compiled import assign_state, capture_state
from mammo_pipeline.mammo.ladder.examples import Examples, draw_epoch, read_windows
from mammo_pipeline.mammo.ladder.restore import keep_average
from mammo_pipeline.mammo.ladder.stages import Augmentation, Stage
from mammo_pipeline.mammo.networks.dreamnet import FIRST_MALIGNANT
from mammo_pipeline.mammo.networks.predict import predict_batches
from mammo_pipeline.mammo.scoring import auroc

if TYPE_CHECKING:
    import keras

T = TypeVar("T")
Row = dict[str, Any]


class DivergedError(ArithmeticError):
    """The loss is no number any more."""


def make_deterministic() -> None:
    """Makes every later operation give the same bits again on this machine and thread count."""
    import keras

    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()


def seed_epoch(seed: int, stage: str, epoch: int) -> np.random.Generator:
    """Returns the generator of one epoch, the same whether or not the epochs before it ran."""
    return np.random.default_rng([seed, crc32(stage.encode()), epoch])


def fit_epoch(
    model: keras.Model,
    stage: Stage,
    pixels: np.ndarray,
    train: Examples,
    tune: Examples,
    seed: int,
    epoch: int,
) -> Row:
    """Returns the history row of one epoch, after which the model has learned from it.

    `tune_auc` is of the weights that the stage would keep, its moving average where it has one:
    cancer or not by breast, or malignant or not by patch.

    Args:
        model: Compiled for the stage, in the state to go on from.
        stage: How to learn.
        pixels: The image store, uint16 (images, rows, columns).
        train: What to learn from.
        tune: What to judge on.
        seed: Of the whole ladder.
        epoch: Number of this epoch in the stage, from 1.

    Raises:
        DivergedError: The loss of a step is not finite, its images are named; or a weight is not.
    """
    rng = seed_epoch(seed, stage.name, epoch)
    _seed_dropout(model, rng)
    steps = draw_epoch(rng, train.labels, stage)
    began = time.perf_counter()
    batches = _prepare_batches(pixels, train, steps, stage.augment, rng)
    losses = [
        _take_step(model, batch, train, rows, stage, epoch)
        for batch, rows in zip(prefetch(batches), steps, strict=True)
    ]
    seconds = time.perf_counter() - began
    weight_norm = _measure_weights(model, stage, epoch)
    return {
        "stage": stage.name,
        "epoch": epoch,
        "loss": float(np.mean(losses)),
        "tune_auc": tune_auc(model, stage, pixels, tune),
        "learning_rate": stage.learning_rate,
        "seconds": round(seconds, 3),
        "images_per_second": round(steps.size / seconds, 2),
        "weight_norm": weight_norm,
    }


def _take_step(
    model: keras.Model, batch: Any, train: Examples, rows: np.ndarray, stage: Stage, epoch: int
) -> float:
    labels = train.labels[rows].reshape((-1, 1, 1) if stage.data == "patches" else (-1, 1))
    loss = float(model.train_on_batch(batch, labels))
    if not np.isfinite(loss):
        raise DivergedError(
            f"the loss is {loss} in stage {stage.name}, epoch {epoch}, on the images "
            f"{', '.join(sorted(set(train.image_ids[rows].tolist())))}: lower the learning_rate "
            f"(now {stage.learning_rate:g}), or look at these images"
        )
    return loss


def _measure_weights(model: keras.Model, stage: Stage, epoch: int) -> float:
    trainable = [np.asarray(v, np.float64) for v in model.trainable_variables]
    norm = float(np.sqrt(sum(np.sum(weights**2) for weights in trainable)))
    if not np.isfinite(norm):
        raise DivergedError(
            f"the weights are not finite after stage {stage.name}, epoch {epoch}: lower the "
            f"learning_rate (now {stage.learning_rate:g})"
        )
    return norm


def _prepare_batches(
    pixels: np.ndarray,
    train: Examples,
    steps: np.ndarray,
    augment: Augmentation,
    rng: np.random.Generator,
) -> Iterator[Any]:
    for rows in steps:
        windows = read_windows(pixels, train, rows)
        changes = make_changes(rng, len(rows), train.shape_px, augment)
        yield windows if augment == Augmentation() else apply_changes(windows, changes)


def prefetch(items: Iterator[T]) -> Iterator[T]:
    """Yields the items in order; the next one is made by a thread while one is in use."""
    end: Any = object()
    with ThreadPoolExecutor(max_workers=1) as pool:
        ahead = pool.submit(next, items, end)
        while (item := ahead.result()) is not end:
            ahead = pool.submit(next, items, end)
            yield item


def _seed_dropout(model: keras.Model, rng: np.random.Generator) -> None:
    for layer in model.layers:
        if hasattr(layer, "seed_generator"):
            layer.seed_generator.state.assign([int(rng.integers(2**31)), 0])


def tune_auc(model: keras.Model, stage: Stage, pixels: np.ndarray, tune: Examples) -> float:
    """Returns the area under the ROC curve on `tune` of the weights that the stage would keep."""
    raw = capture_state(model)
    assign_state(model, keep_average(raw))
    outputs = predict_batches(
        model, lambda rows: read_windows(pixels, tune, rows), len(tune.labels), stage.batch
    )
    assign_state(model, raw)
    if stage.data == "patches":
        classes = outputs.reshape(len(tune.labels), -1)
        return float(auroc(tune.labels >= FIRST_MALIGNANT, malignancy_scores(classes)))
    return float(auroc(*mean_by_unit(tune, outputs.reshape(-1))))


def malignancy_scores(classes: np.ndarray) -> np.ndarray:
    """Returns the higher log odds of the malignant classes, from logits of shape (n, classes)."""
    return classes[:, FIRST_MALIGNANT:].max(axis=1)


def mean_by_unit(examples: Examples, logits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns (label, mean logit) of every breast: its images answer together."""
    _, unit = np.unique(examples.units, return_inverse=True)
    counts = np.bincount(unit)
    return (
        (np.bincount(unit, examples.labels) > 0).astype(int),
        np.bincount(unit, logits.astype(np.float64)) / counts,
    )


def fit_stage(
    model: keras.Model,
    stage: Stage,
    pixels: np.ndarray,
    examples: tuple[Examples, Examples],
    seed: int,
    on_epoch: Callable[[Row], None] = lambda row: None,
) -> list[Row]:
    """Returns the history of all epochs of a stage; the model ends with its raw last weights.

    Args:
        model: Compiled for the stage, in its starting state.
        stage: How to learn.
        pixels: The image store.
        examples: What to learn from, and what to judge on.
        seed: Of the whole ladder.
        on_epoch: Told of every row; it may raise to stop the stage.
    """
    train, tune = examples
    history = []
    for epoch in range(1, stage.epochs + 1):
        history.append(fit_epoch(model, stage, pixels, train, tune, seed, epoch))
        on_epoch(history[-1])
    return history
