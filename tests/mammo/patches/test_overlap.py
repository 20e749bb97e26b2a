"""How much of a patch is lesion, and how much is breast."""

from __future__ import annotations

import numpy as np
import pytest

from mammo_pipeline.mammo.patches.overlap import (
    breast_shares,
    most_overlap,
    overlap_shares,
    sum_breast,
)

SHAPE, SIZE = (68, 48), 14


def mask(top: int, left: int, bottom: int, right: int) -> np.ndarray:
    picture = np.zeros(SHAPE, bool)
    picture[top:bottom, left:right] = True
    return picture


@pytest.mark.parametrize("overlap_with", ["roi", "patch", "either"])
def test_an_overlap_is_what_masks_would_count(overlap_with):
    rng = np.random.default_rng(4)
    corners = rng.integers(0, np.array(SHAPE) - SIZE + 1, (30, 2))
    low = rng.integers(0, (40, 20), (20, 2))
    boxes = np.concatenate([low, low + rng.integers(1, 28, (20, 2))], axis=1)
    found = overlap_shares(corners, boxes, SIZE, overlap_with)
    assert 0.1 < (found > 0).mean() < 0.9
    for (row, column), shares in zip(corners, found, strict=True):
        patch = mask(row, column, row + SIZE, column + SIZE)
        for box, share in zip(boxes, shares, strict=True):
            lesion = mask(*box)
            both = (patch & lesion).sum()
            of = {"roi": both / lesion.sum(), "patch": both / patch.sum()}
            of["either"] = max(of.values())
            assert share == of[overlap_with]


def test_no_lesion_is_no_overlap():
    found = most_overlap(np.array([[3, 4]]), np.empty((0, 4), int), SIZE, "either")
    assert found.tolist() == [0.0]


def test_breast_shares_count_the_pixels_that_are_not_air():
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 2, SHAPE).astype(np.uint16) * 900
    corners = np.concatenate([rng.integers(0, 30, (20, 2)), [[0, 0], [54, 34]]])
    direct = [(picture[r : r + SIZE, c : c + SIZE] > 0).mean() for r, c in corners]
    np.testing.assert_array_equal(breast_shares(sum_breast(picture), corners, SIZE), direct)
