"""Millimetres in, canvas pixels out, and back."""

from __future__ import annotations

import numpy as np
import pytest

from mammo_pipeline.mammo import geometry
from mammo_pipeline.mammo.depth import measure_depth_mm
from small_archive import draw_breast

FLIPS = [(False, False), (True, False), (False, True), (True, True)]
STORED_PX, CANVAS_PX = (93, 71), (40, 36)
# Rows and columns of unlike spacing.
SCALES, SHIFTS = (0.35, 0.42), (3.3, -0.4)


def turn(flips, scales=SCALES, shifts=SHIFTS):
    return geometry.trace(STORED_PX, flips, scales, shifts)


@pytest.mark.parametrize("flips", FLIPS)
def test_a_box_lands_where_flip_scale_and_shift_put_it(flips):
    transform = geometry.trace((3328, 2560), flips, (0.35, 0.25), (12, -3))
    row = 3328 - 340 if flips[0] else 100
    column = 2560 - 610 if flips[1] else 200
    there = transform.box_to_canvas((100.0, 200.0, 340.0, 610.0))
    assert there[:2] == pytest.approx((0.35 * row + 12, 0.25 * column - 3))
    assert (there[2] - there[0], there[3] - there[1]) == pytest.approx((0.35 * 240, 0.25 * 410))


@pytest.mark.parametrize("flips", FLIPS)
def test_points_and_boxes_come_back_to_a_millionth_of_a_pixel(flips):
    transform = turn(flips)
    points = np.random.default_rng(0).uniform(-5, 100, (50, 2))
    before = points.copy()
    back = transform.points_to_stored(transform.points_to_canvas(points))
    np.testing.assert_allclose(back, points, rtol=0, atol=1e-6)
    box = (10.25, 20.5, 31.0, 44.75)
    assert transform.box_to_stored(transform.box_to_canvas(box)) == pytest.approx(box, abs=1e-6)
    np.testing.assert_array_equal(points, before)


@pytest.mark.parametrize("flips", FLIPS)
def test_a_mask_covers_the_canvas_pixels_that_it_shares_by_half(flips):
    mask = np.random.default_rng(1).random(STORED_PX) < 0.5
    mask[20:60, 10:50] = True
    transform = turn(flips)
    # Plain doubles: each canvas pixel's edges on the matrix, and the share of the mask between.
    shares = [np.zeros((n, size)) for n, size in zip(CANVAS_PX, STORED_PX, strict=True)]
    for axis, share in enumerate(shares):
        for pixel in range(len(share)):
            corners = np.array([[pixel, pixel], [pixel + 1, pixel + 1]])
            low, high = np.sort(transform.points_to_stored(corners)[:, axis])
            old = np.arange(share.shape[1])
            share[pixel] = np.clip(np.minimum(high, old + 1) - np.maximum(low, old), 0, None)
    area = np.outer(shares[0].sum(1), shares[1].sum(1))
    covered = np.divide(shares[0] @ mask @ shares[1].T, area, np.zeros(CANVAS_PX), where=area > 0)
    clear = np.abs(covered - 0.5) > 1e-5
    found = transform.mask_to_canvas(mask, CANVAS_PX)
    assert (found.dtype, found.shape) == (bool, CANVAS_PX)
    np.testing.assert_array_equal(found[clear], (covered >= 0.5)[clear])
    assert clear.mean() > 0.9 and 0.1 < found.mean() < 0.9


@pytest.mark.parametrize("flips", FLIPS)
def test_the_peak_of_a_heatmap_comes_back_within_half_a_pixel(flips):
    transform = turn(flips)
    for place in ((30.5, 25.5), (60.0, 40.0), (47.3, 51.8)):
        row, column = transform.points_to_canvas(np.array([place]))[0]
        y, x = np.mgrid[: CANVAS_PX[0], : CANVAS_PX[1]] + 0.5
        heat = np.exp(-((y - row) ** 2 + (x - column) ** 2) / 8).astype(np.float32)
        back = transform.picture_to_stored(heat, STORED_PX)
        assert (back.dtype, back.shape) == (np.float32, STORED_PX)
        # Weighted by the map, for interpolation moves its highest pixel by parts of a canvas pixel.
        weight = np.where(back > 0.2, back, 0.0)
        y, x = np.mgrid[: STORED_PX[0], : STORED_PX[1]] + 0.5
        centre = (weight * y).sum() / weight.sum(), (weight * x).sum() / weight.sum()
        assert centre == pytest.approx(place, abs=0.5)
        peak = np.unravel_index(back.argmax(), STORED_PX)
        assert peak == pytest.approx((place[0] - 0.5, place[1] - 0.5), abs=0.5 + 0.5 / 0.35)


@pytest.mark.parametrize("flips", FLIPS)
def test_a_mask_goes_to_the_canvas_and_comes_back(flips):
    mask = np.zeros(STORED_PX, bool)
    mask[20:60, 15:50] = True
    transform = turn(flips)
    back = transform.picture_to_stored(transform.mask_to_canvas(mask, CANVAS_PX), STORED_PX)
    assert back.dtype == bool
    assert 2 * (back & mask).sum() / (back.sum() + mask.sum()) > 0.96


@pytest.mark.parametrize("flips", FLIPS)
def test_a_picture_of_the_canvas_reaches_to_the_canvas_edge_and_no_farther(flips):
    # The chest wall lies on the canvas's first column: a heatmap there must not fade to nothing.
    stored_px = (160, 120)
    transform = geometry.trace(stored_px, flips, (0.25, 0.25), (4.0, 0.0))
    back = transform.picture_to_stored(np.ones((40, 20), np.float32), stored_px)
    covered = np.zeros(stored_px, bool)
    covered[:144, :80] = True
    covered = covered[:: -1 if flips[0] else 1, :: -1 if flips[1] else 1]
    np.testing.assert_allclose(back, covered, atol=1e-6)


def test_a_coarse_heatmap_covers_the_canvas_evenly():
    heat = np.zeros((9, 7), np.float32)
    heat[2, 5] = 1
    stretched = geometry.scale_heatmap(heat, (288, 224))
    assert (stretched.dtype, stretched.shape) == (np.float32, (288, 224))
    y, x = np.mgrid[:288, :224] + 0.5
    centre = (stretched * y).sum() / stretched.sum(), (stretched * x).sum() / stretched.sum()
    assert centre == pytest.approx((2.5 * 32, 5.5 * 32), abs=0.01)
    assert stretched.max() > 0.96
    corner = np.zeros((9, 7), np.float32)
    corner[0, 0] = 1
    assert geometry.scale_heatmap(corner, (288, 224))[:16, :16].min() == pytest.approx(1)


@pytest.mark.parametrize("laterality", ["L", "R"])
def test_the_chest_wall_is_found_from_the_pixels(laterality):
    wall = "left" if laterality == "L" else "right"
    image = draw_breast(wall=wall) / 4095
    _, flip = geometry.find_flips(image, laterality, "CC", "")
    assert flip == (wall == "right")


def test_the_chest_wall_is_found_on_grey_air_too():
    image = 0.3 + 0.6 * draw_breast(wall="right") / 4095
    assert geometry.find_flips(image, "L", "CC", "")[1]
    assert not geometry.find_flips(image[:, ::-1], "L", "CC", "")[1]


@pytest.mark.parametrize(
    ("laterality", "view", "orientation", "flip"),
    [
        ("L", "MLO", "A\\FR", False),
        ("L", "MLO", "A\\HL", True),
        ("R", "MLO", "P\\H", True),
        ("R", "CC", "P\\L", False),
        ("R", "CC", "P\\R", True),
        ("L", "CC", "A\\R", False),
        ("L", "CC", "A\\L", True),
        ("L", "CC", "A\\l", True),
        ("L", "CC", "", False),
        ("R", "MLO", "", False),
        ("R", "CC", "R", False),
    ],
)
def test_superior_or_lateral_is_up(laterality, view, orientation, flip):
    image = draw_breast() / 4095
    assert geometry.find_flips(image, laterality, view, orientation)[0] == flip


CELL_MM = (0.5, 0.8)


def limit(view, starts_mm=(0.0, 0.0), shape=(100, 80), field_mm=(30.0, 20.0)):
    whole = np.ones(shape, bool)
    return geometry.limit_field(whole, CELL_MM, starts_mm, field_mm, view)


def test_the_field_hangs_from_the_top_in_mlo():
    seen = limit("MLO")
    wanted = np.zeros((100, 80), bool)
    wanted[:60, :25] = True
    np.testing.assert_array_equal(seen, wanted)


def test_the_field_lies_about_the_frames_middle_in_cc():
    seen = limit("CC")
    wanted = np.zeros((100, 80), bool)
    wanted[20:80, :25] = True
    np.testing.assert_array_equal(seen, wanted)


def test_what_lies_before_the_first_cell_counts_for_the_field():
    # 3 mm above the first cell: MLO sees 6 cells fewer, CC's middle moves up by 3; and 1.6 mm
    # before the first column are two columns.
    mlo, cc = (limit(view, (3.0, 1.6)) for view in ("MLO", "CC"))
    assert np.flatnonzero(mlo[:, 0])[[0, -1]].tolist() == [0, 53]
    assert np.flatnonzero(cc[:, 0])[[0, -1]].tolist() == [17, 76]
    assert mlo[0].sum() == 23 and cc[40].sum() == 23


def test_a_cell_belongs_to_the_field_that_holds_its_middle():
    seen = limit("MLO", field_mm=(30.2, 20.5))
    assert (seen[:, 0].sum(), seen[0].sum()) == (60, 26)
    # In CC the field begins 9.9 mm below the frame's upper edge.
    assert np.flatnonzero(limit("CC", field_mm=(30.2, 20.5))[:, 0])[[0, -1]].tolist() == [20, 79]


def test_a_field_larger_than_the_frame_takes_nothing():
    mask = np.random.default_rng(0).random((100, 80)) < 0.5
    for view in ("CC", "MLO"):
        seen = geometry.limit_field(mask, CELL_MM, (0.0, 0.0), (216.0, 166.0), view)
        np.testing.assert_array_equal(seen, mask)


def draw_depth(row, tall, wide, cell_mm=(0.56, 0.56), shape=(300, 220), left=0):
    """Depth in mm to the outline of a half ellipse, by its function: exact along the wall."""
    y, x = np.mgrid[: shape[0], : shape[1]] + 0.5
    x = x - left
    half = tall * np.sqrt(np.clip(1 - (x / wide) ** 2, 0, None))
    depth = (half - np.abs(y - row)) * cell_mm[0]
    return np.where(x > 0, np.where(x < wide, depth, -1.0), -1.0).astype(np.float32)


@pytest.mark.parametrize("starts_mm", [(0.0, 0.0), (0.3, 0.0), (0.0, 0.41), (0.21, 0.55)])
def test_no_column_of_the_chest_wall_is_cut(starts_mm):
    # A turned frame that is no whole number of cells begins before its first cell.
    depth_mm = draw_depth(150, 90, 120)
    down, across = geometry.place_breast(depth_mm, (0.56, 0.56), starts_mm, 230.4)
    assert across == 0
    assert down == pytest.approx(115.2 - starts_mm[0] - 150 * 0.56, abs=1e-3)


def test_a_first_cell_of_half_air_still_reaches_the_edge():
    assert (
        geometry.place_breast(draw_depth(150, 90, 120, left=1), (0.56, 0.56), (0, 0), 230)[1] == 0
    )


@pytest.mark.parametrize("left", [2, 9])
def test_the_border_of_a_film_is_left_out(left):
    depth_mm = draw_depth(150, 90, 120, (0.56, 0.5), left=left)
    down, across = geometry.place_breast(depth_mm, (0.56, 0.5), (0.2, 0.3), 230.4)
    assert across == pytest.approx(-(0.3 + left * 0.5))
    assert down == pytest.approx(115.2 - 0.2 - 150 * 0.56, abs=1e-3)


def test_the_place_does_not_tell_the_breasts_size():
    small, large = draw_depth(150, 40, 60), draw_depth(150, 120, 190)
    places = [geometry.place_breast(d, (0.56, 0.56), (0, 0), 230.4) for d in (small, large)]
    assert places[0] == pytest.approx(places[1], abs=1e-3)
    # Nor the shape away from the wall.
    bent = large.copy()
    bent[:140, 40:] = -1
    assert geometry.place_breast(bent, (0.56, 0.56), (0, 0), 230.4) == pytest.approx(places[1])


@pytest.mark.parametrize("part", [0.1, 0.25, 0.5, 0.9])
def test_a_breast_that_moves_by_part_of_a_cell_is_moved_back_by_it(part):
    before, after = (
        geometry.place_breast(draw_depth(150 + moved, 90, 120), (0.56, 0.56), (0, 0), 230.4)[0]
        for moved in (0.0, part)
    )
    assert before - after == pytest.approx(0.56 * part, abs=1e-3)


def test_a_mask_of_whole_cells_is_placed_to_a_third_of_a_cell():
    errors = []
    for part in np.linspace(0, 0.9, 10):
        mask = draw_depth(150 + part, 90, 120) > 0
        depth_mm = measure_depth_mm(mask, (0.56, 0.56))
        down, _ = geometry.place_breast(depth_mm, (0.56, 0.56), (0, 0), 230.4)
        errors.append((115.2 - down) / 0.56 - (150 + part))
    assert np.abs(errors).max() < 1 / 3


def test_a_breast_that_the_frame_cuts_ends_at_the_frames_edge():
    depth_mm = np.full((100, 80), 5.0, np.float32)
    assert geometry.place_breast(depth_mm, (0.5, 0.5), (0, 0), 230)[0] == pytest.approx(115 - 25)
    depth_mm[60:] = -5
    assert geometry.place_breast(depth_mm, (0.5, 0.5), (0, 0), 230)[0] == pytest.approx(115 - 15)


@pytest.mark.parametrize("flips", FLIPS)
def test_the_traced_map_turns_before_it_moves(flips):
    transform = turn(flips)
    corner = np.array([[STORED_PX[0] if flips[0] else 0, STORED_PX[1] if flips[1] else 0]])
    assert transform.points_to_canvas(corner)[0] == pytest.approx(SHIFTS)
