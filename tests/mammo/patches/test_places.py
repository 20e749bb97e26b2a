"""Drawing places on lesions and away from them."""

from __future__ import annotations

import numpy as np
import pytest

from mammo_pipeline.mammo.patches.overlap import most_overlap, overlap_shares, sum_breast
from mammo_pipeline.mammo.patches.places import cutoff_after, draw_background, draw_on_lesion
from toy_study import CANVAS, make_sampling

SIZE = 14
BACKGROUND = make_sampling().rules["beside"]
EVERYWHERE = sum_breast(np.ones(CANVAS, np.uint16))


def lesion_rule(**changes):
    return make_sampling(lesion=changes).rules["lesion"]


def draw_one_by_one(rng, box, rule) -> tuple[list[list[int]], int, float]:
    """One try after the other, by masks: what the vectorised draw must not differ from."""
    lesion = np.zeros(CANVAS, bool)
    lesion[box[0] : box[2], box[1] : box[3]] = True
    last = np.array(CANVAS) - SIZE
    low, high = np.clip(box[:2] - SIZE + 1, 0, last), np.clip(box[2:] - 1, 0, last)
    found, failed, tried, cutoff = [], 0, 0, rule.cutoff
    while len(found) < rule.per_lesion and tried < rule.tries:
        if failed and failed % rule.tries_per_step == 0 and len(found) + failed == tried:
            cutoff = cutoff_after(failed, rule)
        row, column = rng.integers(low, high + 1)
        patch = np.zeros(CANVAS, bool)
        patch[row : row + SIZE, column : column + SIZE] = True
        both, tried = (patch & lesion).sum(), tried + 1
        shares = {"roi": both / lesion.sum(), "patch": both / patch.sum()}
        shares["either"] = max(shares.values())
        if shares[rule.overlap_with] > cutoff:
            found.append([int(row), int(column)])
        else:
            failed += 1
    return found, tried, cutoff


@pytest.mark.parametrize("overlap_with", ["roi", "patch", "either"])
@pytest.mark.parametrize(
    "box", [(20, 10, 30, 22), (0, 0, 60, 1), (5, 5, 65, 45), (60, 40, 68, 48), (30, 3, 34, 40)]
)
def test_the_draw_equals_one_try_after_the_other(box, overlap_with):
    rule = lesion_rule(overlap_with=overlap_with, tries_per_step=30, tries=700, per_lesion=6)
    for seed in range(3):
        rngs = (np.random.default_rng(seed) for _ in range(2))
        found = draw_on_lesion(next(rngs), np.array(box), CANVAS, SIZE, rule)
        corners, tried, cutoff = draw_one_by_one(next(rngs), np.array(box), rule)
        assert found.corners.tolist() == corners
        assert (found.tries, found.cutoff) == (tried, cutoff)


def test_the_cutoff_falls_by_steps_that_are_meant():
    rule = lesion_rule()
    assert [cutoff_after(1000 * n, rule) for n in (0, 3, 15, 99)] == [0.75, 0.6, 0, 0]
    assert cutoff_after(999, rule) == 0.75


def test_the_cutoff_falls_until_a_hard_lesion_is_shown():
    """A corner lesion of one by sixty pixels: no patch holds three quarters of it or is it."""
    box = np.array([0, 0, 60, 1])
    found = draw_on_lesion(np.random.default_rng(0), box, CANVAS, SIZE, lesion_rule())
    shares = overlap_shares(found.corners, box[np.newaxis], SIZE)
    assert len(found.corners) == 4 and not found.reason
    assert (shares <= SIZE / 60 + 1e-9).all()
    assert (shares > found.cutoff).all() and 0.15 <= found.cutoff < 0.25
    assert found.tries > 10_000


def test_a_lesion_that_no_try_shows_gives_fewer_and_says_why():
    box = np.array([0, 0, 60, 1])
    found = draw_on_lesion(np.random.default_rng(0), box, CANVAS, SIZE, lesion_rule(tries=2500))
    assert found.corners.shape == (0, 2)
    assert (found.tries, found.cutoff, found.reason) == (2500, 0.65, "tries used up")


def test_a_lesion_larger_than_the_patch_is_shown_from_inside():
    box = np.array([5, 5, 65, 45])
    found = draw_on_lesion(np.random.default_rng(0), box, CANVAS, SIZE, lesion_rule())
    assert (overlap_shares(found.corners, box[np.newaxis], SIZE, "patch") > 0.75).all()


def test_a_small_lesion_is_shown_by_roi_and_hardly_by_patch():
    box = np.array([30, 20, 34, 24])
    by_roi = draw_on_lesion(
        np.random.default_rng(0), box, CANVAS, SIZE, lesion_rule(overlap_with="roi")
    )
    by_patch = draw_on_lesion(
        np.random.default_rng(0), box, CANVAS, SIZE, lesion_rule(overlap_with="patch")
    )
    assert by_roi.cutoff == 0.75
    assert by_patch.cutoff < 16 / SIZE**2


def test_a_background_never_overlaps_more_than_allowed_nor_leaves_the_breast():
    for seed in range(40):
        rng = np.random.default_rng(seed)
        low = rng.integers(0, (50, 30), (3, 2))
        boxes = np.concatenate([low, low + rng.integers(2, 18, (3, 2))], axis=1)
        picture = (rng.random(CANVAS) < 0.7).astype(np.uint16)
        found = draw_background(rng, sum_breast(picture), boxes, SIZE, 9, BACKGROUND).corners
        assert (most_overlap(found, boxes, SIZE, "either") <= 0.35).all()
        assert len(found) and (found >= 0).all() and (found <= np.array(CANVAS) - SIZE).all()
        for row, column in found:
            assert (picture[row : row + SIZE, column : column + SIZE] > 0).mean() >= 0.5


@pytest.mark.parametrize(
    ("breast", "boxes", "reason"),
    [
        (EVERYWHERE, np.array([[0, 0, *CANVAS]]), "lesions too near"),
        (np.zeros_like(EVERYWHERE), np.empty((0, 4), int), "too little breast"),
        (EVERYWHERE, np.empty((0, 4), int), "too few places"),
    ],
)
def test_a_picture_without_room_gives_fewer_and_says_why(breast, boxes, reason):
    found = draw_background(np.random.default_rng(0), breast, boxes, SIZE, 101, BACKGROUND)
    assert len(found.corners) == (100 if reason == "too few places" else 0)
    assert (found.tries, found.reason) == (BACKGROUND.tries, reason)


def test_nothing_is_tried_where_nothing_is_wanted():
    none = np.empty((0, 4), int)
    found = draw_background(np.random.default_rng(0), EVERYWHERE, none, SIZE, 0, BACKGROUND)
    assert found.corners.shape == (0, 2) and found.tries == 0
