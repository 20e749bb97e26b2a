"""Hard negatives from peaks."""

from __future__ import annotations

import numpy as np

from mammo_pipeline.mammo.patches.hard import place_hard_negatives
from mammo_pipeline.mammo.patches.overlap import most_overlap, overlap_shares

SHAPE, SIZE = (300, 200), 20
NONE = np.empty((0, 4))


def draw_peaks(seed: int = 0, count: int = 400) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.column_stack([rng.uniform(0, SHAPE, (count, 2)), rng.random(count)])


def test_patches_of_one_image_do_not_overlap_each_other_nor_a_lesion_by_more():
    boxes = np.array([[40.0, 40.0, 120.0, 160.0], [200.0, 0.0, 210.0, 10.0]])
    corners, scores = place_hard_negatives(draw_peaks(), boxes, SIZE, SHAPE, 0.2, 1000)
    among = overlap_shares(corners, np.concatenate([corners, corners + SIZE], axis=1), SIZE)
    assert len(corners) > 30 and (among == np.eye(len(corners))).all()
    assert (most_overlap(corners, boxes, SIZE, "either") <= 0.2).all()
    assert (corners >= 0).all() and (corners <= np.array(SHAPE) - SIZE).all()
    assert (np.diff(scores) <= 0).all()


def test_the_highest_peaks_are_taken_and_no_more_than_allowed():
    peaks = draw_peaks()
    corners, scores = place_hard_negatives(peaks, NONE, SIZE, SHAPE, 0, 5)
    assert corners.shape == (5, 2) and scores.shape == (5,)
    top = peaks[np.argmax(peaks[:, 2])]
    assert scores[0] == top[2]
    assert (abs(corners[0] + SIZE / 2 - top[:2]) <= 10.5).all()
    assert place_hard_negatives(peaks, NONE, SIZE, SHAPE, 0, 0)[0].shape == (0, 2)


def test_some_overlap_among_patches_may_be_allowed():
    few, _ = place_hard_negatives(draw_peaks(), NONE, SIZE, SHAPE, 0, 1000)
    more, _ = place_hard_negatives(draw_peaks(), NONE, SIZE, SHAPE, 0, 1000, overlap_among=0.5)
    among = overlap_shares(more, np.concatenate([more, more + SIZE], axis=1), SIZE)
    assert len(more) > len(few)
    assert (among[~np.eye(len(more), dtype=bool)] <= 0.5).all()


def test_a_patch_is_centred_on_its_peak_and_moved_into_the_canvas():
    peaks = np.array([[50.0, 60.0, 3.0], [299.5, 0.5, 2.0]])
    corners, _ = place_hard_negatives(peaks, NONE, SIZE, SHAPE, 0, 2)
    assert corners.tolist() == [[40, 50], [280, 0]]


def test_the_order_of_peaks_means_nothing():
    peaks = draw_peaks()
    peaks[:, 2] = peaks[:, 2].round(1)
    mixed = np.random.default_rng(9).permutation(peaks)
    one, other = (place_hard_negatives(p, NONE, SIZE, SHAPE, 0, 50) for p in (peaks, mixed))
    np.testing.assert_array_equal(one[0], other[0])
    np.testing.assert_array_equal(one[1], other[1])


def test_no_peaks_are_no_patches():
    corners, scores = place_hard_negatives(np.empty((0, 3)), NONE, SIZE, SHAPE, 0.3, 5)
    assert corners.shape == (0, 2) and scores.shape == (0,)
