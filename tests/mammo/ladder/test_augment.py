"""Changes of the pictures: drawn here, applied there."""

from __future__ import annotations

import numpy as np
import pytest

from mammo_pipeline.mammo.ladder.augment import Changes, apply_changes, make_changes
from mammo_pipeline.mammo.ladder.stages import Augmentation

PICTURES = np.random.default_rng(0).integers(0, 60000, (40, 12, 10, 1), dtype=np.uint16)


def change(**settings) -> tuple[np.ndarray, Changes]:
    augment = Augmentation.model_validate(settings)
    changes = make_changes(np.random.default_rng(1), len(PICTURES), (12, 10), augment)
    return np.asarray(apply_changes(PICTURES, changes)), changes


def test_no_change_gives_the_same_pixels():
    changed, _ = change()
    assert changed.dtype == np.uint16
    np.testing.assert_array_equal(changed, PICTURES)


@pytest.mark.parametrize(("flip", "axis"), [("flip_vertical", 1), ("flip_horizontal", 2)])
def test_a_flip_turns_some_pictures_exactly_and_leaves_the_others(flip, axis):
    changed, _ = change(**{flip: True})
    flipped = (changed == np.flip(PICTURES, axis)).all(axis=(1, 2, 3))
    same = (changed == PICTURES).all(axis=(1, 2, 3))
    assert (flipped ^ same).all()
    assert 10 < flipped.sum() < 30


def test_a_gain_scales_tissue_and_leaves_air():
    pictures = PICTURES.copy()
    pictures[:, :6] = 0
    changes = make_changes(np.random.default_rng(1), 40, (12, 10), Augmentation(gain=0.2))
    changed = np.asarray(apply_changes(pictures, changes)).astype(float)
    assert not changed[:, :6].any()
    ratio = changed[:, 6:].sum(axis=(1, 2, 3)) / pictures[:, 6:].sum(axis=(1, 2, 3))
    np.testing.assert_allclose(ratio, changes.gains, rtol=0.02)
    assert changes.gains.min() < 0.85
    assert changes.gains.max() > 1.15


def test_a_turn_and_a_zoom_keep_the_centre_and_move_the_rest():
    _, changes = change(rotation_degrees=30, zoom=0.2)
    (a0, a1, a2, b0, b1, b2) = changes.transforms[:, :6].T
    np.testing.assert_allclose(a0 * 4.5 + a1 * 5.5 + a2, 4.5, rtol=1e-5)
    np.testing.assert_allclose(b0 * 4.5 + b1 * 5.5 + b2, 5.5, rtol=1e-5)
    scale = 1 / np.hypot(a0, b0)
    assert 0.8 <= scale.min() < 0.85 < 1.15 < scale.max() <= 1.2
    assert 20 < np.rad2deg(np.arctan2(b0, a0)).max() <= 30


def test_what_comes_in_from_outside_repeats_the_edge():
    even = np.full((40, 12, 10, 1), 30000, np.uint16)
    augment = Augmentation(rotation_degrees=30, zoom=0.2)
    changes = make_changes(np.random.default_rng(1), 40, (12, 10), augment)
    np.testing.assert_array_equal(np.asarray(apply_changes(even, changes)), even)


def test_the_same_rng_draws_the_same_changes():
    np.testing.assert_array_equal(change(zoom=0.1)[0], change(zoom=0.1)[0])
