"""Batches for the training loop, read ahead by a thread while the device computes."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING
from zlib import crc32

import numpy as np

from mammo_pipeline.mammo.ladder.augment import as_arrays, make_changes
from mammo_pipeline.mammo.ladder.examples import Examples, read_windows

if TYPE_CHECKING:
    from mammo_pipeline.mammo.ladder.stages import Stage

SeedOf = Callable[[int], np.random.Generator]


@dataclass(frozen=True, eq=False)
class Batch:
    """What one step learns from, in memory, not yet changed.

    Attributes:
        pixels: uint16, (n, rows, columns, 1).
        labels: int64, (n,).
        weights: float32, (n,): of each picture in the loss, 1 in sum.
        changes: What `warp` does to the pictures, by name; empty where nothing.
        rows: int64, (n,): the examples that these are.
        dropout_seed: Of this step, below 2**31.
    """

    pixels: np.ndarray
    labels: np.ndarray
    weights: np.ndarray
    changes: dict[str, np.ndarray]
    rows: np.ndarray
    dropout_seed: int


def seed_step(seed: int, stage: str, epoch: int, step: int) -> np.random.Generator:
    """Returns the generator of one step, the same whether or not the steps before it ran.

    Args:
        seed: Of the whole ladder.
        stage: Its name.
        epoch: From 1.
        step: In the epoch, from 0.
    """
    return np.random.default_rng([seed, crc32(stage.encode()), epoch, step])


def make_batch(
    pixels: np.ndarray,
    examples: Examples,
    rows: np.ndarray,
    stage: Stage,
    rng: np.random.Generator,
) -> Batch:
    """Returns the batch of these examples.

    Args:
        pixels: The image store, uint16 (images, rows, columns).
        examples: What there is.
        rows: Numbers of the examples of this step, (n,).
        stage: Says how they are changed and weighted.
        rng: Of this step alone.
    """
    from mammo_pipeline.mammo.ladder.losses import example_weights

    rows = np.asarray(rows, np.int64)
    labels = examples.labels[rows]
    # Drawn first: another augmentation leaves the dropout as it was.
    dropout_seed = int(rng.integers(2**31))
    changes = make_changes(rng, len(rows), examples.shape_px, stage.augment)
    return Batch(
        pixels=read_windows(pixels, examples, rows),
        labels=labels,
        weights=example_weights(labels, stage),
        changes=as_arrays(changes),
        rows=rows,
        dropout_seed=dropout_seed,
    )


def read_batches(
    pixels: np.ndarray,
    examples: Examples,
    steps: np.ndarray,
    stage: Stage,
    seed_of: SeedOf,
    first_step: int = 0,
    ahead: int = 2,
) -> Generator[tuple[Batch, float]]:
    """Yields each step's batch, and the seconds that the loop waited for it.

    One thread reads them in order. What goes wrong with a batch is raised where the loop asks for
    it, after all batches before it. A loop that ends early ends the thread, after the batch that
    it is reading.

    Args:
        pixels: The image store, uint16 (images, rows, columns).
        examples: What there is.
        steps: Which examples each step sees, (steps, batch), as `draw_epoch` returned it.
        stage: Says how they are changed and weighted.
        seed_of: Gives the generator of a step, from 0; see `seed_step`.
        first_step: Where to begin, in a pass that was interrupted.
        ahead: Batches that wait while one is in use, at least 1.

    Raises:
        ValueError: `ahead` is below 1.
    """
    if ahead < 1:
        raise ValueError(f"ahead is {ahead}, expected at least 1 batch")
    reader = ThreadPoolExecutor(1, thread_name_prefix="feed")
    coming = iter(range(first_step, len(steps)))
    waiting: deque[Future[Batch]] = deque()

    def order(count: int) -> None:
        for step in islice(coming, count):
            rng = seed_of(step)
            waiting.append(reader.submit(make_batch, pixels, examples, steps[step], stage, rng))

    try:
        order(ahead)
        while waiting:
            began = time.perf_counter()
            batch = waiting.popleft().result()
            waited = time.perf_counter() - began
            order(1)
            yield batch, waited
    finally:
        reader.shutdown(wait=True, cancel_futures=True)
