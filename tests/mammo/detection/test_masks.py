"""Overlap and distance of regions are those of shapes whose answers are known."""

from __future__ import annotations

import numpy as np
import pytest

from mammo_pipeline.mammo.detection.masks import (
    HOW,
    compare_masks,
    fill_boxes,
    hausdorff_95_mm,
    measure_masks,
)

SHAPE = (60, 80)
SQUARE = fill_boxes([[20, 30, 40, 50]], SHAPE)
NOTHING = np.zeros(SHAPE, bool)


def measure(predicted, truth, patients, **options):
    rng = np.random.default_rng(0)
    return measure_masks(predicted, truth, patients, (1, 1), 200, 0.95, rng, **options)


@pytest.mark.parametrize("spacing", [(1.0, 1.0), (0.2, 0.7), (1.5, 0.1)])
@pytest.mark.parametrize("shift", [(3, 0), (0, 5), (-7, 0)])
def test_a_shifted_square_is_its_shift_away_in_mm_of_that_axis(spacing, shift):
    moved = np.roll(SQUARE, shift, axis=(0, 1))
    expected = abs(shift[0]) * spacing[0] + abs(shift[1]) * spacing[1]
    # A quarter of either outline, its far side, is the whole shift away.
    assert hausdorff_95_mm(moved, SQUARE, spacing) == pytest.approx(expected)


def test_a_square_grown_on_all_sides_is_its_margin_away_and_itself_no_distance():
    grown = fill_boxes([[16, 26, 44, 54]], SHAPE)
    assert hausdorff_95_mm(SQUARE, SQUARE, (0.2, 0.2)) == 0
    # The truth's outline is 4 pixels off everywhere; of the grown one the corners are 5.66.
    assert 4 * 0.2 <= hausdorff_95_mm(grown, SQUARE, (0.2, 0.2)) <= 4 * 2**0.5 * 0.2


def test_a_speck_of_less_than_five_percent_does_not_count():
    speck = SQUARE.copy()
    speck[0, 0] = True
    assert hausdorff_95_mm(speck, SQUARE, (1, 1)) == 0
    speck[:12, :12] = True
    assert hausdorff_95_mm(speck, SQUARE, (1, 1)) > 15


def test_the_distance_is_the_same_both_ways_and_at_the_edge_of_the_canvas():
    first, second = fill_boxes([[0, 0, 20, 30]], SHAPE), fill_boxes([[0, 0, 20, 40]], SHAPE)
    assert hausdorff_95_mm(first, second, (0.2, 0.4)) == pytest.approx(4.0)
    assert hausdorff_95_mm(second, first, (0.2, 0.4)) == pytest.approx(4.0)


def test_half_of_a_square_has_the_shares_of_a_half():
    half = fill_boxes([[20, 30, 40, 40]], SHAPE)
    found = compare_masks(half, SQUARE, (1, 1))
    assert found["dice"] == pytest.approx(2 / 3)
    assert (found["iou"], found["precision"], found["recall"]) == (0.5, 1.0, 0.5)
    assert found["specificity"] == 1.0
    assert found["accuracy"] == pytest.approx(1 - 200 / 4800)
    other = compare_masks(SQUARE, half, (1, 1))
    assert (other["precision"], other["recall"]) == (0.5, 1.0)
    assert other["specificity"] == pytest.approx(1 - 200 / 4600)


def test_the_distance_of_an_image_is_in_mm_of_each_axis():
    found = compare_masks(np.roll(SQUARE, 4, axis=0), SQUARE, (0.5, 2.0))
    assert found["hausdorff_95_mm"] == pytest.approx(2.0)


def test_empty_regions_follow_the_stated_convention():
    both = compare_masks(NOTHING, NOTHING, (1, 1))
    assert [both[name] for name in ("dice", "iou", "precision", "recall")] == [1.0] * 4
    assert np.isnan(both["hausdorff_95_mm"])
    missed = compare_masks(NOTHING, SQUARE, (1, 1))
    assert (missed["dice"], missed["iou"], missed["recall"]) == (0.0, 0.0, 0.0)
    assert np.isnan([missed["precision"], missed["hausdorff_95_mm"]]).all()
    invented = compare_masks(SQUARE, NOTHING, (1, 1))
    assert (invented["dice"], invented["precision"]) == (0.0, 0.0)
    assert np.isnan([invented["recall"], invented["hausdorff_95_mm"]]).all()


def test_a_mean_is_over_the_images_that_define_it_and_says_how_many():
    found = measure([SQUARE, NOTHING], [SQUARE, SQUARE], ["a", "b"])
    figures = found["figures"]
    assert set(figures) == set(HOW)
    assert (figures["dice"]["value"], figures["dice"]["n"]) == (0.5, 2)
    assert (figures["precision"]["value"], figures["precision"]["n"]) == (1.0, 1)
    assert figures["hausdorff_95_mm"]["n"] == 1
    assert found["images"] == 2


def test_an_undefined_mean_has_its_reason():
    distance = measure([NOTHING], [SQUARE], ["a"])["figures"]["hausdorff_95_mm"]
    assert distance["value"] is None
    assert distance["reason"] == "defined in no image"
    few = measure([SQUARE] * 3, [SQUARE] * 3, ["a", "b", "b"], least_patients=3)["figures"]
    assert few["dice"]["reason"] == "cannot be estimated, n = 2 patients"
    assert measure([], [], [])["reason"] == "no image to compare masks in"


def test_patients_are_drawn_whole():
    # Ten images of two patients, who differ: the mean of a replicate is 0, 1/2 or 1.
    predicted = [SQUARE] * 5 + [NOTHING] * 5
    found = measure(predicted, [SQUARE] * 10, ["a"] * 5 + ["b"] * 5)
    assert (found["figures"]["dice"]["low"], found["figures"]["dice"]["high"]) == (0.0, 1.0)


def test_masks_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="expected one plane shape"):
        compare_masks(SQUARE, SQUARE[1:], (1, 1))
    with pytest.raises(ValueError, match="expected bool"):
        compare_masks(SQUARE.astype(float), SQUARE, (1, 1))
    for spacing in ((0, 1), (1, np.nan)):
        with pytest.raises(ValueError, match="spacing_mm is"):
            compare_masks(SQUARE, SQUARE, spacing)
    with pytest.raises(ValueError, match="1 pairs of masks for 2 patients"):
        measure([SQUARE], [SQUARE], ["a", "b"])


def test_boxes_are_filled_to_the_canvas_and_no_further():
    assert fill_boxes([[-3, -3, 2, 2], [59.4, 78.6, 99, 99]], SHAPE).sum() == 4 + 1
    assert not fill_boxes(np.empty((0, 4)), SHAPE).any()
