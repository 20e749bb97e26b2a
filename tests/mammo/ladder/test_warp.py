"""Changes of pictures, applied: against scipy, against the boxes, compiled, and on JAX."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, map_coordinates

from mammo_pipeline.mammo.ladder.augment import (
    Changes,
    as_arrays,
    make_changes,
    move_boxes,
    spline_weights,
    spread_places,
)
from mammo_pipeline.mammo.ladder.settings import Augmentation
from mammo_pipeline.mammo.ladder.warp import warp

SHAPE = (48, 36)
ALL = {
    "flip_vertical": True,
    "flip_horizontal": True,
    "rotation_degrees": 25,
    "shear": 0.2,
    "zoom": 0.2,
    "gain": 0.3,
    "shift": 0.1,
    "elastic": 0.06,
}


def make_pictures(count: int = 8) -> np.ndarray:
    noise = np.random.default_rng(0).normal(size=(count, *SHAPE))
    smooth = gaussian_filter(noise, (0, 2, 2))
    grey = np.clip(30000 + 90000 * smooth, 1, 65535)
    air = np.hypot(*np.mgrid[-24:24, 0:36]) > 30
    return np.where(air, 0, grey).astype(np.uint16)[..., np.newaxis]


PICTURES = make_pictures()


def draw(count: int = len(PICTURES), **settings: float) -> Changes:
    augment = Augmentation.model_validate(settings)
    return make_changes(np.random.default_rng(3), count, SHAPE, augment)


def change(changes: Changes, pictures: np.ndarray = PICTURES) -> np.ndarray:
    return np.asarray(warp(pictures, as_arrays(changes)))


def test_no_change_is_a_cast():
    changed = change(draw())
    assert changed.dtype == np.float32
    np.testing.assert_array_equal(changed, PICTURES)


def test_flips_alone_are_exact_to_the_bit_and_the_same_within_a_transform():
    both = {"flip_vertical": True, "flip_horizontal": True}
    flips = draw(**both).flips
    assert len(np.unique(flips, axis=0)) == 4
    expected = np.stack(
        [
            picture[:: -1 if down else 1, :: -1 if across else 1]
            for picture, (down, across) in zip(PICTURES, flips, strict=True)
        ]
    )
    np.testing.assert_array_equal(change(draw(**both)), expected)
    np.testing.assert_allclose(change(draw(**both, zoom=1e-9)), expected, atol=0.1)


def sample_by_scipy(changes: Changes, pictures: np.ndarray) -> np.ndarray:
    sampled = []
    for picture, pixels in enumerate(pictures[..., 0].astype(np.float64)):
        rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]].astype(np.float64)
        if changes.elastic is not None:
            control = changes.elastic[picture]
            cells = len(control) - 1
            down, across = (spline_weights(spread_places(side, cells), cells) for side in SHAPE)
            field = np.einsum("hi,wj,ijk->khw", down, across, control)
            rows, columns = rows + field[0], columns + field[1]
        a0, a1, a2, b0, b1, b2 = changes.transforms[picture, :6].astype(np.float64)
        old = [b0 * columns + b1 * rows + b2, a0 * columns + a1 * rows + a2]
        sampled.append(map_coordinates(pixels, old, order=1, mode="nearest"))
    return np.stack(sampled)


@pytest.mark.parametrize("elastic", [0, 0.06])
def test_it_samples_as_scipy_does(elastic):
    changes = draw(**{**ALL, "gain": 0, "shift": 0, "elastic": elastic})
    # Places are float32, to a ten-thousandth of a pixel; the skin is a step of 30,000.
    difference = change(changes)[..., 0] - sample_by_scipy(changes, PICTURES)
    assert np.abs(difference).max() < 5


def test_what_comes_in_from_outside_repeats_the_edge():
    even = np.full((8, *SHAPE, 1), 30000, np.uint16)
    changes = draw(**{**ALL, "gain": 0, "shift": 0})
    np.testing.assert_array_equal(change(changes, even), even)


def test_air_stays_air_and_tissue_stays_tissue_whatever_the_brightness():
    changes = Changes(
        gains=np.float32([0.5, 1.5, 1.0, 1.0]), shifts=np.float32([0, 0, -40000, 60000])
    )
    changed = change(changes, PICTURES[:4])
    air = PICTURES[:4] == 0
    assert air.any() and not changed[air].any()
    assert changed[~air].min() == 1 and changed[~air].max() == 65535
    for picture, (gain, shift) in enumerate(zip(changes.gains, changes.shifts, strict=True)):
        grey = PICTURES[picture][~air[picture]].astype(np.float64)
        expected = np.clip(grey * gain + shift, 1, 65535)
        np.testing.assert_allclose(changed[picture][~air[picture]], expected, rtol=1e-5)


def test_a_brighter_picture_is_as_sharp_at_the_skin():
    changes = draw(rotation_degrees=25, shift=0.3)
    dark = Changes(transforms=changes.transforms)
    flat = np.where(PICTURES, 20000, 0).astype(np.uint16)
    shift = changes.shifts.reshape(-1, 1, 1, 1)
    expected = change(dark, flat) * (20000 + shift) / 20000
    np.testing.assert_allclose(change(changes, flat), np.maximum(expected, 0), rtol=1e-4, atol=1)


def test_a_lesion_lies_in_its_moved_box_and_fills_it():
    pictures = np.zeros((40, *SHAPE, 1), np.uint16)
    pictures[:, 18:30, 12:22] = 60000
    changes = draw(40, **{**ALL, "gain": 0, "shift": 0})
    changed = change(changes, pictures)[..., 0]
    for picture in range(40):
        box = np.array([[18, 12, 30, 22]])
        moved, clipped = move_boxes(box, changes, picture, SHAPE)
        lit = np.argwhere(changed[picture] > 30000)
        seen = np.concatenate([lit.min(axis=0), lit.max(axis=0) + 1])
        assert not clipped.any()
        beyond = (moved[0] - seen) * [1, 1, -1, -1]
        # Half lit is inside, but for half a pixel; the tips of turned corners are darker.
        assert beyond.max() < 0.51 and beyond.min() > -2


def test_changes_of_another_name_are_refused():
    with pytest.raises(ValueError, match=r"\['twist'\] are unknown"):
        warp(PICTURES, {"twist": np.zeros(8)})


@pytest.mark.parametrize("xla", [False, True])
def test_compiled_it_gives_the_same(xla):
    import tensorflow as tf

    changes = draw(**ALL)
    compiled = tf.function(warp, jit_compile=xla)
    np.testing.assert_allclose(compiled(PICTURES, as_arrays(changes)), change(changes), atol=5)


_ON_JAX = """
import sys
import numpy as np
from mammo_pipeline.mammo.ladder.warp import warp
import jax
arrays = dict(np.load(sys.argv[1]))
pixels = arrays.pop("pixels")
np.save(sys.argv[2], np.asarray(jax.jit(warp)(pixels, arrays)))
"""


@pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="jax is not installed")
def test_jax_gives_what_tensorflow_gives(tmp_path):
    changes = draw(**ALL)
    given, found = tmp_path / "given.npz", tmp_path / "found.npy"
    np.savez(given, pixels=PICTURES, **as_arrays(changes))
    environment = {**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
    command = [sys.executable, "-c", _ON_JAX, str(given), str(found)]
    subprocess.run(command, env=environment, check=True, timeout=120)
    np.testing.assert_allclose(np.load(found), change(changes), atol=5)
