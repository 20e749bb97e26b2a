"""The way to the skin is levelled; what is local stays."""

from __future__ import annotations

import numpy as np
import pytest

from mammo_pipeline.mammo.depth import measure_depth_mm
from mammo_pipeline.mammo.rim import level_rim

SKIN_MM, SPACING_MM = 2.4, 0.8


def draw_rim(drop=0.25, thin=0.0, seed=0):
    """A half disc of still texture that grows dark by `drop` and flat by `thin` to its skin."""
    y, x = np.mgrid[:240, :130]
    depth_mm = measure_depth_mm((y - 120) ** 2 + x**2 < 110**2, (SPACING_MM, SPACING_MM))
    texture = np.random.default_rng(seed).normal(0, 0.05, depth_mm.shape)
    away = np.clip(1 - depth_mm / 14, 0, 1)
    image = 0.5 - drop * away**2 + (1 - thin * away) * texture
    return image.astype(np.float32), depth_mm


def measure_steps(image, depth_mm):
    """Mean and spread of grey in shells of 2 mm, and those of the inside."""
    shells = [(a, a + 2.0) for a in np.arange(SKIN_MM, 16, 2.0)] + [(18.0, 1e3)]
    cuts = [image[(depth_mm > a) & (depth_mm <= b)] for a, b in shells]
    return np.array([c.mean() for c in cuts]), np.array([c.std() for c in cuts])


@pytest.mark.parametrize("drop", [0.25, -0.15])
def test_a_roll_off_to_the_skin_is_taken_out(drop):
    image, depth_mm = draw_rim(drop)
    before, _ = measure_steps(image, depth_mm)
    after, spread = measure_steps(level_rim(image, depth_mm, SKIN_MM), depth_mm)
    assert np.ptp(before) > 0.5 * abs(drop)
    assert np.ptp(after) < 0.04 * abs(drop) + 0.003
    np.testing.assert_allclose(spread, spread[-1], rtol=0.12)


def test_a_steep_roll_off_is_taken_out_at_its_own_depth():
    y, x = np.mgrid[:240, :130]
    depth_mm = (SPACING_MM * (110 - np.hypot(y - 120, x))).astype(np.float32)
    texture = np.random.default_rng(0).normal(0, 0.02, depth_mm.shape)
    image = 0.5 - 0.03 * np.clip(14 - depth_mm, 0, None) + texture
    after, _ = measure_steps(level_rim(image.astype(np.float32), depth_mm, SKIN_MM), depth_mm)
    # Half a step aside would leave 0.0075.
    np.testing.assert_allclose(after[1:-2], after[-1], atol=0.0035)


def test_a_rim_that_grows_flat_becomes_as_rich_as_the_inside():
    image, depth_mm = draw_rim(0.0, 0.45)
    _, before = measure_steps(image, depth_mm)
    _, after = measure_steps(level_rim(image, depth_mm, SKIN_MM), depth_mm)
    assert before[0] < 0.7 * before[-1]
    np.testing.assert_allclose(after, after[-1], rtol=0.08)


def test_a_rim_is_stretched_no_more_than_twice_and_pressed_no_more_than_to_half():
    for thin, bound in ((0.97, 2.0), (-9.0, 0.5)):
        image, depth_mm = draw_rim(0.0, thin)
        shell = (depth_mm > 3) & (depth_mm < 4)
        gain = level_rim(image, depth_mm, SKIN_MM)[shell].std() / image[shell].std()
        assert gain == pytest.approx(bound, rel=0.02)


def test_a_small_spot_in_the_rim_keeps_its_contrast():
    image, depth_mm = draw_rim()
    y, x = np.mgrid[:240, :130]
    spot = np.exp(-((y - 120) ** 2 + (x - 101) ** 2) / 4.5)
    marked = (image + 0.2 * spot).astype(np.float32)
    added = level_rim(marked, depth_mm, SKIN_MM) - level_rim(image, depth_mm, SKIN_MM)
    # It is a part of its own depth's mean and spread, so a little of it goes.
    assert 0.85 * 0.2 < added[120, 101] < 1.02 * 0.2
    assert np.abs(added[depth_mm > 20]).max() < 0.005


def test_what_lies_deep_is_left_as_it_is():
    image, depth_mm = draw_rim()
    levelled = level_rim(image, depth_mm, SKIN_MM)
    deep = depth_mm > 16.5
    np.testing.assert_allclose(levelled[deep], image[deep], atol=1e-6)
    assert levelled.dtype == np.float32


def test_a_breast_without_an_inside_is_left_as_it_is():
    image, depth_mm = draw_rim()
    thin = np.minimum(depth_mm, 12).astype(np.float32)
    np.testing.assert_array_equal(level_rim(image, thin, SKIN_MM), image)
    few = np.where(np.cumsum(depth_mm.ravel() > 16).reshape(depth_mm.shape) < 50, depth_mm, thin)
    np.testing.assert_array_equal(level_rim(image, few.astype(np.float32), SKIN_MM), image)


def test_a_depth_of_few_pixels_takes_the_figures_of_its_neighbours():
    image, depth_mm = draw_rim(0.0)
    # 40 wild pixels alone at their depth: they must not set a gain of their own.
    depth_mm = np.where((depth_mm > 5) & (depth_mm < 6), 4.7, depth_mm).astype(np.float32)
    wild = image.copy()
    wild[100:140, 50] = 50.0
    depth_mm[100:140, 50] = 5.25
    levelled = level_rim(wild, depth_mm, SKIN_MM)
    near = (depth_mm > 4) & (depth_mm < 5)
    np.testing.assert_allclose(levelled[near], image[near], atol=0.03)


def test_skin_has_no_part_in_the_figures():
    image, depth_mm = draw_rim()
    burnt = np.where(depth_mm <= SKIN_MM, np.float32(7), image)
    tissue = depth_mm > SKIN_MM
    np.testing.assert_array_equal(
        level_rim(burnt, depth_mm, SKIN_MM)[tissue], level_rim(image, depth_mm, SKIN_MM)[tissue]
    )


def test_the_image_that_is_levelled_is_left_as_it_was():
    image, depth_mm = draw_rim()
    before = image.copy()
    image.flags.writeable = depth_mm.flags.writeable = False
    level_rim(image, depth_mm, SKIN_MM)
    np.testing.assert_array_equal(image, before)
