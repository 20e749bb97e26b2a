"""The arithmetic that every backend shares."""

from __future__ import annotations

import numpy as np
import pytest

from mammo_pipeline.mammo.ladder.steps.arithmetic import (
    add_decay,
    clip_gradients,
    find_seeds,
    sum_loss,
)
from mammo_pipeline.mammo.ladder.steps.rule import pack_batch
from toy_steps import make_batches, make_net, make_stage


def gradients() -> list[np.ndarray]:
    return [np.array([3.0, 0.0], np.float32), np.array([[0.0, 4.0]], np.float32)]


def test_the_norm_is_told_before_clipping():
    norm, clipped = clip_gradients(gradients(), 1.0)
    assert float(norm) == pytest.approx(5)
    after, _ = clip_gradients([np.asarray(g) for g in clipped], None)
    assert float(after) == pytest.approx(1)
    np.testing.assert_allclose(clipped[0], [0.6, 0], rtol=1e-6)


@pytest.mark.parametrize("clip_norm", [None, 6.0])
def test_a_small_gradient_is_left_as_it_is(clip_norm):
    norm, left = clip_gradients(gradients(), clip_norm)
    assert float(norm) == pytest.approx(5)
    for ours, given in zip(left, gradients(), strict=True):
        np.testing.assert_array_equal(ours, given)


def test_no_gradient_at_all_is_no_division_by_zero():
    norm, clipped = clip_gradients([np.zeros(3, np.float32)], 1.0)
    assert float(norm) == 0
    assert np.asarray(clipped[0]).tolist() == [0, 0, 0]


def test_decay_is_added_to_kernels_only():
    variables = make_net(make_stage()).model.trainable_variables
    zeros = [np.zeros(v.shape, np.float32) for v in variables]
    values = [np.ones(v.shape, np.float32) for v in variables]
    for v, g in zip(variables, add_decay(zeros, variables, values, 0.25), strict=True):
        assert np.unique(g).tolist() == [0.5 if v.path.endswith("kernel") else 0.0]


def test_the_pictures_are_changed_before_the_net_sees_them():
    (batch,) = make_batches(make_stage(), steps=1)
    packed = pack_batch(batch, 1)
    seen = []

    def call(pictures):
        seen.append(np.asarray(pictures))
        return np.zeros((len(pictures), 1), np.float32)

    upside_down = {"flips": np.tile([[True, False]], (8, 1))}
    loss = sum_loss(call, "binary", {**packed, "changes": upside_down})
    np.testing.assert_array_equal(seen[0], batch.pixels[:, ::-1].astype(np.float32))
    assert float(loss) == pytest.approx(np.log(2))


def test_only_layers_that_drop_have_a_seed():
    assert find_seeds(make_net(make_stage()).model) == []
    assert len(find_seeds(make_net(make_stage(dropout=0.5)).model)) == 1
