"""What all nets read, and how their layers start."""

from __future__ import annotations

import numpy as np
import pytest

from mammo_pipeline.mammo.networks.parts import (
    can_synchronize,
    open_pixels,
    read_greys,
    seed_layer,
    start_kernel,
    start_small,
)
from mammo_pipeline.mammo.networks.record import Recipe

GREYS = np.arange(65536, dtype=np.uint16).reshape(1, 256, 256, 1)


def read(pixels: np.ndarray, channels: int) -> np.ndarray:
    import keras

    inputs = open_pixels((None, None))
    return keras.Model(inputs, read_greys(inputs, channels)).predict_on_batch(pixels)


def test_one_channel_reads_all_greys_of_the_store_from_0_to_1():
    found = read(GREYS, 1)
    assert found.dtype == np.float32
    expected = GREYS.astype(np.float32) * np.float32(1 / 65535)
    np.testing.assert_array_equal(found, expected)


def test_three_channels_are_what_published_weights_expect():
    """As keras.applications prepares a grey picture of 0 to 255."""
    import keras

    grey = np.repeat(GREYS.astype(np.float32) * (255 / 65535), 3, axis=-1)
    expected = keras.applications.vgg16.preprocess_input(grey)
    np.testing.assert_allclose(read(GREYS, 3), expected, atol=1e-4)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_grey_between_two_whole_numbers_is_not_rounded(channels):
    below, between, above = (read(np.full((1, 1, 1, 1), g), channels) for g in (7.0, 7.5, 8.0))
    assert np.all((below < between) & (between < above))


def test_a_layer_starts_by_the_seed_and_its_name_alone():
    assert seed_layer("heatmap", 1) == seed_layer("heatmap", 1)
    assert len({seed_layer(name, seed) for name in ("a", "b") for seed in (1, 2)}) == 4
    first, again = (np.array(start_kernel("a", 1)((3, 3, 1, 4))) for _ in range(2))
    np.testing.assert_array_equal(first, again)


def test_a_last_kernel_starts_small_but_not_at_zero():
    spread = np.std(np.array(start_small("heatmap", 0)((1, 1, 500, 5))))
    assert spread == pytest.approx(0.01, rel=0.1)


def test_statistics_are_synchronized_where_asked_and_where_there_are_replicas(monkeypatch):
    import keras

    monkeypatch.setattr(keras.backend, "backend", lambda: "tensorflow")
    assert can_synchronize(Recipe(0, synchronized=True))
    assert not can_synchronize(Recipe(0))
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    assert not can_synchronize(Recipe(0, synchronized=True))
