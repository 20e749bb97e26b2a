"""What a step is traced with, and what it is given."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mammo_pipeline.mammo.ladder.settings import Execution
from mammo_pipeline.mammo.ladder.steps.rule import draw_seeds, pack_batch, read_rule
from toy_steps import make_batches, make_stage


def test_only_what_is_written_into_the_step_parts_two_rules():
    rule = read_rule(make_stage(), Execution())
    alike = make_stage(name="other", learning_rate=5.0, batch=4, restore=["weights"], start="toy")
    assert read_rule(alike, Execution(prefetch=7)) == rule
    for changes in (
        {"accumulate": 2},
        {"data": "patches"},
        {"ema": {"momentum": 0.5}},
        {"optimizer": {"name": "adam", "clip_norm": 1.0}},
        {"optimizer": {"name": "adam", "weight_decay": 0.1, "decay": "l2"}},
    ):
        assert read_rule(make_stage(**changes), Execution()) != rule
    assert read_rule(make_stage(), Execution(xla=True)) != rule


def test_decoupled_decay_is_the_optimizers_and_not_the_steps():
    decoupled = make_stage(optimizer={"name": "adam", "weight_decay": 0.1})
    assert read_rule(decoupled, Execution()).l2 == 0


def test_a_batch_that_does_not_fall_into_equal_parts_is_refused():
    (batch,) = make_batches(make_stage(), steps=1)
    with pytest.raises(ValueError, match=r"8 pictures does not fall into 3 equal parts"):
        pack_batch(batch, 3)


def test_the_changes_travel_with_the_pictures():
    (batch,) = make_batches(make_stage(), steps=1)
    flips = np.ones((8, 2), bool)
    packed = pack_batch(replace(batch, changes={"flips": flips}), 1)
    assert packed["changes"]["flips"] is flips
    assert packed["pixels"] is batch.pixels


def test_every_part_has_its_share_of_the_cancers_a_batch_begins_with():
    (batch,) = make_batches(make_stage(), steps=1)
    numbers = np.arange(8)
    labels, gains = (numbers < 4).astype(np.int64), numbers.astype(np.float32)
    pixels = np.broadcast_to(numbers[:, None, None, None], batch.pixels.shape).astype(np.uint16)
    changed = replace(batch, labels=labels, pixels=pixels, changes={"gains": gains})
    packed = pack_batch(changed, 4)
    assert packed["labels"].reshape(4, 2).tolist() == [[1, 0]] * 4
    assert packed["pixels"][:, 0, 0, 0].tolist() == [0, 4, 1, 5, 2, 6, 3, 7]
    assert packed["changes"]["gains"].tolist() == [0, 4, 1, 5, 2, 6, 3, 7]
    np.testing.assert_array_equal(packed["weights"], batch.weights[[0, 4, 1, 5, 2, 6, 3, 7]])


def test_each_layer_drops_by_a_seed_of_its_own_from_one_number():
    seeds = draw_seeds(5, 3)
    assert len(set(seeds.tolist())) == 3
    assert ((seeds >= 0) & (seeds < 2**31)).all()
    assert draw_seeds(5, 3).tolist() == seeds.tolist()
    assert draw_seeds(6, 3).tolist() != seeds.tolist()
