"""The body is VGG16 of keras.applications: same variables, same features."""

from __future__ import annotations

import numpy as np
import pytest

from mammo_pipeline.mammo.networks.families import build_patch_net
from mammo_pipeline.mammo.networks.vgg16 import Vgg16


@pytest.fixture(scope="module")
def published():
    import keras

    return keras.applications.VGG16(include_top=False, weights=None)


@pytest.fixture(scope="module")
def net():
    return build_patch_net(Vgg16(channels=3, patch_px=32, image_shape=(64, 64)), seed=0)


def test_every_variable_of_the_body_has_the_published_path_and_shape(published, net):
    found = {v.path: tuple(v.shape) for v in net.weights}
    head = {"heatmap/kernel": (1, 1, 512, 5), "heatmap/bias": (5,)}
    expected = {v.path: tuple(v.shape) for v in published.weights}
    assert found == {**expected, **head}


def test_equal_weights_give_equal_features(published, net):
    import keras

    weights = {v.path: np.array(v) for v in published.weights}
    for variable in net.weights:
        if variable.path in weights:
            variable.assign(weights[variable.path])
    pixels = np.random.default_rng(0).integers(0, 65536, (2, 32, 32, 1), dtype=np.uint16)
    colour = np.repeat(pixels.astype(np.float32) * (255 / 65535), 3, axis=-1)
    prepared = keras.applications.vgg16.preprocess_input(colour)
    expected = np.array(published(prepared, training=False))
    body = keras.Model(net.inputs[0], net.get_layer("block5_pool").output)
    found = np.array(body(pixels, training=False))
    assert expected.std() > 0
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3 * expected.std())


def test_a_shallow_body_ends_with_the_pool_of_its_last_block():
    network = Vgg16(depth=2, width=1 / 16, patch_px=32, image_shape=(64, 64))
    narrow = build_patch_net(network, seed=0)
    shapes = {v.path: tuple(v.shape) for v in narrow.weights}
    assert shapes["block1_conv1/kernel"] == (3, 3, 1, 4)
    assert shapes["block2_conv2/kernel"] == (3, 3, 8, 8)
    assert not any(path.startswith("block3") for path in shapes)
    assert narrow.get_layer("patch_pool").input is narrow.get_layer("block2_pool").output
