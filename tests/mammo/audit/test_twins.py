"""The same breast through several devices: the files are true, and the truth follows them."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from mammo_pipeline.mammo.audit.twins import (
    TwinFile,
    describe_twin,
    draw_twin_anatomy,
    draw_twins,
    expose_twin,
    find_centre,
    find_on_matrix,
    list_lesions,
    place_twin,
)
from mammo_pipeline.mammo.dicom.pixels import decode_pixels
from mammo_pipeline.mammo.phantom.devices import DEVICES

TWINS = draw_twins(4, 3)


@cache
def expose(twin: int, device: str, draw: int = 0) -> TwinFile:
    anatomy = draw_twin_anatomy(TWINS[twin], 8)
    return expose_twin(TWINS[twin], anatomy, device, draw, 8)


def test_views_sides_and_densities_take_turns_and_every_breast_has_a_lesion():
    twins = draw_twins(16, 3)
    for view in ("CC", "MLO"):
        of_view = [twin for twin in twins if twin.view == view]
        assert sorted(twin.woman.density for twin in of_view) == sorted("AABBCCDD")
        assert {twin.laterality for twin in of_view} == {"L", "R"}
    assert all(list_lesions(twin) for twin in twins)


def test_the_first_twins_of_a_larger_count_are_the_same():
    few, many = draw_twins(2, 3), draw_twins(5, 3)
    assert [t.woman.breasts["L"].texture_seeds for t in few] == [
        t.woman.breasts["L"].texture_seeds for t in many[:2]
    ]


def test_other_lesions_leave_the_rest_of_the_breast_as_it_was():
    twin = TWINS[0]
    own, none = draw_twin_anatomy(twin, 8), draw_twin_anatomy(twin, 8, ())
    rows, columns = np.nonzero(own.tissue != none.tissue)
    far_mm = [
        np.hypot(own.grid.y_mm[rows] - lesion.y_mm, own.grid.x_mm[columns] - lesion.x_mm)
        - 1.5 * lesion.reach_mm
        for lesion in list_lesions(twin)
    ]
    assert rows.size > 50
    assert (np.min(far_mm, axis=0) < 0).all()
    assert none.lesions == ()


@pytest.mark.parametrize("device", DEVICES)
def test_a_row_says_what_ingest_would_say(device):
    file = expose(1, device)
    profile = DEVICES[device]
    assert file.image["laterality"] == TWINS[1].laterality
    assert file.image["view"] == TWINS[1].view
    assert file.image["photometric"] == profile.photometric
    assert file.image["row_spacing_mm"] == pytest.approx(file.pitch_mm, rel=1e-6)
    _, stored = decode_pixels(file.content)
    assert (file.image["stored_min"], file.image["stored_max"]) == (stored.min(), stored.max())
    assert file.image["image_id"] and file.image["pixel_sha256"]
    assert describe_twin(file.content) == pytest.approx(file.image, nan_ok=True)


def test_two_exposures_differ_and_one_repeats_itself():
    first, second = expose(0, "ge_pristina", 0), expose(0, "ge_pristina", 1)
    anatomy = draw_twin_anatomy(TWINS[0], 8)
    assert first.content != second.content
    assert expose_twin(TWINS[0], anatomy, "ge_pristina", 0, 8).content == first.content


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("twin", [0, 1])
def test_a_place_in_mm_is_found_on_every_matrix(twin, device):
    # The lesion's mask is made another way: by drawing it on the matrix and flipping that.
    anatomy = draw_twin_anatomy(TWINS[twin], 8)
    file = expose(twin, device)
    for lesion, mark in zip(list_lesions(TWINS[twin]), file.marks, strict=True):
        place = find_on_matrix(
            anatomy.shape, device, 8, TWINS[twin].laterality, (lesion.y_mm, lesion.x_mm)
        )
        apart_mm = np.hypot(*np.subtract(place, find_centre(mark))) * file.pitch_mm
        assert apart_mm < 0.15 * lesion.size_mm


def test_lesions_move_by_the_transform_of_the_record():
    file = expose(0, "hologic_dimensions")
    record = {"row_scale": 0.5, "row_offset": 7.0, "column_scale": -0.5, "column_offset": 300.0}
    placed = place_twin(file, np.zeros((40, 30), np.uint16), record, 0.8)
    row, column = find_centre(file.marks[0])
    assert placed.lesions_mm[0] == pytest.approx(
        [(0.5 * row + 7) * 0.8, (300 - 0.5 * column) * 0.8]
    )
    assert placed.scales == pytest.approx([0.5 * 0.8 / file.pitch_mm] * 2)
