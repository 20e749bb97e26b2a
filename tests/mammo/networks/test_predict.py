"""A member answers from arrays alone."""

from __future__ import annotations

import numpy as np
import pytest

from mammo_pipeline.mammo.networks import predict
from mammo_pipeline.mammo.networks.families import build_image_net, read_network

NETWORK = {
    "family": "dreamnet",
    "block_widths": [3, 4],
    "head_widths": [3, 3],
    "image_widths": [4, 2],
    "classes": 5,
    "dropout": 0.3,
    "image_shape": [68, 48],
}
PIXELS = np.random.default_rng(0).integers(0, 65536, (7, 68, 48), dtype=np.uint16)


def make_member(seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    net = build_image_net(read_network(NETWORK), seed, 0.5)
    return {v.path: np.abs(rng.normal(size=v.shape)).astype(np.float32) for v in net.weights}


def test_logits_are_those_of_the_net_in_the_order_asked_for():
    net = build_image_net(read_network(NETWORK), seed=0, prevalence=0.5)
    member = make_member(1)
    for variable in net.weights:
        variable.assign(member[variable.path])
    expected = net.predict_on_batch(PIXELS[..., np.newaxis]).reshape(-1)
    order = np.array([5, 0, 3, 6, 2])
    logits = predict.member_logits(NETWORK, member, PIXELS, order, batch=2)
    assert logits.dtype == np.float32
    np.testing.assert_allclose(logits, expected[order], rtol=1e-5)
    assert np.ptp(logits) > 0


def test_a_second_member_does_not_get_the_answers_of_the_first():
    first = predict.member_logits(NETWORK, make_member(1), PIXELS, np.arange(3), batch=2)
    second = predict.member_logits(NETWORK, make_member(2), PIXELS, np.arange(3), batch=2)
    again = predict.member_logits(NETWORK, make_member(1), PIXELS, np.arange(3), batch=2)
    assert not np.allclose(first, second)
    np.testing.assert_array_equal(first, again)


def test_members_of_one_network_share_one_traced_net():
    predict._build_once.cache_clear()
    for seed in (1, 2, 3):
        predict.member_logits(NETWORK, make_member(seed), PIXELS, np.arange(5), batch=2)
    assert predict._build_once.cache_info().misses == 1


@pytest.mark.parametrize("flips", [("none", "up_down"), ("both", "left_right", "none")])
def test_a_flipped_answer_is_the_mean_of_the_answers_to_flipped_canvases(flips):
    turned = {"none": PIXELS, "up_down": PIXELS[:, ::-1], "left_right": PIXELS[:, :, ::-1]}
    turned["both"] = PIXELS[:, ::-1, ::-1]
    member, places = make_member(3), np.array([4, 1, 6])
    single = [predict.member_logits(NETWORK, member, turned[f], places, batch=2) for f in flips]
    found = predict.member_logits(NETWORK, member, PIXELS, places, 2, flips=flips)
    np.testing.assert_allclose(found, np.mean(single, axis=0), rtol=1e-5)
    assert not np.allclose(found, single[0], rtol=1e-4)


def test_an_unknown_flip_is_refused():
    with pytest.raises(ValueError, match="sideways"):
        predict.member_logits(NETWORK, make_member(1), PIXELS, [0], 1, flips=("sideways",))


def test_arrays_that_do_not_fit_are_named():
    member = make_member(1)
    member["stranger/kernel"] = member.pop("heatmap/bias")
    member["image_output/bias"] = np.zeros(2, np.float32)
    with pytest.raises(ValueError, match=r"heatmap/bias.*stranger/kernel.*image_output/bias is"):
        predict.member_logits(NETWORK, member, PIXELS, np.arange(1), batch=1)


def test_a_damaged_member_is_an_error_not_a_score():
    member = make_member(1)
    member["image_output/bias"] = np.array([np.nan], np.float32)
    with pytest.raises(ValueError, match="no finite logit for 3 of 3"):
        predict.member_logits(NETWORK, member, PIXELS, np.arange(3), batch=2)


def test_no_image_gives_no_logit():
    nothing = predict.member_logits(NETWORK, make_member(1), PIXELS, np.arange(0), batch=2)
    assert nothing.shape == (0,)


def test_a_member_of_any_family_answers():
    network = {"family": "vgg16", "depth": 2, "width": 1 / 16, "image_shape": [68, 48]}
    network |= {"patch_px": 16, "image_widths": [3]}
    net = build_image_net(read_network(network), seed=4, prevalence=0.5)
    member = {v.path: np.array(v) for v in net.weights}
    expected = net.predict_on_batch(PIXELS[..., np.newaxis]).reshape(-1)
    found = predict.member_logits(network, member, PIXELS, np.arange(7), batch=3)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
