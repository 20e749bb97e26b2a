"""What a stage takes over, variable by variable."""

from __future__ import annotations

import numpy as np
import pytest

from mammo_pipeline.mammo.ladder.restore import (
    find_layers,
    match_layers,
    restore_state,
    select_weights,
    verify_restored,
)
from mammo_pipeline.mammo.ladder.stages import Stage
from toy_study import make_ladder

STAGES = make_ladder().stages
FILE = {"name": "imagenet.h5", "sha256": "0" * 64}
SOURCE = {
    "conv/kernel": np.full((2, 2), 5.0, np.float32),
    "old/bias": np.full(3, 6.0, np.float32),
    "optimizer/iteration": np.array(40),
    "optimizer/conv_kernel_momentum": np.full((2, 2), 0.1, np.float32),
    "optimizer/conv_kernel_velocity": np.full((2, 2), 0.2, np.float32),
    "optimizer/old_bias_momentum": np.full(3, 0.3, np.float32),
}
FRESH = {
    "conv/kernel": np.zeros((2, 2), np.float32),
    "new/bias": np.ones(4, np.float32),
    "optimizer/iteration": np.array(0),
    "optimizer/conv_kernel_momentum": np.zeros((2, 2), np.float32),
    "optimizer/conv_kernel_velocity": np.zeros((2, 2), np.float32),
    "optimizer/new_bias_momentum": np.zeros(4, np.float32),
    "optimizer/new_bias_velocity": np.zeros(4, np.float32),
    "ema/conv/kernel": np.zeros((2, 2), np.float32),
    "ema/new/bias": np.zeros(4, np.float32),
}


def make_stage(name: str = "finetune_ema", **changes) -> Stage:
    return Stage.model_validate({**STAGES[name].model_dump(), **changes})


def told(rows) -> dict[str, str]:
    return {row["variable"]: row["action"] for row in rows}


def test_weights_and_adam_variables_of_shared_layers_are_restored():
    start, _ = restore_state(FRESH, SOURCE, make_stage())
    for path in SOURCE.keys() & FRESH.keys():
        np.testing.assert_array_equal(start[path], SOURCE[path])
    np.testing.assert_array_equal(start["new/bias"], FRESH["new/bias"])
    assert start.keys() == FRESH.keys()


def test_weights_alone_leave_the_optimizer_new():
    start, _ = restore_state(FRESH, SOURCE, make_stage("finetune_sgd"))
    assert start["conv/kernel"][0, 0] == 5
    assert start["optimizer/iteration"] == 0
    assert not start["optimizer/conv_kernel_momentum"].any()


def test_a_stage_from_scratch_keeps_what_was_drawn():
    start, rows = restore_state(FRESH, None, make_stage("patch_adam"))
    assert {row["action"] for row in rows} == {"new", "from_weights"}
    np.testing.assert_array_equal(start["new/bias"], FRESH["new/bias"])
    np.testing.assert_array_equal(start["ema/new/bias"], FRESH["new/bias"])


def test_a_moving_average_starts_at_the_starting_weights_not_at_zero():
    start, _ = restore_state(FRESH, SOURCE, make_stage())
    np.testing.assert_array_equal(start["ema/conv/kernel"], SOURCE["conv/kernel"])
    np.testing.assert_array_equal(start["ema/new/bias"], FRESH["new/bias"])


def test_a_moving_average_goes_on_where_the_stage_restores_it():
    source = {**SOURCE, "ema/conv/kernel": np.full((2, 2), 7, np.float32)}
    start, rows = restore_state(FRESH, source, make_stage(restore=["weights", "ema"]))
    assert start["ema/conv/kernel"][0, 0] == 7
    assert start["conv/kernel"][0, 0] == 5
    assert told(rows)["ema/conv/kernel"] == "restored"
    assert told(rows)["ema/new/bias"] == "from_weights"
    start, rows = restore_state(FRESH, source, make_stage())
    assert start["ema/conv/kernel"][0, 0] == 5
    assert told(rows)["ema/conv/kernel"] == "from_weights"


def test_a_counter_that_restarts_by_rule_keeps_the_moments():
    fresh = {**FRESH, "optimizer/u_product": np.float32(1)}
    source = {**SOURCE, "optimizer/u_product": np.float32(0.25)}
    start, rows = restore_state(fresh, source, make_stage(iteration="restarted"))
    assert start["optimizer/iteration"] == 0
    assert start["optimizer/u_product"] == 1
    assert start["optimizer/conv_kernel_momentum"][0, 0] == np.float32(0.1)
    assert told(rows)["optimizer/iteration"] == "restarted"
    start, rows = restore_state(fresh, source, make_stage())
    assert (start["optimizer/iteration"], start["optimizer/u_product"]) == (40, 0.25)
    assert told(rows)["optimizer/u_product"] == "restored"


def test_only_the_named_layers_are_taken_over():
    both = {**SOURCE, "new/bias": np.full(4, 8, np.float32)}
    start, rows = restore_state(FRESH, both, make_stage(restore_layers=["n*"]))
    assert start["new/bias"][0] == 8
    for path in ("conv/kernel", "optimizer/conv_kernel_momentum"):
        np.testing.assert_array_equal(start[path], FRESH[path])
        assert told(rows)[path] == "new"


@pytest.mark.parametrize("wrong", ["cnov", "old", "conv/kernel"])
def test_a_wrong_layer_name_is_an_error_that_names_the_near_ones(wrong):
    with pytest.raises(ValueError, match=f"finetune_ema, restore_layers: no.*'{wrong}'.*conv"):
        restore_state(FRESH, SOURCE, make_stage(restore_layers=["conv", wrong]))


def test_the_report_has_one_row_a_variable():
    _, rows = restore_state(FRESH, SOURCE, make_stage())
    found = {r["variable"]: (r["layer"], r["kind"], r["action"], r["from_stage"]) for r in rows}
    assert found == {
        "conv/kernel": ("conv", "weight", "restored", "image_adam"),
        "new/bias": ("new", "weight", "new", ""),
        "optimizer/iteration": ("", "iteration", "restored", "image_adam"),
        "optimizer/conv_kernel_momentum": ("conv", "first_moment", "restored", "image_adam"),
        "optimizer/conv_kernel_velocity": ("conv", "second_moment", "restored", "image_adam"),
        "optimizer/new_bias_momentum": ("new", "first_moment", "new", ""),
        "optimizer/new_bias_velocity": ("new", "second_moment", "new", ""),
        "ema/conv/kernel": ("conv", "ema", "from_weights", ""),
        "ema/new/bias": ("new", "ema", "from_weights", ""),
        "old/bias": ("old", "weight", "dropped", "image_adam"),
        "optimizer/old_bias_momentum": ("old", "first_moment", "dropped", "image_adam"),
    }
    assert {row["shape"] for row in rows} == {"2x2", "3", "4", "scalar"}
    assert {row["stage"] for row in rows} == {"finetune_ema"}


def test_another_shape_is_an_error_that_names_both():
    with pytest.raises(ValueError, match=r"conv/kernel is \(3,\) in image_adam, expected \(2, 2\)"):
        restore_state(FRESH, {**SOURCE, "conv/kernel": np.zeros(3)}, make_stage())


def test_a_finer_type_is_refused_where_bits_would_be_lost():
    fine = {**SOURCE, "conv/kernel": np.full((2, 2), 0.1)}
    with pytest.raises(ValueError, match="float64 in image_adam, which float32 cannot hold"):
        restore_state(FRESH, fine, make_stage())
    start, rows = restore_state(
        FRESH, {**SOURCE, "optimizer/iteration": np.int32(40)}, make_stage()
    )
    assert verify_restored(rows, start, {**SOURCE, "optimizer/iteration": np.int32(40)})


def test_nets_that_share_nothing_are_an_error():
    with pytest.raises(ValueError, match="shares no variable with image_adam"):
        restore_state(FRESH, {"renamed/kernel": np.zeros(1)}, make_stage())


def test_a_file_gives_weights_and_what_the_net_lacks_is_dropped():
    stage = make_stage(start="file", file=FILE, restore=["weights"])
    given = {"conv/kernel": SOURCE["conv/kernel"], "predictions/kernel": np.zeros((9, 9))}
    start, rows = restore_state(FRESH, given, stage)
    assert start["conv/kernel"][0, 0] == 5
    assert told(rows)["predictions/kernel"] == "dropped"
    assert {r["from_stage"] for r in rows} == {"", "imagenet.h5"}
    with pytest.raises(ValueError, match=r"with imagenet\.h5"):
        restore_state(FRESH, {"predictions/kernel": np.zeros((9, 9))}, stage)


def test_an_average_that_another_stage_took_along_is_reported_as_dropped():
    fresh = {path: value for path, value in FRESH.items() if not path.startswith("ema/")}
    source = {**SOURCE, "ema/conv/kernel": SOURCE["conv/kernel"]}
    _, rows = restore_state(fresh, source, make_stage("finetune_sgd"))
    assert told(rows)["ema/conv/kernel"] == "dropped"


def test_what_the_net_holds_is_compared_bit_by_bit():
    stage = make_stage()
    start, rows = restore_state(FRESH, SOURCE, stage)
    found = {r["variable"]: r["maximum_difference"] for r in verify_restored(rows, start, SOURCE)}
    assert found["conv/kernel"] == found["ema/conv/kernel"] == found["ema/new/bias"] == 0.0
    assert found["new/bias"] is found["old/bias"] is None


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("conv/kernel", np.nextafter(np.float32(5), np.float32(6))),
        ("optimizer/conv_kernel_velocity", np.float32(0.3)),
        ("optimizer/iteration", 41),
        ("ema/new/bias", np.float32(0)),
    ],
)
def test_a_single_bit_beside_the_saved_one_is_an_error(path, value):
    start, rows = restore_state(FRESH, SOURCE, make_stage())
    held = {**start, path: start[path].copy()}
    held[path][...] = value
    with pytest.raises(ValueError, match=f"[12] of 6 restored variables.*'{path}'"):
        verify_restored(rows, held, SOURCE)


def test_a_signed_zero_is_not_its_opposite():
    source = {**SOURCE, "conv/kernel": np.zeros((2, 2), np.float32)}
    start, rows = restore_state(FRESH, source, make_stage())
    with pytest.raises(ValueError, match="conv/kernel"):
        verify_restored(rows, {**start, "conv/kernel": -start["conv/kernel"]}, source)


def test_moments_belong_to_the_layer_of_their_weight_whatever_lines_its_name_has():
    state = {
        "block_1_conv_2/kernel": np.zeros(1),
        "block_1/conv_2_bias": np.zeros(1),
        "optimizer/block_1_conv_2_kernel_momentum": np.zeros(1),
        "optimizer/block_1_conv_2_bias_velocity": np.zeros(1),
    }
    assert list(find_layers(state).values()) == [
        "block_1_conv_2",
        "block_1",
        "block_1_conv_2",
        "block_1",
    ]


def test_moments_without_one_owner_are_an_error():
    two = {"a/b_c": np.zeros(1), "a_b/c": np.zeros(1), "optimizer/a_b_c_momentum": np.zeros(1)}
    with pytest.raises(ValueError, match=r"a_b_c_momentum' belongs to a/b_c and a_b/c"):
        find_layers(two)
    with pytest.raises(ValueError, match="belongs to no weight"):
        find_layers({"optimizer/a_b_c_momentum": np.zeros(1)})


def test_an_optimizers_variable_of_an_unknown_kind_is_an_error():
    with pytest.raises(ValueError, match="'optimizer/a_b_hessian' is of no known kind"):
        select_weights({"optimizer/a_b_hessian": np.zeros(1)})


def test_layers_are_found_by_shell_patterns():
    names = ["block_1_conv", "block_2_conv", "block_2_norm", "heatmap"]
    assert match_layers(["block_2_*", "heatmap"], names, "x") == set(names[1:])
    assert match_layers(["block_[13]*"], names, "x") == {"block_1_conv"}
    with pytest.raises(ValueError, match=r"trainable: no layer matches 'Heatmap'.*heatmap"):
        match_layers(["Heatmap"], names, "trainable")
