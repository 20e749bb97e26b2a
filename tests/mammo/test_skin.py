"""Air, its noise and its shadows, and where the skin begins."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from bad_frames import add_noise, draw_frame, lay_paddle
from mammo_pipeline.mammo.skin import find_tissue, measure_air, refine_edge, smooth_picture

CELL_MM = 0.56


def test_the_filter_is_the_binomial_one():
    small = np.random.default_rng(0).random((40, 30)).astype(np.float32)
    binomial = np.outer([1, 2, 1], [1, 2, 1]) / 16
    np.testing.assert_allclose(
        smooth_picture(small), ndimage.convolve(small, binomial, mode="nearest"), atol=1e-6
    )


@pytest.mark.parametrize("noise", [0.0, 0.005, 0.02])
@pytest.mark.parametrize("level", [0.1, 0.25])
def test_air_and_its_noise_are_measured(level, noise):
    frame = draw_frame("philips_microdose", "CC", "B", 0)
    small = np.where(frame.breast, frame.small + level, level)
    small += np.random.default_rng(0).normal(0, 1, small.shape) * noise
    air = measure_air(small.astype(np.float32))
    assert air.level == pytest.approx(level, abs=0.01)
    assert air.noise == pytest.approx(noise, abs=0.1 * noise + 0.002)


def test_a_paddles_shadow_is_air():
    frame = draw_frame("hologic_dimensions", "CC", "C", 0)
    small = lay_paddle(frame, shadow=0.06)
    air = measure_air(small)
    assert 0.06 <= air.highest < 0.09
    assert measure_air(frame.small).highest == measure_air(frame.small).level
    tissue = find_tissue(smooth_picture(small), air, CELL_MM)
    assert tissue[frame.skin_mm < -3].mean() < 0.02


def test_air_does_not_enter_dark_fat_through_a_thin_gap_in_the_skin():
    small = np.zeros((120, 90), np.float32)
    small[20:100, :60] = 0.5
    small[26:94, :54] = 0.005
    small[60:64, 54:60] = 0.0
    tissue = find_tissue(small, measure_air(small), CELL_MM)
    np.testing.assert_array_equal(tissue[20:100, :54], True)


@pytest.mark.parametrize("wrong", [-2, -1, 1, 2])
def test_an_outline_that_is_off_is_drawn_to_the_skin(wrong):
    frame = draw_frame("siemens_inspiration", "CC", "B", 10)
    off = frame.skin_mm > -wrong * CELL_MM
    refined = refine_edge(smooth_picture(frame.small), off, 0.0, CELL_MM)
    assert (refined ^ frame.breast).sum() < 0.35 * (off ^ frame.breast).sum()


@pytest.mark.parametrize("gamma", [0.6, 1.0, 1.6])
def test_the_outline_does_not_follow_the_grey_curve(gamma):
    frame = draw_frame("siemens_inspiration", "CC", "B", 10)
    off = frame.skin_mm > -CELL_MM

    def refine(small):
        return refine_edge(smooth_picture(small), off, 0.0, CELL_MM).sum()

    assert refine(frame.small**gamma) == pytest.approx(refine(frame.small), rel=0.004)


def test_noise_is_no_tissue():
    frame = draw_frame("fujifilm_amulet", "CC", "A", 0)
    small = add_noise(frame.small)
    tissue = find_tissue(smooth_picture(small), measure_air(small), CELL_MM)
    assert tissue[frame.skin_mm < -3].mean() < 0.01
    assert tissue[frame.breast].all()
