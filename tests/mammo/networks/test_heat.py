"""A member's map of malignancy is what its heatmap says, where its windows look."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit, softmax

from mammo_pipeline.mammo.networks import heat
from mammo_pipeline.mammo.networks.families import (
    build_image_net,
    heatmap_net,
    heatmap_places,
    read_network,
)
from mammo_pipeline.mammo.networks.record import Places

NETWORK = {
    "family": "dreamnet",
    "block_widths": [3, 4],
    "head_widths": [3, 3],
    "image_widths": [4, 2],
    "image_shape": [68, 48],
}
FEATURES = {
    "family": "resnet50",
    "width": 0.1,
    "depth": 2,
    "top": "bottleneck",
    "image_widths": [4],
    "image_shape": [68, 48],
}
PIXELS = np.random.default_rng(0).integers(0, 65536, (7, 68, 48), dtype=np.uint16)
ORDER = np.array([5, 0, 3, 6, 2])


def make_member(seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    net = build_image_net(read_network(NETWORK), seed, 0.5)
    member = {v.path: rng.normal(size=v.shape).astype(np.float32) for v in net.weights}
    return member | {k: np.abs(v) for k, v in member.items() if "variance" in k or "gamma" in k}


@pytest.fixture(scope="module")
def logits() -> np.ndarray:
    net = build_image_net(read_network(NETWORK), seed=0, prevalence=0.5)
    member = make_member(1)
    for variable in net.weights:
        variable.assign(member[variable.path])
    return np.asarray(heatmap_net(net)(PIXELS[ORDER][..., np.newaxis], training=False), float)


def test_a_map_is_the_probability_of_the_surest_malignant_class(logits):
    maps = heat.malignancy_maps(NETWORK, make_member(1), PIXELS, ORDER, batch=2)
    assert maps.dtype == np.float32
    assert maps.shape == logits.shape[:3] == (5, 15, 10)
    np.testing.assert_allclose(maps, expit(logits[..., 3:].max(-1)), rtol=1e-3, atol=1e-6)
    assert np.ptp(maps) > 0


def test_after_a_softmax_it_is_that_of_both_malignant_classes(logits):
    maps = heat.malignancy_maps(NETWORK, make_member(1), PIXELS, ORDER, 2, "softmax")
    np.testing.assert_allclose(
        maps, softmax(logits, axis=-1)[..., 3:].sum(-1), rtol=1e-3, atol=1e-6
    )


def test_a_second_member_does_not_get_the_maps_of_the_first():
    first, second, again = (
        heat.malignancy_maps(NETWORK, make_member(seed), PIXELS, ORDER, 2) for seed in (1, 2, 1)
    )
    assert not np.allclose(first, second)
    np.testing.assert_array_equal(first, again)


def test_a_network_that_reads_features_has_no_map_and_says_why():
    assert heat.malignancy_maps(FEATURES, {}, PIXELS, ORDER, 2) is None
    assert "bottleneck reads features" in heat.explain_no_heatmap(FEATURES)
    assert heat.explain_no_heatmap(NETWORK) is None


def test_a_diverged_member_is_refused_with_the_place_of_the_image():
    member = make_member(1)
    member["heatmap/bias"] = np.full(5, np.nan, np.float32)
    with pytest.raises(ValueError, match="not finite for 5 of 5 images, the first at store posi"):
        heat.malignancy_maps(NETWORK, member, PIXELS, ORDER, 2)


def test_arrays_that_do_not_fit_are_refused():
    member = make_member(1)
    member.pop("heatmap/bias")
    with pytest.raises(ValueError, match=r"Missing: .*heatmap/bias"):
        heat.malignancy_maps(NETWORK, member, PIXELS, ORDER, 2)


def test_no_image_gives_no_map():
    maps = heat.malignancy_maps(NETWORK, make_member(1), PIXELS, np.array([], int), 2)
    assert maps.shape == (0, 15, 10)


def test_tissue_is_where_the_middle_of_the_window_lies_on_breast():
    places = Places(stride_px=4, offset_px=0, window_px=8)
    pixels = np.zeros((2, 16, 20), np.uint16)
    pixels[1, :, :7] = 9  # of the columns 2 to 6 and 6 to 10 a whole and a quarter
    assert not heat.find_tissue(pixels, np.array([0]), places, (3, 4), 0.25).any()
    quarter = heat.find_tissue(pixels, np.array([1, 0]), places, (3, 4), 0.25)
    assert quarter.tolist() == [[[True, True, False, False]] * 3, [[False] * 4] * 3]
    half = heat.find_tissue(pixels, np.array([1]), places, (3, 4), 0.5)
    assert half.tolist() == [[[True, False, False, False]] * 3]


def test_every_place_of_a_net_lies_on_its_canvas():
    network = read_network(NETWORK)
    full = np.full((1, 68, 48), 7, np.uint16)
    assert heat.find_tissue(full, np.array([0]), heatmap_places(network), (15, 10), 1.0).all()


def test_the_shape_of_a_map_is_known_without_an_image(logits):
    assert heat.find_map_shape(NETWORK) == logits.shape[1:3]
