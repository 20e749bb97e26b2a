"""The pectoral muscle is marked where the phantom has it."""

from __future__ import annotations

import numpy as np
import pytest

from bad_frames import add_noise, draw_frame
from mammo_pipeline.mammo.muscle import find_muscle
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
