"""The nets of the stages: what learns in them, how they begin, and their state as arrays."""

from __future__ import annotations

import numpy as np
import pytest

from mammo_pipeline.mammo.ladder.nets import (
    Net,
    assign_state,
    build_net,
    capture_state,
    freeze_layers,
)
from mammo_pipeline.mammo.ladder.restore import restore_state, verify_restored
from mammo_pipeline.mammo.ladder.stages import Ladder
from mammo_pipeline.mammo.networks.families import build_image_net, build_patch_net, read_network
from toy_study import NETWORK, make_ladder

LADDER = make_ladder()
SHARES = np.array([0.5, 0.2, 0.15, 0.1, 0.05])


def build(name: str, ladder: Ladder = LADDER, prevalence=0.5) -> tuple[Net, dict]:
    return build_net(ladder, ladder.stages[name], prevalence)


def learning(net: Net) -> set[str]:
    return {v.path for v in net.model.trainable_variables}


def shake(state: dict) -> dict:
    """The state with every value moved, as if it had learned."""
    rng = np.random.default_rng(3)
    return {
        path: (value + 1 if value.dtype.kind == "i" else value + rng.random(value.shape)).astype(
            value.dtype
        )
        for path, value in state.items()
    }


def test_a_state_holds_every_variable_but_the_learning_rate():
    net, fresh = build("finetune_ema")
    groups = {path.split("/")[0] for path in fresh}
    assert {"optimizer", "ema", "heatmap", "block_1_norm_1", "image_output"} <= groups
    assert "optimizer/iteration" in fresh
    assert not [path for path in fresh if "learning_rate" in path]
    assert len(fresh) == len(net.model.weights) + len(net.optimizer.variables) - 1 + len(
        net.averages
    )
    assert capture_state(net).keys() == fresh.keys()
    assert net.model.optimizer is net.optimizer


@pytest.mark.parametrize("name", ["adam", "nadam", "sgd"])
def test_every_variable_of_every_optimizer_is_saved_and_given_back(name):
    momentum = {"momentum": 0.9} if name == "sgd" else {}
    ladder = make_ladder(
        patch_adam={"optimizer": {"name": name, **momentum}}, image_adam={"restore": ["weights"]}
    )
    net, fresh = build("patch_adam", ladder)
    learned = shake(fresh)
    assign_state(net, learned)
    for path, value in capture_state(net).items():
        np.testing.assert_array_equal(value, learned[path])
        assert value.dtype == learned[path].dtype
    _, rows = restore_state(
        fresh,
        learned,
        ladder.stages["patch_adam"].model_copy(update={"restore": ("weights", "optimizer")}),
    )
    assert {row["action"] for row in rows} == {"restored"}
    assert {row["kind"] for row in rows} >= {"weight", "iteration", "first_moment"}
    assert ("momentum_product" in {row["kind"] for row in rows}) == (name == "nadam")


def test_the_seed_alone_decides_how_a_net_begins():
    for name in ("patch_adam", "finetune_ema"):
        _, first = build(name)
        _, again = build(name)
        _, other = build(name, LADDER.model_copy(update={"seed": 8}))
        assert all(np.array_equal(first[path], again[path]) for path in first)
        assert not np.array_equal(first["heatmap/kernel"], other["heatmap/kernel"])


def test_fresh_averages_begin_at_the_fresh_weights():
    _, fresh = build("finetune_ema")
    averages = [path for path in fresh if path.startswith("ema/")]
    assert averages
    for path in averages:
        np.testing.assert_array_equal(fresh[path], fresh[path.removeprefix("ema/")])


def test_stages_that_differ_in_rates_and_batches_share_a_net():
    slow = make_ladder(finetune_ema={"learning_rate": 1e-5, "batch": 4, "epochs": 9})
    decayed = make_ladder(finetune_ema={"optimizer": {"name": "adam", "weight_decay": 0.1}})
    kept = build("finetune_ema")[0]
    assert build("finetune_ema", slow)[0] is kept
    assert build("finetune_ema", decayed)[0] is not kept
    assert build("image_adam")[0] is not kept


@pytest.mark.parametrize(
    ("loss", "expected"),
    [("one_against_rest", np.log(SHARES / (1 - SHARES))), ("softmax", np.log(SHARES))],
)
def test_a_fresh_patch_head_answers_the_share_of_every_class(loss, expected):
    ladder = make_ladder(patch_adam={"loss": loss})
    _, fresh = build("patch_adam", ladder, SHARES)
    np.testing.assert_allclose(fresh["heatmap/bias"], expected, rtol=1e-6)


def test_a_class_that_no_batch_holds_gives_no_endless_bias():
    _, fresh = build("patch_adam", prevalence=np.array([1.0, 0, 0, 0, 0]))
    assert np.abs(fresh["heatmap/bias"]).max() == pytest.approx(np.log(9999), rel=1e-5)


def test_a_fresh_image_head_answers_the_prevalence():
    _, fresh = build("image_adam", prevalence=0.1)
    assert fresh["image_output/bias"][0] == pytest.approx(np.log(1 / 9))


@pytest.mark.parametrize(
    ("name", "prevalence", "message"),
    [
        ("patch_adam", np.full(3, 0.3), "expected the shares of 5 classes"),
        ("image_adam", np.full(5, 0.2), "expected one share between 0 and 1"),
        ("image_adam", 1.2, "expected one share between 0 and 1"),
        ("patch_adam", np.array([0.5, 0.5, 0, 0, np.nan]), "the shares of 5 classes"),
    ],
)
def test_a_prevalence_that_is_none_is_refused(name, prevalence, message):
    with pytest.raises(ValueError, match=message):
        build(name, prevalence=prevalence)


def test_only_the_layers_that_match_learn_and_only_they_have_moments():
    ladder = make_ladder(patch_adam={"trainable": ["heatmap", "head_conv_[2]"]})
    net, fresh = build("patch_adam", ladder)
    assert learning(net) == {
        f"{layer}/{part}" for layer in ("heatmap", "head_conv_2") for part in ("kernel", "bias")
    }
    moments = {p for p in fresh if p.endswith(("_momentum", "_velocity"))}
    assert len(moments) == 2 * 4


def test_frozen_normalization_keeps_scale_offset_and_statistics():
    patches, images = build("patch_adam")[0], build("image_adam")[0]
    assert "block_1_norm_1/gamma" in learning(patches)
    assert not [path for path in learning(images) if "_norm_" in path]
    pictures = np.random.default_rng(0).integers(0, 65535, (4, 68, 48, 1)).astype(np.float32)
    for net, moves in ((patches, True), (images, False)):
        before = capture_state(net)["block_1_norm_1/moving_mean"]
        net.model(pictures, training=True)
        after = capture_state(net)["block_1_norm_1/moving_mean"]
        assert np.array_equal(before, after) != moves


def test_a_layer_of_normalization_that_does_not_learn_is_frozen_too():
    ladder = make_ladder(patch_adam={"trainable": ["head_conv_*", "block_2_*"]})
    net, _ = build("patch_adam", ladder)
    assert "block_2_norm_1/gamma" in learning(net)
    assert "block_1_norm_1/gamma" not in learning(net)


@pytest.mark.parametrize("wrong", ["heatmop", "image_output", "blok_1_*", "rescale"])
def test_a_wrong_layer_name_is_an_error_that_names_the_near_ones(wrong):
    ladder = make_ladder(patch_adam={"trainable": ["block_*", wrong]})
    near = "heatmap" if wrong == "heatmop" else "_"
    with pytest.raises(ValueError, match=rf"trainable: no layer matches '.*{wrong[-3:]}.*{near}"):
        build("patch_adam", ladder)


def test_a_stage_in_which_nothing_would_learn_is_refused():
    change = {"trainable": ["block_?_norm_?"], "normalization": "frozen"}
    with pytest.raises(ValueError, match="leaves nothing to learn"):
        build("patch_adam", make_ladder(patch_adam=change))


def test_freezing_is_undone_when_the_same_net_is_frozen_otherwise():
    net = build_patch_net(read_network(NETWORK), 0)
    whole = len(net.trainable_variables)
    freeze_layers(net, ("heatmap",), "frozen")
    assert len(net.trainable_variables) == 2
    freeze_layers(net, ("*",), "batch")
    assert len(net.trainable_variables) == whole


@pytest.mark.parametrize("family", ["dreamnet", "resnet50", "vgg16"])
def test_the_layer_in_a_path_is_the_layers_name(family):
    small = {"width": 0.05, "depth": 2, "patch_px": 8, "image_shape": (64, 64)}
    description = NETWORK if family == "dreamnet" else small
    network = read_network({"top": "heatmap", **description, "family": family})
    for net in (build_patch_net(network, 0), build_image_net(network, 0, 0.5)):
        named = {layer.name for layer in net.layers if layer.weights}
        assert {v.path.rpartition("/")[0] for v in net.weights} == named


@pytest.mark.parametrize(("change", "expected"), [({}, 0.1), ({"dropout": 0.5}, 0.5)])
def test_a_stage_may_have_a_dropout_of_its_own(change, expected):
    net, _ = build("patch_adam", make_ladder(network={"dropout": 0.1}, patch_adam=change))
    assert net.model.get_layer("head_dropout_1").rate == expected


def test_bfloat16_computes_in_half_and_keeps_full_variables():
    ladder = make_ladder(execution={"precision": "bfloat16"})
    net, fresh = build("patch_adam", ladder)
    assert net.model.get_layer("block_1_conv_1").compute_dtype == "bfloat16"
    assert {value.dtype.name for p, value in fresh.items() if "iteration" not in p} == {"float32"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"heatmap/kernel": None}, r"Missing: \['heatmap/kernel'\]"),
        ({"ema/heatmap/bias": None}, r"Missing: \['ema/heatmap/bias'\]"),
        ({"heatmop/kernel": np.zeros(1)}, r"Unknown: \['heatmop/kernel'\]"),
        ({"heatmap/bias": np.zeros(3)}, r"heatmap/bias is \(3,\), expected \(5,\)"),
    ],
)
def test_a_state_that_does_not_fit_is_refused_with_its_paths(change, message):
    net, fresh = build("finetune_ema")
    state = {path: v for path, v in {**fresh, **change}.items() if v is not None}
    with pytest.raises(ValueError, match=message):
        assign_state(net, state)


def test_every_stage_of_the_winner_starts_bit_equal_from_the_one_before():
    kept: dict[str, dict] = {}
    for stage in LADDER.stages.values():
        net, fresh = build_net(LADDER, stage, 0.5)
        source = kept.get(stage.start)
        start, rows = restore_state(fresh, source, stage)
        assign_state(net, start)
        told = verify_restored(rows, capture_state(net), source)
        restored = [row for row in told if row["action"] == "restored"]
        assert all(row["maximum_difference"] == 0.0 for row in restored)
        if source is not None:
            weights = {r["variable"] for r in restored if r["kind"] == "weight"}
            assert weights == {v.path for v in net.model.weights} & source.keys()
            moments = [r for r in restored if r["kind"].endswith("_moment")]
            assert bool(moments) == ("optimizer" in stage.restore)
        kept[stage.name] = shake(start)


def test_the_image_nets_new_head_is_new_and_the_detector_is_not():
    _, patch_state = build("patch_adam")
    _, fresh = build("image_adam")
    _, rows = restore_state(fresh, patch_state, LADDER.stages["image_adam"])
    new = {row["layer"] for row in rows if row["action"] == "new"}
    dropped = {row["kind"] for row in rows if row["action"] == "dropped"}
    assert new == {"image_conv_1", "image_conv_2", "image_output", "image_shortcut"}
    assert dropped == {"first_moment", "second_moment"}  # of the frozen normalization
