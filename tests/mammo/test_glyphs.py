from __future__ import annotations

import numpy as np
import pytest

from mammo_pipeline.mammo.glyphs import cut_pieces, halve, make_unsigned, turn_pieces


@pytest.fixture
def cross():
    """A cross of 13 x 9 px with strokes of 2 px, value 900 on 100, at row 20 and column 30."""
    picture = np.full((64, 80), 100, np.uint16)
    picture[20:33, 33:35] = 900
    picture[25:27, 30:39] = 900
    return picture


def test_a_piece_has_its_box_area_stroke_and_contrast(cross):
    (piece,) = cut_pieces(cross, 50)
    assert [piece[edge] for edge in ("top", "left", "bottom", "right")] == [20, 30, 33, 39]
    assert piece["area"] == 13 * 2 + 2 * 9 - 4
    assert (piece["hat"], piece["ink"]) == (800, 900)
    assert 2 <= piece["stroke"] < 4


def test_a_turned_piece_is_the_piece_of_the_transposed_picture(cross):
    assert (turn_pieces(cut_pieces(cross, 50)) == cut_pieces(cross.T.copy(), 50)).all()


def test_ink_that_does_not_stand_out_enough_is_left(cross):
    assert len(cut_pieces(cross, 799)) == 1
    assert len(cut_pieces(cross, 800)) == 0


def test_what_is_wider_than_a_stroke_is_ground():
    picture = np.zeros((64, 64), np.uint8)
    picture[10:17, 10:50] = 200
    assert len(cut_pieces(picture, 10)) == 1
    picture[10:18, 10:50] = 200
    assert len(cut_pieces(picture, 10)) == 0


def test_ink_at_the_border_of_the_picture_is_cut(cross):
    at_corner = np.roll(cross, (-20, -30), axis=(0, 1))
    (piece,) = cut_pieces(at_corner, 50)
    assert [piece[edge] for edge in ("top", "left", "bottom", "right")] == [0, 0, 13, 9]


def test_pieces_that_touch_at_a_corner_are_one():
    picture = np.zeros((64, 64), np.uint8)
    picture[10:14, 10:12] = picture[14:18, 12:14] = 200
    assert len(cut_pieces(picture, 10)) == 1


def test_faint_ink_beside_strong_ink_is_left(cross):
    cross[20:33, 42:44] = 100 + 250
    assert len(cut_pieces(cross, 50)) == 1
    cross[20:33, 42:44] = 100 + 400
    assert len(cut_pieces(cross, 50)) == 2


def test_noise_is_no_ink():
    noise = np.random.default_rng(0).normal(1000, 50, (256, 256)).astype(np.uint16)
    assert len(cut_pieces(noise, 2)) < 60


def test_an_odd_edge_is_left_out_of_the_half():
    assert halve(np.full((5, 7), 65535, np.uint16)).tolist() == [[65535] * 3] * 2


def test_unsigned_pictures_are_passed_through():
    picture = np.array([[3, 5]], np.uint16)
    assert make_unsigned(picture) is picture
    assert make_unsigned(np.array([[-3, 80000]], np.int32)).tolist() == [[0, 65535]]
