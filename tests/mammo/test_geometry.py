"""Millimetres in, canvas pixels out, and back."""

from __future__ import annotations

import numpy as np
import pytest

from mammo_pipeline.mammo import geometry
from mammo_pipeline.mammo.standard import trace
from small_archive import draw_breast


@pytest.mark.parametrize("flips", [(False, False), (True, False), (False, True), (True, True)])
def test_a_box_lands_where_flip_scale_and_shift_put_it(flips):
    transform = trace((3328, 2560), flips, (0.35, 0.35), (12, -3))
    row = 3328 - 340 if flips[0] else 100
    column = 2560 - 610 if flips[1] else 200
    there = transform.box_to_canvas((100.0, 200.0, 340.0, 610.0))
    assert there[:2] == pytest.approx((0.35 * row + 12, 0.35 * column - 3))
    assert (there[2] - there[0], there[3] - there[1]) == pytest.approx((0.35 * 240, 0.35 * 410))


@pytest.mark.parametrize("laterality", ["L", "R"])
def test_the_chest_wall_is_found_from_the_pixels(laterality):
    wall = "left" if laterality == "L" else "right"
    image = draw_breast(wall=wall) / 4095
    _, flip = geometry.find_flips(image, laterality, "CC", "")
    assert flip == (wall == "right")


@pytest.mark.parametrize(
    ("laterality", "view", "orientation", "flip"),
    [
        ("L", "MLO", "A\\FR", False),
        ("L", "MLO", "A\\HL", True),
        ("R", "CC", "P\\L", False),
        ("R", "CC", "P\\R", True),
    ],
)
def test_superior_or_lateral_is_up(laterality, view, orientation, flip):
    image = draw_breast() / 4095
    assert geometry.find_flips(image, laterality, view, orientation)[0] == flip


def test_a_length_in_mm_survives_any_spacing():
    lengths = []
    for mm in (0.05, 0.1):
        image = np.zeros((int(60 / mm), int(60 / mm)), np.float32)
        image[int(20 / mm) : int(40 / mm), :] = 1
        lengths.append((geometry.resample(image, mm / 0.5, mm / 0.5)[:, 60] > 0.5).sum() * 0.5)
    assert lengths == pytest.approx([20, 20], abs=0.5)


def test_resampling_keeps_the_mean_and_removes_what_the_grid_cannot_carry():
    checkers = np.indices((200, 200)).sum(0) % 2.0
    coarse = geometry.resample(checkers.astype(np.float32), 0.25, 0.25)
    assert coarse.mean() == pytest.approx(0.5, abs=0.01)
    assert coarse[5:-5, 5:-5].std() < 0.02


def test_noise_is_averaged_as_a_triangle_of_two_new_pixels_does():
    noise = np.random.default_rng(0).normal(size=(400, 400)).astype(np.float32)
    # Variance of the triangle's weights: (2/3) / 4 an axis at a quarter of the size.
    assert geometry.resample(noise, 0.25, 0.25).std() == pytest.approx(2 / 3 / 4, rel=0.1)


def test_placing_looks_at_the_chest_wall_and_counts_what_is_lost():
    image, mask = np.ones((100, 80), np.float32), np.zeros((100, 80), bool)
    mask[10:30, 5:60] = True
    canvas, down, across, lost = geometry.place_on_canvas(image, mask, (40, 50))
    assert (down, across) == (0, -5)
    assert canvas[10:30, :50].all() and canvas.sum() == 20 * 50
    assert lost == 20 * 5
