"""A mask hides what it says it hides, and leaves the rest to the pixel."""

from __future__ import annotations

import numpy as np
import pytest

from mammo_pipeline.mammo.shortcuts.masking import (
    BLANK,
    MASKS,
    RIM_MM,
    find_breast,
    mask_pixels,
    measure_masking,
    picture_masks,
)


def draw_canvas(seed: int = 0) -> np.ndarray:
    """A half disc at the chest wall on the left, greys 1 to 60000, and a marker in the air."""
    rng = np.random.default_rng(seed)
    row, column = np.mgrid[:80, :60]
    breast = (row - 40) ** 2 + column**2 < 35**2
    canvas = np.where(breast, rng.integers(1, 60000, (80, 60)), 0).astype(np.uint16)
    canvas[2:5, 52:57] = 65535
    return canvas


def test_a_blanked_breast_has_one_grey_and_its_outline():
    canvas = draw_canvas()
    masked = MASKS["breast_blanked"](canvas, 1.0)
    breast = find_breast(canvas)
    assert set(masked[breast].tolist()) == {BLANK}
    np.testing.assert_array_equal(masked[~breast], canvas[~breast])
    np.testing.assert_array_equal(masked > 0, canvas > 0)


def test_two_breasts_of_one_outline_look_alike_when_blanked():
    one, two = draw_canvas(1), draw_canvas(2)
    assert (one != two).any()
    np.testing.assert_array_equal(*(MASKS["breast_blanked"](c, 1.0) for c in (one, two)))


@pytest.mark.parametrize("spacing_mm", [0.5, 1.0, 2.0])
def test_the_border_is_a_rim_of_its_millimetres_and_not_at_the_chest_wall(spacing_mm):
    canvas = draw_canvas()
    masked = MASKS["border_only"](canvas, spacing_mm)
    # Along the middle row the skin lies at column 35; depth of column c is 35 - c pixels.
    depth_mm = (35 - np.arange(35)) * spacing_mm
    expected = np.where(depth_mm > RIM_MM, BLANK, canvas[40, :35])
    np.testing.assert_array_equal(masked[40, :35], expected)
    np.testing.assert_array_equal(masked[~find_breast(canvas)], canvas[~find_breast(canvas)])
    assert masked[40, 0] == BLANK


def test_corners_leave_four_squares_and_nothing_else():
    canvas = np.full((80, 60), 7, np.uint16)
    masked = MASKS["corners_only"](canvas, 1.0)
    assert int((masked > 0).sum()) == 4 * 12 * 12
    assert masked[0, 0] == masked[0, -1] == masked[-1, 0] == masked[-1, -1] == 7
    assert not masked[12:68].any()
    assert not masked[:, 12:48].any()


@pytest.mark.parametrize("condition", MASKS)
def test_a_mask_changes_no_input_and_stands_an_empty_and_a_full_canvas(condition):
    canvas = draw_canvas()
    kept = canvas.copy()
    assert MASKS[condition](canvas, 1.0).dtype == np.uint16
    np.testing.assert_array_equal(canvas, kept)
    assert not MASKS[condition](np.zeros((80, 60), np.uint16), 1.0).any()
    assert MASKS[condition](np.full((80, 60), 9, np.uint16), 1.0).any()


def test_the_view_reads_like_the_store():
    store = np.stack([draw_canvas(seed) for seed in range(4)])
    view = mask_pixels(store, "border_only", 1.0)
    taken = view[np.array([3, 1])]
    assert taken.shape == (2, 80, 60)
    np.testing.assert_array_equal(taken[1], MASKS["border_only"](store[1], 1.0))
    np.testing.assert_array_equal(view[2], MASKS["border_only"](store[2], 1.0))
    assert len(view) == 4


def test_an_unknown_mask_and_a_spacing_that_is_none_are_refused():
    with pytest.raises(ValueError, match="known are"):
        mask_pixels(np.zeros((1, 2, 2), np.uint16), "lesion", 1.0)
    with pytest.raises(ValueError, match="spacing_mm"):
        mask_pixels(np.zeros((1, 2, 2), np.uint16), "corners_only", float("nan"))


def test_a_score_that_reads_corners_is_measured_and_one_that_does_not_is_at_chance():
    rng = np.random.default_rng(0)
    labels, patients = rng.integers(0, 2, 400), np.arange(400).astype(str)
    scores = {"corners_only": labels + rng.normal(size=400), "border_only": rng.normal(size=400)}
    record = measure_masking(labels, scores, patients, 200, 0.95, rng)
    assert record["corners_only"]["auc"]["low"] > 0.65
    assert record["border_only"]["auc"]["low"] < 0.5 < record["border_only"]["auc"]["high"]


def test_one_class_gives_a_reason_and_nan_is_refused():
    rng = np.random.default_rng(0)
    record = measure_masking([0, 0, 0], {"a": [1, 2, 3]}, ["x", "y", "z"], 10, 0.95, rng)
    assert "no positive among 3" in record["reason"]
    with pytest.raises(ValueError, match="not finite"):
        measure_masking([0, 1], {"a": [1, np.nan]}, ["x", "y"], 10, 0.95, rng)


def test_pictures_are_those_of_the_masks():
    pictures = picture_masks(draw_canvas(), 1.0)
    assert list(pictures) == ["whole image", "breast blanked", "border only", "corners only"]
    assert all(picture.dtype == np.uint8 for picture in pictures.values())
