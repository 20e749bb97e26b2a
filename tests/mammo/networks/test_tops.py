"""What a fresh top answers, and how each is laid out."""

from __future__ import annotations

import numpy as np
import pytest

from mammo_pipeline.mammo.networks.dreamnet import DreamNet
from mammo_pipeline.mammo.networks.families import build_image_net
from mammo_pipeline.mammo.networks.tops import TOPS, sum_malignant

BODY = {"block_widths": (3, 4), "head_widths": (3, 3), "image_shape": (68, 48)}
TWO = DreamNet(**BODY, image_widths=(4, 2))
BOTTLENECK = DreamNet(**BODY, top="bottleneck", image_widths=(3, 5))
VGG = DreamNet(**BODY, top="vgg_512", image_widths=(6,))
LOGIT = np.log(0.2 / 0.8)


def draw_images(count: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 65536, (count, 68, 48, 1), dtype=np.uint16)


def test_a_fresh_heatmap_top_answers_the_prevalence_and_what_the_heatmap_says():
    import keras

    net = build_image_net(TWO, seed=0, prevalence=0.2)
    probe = keras.Model(net.input, [net.get_layer("heatmap_pool").output, net.output])
    pooled, logit = probe.predict_on_batch(draw_images(3))
    said = pooled[..., 3:].sum(axis=(1, 2, 3))
    np.testing.assert_allclose(logit[:, 0], LOGIT + said, rtol=1e-4)
    assert np.ptp(said) > 0


@pytest.mark.parametrize(("classes", "first"), [(2, 1), (3, 2), (5, 3)])
def test_the_shortcut_starts_as_the_sum_of_the_malignant_classes(classes, first):
    kernel = sum_malignant(classes, (3, 2))
    assert kernel.shape == (3, 2, classes, 1)
    assert kernel[:, :, :first].sum() == 0
    assert (kernel[:, :, first:] == 1).all()


def test_the_shortcut_is_linear_in_the_pooled_map():
    net = build_image_net(TWO, seed=0, prevalence=0.5)
    shortcut = net.get_layer("image_shortcut")
    assert shortcut.activation.__name__ == "linear"
    assert shortcut.input is net.get_layer("heatmap_pool").output
    assert [v.path for v in shortcut.weights] == ["image_shortcut/kernel"]


@pytest.mark.parametrize("network", [BOTTLENECK, VGG], ids=lambda n: n.top)
def test_another_fresh_top_answers_the_prevalence_and_yet_can_learn(network):
    net = build_image_net(network, seed=0, prevalence=0.2)
    answers = net.predict_on_batch(draw_images(3))
    assert answers.shape == (3, 1)
    np.testing.assert_allclose(answers, LOGIT, atol=0.1)
    assert np.any(net.get_layer("image_output").kernel)


def test_a_bottleneck_block_halves_the_map_and_ends_twice_as_wide():
    net = build_image_net(BOTTLENECK, seed=0, prevalence=0.5)
    kernels = {v.path: tuple(v.shape) for v in net.weights if v.path.endswith("/kernel")}
    assert kernels["image_block_1_1_conv/kernel"] == (1, 1, 3, 3)
    assert kernels["image_block_1_2_conv/kernel"] == (3, 3, 3, 3)
    assert kernels["image_block_1_3_conv/kernel"] == (1, 1, 3, 6)
    assert kernels["image_block_1_shortcut_conv/kernel"] == (1, 1, 3, 6)
    assert kernels["image_block_2_3_conv/kernel"] == (1, 1, 5, 10)
    maps = [net.get_layer(f"image_block_{block}_relu").output.shape[1:3] for block in (1, 2)]
    assert maps == [(8, 5), (4, 3)]  # of 15x10


def test_a_vgg_block_is_a_convolution_normalized_and_pooled():
    net = build_image_net(VGG, seed=0, prevalence=0.5)
    names = [layer.name for layer in net.layers if layer.name.startswith("image_")]
    block = [f"image_block_1_{part}" for part in ("conv", "norm", "relu", "pool")]
    assert names == [*block, "image_pool", "image_dropout", "image_output"]
    assert net.get_layer("image_block_1_pool").output.shape == (None, 7, 5, 6)


def test_dropout_stands_before_the_logit_of_averaged_features():
    net = build_image_net(VGG.model_copy(update={"dropout": 0.25}), seed=0, prevalence=0.5)
    assert net.get_layer("image_dropout").rate == 0.25
    assert net.get_layer("image_output").input is net.get_layer("image_dropout").output


def test_every_top_that_may_be_named_is_in_the_table():
    from typing import get_args

    assert set(TOPS) == set(get_args(DreamNet.model_fields["top"].annotation))
