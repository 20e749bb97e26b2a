"""The frozen net is the same everywhere, and sees texture, outline and marks apart."""

from __future__ import annotations

import numpy as np
import pytest

from mammo_pipeline.mammo.audit.network import NAMES, draw_filters, extract_features

FIRST_ROW = [-0.065923, -0.290536, -0.127726, -0.098975, 0.087907]
SOURCES = [[0, 10, 7, 6], [7, 10, 9, 11]]
SEEN = [-1.22349, -1.13673, -1.68512, -2.324]


def canvas(noise: float, seed: int = 0) -> np.ndarray:
    rows, columns = np.mgrid[:128, :96]
    inside = ((rows - 64) / 44) ** 2 + (columns / 60) ** 2 < 1
    texture = 30000 + noise * np.random.default_rng(seed).standard_normal(inside.shape)
    return np.where(inside, texture, 0).astype(np.uint16)


def pooled(image: np.ndarray, zone: str) -> np.ndarray:
    found = extract_features(image, 0)
    return found[[f"_{zone}_" in name for name in NAMES]]


def test_the_filters_are_the_promised_ones_on_every_machine():
    first, deeper = draw_filters()
    assert first[1, 0].tolist() == pytest.approx(FIRST_ROW, abs=1e-6)
    assert [sources[0].tolist() for _, sources in deeper] == SOURCES
    for filters, axes in ((first, (1, 2)), (deeper[0][0], (2, 3))):
        assert np.abs(filters.mean(axes)).max() < 1e-6
    assert np.sqrt((first**2).sum((1, 2))) == pytest.approx(np.ones(12), abs=1e-5)


def test_a_canvas_gives_the_same_features_every_time():
    rows, columns = np.mgrid[:64, :64]
    image = ((37 * rows * rows + 91 * columns * columns) % 40000 + 1).astype(np.uint16)
    image[40:, 50:] = 0
    found = extract_features(image, 0)
    assert found.shape == (144,) and found.dtype == np.float32
    assert found[[0, 13, 50, 100]].tolist() == pytest.approx(SEEN, abs=1e-4)


def test_noise_is_seen_deep_in_tissue():
    quiet, loud = pooled(canvas(200), "core"), pooled(canvas(400), "core")
    assert loud - quiet == pytest.approx(np.full(72, np.log10(2)), abs=0.02)


def test_air_answers_a_mark_and_never_the_outline():
    plain, marked = canvas(500), canvas(500)
    marked[8:13, -13:-8] = 200
    assert pooled(plain, "air").max() == -6.0
    assert pooled(marked, "air")[:12].min() > -4.0
    assert (pooled(marked, "core") == pooled(plain, "core")).all()


def test_air_around_the_breast_costs_nothing_and_changes_nothing():
    image = canvas(500)
    wide = np.zeros((256, 192), np.uint16)
    wide[64:192, :96] = image
    near = np.isclose(extract_features(wide, 0), extract_features(image, 0), atol=1e-4)
    assert near.all()


def test_an_empty_canvas_is_silent():
    assert (extract_features(np.zeros((64, 48), np.uint16), 0) == -6.0).all()
