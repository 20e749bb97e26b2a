"""The geometry of DreamNet, and what its two nets share."""

from __future__ import annotations

import numpy as np
import pytest

from mammo_pipeline.mammo.networks.dreamnet import DreamNet
from mammo_pipeline.mammo.networks.families import build_image_net, build_patch_net, heatmap_net

TINY = {"head_widths": (3, 3), "image_widths": (4, 2)}
SIX = DreamNet(block_widths=(2,) * 6, image_shape=(1152, 896), **TINY)
FOUR = DreamNet(block_widths=(2,) * 4, image_shape=(288, 224), **TINY)
TWO = DreamNet(block_widths=(3, 4), image_shape=(68, 48), **TINY)
# Of TensorFlow: another backend draws other numbers from the same seed.
FIRST_OF_SEED_ONE = [0.582015872001648, -0.02692571096122265, 0.5729056000709534]


@pytest.mark.parametrize(("network", "size"), [(SIX, 224), (FOUR, 56)])
def test_a_patch_ends_as_one_position_of_five_classes(network, size):
    shape = build_patch_net(network, seed=0).compute_output_shape((1, size, size, 1))
    assert shape == (1, 1, 1, 5)
    assert network.patch_px == size


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


def test_a_patch_of_many_places_is_refused_with_the_size_to_take():
    with pytest.raises(ValueError, match=r"patch_px 256 .* \(2, 2\) positions.*take 224"):
        DreamNet(patch_px=256)


def test_the_variables_are_those_that_kept_members_have():
    net = build_image_net(TWO, seed=0, prevalence=0.5)
    blocks = [
        f"block_{block}_{part}"
        for block in (1, 2)
        for step in (1, 2)
        for part in (
            f"conv_{step}/kernel",
            *(f"norm_{step}/{v}" for v in ("gamma", "beta", "moving_mean", "moving_variance")),
        )
    ]
    layers = ["head_conv_1", "head_conv_2", "heatmap", "image_conv_1", "image_conv_2"]
    heads = [f"{layer}/{v}" for layer in (*layers, "image_output") for v in ("kernel", "bias")]
    found = [v.path for v in net.weights]
    assert found == [*blocks, *heads, "image_shortcut/kernel"]


def test_a_full_size_net_has_the_variables_and_numbers_it_always_had():
    net = build_image_net(DreamNet(), seed=0, prevalence=0.5)
    assert (len(net.weights), net.count_params()) == (73, 11_146_948)


def test_the_heatmap_of_a_patch_in_the_image_net_is_the_answer_of_the_patch_net():
    """To the bit."""
    import keras

    patch_net, image_net = build_patch_net(TWO, 1), build_image_net(TWO, 2, prevalence=0.3)
    learned = {v.path: v.numpy() + 0.01 for v in patch_net.weights}
    shared = [v for v in image_net.weights if v.path in learned]
    for variable in patch_net.weights + shared:
        variable.assign(learned[variable.path])
    assert len(shared) == len(learned)
    seen = heatmap_net(image_net)
    of_patches = keras.models.clone_model(seen, input_tensors=keras.Input((14, 14, 1)))
    of_patches.set_weights(seen.get_weights())
    patch = np.random.default_rng(0).integers(0, 65536, (2, 14, 14, 1), dtype=np.uint16)
    answer = of_patches.predict_on_batch(patch)
    assert answer.shape == (2, 1, 1, 5)
    np.testing.assert_array_equal(answer, patch_net.predict_on_batch(patch))


def test_a_seed_gives_the_first_weights_that_it_always_gave():
    net = build_image_net(TWO, seed=1, prevalence=0.5)
    first = np.array(net.get_layer("block_1_conv_1").kernel).ravel()[:3]
    np.testing.assert_allclose(first, FIRST_OF_SEED_ONE, rtol=1e-6)


def test_dropout_stands_in_the_head_and_nowhere_else():
    net = build_image_net(TWO.model_copy(update={"dropout": 0.3}), seed=0, prevalence=0.5)
    rates = {layer.name: layer.rate for layer in net.layers if hasattr(layer, "rate")}
    assert rates == {"head_dropout_1": 0.3, "head_dropout_2": 0.3}
