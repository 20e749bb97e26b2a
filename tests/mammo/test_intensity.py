"""Grey that means the same on every device."""

from __future__ import annotations

import json

import numpy as np
import pytest

from mammo_pipeline.mammo import intensity

# One level of grey that is counted.
LEVEL = 2 / 16384


def draw_tissue(seed=0):
    rng = np.random.default_rng(seed)
    image = np.clip(rng.gamma(3, 0.1, (160, 120)), 0.01, 0.99).astype(np.float32)
    mask = np.zeros(image.shape, bool)
    mask[5:150, :100] = True
    return np.where(mask, image, 0).astype(np.float32), mask


def equalize(image, mask, count=129):
    levels = intensity.find_levels(image, mask, count)
    return intensity.map_grey(image, levels, intensity.list_targets(count))


@pytest.mark.parametrize("count", [3, 33, 129])
def test_the_levels_are_the_quantiles_of_the_tissue(count):
    image, mask = draw_tissue()
    levels = intensity.find_levels(image, mask, count)
    wanted = np.quantile(image[mask], np.linspace(0.0005, 0.9995, count))
    assert (levels.dtype, levels.shape) == (np.float32, (count,))
    assert (np.diff(levels) >= 0).all()
    body = slice(count // 20, -(count // 20) or None)
    np.testing.assert_allclose(levels[body][1:-1], wanted[body][1:-1], atol=2 * LEVEL)
    # In the tails a quantile lies between single pixels.
    np.testing.assert_allclose(levels, wanted, atol=0.01)


def test_the_median_of_two_greys_lies_between_them():
    image = np.repeat(np.array([[0.2, 0.4]], np.float32), 50, axis=0)
    levels = intensity.find_levels(image, np.ones(image.shape, bool), 3)
    np.testing.assert_allclose(levels, [0.2, 0.3, 0.4], atol=2 * LEVEL)


def test_air_has_no_part_in_the_levels():
    image, mask = draw_tissue()
    bright = np.where(mask, image, 0.9).astype(np.float32)
    np.testing.assert_array_equal(
        intensity.find_levels(bright, mask, 129), intensity.find_levels(image, mask, 129)
    )


def test_grey_that_left_the_scale_keeps_its_order():
    image = np.linspace(-0.45, 1.45, 40000, dtype=np.float32).reshape(200, 200)
    levels = intensity.find_levels(image, np.ones(image.shape, bool), 5)
    np.testing.assert_allclose(levels, -0.45 + 1.9 * np.linspace(0.0005, 0.9995, 5), atol=2 * LEVEL)
    far = np.array([[-9.0, 9.0]], np.float32)
    mapped = intensity.map_grey(far, levels, intensity.list_targets(5))
    np.testing.assert_allclose(mapped[0], intensity.list_targets(5)[[0, -1]], atol=1e-6)


def test_the_targets_are_a_normal_distribution():
    targets = intensity.list_targets(129)
    assert targets[64] == pytest.approx(0.5) and np.all(np.diff(targets) > 0)
    np.testing.assert_allclose(targets + targets[::-1], 1)
    within = np.interp([0.35, 0.65], targets, intensity.list_quantiles(129))
    assert within[1] - within[0] == pytest.approx(0.6827, abs=0.002)
    assert targets[0] > 0 and targets[-1] < 1


def test_every_tissue_gets_the_reference():
    for seed in (0, 1):
        image, mask = draw_tissue(seed)
        mapped = equalize(image, mask)[mask]
        assert (mapped.mean(), mapped.std()) == pytest.approx((0.5, 0.15), abs=0.003)


def test_order_is_kept():
    image, mask = draw_tissue()
    mapped = equalize(image, mask)
    order = np.argsort(image[mask])
    assert (np.diff(mapped[mask][order]) >= -1e-6).all()


@pytest.mark.parametrize(
    "curve",
    [
        lambda grey: grey**0.6,
        lambda grey: grey**1.5,
        lambda grey: 0.2 + 0.5 * grey,
        lambda grey: 1 / (1 + np.exp(-4 * (grey - 0.4))),
    ],
    ids=["gamma under 1", "gamma over 1", "window", "sigmoid"],
)
def test_a_monotone_curve_of_a_device_leaves_no_trace(curve):
    image, mask = draw_tissue()
    curved = np.where(mask, curve(image), 0).astype(np.float32)
    apart = np.abs(equalize(image, mask) - equalize(curved, mask))[mask]
    assert apart.mean() < 0.001
    assert np.quantile(apart, 0.999) < 0.01


def test_flat_tissue_is_mapped_without_a_jump_to_nowhere():
    image = np.full((20, 20), 0.3, np.float32)
    mapped = equalize(image, np.ones((20, 20), bool))
    assert np.isfinite(mapped).all()
    targets = intensity.list_targets(129)
    assert targets[0] <= mapped.min() and mapped.max() <= targets[-1]


def test_beyond_the_outermost_levels_the_map_is_flat():
    image = np.array([[0.0, 0.2, 0.5, 0.8, 1.0]], np.float32)
    mapped = intensity.map_grey(image, np.array([0.2, 0.8], np.float32), np.array([0.1, 0.7]))
    np.testing.assert_allclose(mapped, [[0.1, 0.1, 0.4, 0.7, 0.7]], atol=2 * LEVEL)


def test_a_steep_map_has_no_steps():
    image = np.linspace(0.5002, 0.5018, 60, dtype=np.float32)[None]
    mapped = intensity.map_grey(image, np.array([0.5, 0.502], np.float32), np.array([0.0, 1.0]))
    np.testing.assert_allclose(mapped, (image - 0.5) / 0.002, atol=0.01)


def test_the_image_that_is_mapped_is_left_as_it_was():
    image, mask = draw_tissue()
    before = image.copy()
    image.flags.writeable = mask.flags.writeable = False
    equalize(image, mask)
    np.testing.assert_array_equal(image, before)


def test_stored_tissue_is_never_the_value_of_air():
    image = np.array([[-0.2, 0.5], [0.0, 1.7]], np.float32)
    mask = np.array([[True, False], [True, True]])
    stored = intensity.to_stored(image, mask)
    assert stored.dtype == np.uint16
    assert stored.tolist() == [[1, 0], [1, 65535]]


def draw_canvases(gamma, shift, seed, count=6):
    """Images of one device: each woman has her density, the device its curve."""
    rng = np.random.default_rng(seed)
    mask = np.zeros((120, 90), bool)
    mask[10:110, :70] = True
    for _ in range(count):
        grey = np.clip(rng.normal(rng.uniform(0.4, 0.6), 0.1, mask.shape), 0.02, 0.98)
        yield intensity.to_stored(shift + (1 - 2 * shift) * grey**gamma, mask), mask


def measure_levels(canvas, count=9):
    return intensity.find_levels((canvas / 65535).astype(np.float32), canvas > 0, count)


def fit_two_devices():
    canvases = {
        "a": [c for c, _ in draw_canvases(0.8, 0.0, 0)],
        "b": [c for c, _ in draw_canvases(1.3, 0.05, 0)],
    }
    levels = np.array([measure_levels(c) for part in canvases.values() for c in part])
    devices = np.repeat(["a", "b"], 6)
    return canvases, intensity.fit_device_maps(levels, devices)


def test_two_devices_become_alike_through_their_maps():
    canvases, maps = fit_two_devices()

    def average(mapped):
        means = [
            np.mean([measure_levels(mapped(canvas, name)) for canvas in part], axis=0)
            for name, part in canvases.items()
        ]
        return np.abs(means[0] - means[1]).max()

    assert average(lambda canvas, name: canvas) > 0.1
    assert average(lambda canvas, name: intensity.map_device(canvas, name, maps)) < 0.02


def test_a_device_map_counts_devices_alike_and_is_plain():
    levels = np.array([[0.1, 0.2], [0.3, 0.4], [0.5, 0.9]])
    maps = intensity.fit_device_maps(levels, np.array(["x", "x", "y"]))
    assert json.loads(json.dumps(maps)) == maps
    np.testing.assert_allclose(maps["devices"]["x"]["levels"], [0.2, 0.3])
    np.testing.assert_allclose(maps["targets"], [0.35, 0.6])
    assert [maps["devices"][name]["images"] for name in "xy"] == [2, 1]
    none = intensity.fit_device_maps(np.empty((0, 2)), np.empty(0, str))
    assert none == {"targets": [], "devices": {}}


def test_a_device_map_keeps_order_and_air():
    _, maps = fit_two_devices()
    ramp = np.arange(65536, dtype=np.uint16).reshape(256, 256)
    before = ramp.copy()
    for name in "ab":
        mapped = intensity.map_device(ramp, name, maps).astype(int)
        assert mapped[0, 0] == 0 and mapped.ravel()[1:].min() >= 1 and mapped.max() == 65535
        assert (np.diff(mapped.ravel()) >= 0).all()
    np.testing.assert_array_equal(ramp, before)
    assert intensity.map_device(ramp, "a", maps).dtype == np.uint16


def test_a_map_makes_no_air_of_dark_tissue():
    maps = {"targets": [0.1], "devices": {"d": {"levels": [0.5], "images": 1}}}
    dark = np.array([[0, 1, 2]], np.uint16)
    assert intensity.map_device(dark, "d", maps).tolist() == [[0, 1, 1]]


def test_an_unknown_device_and_no_maps_change_nothing():
    _, maps = fit_two_devices()
    canvas = next(draw_canvases(1.0, 0.0, 1))[0]
    for device, given in (("c", maps), ("", maps), ("a", None), ("a", {})):
        np.testing.assert_array_equal(intensity.map_device(canvas, device, given), canvas)
