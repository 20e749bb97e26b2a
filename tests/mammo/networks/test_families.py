"""One table of families: every one is described, built, read and saved the same way."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from mammo_pipeline.mammo.networks.families import (
    FAMILIES,
    Network,
    build_image_net,
    build_patch_net,
    heatmap_net,
    heatmap_places,
    read_network,
)
from mammo_pipeline.parameters import Parameters

DREAMNET = {
    "family": "dreamnet",
    "block_widths": [3, 4],
    "head_widths": [3, 3],
    "image_widths": [4, 2],
    "image_shape": [68, 48],
}
SHALLOW = {"depth": 3, "width": 1 / 16, "patch_px": 32, "image_shape": [96, 72]}
RESNET50 = {"family": "resnet50", "top": "heatmap", "image_widths": [3, 2], **SHALLOW}
VGG16 = {"family": "vgg16", "image_widths": [3], **SHALLOW}
TINY = {"dreamnet": DREAMNET, "resnet50": RESNET50, "vgg16": VGG16}
EVERY = pytest.mark.parametrize("family", FAMILIES)


@pytest.fixture(scope="module")
def nets():
    """By family: the patch net and the image net of the same seed."""
    networks = {name: read_network(TINY[name]) for name in FAMILIES}
    return {
        name: (build_patch_net(network, 1), build_image_net(network, 1, 0.3))
        for name, network in networks.items()
    }


def draw_greys(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 65536, (*shape, 1), dtype=np.uint16)


def answer(net, pixels: np.ndarray) -> np.ndarray:
    """What a net says, untraced: tracing costs more than these tiny nets."""
    return np.array(net(pixels, training=False))


class Holder(Parameters):
    """A record with a network in it, as a ladder has."""

    network: Network


@EVERY
def test_a_network_survives_its_description_alone_and_inside_another_record(family):
    network = read_network(TINY[family])
    described = json.loads(json.dumps(network.model_dump(mode="json")))
    assert read_network(described) == network
    held = Holder.model_validate({"network": described})
    assert type(held.network) is FAMILIES[family].record
    assert held.model_dump(mode="json")["network"] == described
    assert hash(held.network) == hash(network)


def test_an_unknown_family_is_answered_with_the_known():
    with pytest.raises(ValueError, match="Known: dreamnet, resnet50, vgg16"):
        read_network({"family": "caracnet"})


def test_a_wrong_value_is_named_in_its_own_family_alone():
    with pytest.raises(ValueError, match="depth") as error:
        Holder.model_validate({"network": {"family": "vgg16", "depth": 9}})
    assert "block_widths" not in str(error.value)


@EVERY
def test_a_patch_ends_as_one_position_and_an_image_as_a_map(nets, family):
    patch_net, image_net = nets[family]
    network = read_network(TINY[family])
    size = network.patch_px
    assert patch_net.compute_output_shape((2, size, size, 1)) == (2, 1, 1, 5)
    places = heatmap_places(network)
    _, rows, columns, _ = patch_net.compute_output_shape((1, *network.image_shape, 1))
    last = places.offset_px + (np.array([rows, columns]) - 1) * places.stride_px
    # The last window ends inside the image, by less than one stride.
    spare = np.array(network.image_shape) - (last + places.window_px)
    assert np.all((spare > -places.stride_px) & (spare < places.stride_px))
    assert image_net.output_shape == (None, 1)


@EVERY
def test_a_position_of_the_heatmap_looks_where_its_place_says(nets, family):
    """With kernels that only add up, a bright window is answered around its own position."""
    net, network = nets[family][0], read_network(TINY[family])
    learned = net.get_weights()
    for variable in net.weights:
        if variable.path.endswith("/kernel"):
            variable.assign(np.full(variable.shape, 1 / np.prod(variable.shape[:-1])))
    places, position = heatmap_places(network), (3, 2)
    dark = np.full((1, *network.image_shape, 1), 20000, np.uint16)
    top, left = (places.offset_px + k * places.stride_px for k in position)
    bright, size = dark.copy(), places.window_px
    bright[0, top : top + size, left : left + size] = 60000
    moved = np.subtract(*(answer(net, picture) for picture in (bright, dark)))
    net.set_weights(learned)
    weight = moved[0].sum(axis=-1)
    middle = [np.average(axis, weights=weight) for axis in np.indices(weight.shape)]
    np.testing.assert_allclose(middle, position, atol=0.6)


@EVERY
def test_both_nets_have_the_same_body_and_start_the_same(nets, family):
    patch_net, image_net = nets[family]
    held = {v.path: np.array(v) for v in image_net.weights}
    shared = [v for v in patch_net.weights if v.path in held]
    assert len(shared) >= len(patch_net.weights) - 2  # a top over features has no heatmap
    for variable in shared:
        np.testing.assert_array_equal(variable, held[variable.path])


def test_the_heatmap_net_shares_the_weights_and_is_the_patch_net_over_an_image(nets):
    for family in ("dreamnet", "resnet50"):
        patch_net, image_net = nets[family]
        seen = heatmap_net(image_net)
        image = draw_greys(1, *read_network(TINY[family]).image_shape)
        np.testing.assert_array_equal(answer(seen, image), answer(patch_net, image))
        assert seen.get_layer("heatmap").kernel is image_net.get_layer("heatmap").kernel


def test_an_image_net_that_reads_features_has_no_heatmap(nets):
    assert heatmap_net(nets["vgg16"][1]) is None


@EVERY
def test_a_net_takes_the_store_s_greys_and_augmented_ones(nets, family):
    image_net = nets[family][1]
    greys = draw_greys(2, *read_network(TINY[family]).image_shape)
    stored, cast, moved = (
        answer(image_net, x)
        for x in (greys, greys.astype(np.float32), greys.astype(np.float32) + 0.5)
    )
    np.testing.assert_array_equal(stored, cast)
    assert not np.array_equal(cast, moved)


@pytest.mark.parametrize("family", ["dreamnet", "vgg16"])
def test_the_patch_net_starts_with_the_bias_it_is_given(family):
    bias = [1.0, -1.0, 0.5, 0.25, -2.0]
    net = build_patch_net(read_network(TINY[family]), 0, bias=bias)
    np.testing.assert_array_equal(net.get_layer("heatmap").bias, np.float32(bias))


def test_a_bias_of_other_classes_and_an_impossible_prevalence_are_refused():
    network = read_network(DREAMNET)
    with pytest.raises(ValueError, match="expected 5 finite log odds"):
        build_patch_net(network, 0, bias=[0.0, 1.0])
    with pytest.raises(ValueError, match="prevalence is 1, expected"):
        build_image_net(network, 0, 1)


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_a_net_has_as_many_classes_as_its_network(classes):
    net = build_image_net(read_network({**DREAMNET, "classes": classes}), 0, 0.5)
    assert heatmap_net(net).output_shape == (None, 15, 10, classes)


def test_initial_weights_follow_the_seed_alone():
    network = read_network(DREAMNET)
    first, again, other = (build_image_net(network, seed, 0.5) for seed in (1, 1, 2))
    for a, b in zip(first.weights, again.weights, strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(first.weights[0], other.weights[0])


@EVERY
def test_bfloat16_is_of_the_activations_alone(nets, family):
    import keras

    network = read_network(TINY[family])
    half = build_image_net(network, 1, 0.3, precision="bfloat16")
    assert keras.config.dtype_policy().name == "float32"
    assert {str(v.dtype) for v in half.weights} == {"float32"}
    computed = {layer.name: layer.compute_dtype for layer in half.layers}
    assert computed["rescale"] == "float32"
    assert computed.get("heatmap", "float32") == "float32"
    assert half.output.dtype == "float32"
    convolutions = [n for n in computed if "conv" in n and not n.startswith("image_conv")]
    assert convolutions and {computed[name] for name in convolutions} == {"bfloat16"}
    image = draw_greys(2, *network.image_shape)
    exact = answer(nets[family][1], image)
    np.testing.assert_allclose(answer(half, image), exact, rtol=0.1, atol=0.1)


def test_synchronized_reaches_every_batch_normalization():
    for description in (DREAMNET, RESNET50):
        net = build_patch_net(read_network(description), 0, synchronized=True)
        flags = [layer.synchronized for layer in net.layers if hasattr(layer, "synchronized")]
        assert flags and all(flags)


@EVERY
def test_an_image_net_is_saved_as_built_in_layers_and_answers_the_same(nets, family, tmp_path):
    import keras

    image_net = nets[family][1]
    image_net.save(tmp_path / "net.keras")
    served = keras.saving.load_model(tmp_path / "net.keras", compile=False, safe_mode=True)
    image = draw_greys(1, *read_network(TINY[family]).image_shape)
    expected = answer(image_net, image)
    np.testing.assert_array_equal(answer(served, image), expected)


ON_JAX = """
import sys
import numpy as np
from mammo_pipeline.mammo.networks.families import build_image_net, read_network
from mammo_pipeline.mammo.networks.predict import assign_variables

held = np.load(sys.argv[2])
net = build_image_net(read_network(eval(sys.argv[1])), 1, 0.3, synchronized=True)
assign_variables({v.path: v for v in net.weights}, {k: held[k] for k in held if k != "images"})
np.save(sys.argv[3], np.array(net(held["images"], training=False)))
"""


@pytest.mark.slow
@EVERY
def test_jax_builds_the_same_net_and_it_answers_the_same(nets, family, tmp_path):
    """To a ten thousandth of the answer."""
    image_net = nets[family][1]
    images = draw_greys(2, *read_network(TINY[family]).image_shape)
    np.savez(tmp_path / "net.npz", images=images, **{v.path: v for v in image_net.weights})
    told = [repr(TINY[family]), str(tmp_path / "net.npz"), str(tmp_path / "answer.npy")]
    environment = {**os.environ, "KERAS_BACKEND": "jax"}
    subprocess.run([sys.executable, "-c", ON_JAX, *told], env=environment, check=True)
    found = np.load(tmp_path / "answer.npy")
    np.testing.assert_allclose(found, answer(image_net, images), rtol=1e-4)
