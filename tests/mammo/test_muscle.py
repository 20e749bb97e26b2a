"""The pectoral muscle is marked where the phantom has it."""

from __future__ import annotations

import numpy as np
import pytest

from bad_frames import add_noise, draw_frame
from mammo_pipeline.mammo.muscle import draw_muscle, find_muscle, trace_muscle
from mammo_pipeline.mammo.phantom.devices import DEVICES
from mammo_pipeline.mammo.skin import smooth_picture


def measure_dice(found, truth):
    return 2 * (found & truth).sum() / (found.sum() + truth.sum())


def look(frame, small=None):
    smooth = smooth_picture(frame.small if small is None else small)
    return find_muscle(smooth, frame.breast, 0.0, frame.spacing_mm[0])


@pytest.mark.parametrize("density", "ABCD")
def test_the_muscle_is_where_it_was_drawn_on_every_device(density):
    for name in DEVICES:
        frame = draw_frame(name, "MLO", density, 0)
        assert measure_dice(look(frame), frame.muscle) > 0.97, name


@pytest.mark.parametrize("seed", range(10, 60, 10))
def test_the_muscle_of_other_women_is_found_on_noise_too(seed):
    frame = draw_frame("giotto_image", "MLO", "D", seed)
    assert measure_dice(look(frame), frame.muscle) > 0.96
    assert measure_dice(look(frame, add_noise(frame.small)), frame.muscle) > 0.96


@pytest.mark.parametrize("density", "ABCD")
def test_where_there_is_no_muscle_none_is_marked(density):
    for seed in (0, 10, 20):
        assert not look(draw_frame("ge_essential", "CC", density, seed)).any()


@pytest.mark.parametrize("cell_mm", [0.4, 0.8])
def test_the_muscle_is_found_on_coarser_and_finer_cells(cell_mm):
    frame = draw_frame("hologic_dimensions", "MLO", "C", 0, cell_mm)
    assert measure_dice(look(frame), frame.muscle) > 0.96


def test_the_muscle_is_a_part_of_the_breast():
    frame = draw_frame("ge_essential", "MLO", "B", 20)
    breast = frame.breast & (np.arange(frame.small.shape[1]) > 3)
    smooth = smooth_picture(frame.small)
    found = find_muscle(smooth, breast, 0.0, frame.spacing_mm[0])
    assert found.any() and not (found & ~breast).any()


def look_at(view="MLO"):
    frame = draw_frame("ge_essential", view, "B", 20)
    return look(frame) if view == "MLO" else np.zeros(frame.small.shape, bool), frame.spacing_mm


@pytest.mark.parametrize("first_mm", [(0.0, 0.0), (11.3, -0.31), (-4.2, 0.0)])
@pytest.mark.parametrize("spacing_mm", [0.2, 0.8])
def test_the_muscle_that_is_traced_is_drawn_back(spacing_mm, first_mm):
    muscle, cell_mm = look_at()
    shape_px = round(230.4 / spacing_mm), round(179.2 / spacing_mm)
    drawn = draw_muscle(trace_muscle(muscle, first_mm, cell_mm, spacing_mm), shape_px)
    cells = [
        np.floor(((np.arange(n) + 0.5) * spacing_mm - first) / cell).astype(int)
        for n, first, cell in zip(shape_px, first_mm, cell_mm, strict=True)
    ]
    inside = [(c >= 0) & (c < n) for c, n in zip(cells, muscle.shape, strict=True)]
    truth = np.zeros(shape_px, bool)
    truth[np.ix_(*inside)] = muscle[np.ix_(*(c[i] for c, i in zip(cells, inside, strict=True)))]
    assert measure_dice(drawn, truth) > 0.98
    assert drawn.dtype == bool


def test_without_a_muscle_there_is_no_edge_and_nothing_is_drawn():
    muscle, cell_mm = look_at("CC")
    assert trace_muscle(muscle, (0.0, 0.0), cell_mm, 0.8) == ""
    assert not draw_muscle("", (30, 20)).any()


def test_the_edge_is_short_enough_for_a_table():
    muscle, cell_mm = look_at()
    edge = trace_muscle(muscle, (0.0, 0.0), cell_mm, 0.2)
    assert len(edge.split()) == 24 and len(edge) < 320


def test_a_muscle_of_few_rows_is_traced_row_by_row():
    muscle = np.zeros((20, 10), bool)
    muscle[3, :4] = muscle[4, :2] = True
    edge = trace_muscle(muscle, (0.0, 0.0), (1.0, 1.0), 1.0)
    assert edge == "3.5:4.0 4.5:2.0"
    np.testing.assert_array_equal(draw_muscle(edge, (20, 10)), muscle)
