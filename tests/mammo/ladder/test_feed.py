"""Batches read ahead: the same ones, in order, whatever happens to the loop."""

from __future__ import annotations

import threading
import time
from contextlib import closing

import numpy as np
import pytest

from mammo_pipeline.mammo.ladder.examples import Examples
from mammo_pipeline.mammo.ladder.feed import Batch, read_batches, seed_step
from mammo_pipeline.mammo.ladder.stages import Stage

AUGMENT = {"rotation_degrees": 25, "elastic": 0.05, "gain": 0.2}
PIXELS = np.random.default_rng(0).integers(0, 65535, (12, 24, 18), dtype=np.uint16)
EXAMPLES = Examples(
    image_ids=np.arange(12).astype(str),
    positions=np.arange(12),
    corners=np.tile([2, 1], (12, 1)),
    shape_px=(20, 16),
    labels=np.arange(12) % 2,
    units=np.arange(12).astype(str),
)
STEPS = np.random.default_rng(1).permutation(12).reshape(6, 2)


def make_stage(**changes: object) -> Stage:
    return Stage(
        **{
            "name": "any",
            "data": "images",
            "start": "scratch",
            "optimizer": {"name": "adam"},
            "learning_rate": 1e-3,
            "epochs": 1,
            "batch": 2,
            "augment": AUGMENT,
            **changes,
        }
    )


def seed_of(step: int) -> np.random.Generator:
    return seed_step(7, "any", 1, step)


def read(pixels=PIXELS, stage=None, first_step: int = 0, ahead: int = 2, seed=seed_of):
    return read_batches(pixels, EXAMPLES, STEPS, stage or make_stage(), seed, first_step, ahead)


def feeding() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name.startswith("feed")]


class SlowPixels:
    """A store that takes its time, notes what was read, and may hold a damaged image."""

    def __init__(self, seconds: float = 0.0, damaged: int = -1) -> None:
        self.seconds, self.damaged = seconds, damaged
        self.shape = PIXELS.shape
        self.read: list[int] = []

    def __getitem__(self, item: tuple) -> np.ndarray:
        time.sleep(self.seconds)
        if item[0] == self.damaged:
            raise ValueError(f"image {self.damaged} is damaged")
        self.read.append(int(item[0]))
        return PIXELS[item]


def await_images(store: SlowPixels, count: int) -> None:
    until = time.perf_counter() + 10
    while len(store.read) < count:
        assert time.perf_counter() < until, f"{len(store.read)} images were read, not {count}"
        time.sleep(0.001)
    time.sleep(0.005)  # the last window is on its way into its batch


def assert_same(found: Batch, expected: Batch) -> None:
    for name in ("pixels", "labels", "weights", "rows"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name))
    assert found.dropout_seed == expected.dropout_seed
    assert found.changes.keys() == expected.changes.keys() != set()
    for name, array in found.changes.items():
        np.testing.assert_array_equal(array, expected.changes[name])


def test_every_step_comes_in_order_with_its_pictures_and_labels():
    batches = [batch for batch, _ in read()]
    np.testing.assert_array_equal([batch.rows for batch in batches], STEPS)
    for batch in batches:
        np.testing.assert_array_equal(batch.pixels[..., 0], PIXELS[batch.rows, 2:22, 1:17])
        np.testing.assert_array_equal(batch.labels, EXAMPLES.labels[batch.rows])
        assert batch.pixels.dtype == np.uint16 and batch.weights.dtype == np.float32
        assert batch.weights.sum() == pytest.approx(1)


@pytest.mark.parametrize("ahead", [1, 3, 20])
def test_how_far_it_reads_ahead_changes_no_batch(ahead):
    for (found, _), (expected, _) in zip(read(ahead=ahead), read(), strict=True):
        assert_same(found, expected)


def test_resumed_at_a_step_it_gives_what_an_unbroken_pass_gives():
    whole = [batch for batch, _ in read()]
    rest = [batch for batch, _ in read(first_step=4)]
    assert len(rest) == 2
    for found, expected in zip(rest, whole[4:], strict=True):
        assert_same(found, expected)


def test_every_step_epoch_stage_and_seed_draws_its_own():
    keys = [(7, "a", 1, 0), (7, "a", 1, 1), (7, "a", 2, 0), (7, "b", 1, 0), (8, "a", 1, 0)]
    draws = [seed_step(*key).integers(2**62) for key in keys]
    assert len(set(draws)) == len(keys)
    assert draws[0] == seed_step(*keys[0]).integers(2**62)


def test_another_augmentation_leaves_the_dropout_as_it_was():
    bare = [batch.dropout_seed for batch, _ in read(stage=make_stage(augment={}))]
    assert bare == [batch.dropout_seed for batch, _ in read()]
    assert len(set(bare)) == len(STEPS)


def test_without_augmentation_a_batch_carries_no_changes():
    assert [batch.changes for batch, _ in read(stage=make_stage(augment={}))] == [{}] * len(STEPS)


def test_a_damaged_image_is_raised_at_its_step_and_after_the_steps_before_it():
    damaged = SlowPixels(damaged=int(STEPS[3, 0]))
    came = 0
    with pytest.raises(ValueError, match="is damaged"):
        for _ in read(damaged):
            came += 1
    assert came == 3
    assert feeding() == []


def test_it_reads_ahead_while_the_loop_works_and_no_further():
    store = SlowPixels()
    with closing(read(store, ahead=2)) as batches:
        next(batches)
        await_images(store, 6)
        time.sleep(0.05)
        assert sorted(store.read) == sorted(STEPS[:3].reshape(-1).tolist())


def test_a_loop_that_ends_early_leaves_no_thread_and_reads_no_more():
    store = SlowPixels(0.02)
    began = time.perf_counter()
    for _ in read(store, ahead=5):
        assert feeding()
        break
    assert feeding() == []
    assert time.perf_counter() - began < 0.2
    assert len(store.read) <= 6


def test_an_error_of_the_loop_ends_the_thread():
    with pytest.raises(ZeroDivisionError), closing(read(SlowPixels(0.01))) as batches:
        for _ in batches:
            raise ZeroDivisionError
    assert feeding() == []


def test_a_loop_that_is_faster_than_the_feed_sees_its_wait():
    waits = [wait for _, wait in read(SlowPixels(0.02))]
    assert min(waits) > 0.03  # two images of 0.02 s a batch


def test_a_loop_that_is_slower_than_the_feed_does_not_wait():
    store, waits = SlowPixels(0.03), []
    for step, (_, wait) in enumerate(read(store), start=1):
        waits.append(wait)
        await_images(store, 2 * min(step + 1, len(STEPS)))
    assert waits[0] > 0.05 and max(waits[1:]) < 0.03


def test_a_feed_that_may_not_read_ahead_is_refused():
    with pytest.raises(ValueError, match="ahead is 0"):
        next(read(ahead=0))
