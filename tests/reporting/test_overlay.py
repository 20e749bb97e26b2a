"""A heatmap lies where its net looked, keeps its order on grey paper, and hides no lesion."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image

from mammo_pipeline.reporting.overlay import (
    MAP_QUANTILES,
    RAMP,
    join_pictures,
    lay_heat,
    outline_lesions,
    shrink_canvas,
    spread_heat,
    stretch_heat,
    write_jpeg,
)


def lightness(colours):
    return colours @ np.array([0.2126, 0.7152, 0.0722])


def test_the_ramp_rises_in_lightness_so_that_grey_paper_keeps_its_order():
    assert (np.diff(lightness(RAMP)) > 40).all()


@pytest.mark.parametrize(("row", "column"), [(1, 1), (3, 1), (4, 3)])
def test_a_hot_place_is_hottest_in_the_middle_of_its_window(row, column):
    heat = np.zeros((6, 5))
    heat[row, column] = 1
    spread = spread_heat(heat, (16, 8, 56), (170, 150))
    top, left = np.unravel_index(np.nanargmax(spread), spread.shape)
    assert abs(top + 0.5 - (8 + 16 * row + 28)) <= 1
    assert abs(left + 0.5 - (8 + 16 * column + 28)) <= 1


def test_where_nothing_was_looked_at_there_is_no_heat():
    spread = spread_heat(np.ones((3, 3)), (10, 0, 20), (60, 60))
    assert np.isnan(spread[:4]).all() and np.isnan(spread[:, 36:]).all()
    assert np.allclose(spread[5:35, 5:35], 1)


def test_a_picture_cut_out_of_a_canvas_has_the_heat_of_its_place():
    heat = np.random.default_rng(0).random((5, 5))
    whole = spread_heat(heat, (8, 4, 16), (60, 60))
    part = spread_heat(heat, (8, 4, 16), (20, 25), (15, 10))
    assert np.allclose(part, whole[15:35, 10:35], equal_nan=True)


def test_a_map_of_one_place_is_shown():
    spread = spread_heat(np.ones((1, 1)), (16, 0, 16), (16, 16))
    assert np.allclose(spread, 1)


def test_all_maps_share_one_scale():
    maps = np.stack([np.zeros((4, 4)), np.full((4, 4), 1.0)])
    stretched = stretch_heat(maps)
    assert stretched[0].max() < stretched[1].min()
    assert not stretch_heat(np.ones((2, 3, 3))).any()
    assert stretch_heat(np.zeros((0, 3, 3))).shape == (0, 3, 3)
    assert MAP_QUANTILES[0] >= 0.5  # most of a breast stays clear


def test_air_stays_clear_and_cool_tissue_unchanged():
    picture = np.zeros((20, 20), np.uint8)
    picture[:, :10] = 100
    heat = np.ones((20, 20))
    laid = lay_heat(picture, heat)
    assert (laid[:, 11:] == 0).all()
    assert (laid[:, :9].min(axis=2) != laid[:, :9].max(axis=2)).any()
    assert (lay_heat(picture, 0 * heat)[:, :10] == 100).all()
    assert (lay_heat(picture, np.full((20, 20), np.nan))[:, :10] == 100).all()


def test_heat_is_seen_on_bright_tissue_printed_in_grey():
    picture = np.full((40, 40), 230, np.uint8)
    heat = np.zeros((40, 40))
    heat[10:30, 10:30] = 0.6
    printed = lightness(lay_heat(picture, heat).astype(float))
    edge = printed[10, 15]
    assert abs(edge - printed[20, 20]) > 40  # the contour against the heat that it holds


def test_the_picture_given_is_not_drawn_upon():
    picture = np.full((20, 20), 50, np.uint8)
    before = picture.copy()
    outline_lesions(picture, np.array([[5, 5, 10, 10]]))
    lay_heat(picture, np.ones((20, 20)))
    assert (picture == before).all()


def test_a_lesion_is_framed_and_not_covered():
    picture = np.full((60, 60), 120, np.uint8)
    drawn = outline_lesions(picture, np.array([[20, 30, 35, 45]]))
    changed = (drawn != 120).any(axis=2)
    assert not changed[20:35, 30:45].any()
    assert changed[17:38, 27:48].any()
    assert not changed[:17].any() and not changed[:, 49:].any()


def test_no_lesion_no_frame_and_one_at_the_edge_is_no_error():
    picture = np.full((20, 20), 9, np.uint8)
    assert (outline_lesions(picture, np.zeros((0, 4))) == 9).all()
    outline_lesions(picture, np.array([[-3, -3, 40, 40], [19, 19, 20, 20]]))


@pytest.mark.parametrize(
    ("picture", "heat"),
    [
        (np.zeros((4, 4)), np.zeros((4, 4))),
        (np.zeros((4, 4), np.uint8), np.zeros((4, 5))),
        (np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4))),
    ],
)
def test_what_does_not_fit_is_refused(picture, heat):
    with pytest.raises(ValueError, match="expected uint8 grey"):
        lay_heat(picture, heat)


def test_a_canvas_of_air_is_black_and_the_brightest_tissue_white():
    assert not shrink_canvas(np.zeros((8, 4), np.uint16), 4).any()
    canvas = np.tile(np.array([0, 30000], np.uint16), (8, 4))[..., np.newaxis]
    assert shrink_canvas(canvas, 8)[0].tolist() == [0, 255] * 4


def test_pictures_are_joined_at_their_own_sizes():
    sheet = join_pictures([np.full((4, 3), 200, np.uint8), np.full((6, 2, 3), 100, np.uint8)])
    assert sheet.shape == (6, 3 + 4 + 2, 3)
    assert (sheet[:4, :3] == 200).all() and (sheet[:, 7:] == 100).all()
    with pytest.raises(ValueError, match="no picture"):
        join_pictures([])


def test_a_jpeg_holds_the_picture_and_nothing_that_names_anyone():
    uri = write_jpeg(np.full((16, 16), 77, np.uint8), 80)
    content = base64.b64decode(uri.removeprefix("data:image/jpeg;base64,"))
    with Image.open(io.BytesIO(content)) as image:
        assert image.size == (16, 16)
        assert not image.getexif()
        assert set(image.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
