"""What is kept of a lesion's contrast: all where nothing is done, less where it is flattened."""

from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pytest

from mammo_pipeline.mammo.audit.lesions_kept import (
    carry_mask,
    compare_contrast,
    measure_contrast,
    measure_lesions,
    read_back,
    tabulate_lesions,
)
from mammo_pipeline.mammo.audit.twins import draw_twins, find_centre, move_points
from mammo_pipeline.mammo.dicom.pixels import decode_pixels
from mammo_pipeline.mammo.geometry import Transform
from mammo_pipeline.mammo.phantom.render import LesionMark

DEVICES = ("hologic_dimensions", "philips_microdose")
SPACING_MM = 0.8
SHAPE_PX = (320, 360)


def show(content, image):
    _, stored = decode_pixels(content)
    dark = image["photometric"] == "MONOCHROME1"
    return ((4095 - stored if dark else stored) / np.float32(4095)).astype(np.float32)


def lay(content, image, change=lambda grey: grey):
    """Lays the picture on a canvas, pixel by pixel, and may change its grey."""
    shown = show(content, image)
    scale = image["row_spacing_mm"] / SPACING_MM
    transform = Transform(-scale, 300.0, scale, 1.5)
    rows, columns = read_back(transform, SHAPE_PX, shown.shape)
    grey = shown[np.ix_(rows, columns)]
    # Markers are brighter than any tissue here, air is darker.
    tissue = (grey > 0.06) & (grey < 0.99)
    canvas = np.where(tissue, np.clip(np.rint(change(grey) * 65535), 1, 65535), 0)
    return canvas.astype(np.uint16), {"code": "accepted", **asdict(transform)}


def measure(standardize, devices=DEVICES, count=2):
    rows = list(measure_lesions(draw_twins(count, 3), devices, 8, standardize, show, SPACING_MM))
    return rows, tabulate_lesions(rows, 100, np.random.default_rng(0))


def test_contrast_and_noise_are_those_of_lesion_surround_and_breast():
    image = np.array([[5.0, 5.0, 1.0, 3.0, 0.0, 8.0]])
    lesion = np.array([[True, True, False, False, False, False]])
    ring = np.array([[False, False, True, True, False, False]])
    tissue = np.array([[True, True, True, True, False, True]])
    found = measure_contrast(image, lesion, ring, tissue)
    assert found["contrast"] == pytest.approx(3.0 / np.std([5, 5, 1, 3, 8]))
    assert found["cnr"] == pytest.approx(3.0)


def test_a_lesion_off_the_image_is_not_measured():
    blank = np.zeros((2, 2), bool)
    found = measure_contrast(np.ones((2, 2)), blank, ~blank, ~blank)
    assert np.isnan(found["contrast"]) and np.isnan(found["cnr"])


@pytest.mark.parametrize("signs", [(1, 1), (1, -1), (-1, 1), (-1, -1)])
def test_a_mask_keeps_its_area_and_its_place_on_the_canvas(signs):
    rng = np.random.default_rng(4)
    y, x = np.mgrid[:81, :61]
    mask = (y / 40 - 1) ** 2 + (x / 30 - 1) ** 2 + 0.1 * rng.random((81, 61)) < 1
    mask[:40, 30:] = False
    mark = LesionMark("mass", "benign", 100, 150, mask)
    scale = 0.43
    offsets = (3.3 if signs[0] > 0 else 150.3, 2.2 if signs[1] > 0 else 160.7)
    transform = Transform(signs[0] * scale, offsets[0], signs[1] * scale, offsets[1])
    carried = carry_mask(mark, transform, (180, 170))
    assert carried.sum() == pytest.approx(mask.sum() * scale**2, rel=0.05)
    middle = np.argwhere(carried).mean(axis=0) + 0.5
    assert middle == pytest.approx(
        move_points(np.array([find_centre(mark)]), transform)[0], abs=0.3
    )


def test_a_lesion_finer_than_a_pixel_keeps_one():
    mark = LesionMark("calcification", "benign", 10, 20, np.ones((1, 1), bool))
    carried = carry_mask(mark, Transform(0.1, 0.0, 0.1, 0.0), (4, 4))
    assert np.argwhere(carried).tolist() == [[1, 2]]
    off = carry_mask(mark, Transform(0.1, 90.0, 0.1, 0.0), (4, 4))
    assert not off.any()


def test_a_surround_leaves_out_the_margin_and_what_lies_far_off():
    canvas = np.full((60, 60), 20000, np.uint16)
    canvas[28:32, 28:32] = 40000
    mark = LesionMark("mass", "benign", 28, 28, np.ones((4, 4), bool))
    shown, plain = np.ones((60, 60), np.float32), Transform(1.0, 0.0, 1.0, 0.0)
    cnr = compare_contrast(shown, canvas, mark, plain, 1.0)["after_cnr"]
    for row in (27, 40):
        other = canvas.copy()
        other[row, 28:32] = 60000
        assert compare_contrast(shown, other, mark, plain, 1.0)["after_cnr"] == cnr
    other[25, 28:32] = 60000
    assert compare_contrast(shown, other, mark, plain, 1.0)["after_cnr"] < 0.1 * cnr


@pytest.fixture(scope="module")
def untouched():
    return measure(lay)


def test_what_is_only_laid_out_keeps_all_its_contrast(untouched):
    rows, table = untouched
    assert table["unmeasured"] == 0 and table["lesions"] == len(rows) >= 4
    # The canvas has steps of 1 / 65535.
    for figures in (table["overall"], *table["by_kind"].values(), *table["by_device"].values()):
        for figure in figures.values():
            assert figure["value"] == pytest.approx(1.0, abs=1e-3)
    assert set(table["by_device"]) == set(DEVICES)


def test_lesions_of_the_phantom_are_brighter_than_their_surround(untouched):
    rows, _ = untouched
    assert np.mean([row["before_contrast"] for row in rows]) > 0.2


def test_flattened_highlights_are_found_and_a_stretch_is_not():
    _, flat = measure(lambda c, i: lay(c, i, lambda grey: np.minimum(grey, np.median(grey))))
    assert flat["overall"]["contrast"]["high"] < 0.8
    _, stretched = measure(lambda c, i: lay(c, i, lambda grey: 0.1 + 0.5 * grey))
    assert stretched["overall"]["contrast"]["value"] == pytest.approx(1.0, abs=1e-3)


def test_lesions_of_refused_images_are_counted_and_the_table_is_json():
    def refuse_one(content, image):
        if image["device"] == "Hologic Selenia Dimensions":
            return None, {"code": "no_breast"}
        return lay(content, image)

    rows, table = measure(refuse_one, count=1)
    assert table["unmeasured"] == table["lesions"] / 2 == len(rows) / 2
    assert list(table["by_device"]) == ["philips_microdose"]
    assert json.loads(json.dumps(table, allow_nan=False)) == table


def test_a_figure_says_how_many_lesions_and_women_it_rests_on():
    rows = [
        {"twin": twin, "device": "x", "kind": "mass", "pathology": "benign", "code": "accepted",
         "before_contrast": before, "after_contrast": after, "before_cnr": 1.0, "after_cnr": 0.5}
        for twin, before, after in ((0, 1.0, 1.0), (0, 1.0, 0.5), (1, 2.0, 1.5))
    ]  # fmt: skip
    table = tabulate_lesions(rows, 400, np.random.default_rng(0))["overall"]
    assert table["contrast"]["value"] == pytest.approx(3.0 / 4.0)
    assert (table["contrast"]["n"], table["contrast"]["lesions"]) == (2, 3)
    assert table["cnr"] == table["cnr"] | {"value": 0.5, "low": 0.5, "high": 0.5}
