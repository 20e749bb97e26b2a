"""Borders, lines, markers and limbs are found where they were drawn, and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest

from bad_frames import (
    add_arm,
    add_noise,
    add_second_breast,
    draw_frame,
    draw_line,
    frame_film,
    lay_marker,
)
from mammo_pipeline.mammo.artefacts import (
    find_beads,
    find_border,
    find_limbs,
    find_lines,
    find_markers,
    repair_lines,
)

CELL_MM = 0.56


@pytest.fixture(params=["CC", "MLO"])
def frame(request):
    return draw_frame("giotto_image", request.param, "C", 10)


def test_a_plain_picture_has_no_artefact(frame):
    for small in (frame.small, add_noise(frame.small)):
        assert not find_border(small, 0.0).any()
        assert not any(lines.any() for lines in find_lines(small, 0.0))
        assert not find_markers(small, frame.breast, CELL_MM).any()
        assert not find_limbs(frame.breast, CELL_MM).any()


@pytest.mark.parametrize("cells", [3, 6, 20])
def test_a_white_film_border_is_found_though_it_is_tilted(frame, cells):
    framed = frame_film(frame.small, cells)
    drawn = framed > frame.small + 0.02
    found = find_border(framed, 0.0)
    assert (found & drawn).sum() > 0.99 * drawn.sum()
    # One row of cells that are half border goes with it, on three sides.
    assert (found & ~drawn).sum() < 1.1 * sum(frame.small.shape) + frame.small.shape[1]


def test_a_white_muscle_under_the_border_stays():
    frame = draw_frame("giotto_image", "MLO", "C", 10)
    white = np.where(frame.muscle, np.float32(1), frame.small)
    found = find_border(frame_film(white, 6), 0.0)
    assert (found & frame.muscle)[30:].sum() == 0


def test_a_film_border_at_the_chest_wall_is_found_and_a_white_wall_is_not():
    small = draw_frame("giotto_image", "CC", "C", 10).small
    border = np.hstack([np.ones((small.shape[0], 5), np.float32), small])
    found = find_border(border, 0.0)
    assert found[:, :5].all() and not found[:, 7:].any()
    wall = small.copy()
    wall[100:-100, :3] = 1.0
    assert not find_border(wall, 0.0).any()
    in_tissue = np.full((200, 100), 0.5, np.float32)
    in_tissue[:, :3] = 1.0
    assert not find_border(in_tissue, 0.0).any()


@pytest.mark.parametrize(("value", "cells"), [(1.0, 1), (1.0, 2), (0.0, 1), (0.0, 2)])
def test_a_line_is_found_and_drawn_anew(frame, value, cells):
    lined = draw_line(frame.small, 60, value, cells)
    rows, columns = find_lines(lined, 0.0)
    assert not rows.any()
    assert columns[60 : 60 + cells].all() and columns.sum() <= cells + 1
    repaired = repair_lines(lined, rows, columns)
    assert np.abs(repaired - frame.small).mean() < 0.2 * np.abs(lined - frame.small).mean()
    turned = find_lines(np.ascontiguousarray(lined.T), 0.0)
    np.testing.assert_array_equal(turned[0], columns)


@pytest.mark.parametrize("inside_mm", [0.5, 2.0, 4.0])
def test_a_marker_on_the_skin_is_found(frame, inside_mm):
    small, plate = lay_marker(frame, inside_mm)
    found = find_markers(small, frame.breast | plate, CELL_MM)
    assert found[plate].all()
    assert found.sum() < 1.35 * plate.sum()


def test_a_bead_on_the_nipple_is_found(frame):
    row = int(np.argmax(frame.breast.sum(axis=1)))
    column = int(frame.breast[row].sum())
    bead = np.zeros_like(frame.breast)
    bead[row : row + 2, column : column + 3] = True
    small = np.where(bead, np.float32(1), frame.small)
    found = find_beads(small, frame.breast | bead, CELL_MM)
    assert found[bead].mean() > 0.6 and found.sum() < 12
    assert not find_beads(frame.small, frame.breast, CELL_MM).any()


def test_white_tissue_at_the_chest_wall_is_no_marker(frame):
    rows = np.flatnonzero(frame.breast[:, 0])
    white = frame.small.copy()
    white[rows[0] : rows[0] + 15, :20] = 1.0
    assert not find_markers(white, frame.breast, CELL_MM).any()


def test_a_second_breast_is_cut_at_its_neck():
    frame = draw_frame("giotto_image", "CC", "C", 10)
    _, other = add_second_breast(frame)
    for turned in (slice(None), slice(None, None, -1)):
        found = find_limbs((frame.breast | other)[turned], CELL_MM)[turned]
        assert (found & other).sum() > 0.97 * other.sum()
        assert (found & frame.breast).sum() < 0.002 * frame.breast.sum()


def test_an_arm_is_cut_at_its_neck():
    frame = draw_frame("giotto_image", "MLO", "C", 10)
    _, arm = add_arm(frame)
    found = find_limbs(frame.breast | arm, CELL_MM)
    assert (found & arm).sum() > 0.93 * arm.sum()
    assert (found & frame.breast).sum() == 0
