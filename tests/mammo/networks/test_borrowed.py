"""A borrowed body is cut to what its description says, or refused."""

from __future__ import annotations

import numpy as np
import pytest

from mammo_pipeline.mammo.networks.borrowed import find_stride
from mammo_pipeline.mammo.networks.families import build_patch_net
from mammo_pipeline.mammo.networks.vgg16 import Vgg16

SMALL = {"depth": 2, "width": 1 / 16, "patch_px": 16, "image_shape": (64, 64)}


def test_a_patch_that_the_stride_does_not_divide_is_refused_with_one_that_it_does():
    with pytest.raises(ValueError, match=r"patch_px 230 is no multiple of 32.*take 224"):
        Vgg16(patch_px=230)


@pytest.mark.parametrize(("depth", "stride"), [(2, 4), (3, 8), (5, 32)])
def test_every_stage_halves_the_map(depth, stride):
    network = Vgg16(**{**SMALL, "depth": depth, "patch_px": 32})
    assert find_stride(network) == stride
    net = build_patch_net(network, 0)
    assert net.get_layer("patch_pool").pool_size == (32 // stride,) * 2


def test_a_layer_starts_by_its_name_whatever_the_depth():
    shallow, deep = (build_patch_net(Vgg16(**{**SMALL, "depth": d}), 3) for d in (2, 3))
    for name in ("block1_conv1", "block2_conv2"):
        np.testing.assert_array_equal(shallow.get_layer(name).kernel, deep.get_layer(name).kernel)


def test_a_fresh_patch_net_answers_its_bias():
    """The last kernel starts small, so what the batches hold is the first answer."""
    bias = np.array([2.0, -1.0, -1.0, -2.0, -3.0])
    net = build_patch_net(Vgg16(**SMALL), 0, bias=bias)
    pixels = np.random.default_rng(0).integers(0, 65536, (4, 16, 16, 1), dtype=np.uint16)
    answers = np.array(net(pixels, training=False))
    np.testing.assert_allclose(answers[:, 0, 0], [bias] * 4, atol=0.2)


def test_dropout_stands_before_the_class_logits():
    net = build_patch_net(Vgg16(**SMALL, dropout=0.4), 0)
    assert net.get_layer("head_dropout").rate == 0.4
    assert net.get_layer("heatmap").input is net.get_layer("head_dropout").output
