"""What an image says of itself is held against its pixels, and lesion boxes against the image."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mammo_pipeline.mammo.contract.plausibility import (
    compare_walls,
    compare_windows,
    count_spare_bits,
    describe_lesions,
    find_pseudonyms,
)
from screening_study import KINDS, lesion, make_images


@pytest.mark.parametrize(
    ("stored", "signed", "low", "high", "spare"),
    [
        (12, 0, 0, 4095, 0),
        (12, 0, 0, 4096, -1),
        (16, 0, 0, 4095, 4),
        (12, 1, -2048, 2047, 0),
        (12, 1, -2049, 2047, -1),
        (12, 1, 0, 2048, -1),
        (12, 0, 0, 0, 12),
    ],
)
def test_spare_bits_are_those_that_no_value_needs(stored, signed, low, high, spare):
    table = pd.DataFrame(
        {
            "bits_stored": [stored],
            "pixel_representation": signed,
            "stored_min": low,
            "stored_max": high,
        }
    )
    assert count_spare_bits(table).tolist() == [spare]


def test_spare_bits_of_unknown_pixels_are_unknown():
    table = pd.DataFrame({"bits_stored": [12], "pixel_representation": None})
    assert count_spare_bits(table.assign(stored_min=np.nan, stored_max=np.nan)).isna().all()


@pytest.mark.parametrize(
    ("centre", "width", "covers", "used"),
    [(500, 1000, 1, 1), (5000, 100, 0, 0), (100, 200, 0.2, 1), (500, 10_000, 1, 0.1)],
)
def test_a_window_is_held_against_the_values(centre, width, covers, used):
    table = pd.DataFrame({"window_center": [centre], "window_width": width})
    found = compare_windows(table.assign(stored_min=0, stored_max=1000))
    assert (found[0][0], found[1][0]) == pytest.approx((covers, used))


@pytest.mark.parametrize(
    ("side", "orientation", "laterality", "flip", "stated", "usual"),
    [
        ("left", "A\\R", "L", "", "yes", None),
        ("left", "A\\L", "R", "", "yes", None),
        ("right", "A\\R", "L", "", "no", None),
        ("right", "P\\L", "R", "yes", "yes", None),
        ("left", "", "L", "", None, "yes"),
        ("left", None, "R", "no", None, "no"),
        ("left", "", "R", "YES", None, "yes"),
        ("", "A\\R", "L", "", None, None),
        (None, "", "L", "", None, None),
    ],
)
def test_the_chest_wall_is_where_the_header_says(
    side, orientation, laterality, flip, stated, usual
):
    table = pd.DataFrame(
        {
            "picture_side": [side],
            "patient_orientation": [orientation],
            "laterality": [laterality],
            "horizontal_flip": [flip],
        },
        dtype=object,
    )
    found = compare_walls(table)
    assert (found["wall_as_stated"][0], found["wall_as_usual"][0]) == (stated, usual)


def test_a_name_among_pseudonyms_is_seen():
    images = make_images(2)
    images.loc[1, "exam_id"] = "20240101"
    images.loc[2, "patient_id"] = None
    assert find_pseudonyms(images).tolist()[:3] == ["yes", "no", "yes"]


def test_a_box_is_held_against_its_image():
    images = make_images(2)
    box = lesion(images.iloc[0], *KINDS[0])
    wrong = [
        {},
        {"row_max": 3329},
        {"image_id": "f" * 16},
        {"pathology": "malignant"},
        {"column_min": -1},
        {"row_min": 1200},
    ]
    images.loc[0, "cancer"] = 0
    found = describe_lesions(pd.DataFrame([box | change for change in wrong]), images)
    assert found["inside_matrix"].fillna("?").tolist() == ["yes", "no", "?", "yes", "no", "no"]
    assert found["image_known"].tolist() == ["yes", "yes", "no", "yes", "yes", "yes"]
    assert found["on_cancer"].fillna("?").tolist() == ["?", "?", "?", "no", "?", "?"]
    assert found["longest_mm"][0] == pytest.approx(14.0)


def test_the_distance_of_a_box_is_counted_from_the_chest_wall():
    images = make_images(1)
    left, right = images.iloc[0], images.iloc[2]
    boxes = [lesion(left, *KINDS[0]) | {"column_min": 0, "column_max": 256}]
    boxes += [lesion(right, *KINDS[0]) | {"column_min": 0, "column_max": 256}]
    found = describe_lesions(pd.DataFrame(boxes), images)
    assert found["wall_distance"].tolist() == pytest.approx([0.0, 0.9])
