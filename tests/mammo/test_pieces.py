"""Pieces, holes and openings are those of scipy, found faster."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from mammo_pipeline.mammo.pieces import (
    draw_pieces,
    fill_holes,
    find_pieces,
    grow_within,
    open_mask,
    spread_mask,
)


def draw_noise(share, seed=0, shape=(70, 50)):
    smooth = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=shape), 1)
    return smooth > np.quantile(smooth, 1 - share)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.4, 0.6, 1.0])
def test_the_pieces_are_those_of_scipy(share):
    mask = draw_noise(share)
    pieces = find_pieces(mask)
    labels, count = ndimage.label(mask)
    assert pieces.area.tolist() == np.bincount(labels.ravel(), minlength=1)[1:].tolist()
    for number in range(count):
        drawn = draw_pieces(pieces, np.arange(count) == number)
        np.testing.assert_array_equal(drawn, labels == number + 1)
        rows, columns = ndimage.find_objects(labels)[number]
        box = [rows.start, columns.start, rows.stop, columns.stop]
        assert pieces.box[number].tolist() == box


def test_pieces_that_meet_late_are_one():
    comb = np.array([[1, 0, 1, 0, 1], [1, 0, 1, 0, 1], [1, 1, 1, 1, 1]], bool)
    assert find_pieces(comb).area.tolist() == [11]
    assert find_pieces(comb[::-1]).area.tolist() == [11]


def test_a_hole_at_the_chest_wall_is_filled_and_air_is_not():
    mask = np.zeros((40, 30), bool)
    mask[5:35, :20] = True
    holed = mask.copy()
    holed[10:15, :4] = holed[20:25, 8:12] = False
    np.testing.assert_array_equal(fill_holes(holed), mask)


@pytest.mark.parametrize("radius", [1, 2, 3])
def test_an_opening_is_that_of_scipy(radius):
    mask = draw_noise(0.7, radius)
    square = np.ones((2 * radius + 1, 2 * radius + 1), bool)
    np.testing.assert_array_equal(open_mask(mask, radius), ndimage.binary_opening(mask, square))
    np.testing.assert_array_equal(spread_mask(mask, radius), ndimage.binary_dilation(mask, square))


def test_growing_stays_in_the_mask_and_takes_its_steps():
    mask = np.zeros((3, 9), bool)
    mask[1] = True
    seed = np.zeros_like(mask)
    seed[1, 0] = True
    assert grow_within(seed, mask, 3).sum() == 4


def test_nothing_that_is_given_is_changed():
    mask = draw_noise(0.5)
    before = mask.copy()
    for do in (fill_holes, find_pieces, lambda m: open_mask(m, 2), lambda m: spread_mask(m, 2)):
        do(mask)
    np.testing.assert_array_equal(mask, before)
