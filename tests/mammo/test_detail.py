"""One bandwidth and one share of detail, by filters that are what they say."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from canvases import STANDARD, lay_phantom
from mammo_pipeline.mammo import detail
from mammo_pipeline.mammo.standard import match_bandwidth

SHAPES = [(97, 61), (5, 40), (3, 4), (1, 30)]


def draw_image(shape, seed=0):
    return np.random.default_rng(seed).normal(0.5, 0.2, shape).astype(np.float32)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("width", detail.BAND_PX)
def test_smoothing_is_two_boxes(shape, width):
    image = draw_image(shape)
    wanted = image.astype(np.float64)
    for _ in range(2):
        wanted = ndimage.uniform_filter(wanted, width, mode="nearest")
    smooth = detail.smooth_image(image, width)
    assert smooth.dtype == np.float32
    np.testing.assert_allclose(smooth, wanted, rtol=0, atol=1e-5)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("sigmas", [(0.0, 0.0), (0.7, 0.7), (0.45, 1.3), (2.1, 0.0), (0.0, 0.31)])
def test_the_blur_is_a_gaussian(shape, sigmas):
    image = draw_image(shape)
    wanted = image.astype(np.float64)
    for axis, sigma in enumerate(sigmas):
        if sigma:
            radius = int(np.ceil(3.5 * sigma))
            wanted = ndimage.gaussian_filter1d(wanted, sigma, axis, mode="nearest", radius=radius)
    blurred = detail.blur_image(image, sigmas)
    assert blurred.dtype == np.float32
    np.testing.assert_allclose(blurred, wanted, rtol=0, atol=1e-5)


def test_a_running_sum_forgets_what_has_passed_through_it():
    image = draw_image((400, 300))
    bright = image.copy()
    bright[:40, :40] = 100
    for width in detail.BAND_PX:
        far, wanted = (detail.smooth_image(i, width) for i in (bright, image))
        np.testing.assert_allclose(far[60:], wanted[60:], rtol=0, atol=5e-5)
        np.testing.assert_allclose(far[:, 60:], wanted[:, 60:], rtol=0, atol=5e-5)


def test_the_bands_add_up_to_the_image():
    image = draw_image((60, 50))
    layers = detail.stack_layers(image)
    assert layers.shape == (5, 60, 50)
    np.testing.assert_array_equal(layers[0], image)
    for layer, width in zip(layers[1:], detail.BAND_PX, strict=True):
        np.testing.assert_array_equal(layer, detail.smooth_image(image, width))


def take_bands(image):
    """The four bands in doubles, by another library."""
    layers = [image.astype(np.float64)]
    for width in detail.BAND_PX:
        smooth = ndimage.uniform_filter(layers[0], width, mode="nearest")
        layers.append(ndimage.uniform_filter(smooth, width, mode="nearest"))
    return np.array([layers[i] - layers[i + 1] for i in range(4)])


def measure_ratios(image, core):
    sizes = np.abs(take_bands(image)[:, core]).mean(axis=1)
    return sizes[:-1] / sizes[1:]


def take_phantom(number=0):
    grey, depth_mm = lay_phantom(number)
    return grey, depth_mm > STANDARD.skin_mm + 3.2


def spoil(image, kind):
    noise = np.random.default_rng(0).normal(0, 0.01, image.shape)
    made = {
        "plain": image,
        "blurred": ndimage.gaussian_filter(image, 0.6),
        "noisy": image + noise,
        "sharpened": image + 1.0 * (image - ndimage.gaussian_filter(image, 1.5)),
    }
    return match_bandwidth(made[kind].astype(np.float32), (0.26, 0.26), STANDARD)


@pytest.mark.parametrize("kind", ["plain", "blurred", "noisy", "sharpened"])
@pytest.mark.parametrize("number", [0, 1])
def test_three_rounds_bring_every_image_to_the_same_ratios(number, kind):
    grey, core = take_phantom(number)
    image = spoil(grey, kind)
    for _ in range(3):
        image = detail.match_detail(image, core, STANDARD.detail_ratios)
    np.testing.assert_allclose(measure_ratios(image, core), STANDARD.detail_ratios, rtol=0.02)


def test_sharp_and_soft_images_were_apart_before():
    grey, core = take_phantom()
    soft, sharp = (measure_ratios(spoil(grey, k), core) for k in ("blurred", "sharpened"))
    assert np.abs(np.log(soft / sharp)).min() > 0.15


@pytest.mark.parametrize("number", [0, 1])
def test_the_response_is_what_a_small_change_does(number):
    grey, core = take_phantom(number)
    image = grey
    for _ in range(3):
        image = detail.match_detail(image, core, STANDARD.detail_ratios)
    bands, step, changes = take_bands(image), 0.05, []
    for band in range(3):
        up, down = (measure_ratios(image + np.expm1(s) * bands[band], core) for s in (step, -step))
        changes.append(np.log(up / down) / (2 * step))
    np.testing.assert_allclose(np.transpose(changes), detail.RESPONSE, rtol=0, atol=0.08)


def test_every_structure_stays_in_its_place():
    grey, core = take_phantom()
    spot = np.zeros_like(grey)
    row, column = (int(n) for n in ndimage.center_of_mass(core))
    spot[row - 1 : row + 2, column - 1 : column + 2] = 0.2
    first, second = (
        detail.match_detail(image, core, STANDARD.detail_ratios) for image in (grey + spot, grey)
    )
    moved = np.clip(first - second, 0.02, None) - 0.02
    assert ndimage.center_of_mass(moved) == pytest.approx((row, column), abs=0.1)


def test_a_band_is_at_most_doubled_or_halved_in_a_round():
    grey, core = take_phantom()
    soft = ndimage.gaussian_filter(grey, 4.0)
    before = np.abs(take_bands(soft)[:, core]).mean(axis=1)
    for ratios in ((99.0, 1e-9, 99.0), (1e-9, 99.0, 1e-9)):
        after = detail.match_detail(soft, core, ratios)
        limit = (np.abs(take_bands(soft)[:3]).sum(axis=0) + 1e-4)[core]
        assert (np.abs(after - soft)[core] <= limit).all()
    assert before.min() > 0


def test_the_coarsest_band_and_what_lies_under_it_are_left():
    ramp = np.tile(np.linspace(0, 1, 200, dtype=np.float32), (150, 1))
    rough = ramp + 0.01 * draw_image(ramp.shape)
    core = np.zeros(ramp.shape, bool)
    core[40:-40, 40:-40] = True
    matched = detail.match_detail(rough, core, STANDARD.detail_ratios)
    smooth = [ndimage.gaussian_filter(image, 12)[core] for image in (matched, rough)]
    np.testing.assert_allclose(*smooth, atol=2e-4)


def test_without_a_core_or_without_detail_nothing_breaks():
    image = draw_image((40, 30))
    none = np.zeros(image.shape, bool)
    np.testing.assert_array_equal(detail.match_detail(image, none, (1.15, 0.68, 0.63)), image)
    flat = np.full((40, 30), 0.4, np.float32)
    np.testing.assert_allclose(detail.match_detail(flat, ~none, (1.15, 0.68, 0.63)), 0.4, atol=1e-6)


def test_the_image_that_is_matched_is_left_as_it_was():
    image = draw_image((40, 30))
    before = image.copy()
    image.flags.writeable = False
    detail.match_detail(image, np.ones(image.shape, bool), (1.15, 0.68, 0.63))
    detail.blur_image(image, (1.0, 1.0))
    np.testing.assert_array_equal(image, before)
