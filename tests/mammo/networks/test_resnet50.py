"""The body is ResNet50 of keras.applications: same variables, same features."""

from __future__ import annotations

import hashlib

import h5py
import numpy as np
import pytest

from mammo_pipeline.datasets import WeightFiles
from mammo_pipeline.mammo.networks.families import build_patch_net
from mammo_pipeline.mammo.networks.resnet50 import LAST_OF_STAGE, ResNet50


@pytest.fixture(scope="module")
def published():
    """The body as keras.applications lays it out, with drawn weights."""
    import keras

    model = keras.applications.ResNet50(include_top=False, weights=None)
    rng = np.random.default_rng(0)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            for variable in layer.weights:
                variable.assign(rng.uniform(0.5, 1.5, variable.shape))
    return model


@pytest.fixture(scope="module")
def net():
    return build_patch_net(ResNet50(channels=3, patch_px=64, image_shape=(320, 320)), seed=0)


def test_every_variable_of_the_body_has_the_published_path_and_shape(published, net):
    found = {v.path: tuple(v.shape) for v in net.weights}
    head = {"heatmap/kernel": (1, 1, 2048, 5), "heatmap/bias": (5,)}
    expected = {v.path: tuple(v.shape) for v in published.weights}
    assert found == {**expected, **head}


def test_the_published_file_gives_equal_features(published, net, tmp_path):
    """Through a file of the layout that keras.applications publishes, to a thousandth."""
    import keras

    sha256 = write_legacy_h5(published, tmp_path / "resnet50_notop.h5")
    weights = WeightFiles(filepath=str(tmp_path)).load()("resnet50_notop.h5", sha256)
    held = {v.path: v for v in net.weights}
    assert set(held) - set(weights) == {"heatmap/kernel", "heatmap/bias"}
    for path, value in weights.items():
        held[path].assign(value)
    pixels = np.random.default_rng(0).integers(0, 65536, (1, 64, 64, 1), dtype=np.uint16)
    colour = np.repeat(pixels.astype(np.float32) * (255 / 65535), 3, axis=-1)
    prepared = keras.applications.resnet50.preprocess_input(colour)
    expected = np.array(published(prepared, training=False))
    body = keras.Model(net.inputs[0], net.get_layer(LAST_OF_STAGE[5]).output)
    found = np.array(body(pixels, training=False))
    assert expected.std() > 0
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3 * expected.std())


def write_legacy_h5(model, path) -> str:
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [layer.name.encode() for layer in model.layers]
        for layer in model.layers:
            group = file.create_group(layer.name)
            names = [f"{v.path}:0" for v in layer.weights]
            group.attrs["weight_names"] = [name.encode() for name in names]
            for name, variable in zip(names, layer.weights, strict=True):
                group[name] = np.array(variable)
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_narrow_grey_body_keeps_the_names_of_its_stages(published):
    network = ResNet50(depth=2, width=1 / 16, patch_px=32, image_shape=(64, 64))
    narrow = build_patch_net(network, seed=0)
    shapes = {v.path: tuple(v.shape) for v in narrow.weights}
    assert shapes["conv1_conv/kernel"] == (7, 7, 1, 4)
    assert shapes["conv2_block3_3_conv/kernel"] == (1, 1, 4, 16)
    body = {path for path in shapes if not path.startswith("heatmap")}
    kept = ("conv1", "conv2")
    assert body == {v.path for v in published.weights if v.path.startswith(kept)}
    assert narrow.get_layer("conv1_bn").momentum == network.batch_norm_momentum
