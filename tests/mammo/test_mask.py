"""The breast and nothing else."""

from __future__ import annotations

import os
from pathlib import Path

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
    lay_paddle,
)
from mammo_pipeline.mammo.depth import measure_depth_mm
from mammo_pipeline.mammo.dicom.pixels import decode_pixels
from mammo_pipeline.mammo.dicom.presentation import present
from mammo_pipeline.mammo.fates import RefusedError
from mammo_pipeline.mammo.mask import find_breast, find_parts, map_breast, share_inside
from mammo_pipeline.mammo.phantom.devices import DEVICES
from mammo_pipeline.mammo.pieces import fill_holes, find_pieces
from small_archive import draw_breast

ROOT = Path(__file__).parents[2]
REAL = Path(os.environ.get("MAMMO_REALDATA", ROOT / "../shared/realdata")) / "nyu_dicom"


def test_a_marker_is_not_the_breast():
    image = draw_breast() / 4095
    marked = image.copy()
    marked[10:30, 200:230] = 1.0
    assert not find_breast(marked.astype(np.float32))[10:30, 200:230].any()


def test_the_breast_is_found_to_its_edge():
    image = (draw_breast() / 4095).astype(np.float32)
    truth = draw_breast() > 100
    found = find_breast(image)
    assert (found & truth).sum() / (found | truth).sum() > 0.95


@pytest.mark.parametrize("level", [0.0, 0.7])
def test_an_empty_exposure_is_refused(level):
    image = level + 0.001 * np.random.default_rng(0).normal(size=(200, 150))
    with pytest.raises(RefusedError):
        find_breast(image.astype(np.float32))


def test_the_map_tells_a_box_in_the_breast_from_one_in_the_air():
    mask = np.zeros((160, 80), bool)
    mask[40:120, :40] = True
    text = map_breast(mask)
    assert share_inside((50, 5, 70, 25), (1600, 800), text) == 0
    assert share_inside((500, 50, 700, 250), (1600, 800), text) == pytest.approx(1)
    assert share_inside((500, 300, 700, 500), (1600, 800), text) == pytest.approx(0.5)
    assert np.isnan(share_inside((0, 0, 1, 1), (10, 10), ""))


def measure_dice(found, truth):
    return 2 * (found & truth).sum() / (found.sum() + truth.sum())


def spoil_with_noise(small, noisy):
    return add_noise(small) if noisy else small


@pytest.mark.parametrize("noisy", [False, True])
@pytest.mark.parametrize("view", ["CC", "MLO"])
@pytest.mark.parametrize("density", "ABCD")
def test_the_skin_line_is_the_same_on_every_device(view, density, noisy):
    shares, errors_mm = [], []
    for name in DEVICES:
        frame = draw_frame(name, view, density)
        parts = find_parts(spoil_with_noise(frame.small, noisy), frame.spacing_mm, view)
        assert measure_dice(parts.mask, frame.breast) > 0.996, name
        at_skin = np.abs(frame.skin_mm) < 0.5
        depth_mm = measure_depth_mm(parts.mask, frame.spacing_mm)
        errors_mm.append(float((depth_mm - frame.skin_mm)[at_skin].mean()))
        shares.append(parts.mask.sum() / frame.breast.sum())
        assert find_pieces(parts.mask).area.size == 1
        np.testing.assert_array_equal(fill_holes(parts.mask), parts.mask)
        assert parts.muscle.any() == (view == "MLO")
        assert not (parts.muscle & ~parts.mask).any()
    assert np.abs(errors_mm).max() < 0.35
    assert np.ptp(errors_mm) < 0.22
    assert np.ptp(shares) < 0.006


@pytest.mark.parametrize("cell_mm", [0.4, 0.8])
def test_the_skin_line_is_found_on_other_cells(cell_mm):
    for view in ("CC", "MLO"):
        frame = draw_frame("ge_pristina", view, "B", 10, cell_mm)
        parts = find_parts(frame.small, frame.spacing_mm, view)
        assert measure_dice(parts.mask, frame.breast) > 0.995


@pytest.mark.parametrize("noisy", [False, True])
@pytest.mark.parametrize("view", ["CC", "MLO"])
@pytest.mark.parametrize("name", ["hologic_dimensions", "fujifilm_amulet", "giotto_image"])
def test_artefacts_are_measured_and_leave_the_breast_as_it_was(name, view, noisy):
    frame = draw_frame(name, view, "B", 10)
    plain = find_parts(spoil_with_noise(frame.small, noisy), frame.spacing_mm, view)
    cell_mm2 = frame.spacing_mm[0] ** 2

    def look(small, kind, least_mm2, most_lost_mm2=12.0, of=frame.breast):
        parts = find_parts(spoil_with_noise(small, noisy), frame.spacing_mm, view)
        assert parts.removed_mm2[kind] > plain.removed_mm2[kind] + least_mm2
        assert (plain.mask & of & ~parts.mask).sum() * cell_mm2 < most_lost_mm2
        assert measure_dice(parts.mask & of, plain.mask & of) > 0.995
        return parts.mask

    for inside_mm in (-1.0, 0.5, 3.0):
        small, plate = lay_marker(frame, inside_mm)
        assert not look(small, "marker", 90, 40)[plate].any()
    framed = frame_film(frame.small)
    look(framed, "border", 1500, 60, framed <= frame.small)
    for value, column in ((1.0, 60), (0.0, 60), (1.0, 110)):
        look(draw_line(frame.small, column, value, 2), "line", 200)
    shadowed = look(lay_paddle(frame), "line", 200)[frame.skin_mm < -1.5]
    assert shadowed.sum() * cell_mm2 < (30 if noisy else 5)
    if view == "CC":
        small, other = add_second_breast(frame)
        found = look(small, "other_tissue", 0.9 * other.sum() * cell_mm2)
        assert found[other].mean() < 0.05
    else:
        small, arm = add_arm(frame)
        assert look(small, "other_tissue", 0.8 * arm.sum() * cell_mm2)[arm].mean() < 0.12


def test_dark_fat_at_the_chest_wall_is_not_cut():
    frame = draw_frame("siemens_inspiration", "CC", "B", 10)
    dark = frame.small * (frame.skin_mm < 15) + 0.0
    dark[np.abs(frame.skin_mm - 25) < 2] = 0.2
    mask = find_parts(dark.astype(np.float32), frame.spacing_mm, "CC").mask
    assert mask[frame.skin_mm > 1].all()


def test_a_black_border_on_grey_air_is_no_breast():
    frame = draw_frame("philips_microdose", "CC", "B", 10)
    small = 0.15 + 0.85 * frame.small
    small[:8] = small[-8:] = small[:, -8:] = 0.0
    parts = find_parts(small.astype(np.float32), frame.spacing_mm, "CC")
    assert measure_dice(parts.mask, frame.breast) > 0.996


def test_the_muscle_is_marked_in_mlo_alone():
    frame = draw_frame("ge_essential", "MLO", "B", 10)
    parts = find_parts(frame.small, frame.spacing_mm, "MLO")
    assert measure_dice(parts.muscle, frame.muscle) > 0.97
    assert not find_parts(frame.small, frame.spacing_mm, "CC").muscle.any()


def draw_no_breasts():
    rng = np.random.default_rng(0)
    yield "black", np.zeros((300, 240))
    yield "white", np.ones((300, 240))
    yield "quiet", 0.7 + 0.001 * rng.normal(size=(300, 240))
    yield "noise", rng.random((300, 240))
    yield "dark noise", np.abs(0.02 * rng.normal(size=(300, 240)))
    tissue = 0.5 + 0.1 * rng.normal(size=(300, 240))
    yield "all tissue", tissue
    yield "block", np.pad(tissue[:150, :120], ((70, 80), (0, 120)))
    y, x = np.mgrid[:300, :240]
    yield "away from the wall", np.where((y - 150) ** 2 + (x - 130) ** 2 < 60**2, tissue, 0)
    label = np.zeros((300, 240))
    label[20:30, 5:25] = 1
    yield "marker alone", label


@pytest.mark.parametrize(("name", "small"), list(draw_no_breasts()))
@pytest.mark.parametrize("view", ["CC", "MLO"])
def test_what_is_no_breast_is_refused(name, small, view):
    with pytest.raises(RefusedError) as refusal:
        find_parts(np.clip(small, 0, 1).astype(np.float32), (0.56, 0.56), view)
    assert refusal.value.code == "no_breast"


def test_the_picture_is_left_as_it_was():
    frame = draw_frame("hologic_dimensions", "MLO", "B", 10)
    small, _ = lay_marker(frame)
    before = small.copy()
    find_parts(small, frame.spacing_mm, "MLO")
    np.testing.assert_array_equal(small, before)


# Area of the breast in mm2, that of the muscle, and a place within the view's marker, in mm from
# the chest wall and from the top; measured by eye on the outlines drawn over the views.
REAL_VIEWS = {
    "NYU1/L-CC": (9800, 0, (87, 29)),
    "NYU1/R-CC": (8400, 0, (87, 29)),
    "NYU2/L-CC": (10500, 0, (90, 29)),
    "NYU2/R-CC": (10000, 0, (91, 29)),
    "NYUDENSITY/L-CC": (20800, 0, (173, 5.5)),
    "NYUDENSITY/L-MLO": (26500, 4200, (152, 2)),
    "NYUDENSITY/R-CC": (17600, 0, (164, 12)),
    "NYUDENSITY/R-MLO": (23400, 3700, (160, 12)),
}

# Beads of lead that lie on the skin and stand out of it.
REAL_BEADS_MM = {
    "NYU1/L-CC": (83.7, 107.5),
    "NYU1/R-CC": (76.7, 126.6),
    "NYUDENSITY/L-MLO": (121.0, 193.4),
    "NYUDENSITY/R-MLO": (101.8, 198.1),
}


@pytest.mark.skipif(not REAL.is_dir(), reason=f"{REAL} is absent: set MAMMO_REALDATA")
@pytest.mark.parametrize("name", REAL_VIEWS)
def test_a_real_breast_is_found_without_its_marker(name):
    area_mm2, muscle_mm2, marker_mm = REAL_VIEWS[name]
    dataset, stored = decode_pixels((REAL / f"{name}.dcm").read_bytes())
    cells, pixel_mm = (6, 0.09) if "DENSITY" in name else (8, 0.07)
    rows, columns = (size // cells for size in stored.shape)
    shown = present(dataset, stored)[: rows * cells, : columns * cells]
    small = shown.reshape(rows, cells, columns, cells)[:, ::4, :, ::4].mean(axis=(1, 3))
    if small[:, : columns // 4].mean() < small[:, -columns // 4 :].mean():
        small = small[:, ::-1]
    cell_mm = cells * pixel_mm
    parts = find_parts(small, (cell_mm, cell_mm), name[-3:].strip("-"))
    assert parts.mask.sum() * cell_mm**2 == pytest.approx(area_mm2, rel=0.02)
    assert parts.muscle.sum() * cell_mm**2 == pytest.approx(muscle_mm2, rel=0.08)
    assert find_pieces(parts.mask).area.size == 1
    column, row = (int(place / cell_mm) for place in marker_mm)
    around = (slice(max(row - 6, 0), row + 7), slice(column - 6, column + 7))
    assert small[around].max() > 0.6
    assert not parts.mask[around].any()
    assert 20 < parts.removed_mm2["marker"] < 300
    # Nothing cut: what is bright and no part of the breast lies apart from it, or is its skin line.
    if name in REAL_BEADS_MM:
        column, row = (int(place / cell_mm) for place in REAL_BEADS_MM[name])
        assert small[row, column] > 0.95 and not parts.mask[row, column]
    depth_mm = measure_depth_mm(parts.mask, (cell_mm, cell_mm))
    near = (depth_mm < -1.2) & (depth_mm > -6)
    assert (small[near] > 0.2).sum() * cell_mm**2 < 12
