"""The moving averages: of what is asked, from where the weights are, and exact."""

from __future__ import annotations

import numpy as np
import pytest

from mammo_pipeline.mammo.ladder.averages import find_statistics, keep_average
from mammo_pipeline.mammo.ladder.settings import Execution
from mammo_pipeline.mammo.ladder.steps import make_step
from toy_steps import make_batches, make_net, make_stage, read_arrays

STATISTICS = {"norm/moving_mean", "norm/moving_variance"}


def average(of: str = "weights", **changes):
    return make_stage(ema={"momentum": 0.75, "of": of}, **changes)


def test_an_average_starts_at_the_weights():
    net = make_net(average())
    for path, value in net.averages.items():
        held = next(v for v in net.model.weights if v.path == path)
        np.testing.assert_array_equal(value, held)
        assert value is not held


@pytest.mark.parametrize("of", ["weights", "weights_and_statistics"])
def test_the_average_is_the_one_computed_by_hand(of):
    stage = average(of)
    net = make_net(stage)
    step = make_step(net, stage, Execution())
    by_hand = read_arrays(net)
    for batch in make_batches(stage, steps=3):
        step.take(batch, 0.05)
        raw = read_arrays(net)
        for path in net.averages:
            old, weight = by_hand[f"ema/{path}"], raw[f"weights/{path}"]
            by_hand[f"ema/{path}"] = 0.75 * old + 0.25 * weight
    moved = 0
    for path in net.averages:
        np.testing.assert_allclose(raw[f"ema/{path}"], by_hand[f"ema/{path}"], rtol=1e-5, atol=1e-7)
        moved += not np.allclose(raw[f"ema/{path}"], raw[f"weights/{path}"], rtol=1e-3)
    assert moved > len(net.averages) / 2
    assert net.averages.keys() >= STATISTICS or of == "weights"


def test_statistics_are_averaged_where_asked_and_updated_only():
    weights = {v.path for v in make_net(average()).model.trainable_variables}
    assert make_net(average()).averages.keys() == weights
    both = make_net(average("weights_and_statistics"))
    assert both.averages.keys() == weights | STATISTICS
    frozen = make_net(average("weights_and_statistics", normalization="frozen"))
    assert not STATISTICS & frozen.averages.keys()
    assert find_statistics(frozen.model) == []


def test_without_an_ema_there_is_no_average():
    assert make_net(make_stage()).averages == {}


def test_statistics_of_a_net_inside_the_net_are_found():
    import keras

    inner = make_net(make_stage()).model
    outer = keras.Sequential([inner])
    assert {v.path.split("/", 1)[-1] for v in find_statistics(outer)} >= {"moving_mean"}


def test_a_kept_average_takes_the_place_of_the_weights_only_where_there_is_one():
    state = {"a/kernel": np.ones(2), "a/bias": np.zeros(2), "ema/a/kernel": np.full(2, 5.0)}
    kept = keep_average(state)
    assert kept["a/kernel"].tolist() == [5, 5] == kept["ema/a/kernel"].tolist()
    assert kept["a/bias"].tolist() == [0, 0]
    assert state["a/kernel"].tolist() == [1, 1]
