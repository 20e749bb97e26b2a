"""The spectrum is of texture, in its unit, and of nothing at the skin line."""

from __future__ import annotations

import numpy as np
import pytest

from mammo_pipeline.mammo.audit.spectrum import (
    CURVE_POINTS,
    list_frequencies,
    measure_spectrum,
    read_bands,
    space_spectrum,
)


def test_white_noise_has_its_variance_at_every_frequency():
    noise = np.random.default_rng(0).normal(30000, 655.35, (256, 256)).astype(np.uint16)
    power = measure_spectrum(noise, 0)
    assert power[2:] == pytest.approx(np.full(power.size - 2, 1e-4), rel=0.3)
    assert read_bands(power)[-1] == pytest.approx(1e-4, rel=0.05)


def test_a_wave_stands_at_its_frequency():
    wave = 30000 + 5000 * np.sin(2 * np.pi * np.arange(224) / 4)
    power = measure_spectrum(np.tile(wave, (224, 1)).astype(np.uint16), 0)
    assert np.argmax(power) == 8  # a tile of 32 pixels holds eight waves of four


def test_the_skin_line_adds_no_power():
    image = np.zeros((224, 224), np.uint16)
    image[:, :100] = 30000
    assert measure_spectrum(image, 0).max() < 1e-10


def test_a_breast_smaller_than_a_tile_and_an_empty_canvas_have_finite_spectra():
    small = np.zeros((224, 224), np.uint16)
    small[100:110, :10] = 30000
    for image in (small, np.zeros((224, 224), np.uint16), np.ones((9, 5), np.uint16)):
        assert np.isfinite(measure_spectrum(image, 0)).all()


def test_the_curve_is_the_same_for_two_spacings_of_one_texture_and_ends_where_pixels_do():
    power = np.full(17, 1e-4)
    fine, coarse = space_spectrum(power, 0.4), space_spectrum(power, 0.8)
    assert fine.shape == (CURVE_POINTS,)
    both = np.isfinite(fine) & np.isfinite(coarse)
    assert (coarse - fine)[both] == pytest.approx(np.log10(4), abs=1e-5)
    assert np.isnan(coarse[list_frequencies() > 0.625]).all()
