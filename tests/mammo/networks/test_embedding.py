"""The embedding is what the net's last layers read."""

from __future__ import annotations

import numpy as np
import pytest

from mammo_pipeline.mammo.networks.embedding import embed_images
from mammo_pipeline.mammo.networks.families import build_image_net, read_network

HEATMAP = {
    "family": "dreamnet",
    "block_widths": [3, 4],
    "head_widths": [3, 3],
    "image_widths": [4, 2],
    "image_shape": [68, 48],
}
POOLED = HEATMAP | {"top": "vgg_512", "image_widths": [5]}
PIXELS = np.random.default_rng(0).integers(0, 65536, (5, 68, 48), dtype=np.uint16)


def make_member(network: dict, seed: int):
    net = build_image_net(read_network(network), seed, 0.5)
    rng = np.random.default_rng(seed)
    for variable in net.weights:
        variable.assign(np.abs(rng.normal(size=variable.shape)))
    return net, {v.path: np.asarray(v) for v in net.weights}


def test_the_last_dense_layer_makes_the_logit_of_the_embedding():
    net, arrays = make_member(POOLED, 1)
    order = np.array([4, 0, 2])
    found = embed_images(POOLED, arrays, PIXELS, order, batch=2)
    assert found.shape == (3, 5)
    assert found.dtype == np.float32
    kernel, bias = (np.asarray(v) for v in net.get_layer("image_output").weights)
    logits = net.predict_on_batch(PIXELS[order][..., np.newaxis])
    np.testing.assert_allclose(found @ kernel + bias, logits, rtol=1e-4)


def test_a_heatmap_net_gives_mean_and_maximum_of_its_features_and_the_pooled_heatmap():
    import keras

    net, arrays = make_member(HEATMAP, 2)
    found = embed_images(HEATMAP, arrays, PIXELS, np.arange(5), batch=3)
    features = keras.Model(net.inputs[0], net.get_layer("heatmap").input)
    maps = features.predict_on_batch(PIXELS[..., np.newaxis])
    heatmap = np.maximum(maps @ arrays["heatmap/kernel"][0, 0] + arrays["heatmap/bias"], 0)
    pooled = heatmap[:, :15, :10].reshape(5, 3, 5, 2, 5, -1).max(axis=(2, 4))
    parts = [maps.mean(axis=(1, 2)), maps.max(axis=(1, 2)), pooled.reshape(5, -1)]
    np.testing.assert_allclose(found, np.concatenate(parts, axis=1), rtol=1e-4)
    assert found.shape == (5, 3 + 3 + 3 * 2 * 5)


def test_another_members_weights_give_another_embedding():
    one, two = (
        embed_images(POOLED, make_member(POOLED, seed)[1], PIXELS, np.arange(2), 2)
        for seed in (3, 4)
    )
    assert np.abs(one - two).max() > 0


def test_damaged_weights_are_refused():
    arrays = make_member(POOLED, 5)[1]
    name = next(path for path in arrays if path.startswith("image_block") and "beta" in path)
    arrays[name] = np.full_like(arrays[name], np.inf)
    with pytest.raises(ValueError, match="no finite embedding"):
        embed_images(POOLED, arrays, PIXELS, np.arange(2), 2)
