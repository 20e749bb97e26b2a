"""Bright blobs, and patches on them."""

from __future__ import annotations

import numpy as np
import pytest

from mammo_pipeline.mammo.patches.blobs import draw_on_blobs, find_blobs
from mammo_pipeline.mammo.patches.overlap import most_overlap, sum_breast
from toy_study import make_sampling

SHAPE, SIZE = (200, 160), 40
NONE = np.empty((0, 4), int)
SPOTS = [(50, 42, 4), (122, 30, 4), (150, 102, 8)]
BLOB = {
    "kind": "blob",
    "images": "with_lesion",
    "per_image": 9,
    "overlap_with": "either",
    "overlap_most": 0.35,
    "overlap_among": 0.5,
    "breast_coverage": 0.5,
    "scales": [0.1, 0.2],
    "strength": 0.02,
}


def draw_breast(spots=SPOTS, height: float = 20000) -> np.ndarray:
    """A bright breast against the left edge, sharply cut from the air, with spots in it."""
    rows, columns = np.mgrid[: SHAPE[0], : SHAPE[1]] + 0.5
    picture = np.full(SHAPE, 15000.0)
    for row, column, sigma in spots:
        picture += height * np.exp(-((rows - row) ** 2 + (columns - column) ** 2) / 2 / sigma**2)
    return (picture * (np.hypot(rows - 100, columns) < 130) * (abs(rows - 100) < 90)).astype("u2")


def draw(picture: np.ndarray, boxes: np.ndarray = NONE, count: int = 9, **changes):
    rule = make_sampling(blobs={**BLOB, **changes}).rules["blobs"]
    return draw_on_blobs(picture, sum_breast(picture), boxes, SIZE, count, rule)


@pytest.mark.parametrize("spot", SPOTS)
def test_a_spot_is_the_strongest_blob_at_its_own_place(spot):
    row, column, sigma = spot
    peaks = find_blobs(draw_breast([spot]), [4, 8], 0.02)
    best = peaks[np.argmax(peaks[:, 2])]
    assert np.hypot(*(best[:2] - (row, column))) <= sigma


def test_the_edge_of_the_breast_is_no_blob():
    assert len(find_blobs(draw_breast([]), [4, 8], 0.001)) == 0


def test_a_dark_spot_and_a_faint_one_are_no_blobs():
    assert len(find_blobs(draw_breast(height=-12000), [4], 0.02)) < 4
    peaks = find_blobs(draw_breast(height=-12000), [4], 0.001)
    for row, column, sigma in SPOTS:
        assert not len(peaks) or (np.hypot(*(peaks[:, :2] - (row, column)).T) > sigma).all()
    assert len(find_blobs(draw_breast(height=500), [4, 8], 0.02)) == 0


def test_patches_show_the_blobs_in_their_middle():
    corners = draw(draw_breast()).corners
    middle = corners + SIZE / 2
    for row, column, sigma in SPOTS:
        assert np.hypot(*(middle - (row, column)).T).min() <= sigma


def test_a_blob_that_is_a_lesion_is_left_out():
    boxes = np.array([[114, 22, 130, 38]])
    free, held = draw(draw_breast()).corners, draw(draw_breast(), boxes).corners
    assert most_overlap(free, boxes, SIZE, "either").max() == 1
    assert most_overlap(held, boxes, SIZE, "either").max() <= 0.35
    assert 0 < len(held) < len(free)


def test_the_strongest_blobs_come_first():
    spots = [(50, 42, 4), (122, 30, 4), (150, 90, 4)]
    picture = draw_breast(spots[:1]) // 2 + draw_breast(spots) // 4 + draw_breast(spots[1:2]) // 4
    corners = draw(picture, strength=0.01, scales=[0.1]).corners
    order = [int(np.hypot(*(np.array(spots)[:, :2] - c - SIZE / 2).T).argmin()) for c in corners]
    assert order == [0, 1, 2]
    two = draw(picture, count=2, strength=0.01, scales=[0.1]).corners
    np.testing.assert_array_equal(two, corners[:2])


@pytest.mark.parametrize(
    ("boxes", "changes", "reason"),
    [
        (NONE, {"scales": [0.1]}, "too few places"),
        (np.array([[0, 0, *SHAPE]]), {}, "lesions too near"),
        (NONE, {"breast_coverage": 1.0, "scales": [0.1]}, "too little breast"),
        (NONE, {"overlap_among": 0.0}, "blobs too close together"),
    ],
)
def test_too_few_blobs_are_told_with_the_reason(boxes, changes, reason):
    spots = [(20, 20, 4), (180, 20, 4), (100, 122, 4)] if "breast_coverage" in changes else SPOTS
    if "overlap_among" in changes:
        spots = [(50, 40, 4), (50, 62, 4)]
    found = draw(draw_breast(spots), boxes, **changes)
    assert found.reason == reason and len(found.corners) < 9
    assert draw(draw_breast(spots), boxes, count=0).reason == ""
