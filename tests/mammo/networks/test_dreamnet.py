"""The geometry of DreamNet, and what its two nets share."""

from __future__ import annotations

import numpy as np
import pytest

from mammo_pipeline.mammo.networks.dreamnet import (
    DreamNet,
    build_image_net,
    build_patch_net,
    read_network,
)

TINY = {"head_widths": (3, 3), "image_widths": (4, 2)}
SIX = DreamNet(block_widths=(2,) * 6, image_shape=(1152, 896), **TINY)
FOUR = DreamNet(block_widths=(2,) * 4, image_shape=(288, 224), **TINY)
TWO = DreamNet(block_widths=(3, 4), image_shape=(68, 48), **TINY)


@pytest.mark.parametrize(("network", "size"), [(SIX, 224), (FOUR, 56)])
def test_a_patch_ends_as_one_position_of_five_classes(network, size):
    shape = build_patch_net(network, seed=0).compute_output_shape((1, size, size, 1))
    assert shape == (1, 1, 1, 5)


@pytest.mark.parametrize(
    ("image_shape", "blocks"),
    [((1152, 832), 6), ((1152, 896), 6), ((1200, 800), 6), ((288, 224), 4)],
)
def test_the_pooled_map_is_three_by_two(image_shape, blocks):
    network = DreamNet(block_widths=(2,) * blocks, image_shape=image_shape, **TINY)
    net = build_image_net(network, seed=0, prevalence=0.1)
    assert net.get_layer("heatmap_pool").output.shape == (None, 3, 2, 5)
    assert net.output_shape == (None, 1)


def test_another_canvas_is_refused_with_its_pooled_map():
    with pytest.raises(ValueError, match=r"pooled map of \(1, 1\).*expects \(3, 2\)"):
        DreamNet(block_widths=(2,) * 6, image_shape=(512, 512))


def test_the_heatmap_of_a_patch_in_the_image_net_is_the_answer_of_the_patch_net():
    import keras

    patch_net, image_net = build_patch_net(TWO, 1), build_image_net(TWO, 2, prevalence=0.3)
    learned = {v.path: v.numpy() + 0.01 for v in patch_net.weights}
    shared = [v for v in image_net.weights if v.path in learned]
    for variable in patch_net.weights + shared:
        variable.assign(learned[variable.path])
    assert len(shared) == len(learned)
    patch = np.random.default_rng(0).integers(0, 65536, (2, 14, 14, 1), dtype=np.uint16)
    inputs = features = keras.Input((14, 14, 1), dtype="uint16")
    for layer in image_net.layers[1:]:
        features = layer(features)
        if layer.name == "heatmap":
            break
    answer = keras.Model(inputs, features).predict_on_batch(patch)
    assert answer.shape == (2, 1, 1, 5)
    np.testing.assert_array_equal(answer, patch_net.predict_on_batch(patch))


def test_a_fresh_image_net_answers_the_prevalence_and_what_the_heatmap_says():
    import keras

    net = build_image_net(TWO, seed=0, prevalence=0.2)
    pixels = np.random.default_rng(0).integers(0, 65536, (3, 68, 48, 1), dtype=np.uint16)
    probe = keras.Model(net.input, [net.get_layer("heatmap_pool").output, net.output])
    pooled, logit = probe.predict_on_batch(pixels)
    said = pooled[..., 3:].sum(axis=(1, 2, 3))
    np.testing.assert_allclose(logit[:, 0], np.log(0.2 / 0.8) + said, rtol=1e-4)
    assert np.ptp(said) > 0


def test_the_shortcut_is_linear_in_the_pooled_map():
    net = build_image_net(TWO, seed=0, prevalence=0.5)
    shortcut = net.get_layer("image_shortcut")
    assert shortcut.activation.__name__ == "linear"
    assert shortcut.input is net.get_layer("heatmap_pool").output
    assert [v.path for v in shortcut.weights] == ["image_shortcut/kernel"]


def test_initial_weights_follow_the_seed_alone():
    first, again, other = (build_image_net(TWO, seed, 0.5) for seed in (1, 1, 2))
    for a, b in zip(first.weights, again.weights, strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(first.weights[0], other.weights[0])


def test_a_network_survives_its_description():
    assert read_network(SIX.model_dump(mode="json")) == SIX
