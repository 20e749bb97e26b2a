"""What a stage takes over, variable by variable."""

from __future__ import annotations

import numpy as np
import pytest

from mammo_pipeline.mammo.ladder.restore import keep_average, restore_state
from toy_study import make_ladder

STAGES = make_ladder().stages
SOURCE = {
    "conv/kernel": np.full((2, 2), 5.0),
    "old/bias": np.full(3, 6.0),
    "optimizer/iteration": np.array(40),
    "optimizer/conv_kernel_momentum": np.full((2, 2), 0.1),
    "optimizer/conv_kernel_velocity": np.full((2, 2), 0.2),
}
FRESH = {
    "conv/kernel": np.zeros((2, 2)),
    "new/bias": np.ones(4),
    "optimizer/iteration": np.array(0),
    "optimizer/conv_kernel_momentum": np.zeros((2, 2)),
    "optimizer/conv_kernel_velocity": np.zeros((2, 2)),
    "optimizer/conv_kernel_average": np.zeros((2, 2)),
    "optimizer/new_bias_momentum": np.zeros(4),
    "optimizer/new_bias_velocity": np.zeros(4),
    "optimizer/new_bias_average": np.zeros(4),
}


def test_weights_and_adam_variables_of_shared_layers_are_restored():
    start, _ = restore_state(FRESH, SOURCE, STAGES["finetune_ema"])
    for path in SOURCE.keys() & FRESH.keys():
        np.testing.assert_array_equal(start[path], SOURCE[path])
    np.testing.assert_array_equal(start["new/bias"], FRESH["new/bias"])


def test_weights_alone_leave_the_optimizer_new():
    start, _ = restore_state(FRESH, SOURCE, STAGES["finetune_sgd"])
    assert start["conv/kernel"][0, 0] == 5
    assert start["optimizer/iteration"] == 0
    assert not start["optimizer/conv_kernel_momentum"].any()


def test_a_moving_average_starts_at_the_starting_weights_not_at_zero():
    start, _ = restore_state(FRESH, SOURCE, STAGES["finetune_ema"])
    np.testing.assert_array_equal(start["optimizer/conv_kernel_average"], SOURCE["conv/kernel"])
    np.testing.assert_array_equal(start["optimizer/new_bias_average"], FRESH["new/bias"])


def test_the_report_has_one_row_a_variable():
    _, rows = restore_state(FRESH, SOURCE, STAGES["finetune_ema"])
    told = {row["variable"]: (row["kind"], row["action"], row["from_stage"]) for row in rows}
    assert told == {
        "conv/kernel": ("weight", "restored", "image_adam"),
        "new/bias": ("weight", "new", ""),
        "optimizer/iteration": ("iteration", "restored", "image_adam"),
        "optimizer/conv_kernel_momentum": ("first_moment", "restored", "image_adam"),
        "optimizer/conv_kernel_velocity": ("second_moment", "restored", "image_adam"),
        "optimizer/conv_kernel_average": ("ema", "from_weights", ""),
        "optimizer/new_bias_momentum": ("first_moment", "new", ""),
        "optimizer/new_bias_velocity": ("second_moment", "new", ""),
        "optimizer/new_bias_average": ("ema", "from_weights", ""),
        "old/bias": ("weight", "dropped", "image_adam"),
    }
    assert {row["shape"] for row in rows} == {"2x2", "3", "4", "scalar"}


def test_another_shape_is_an_error_that_names_the_variable():
    with pytest.raises(ValueError, match=r"conv/kernel is \(3,\) in image_adam, expected \(2, 2\)"):
        restore_state(FRESH, {**SOURCE, "conv/kernel": np.zeros(3)}, STAGES["finetune_ema"])


def test_nets_that_share_nothing_are_an_error():
    with pytest.raises(ValueError, match="shares no variable with image_adam"):
        restore_state(FRESH, {"renamed/kernel": np.zeros(1)}, STAGES["finetune_ema"])


def test_the_kept_weights_are_the_average_where_there_is_one():
    kept = keep_average({**FRESH, "optimizer/conv_kernel_average": np.full((2, 2), 9.0)})
    assert kept["conv/kernel"][0, 0] == 9
    no_average = {"conv/kernel": np.ones(1)}
    assert keep_average(no_average)["conv/kernel"] == 1
