from dataclasses import replace

import numpy as np
import pytest

from mammo_pipeline.mammo.phantom.anatomy import draw_anatomy
from mammo_pipeline.mammo.phantom.devices import DEVICES
from mammo_pipeline.mammo.phantom.lesions import Lesion, draw_form
from mammo_pipeline.mammo.phantom.render import (
    LesionMark,
    lay_image,
    place_field,
    render_view,
)
from mammo_pipeline.mammo.phantom.shape import draw_shape, measure_skin_distance

BINNING = 8


@pytest.fixture(scope="module")
def anatomy():
    shape = draw_shape(np.random.default_rng(1), "MLO", 95.0)
    form = draw_form(np.random.default_rng(2), "mass", "malignant")
    lesion = Lesion("mass", "malignant", 15.0, 0.9, 52.0, -12.0, form)
    return draw_anatomy(np.random.default_rng(3), shape, "A", (lesion,), 0.4)


def render(anatomy, name, laterality="L", seed=0, **changes):
    device = replace(DEVICES[name], **changes)
    return render_view(anatomy, device, BINNING, np.random.default_rng(seed), laterality)


def find_centre_mm(anatomy, name, laterality):
    """Returns the lesion's middle in the breast's frame, read off the stored matrix."""
    device = DEVICES[name]
    mark = render(anatomy, name, laterality).marks[0]
    row_min, column_min, row_max, column_max = mark.box
    field = place_field(anatomy.shape, device, BINNING)
    row, column = (row_min + row_max) / 2, (column_min + column_max) / 2
    if laterality == "R" and device.lay != "chest_left":
        column = field.columns - column
        row = field.rows - row if device.lay == "turned" else row
    return field.top_mm + row * field.pitch_mm, column * field.pitch_mm


@pytest.mark.parametrize("laterality", ["L", "R"])
def test_a_lesion_lies_at_the_same_mm_through_every_device(anatomy, laterality):
    found = np.array([find_centre_mm(anatomy, name, laterality) for name in DEVICES])
    assert np.ptp(found, axis=0).max() < 1.0
    np.testing.assert_allclose(found.mean(axis=0), (-12.0, 52.0), atol=2.0)


@pytest.mark.parametrize("name", DEVICES)
@pytest.mark.parametrize("laterality", ["L", "R"])
def test_the_pixels_are_brighter_where_the_mask_says(anatomy, name, laterality):
    without = replace(anatomy, lesions=(), tissue=anatomy.tissue.copy())
    mark = render(anatomy, name, laterality).marks[0]
    rows, columns = (slice(a, b) for a, b in zip(mark.box[:2], mark.box[2:], strict=True))
    before = draw_anatomy(np.random.default_rng(3), anatomy.shape, "A", (), 0.4)
    assert without.tissue.shape == before.tissue.shape
    lesion = render(anatomy, name, laterality).pixels.astype(int)
    lesion -= render(before, name, laterality).pixels.astype(int)
    sign = -1 if DEVICES[name].photometric == "MONOCHROME1" else 1
    assert (sign * lesion[rows, columns][mark.mask]).mean() > 0.02 * DEVICES[name].span
    lesion[rows.start - 4 : rows.stop + 4, columns.start - 4 : columns.stop + 4] = 0
    assert np.abs(lesion).max() <= 0.02 * DEVICES[name].span


def test_the_same_anatomy_gets_other_values_from_another_device(anatomy):
    def read_breast(name):
        pixels = render(anatomy, name).pixels
        return np.median(pixels[(pixels > 0) & (pixels < pixels.max())])

    levels = [read_breast(name) for name, d in DEVICES.items() if d.photometric == "MONOCHROME2"]
    assert np.ptp(levels) > 0.5 * np.median(levels)


def test_air_is_zero_and_holds_only_the_marker(anatomy):
    device = DEVICES["hologic_dimensions"]
    pixels = render(anatomy, "hologic_dimensions").pixels
    field = place_field(anatomy.shape, device, BINNING)
    skin_mm = measure_skin_distance(anatomy.shape, field.x_mm[None, :], field.y_mm[:, None])
    assert set(np.unique(pixels[skin_mm < -3])) == {0, 4095}
    assert 20 < (pixels[skin_mm < -3] == 4095).sum() < 400
    assert (pixels[skin_mm > 3] > 0).all()


def test_monochrome1_is_turned_over(anatomy):
    pixels = render(anatomy, "planmed_nuance").pixels
    other = render(anatomy, "planmed_nuance", photometric="MONOCHROME2").pixels
    np.testing.assert_array_equal(pixels, 4095 - other)


def test_a_device_of_eight_bits_stores_bytes(anatomy):
    pixels = render(anatomy, "ge_essential", bits_stored=8, offset=20, span=180).pixels
    assert pixels.dtype == np.uint8


@pytest.mark.parametrize(
    ("name", "side"), [("hologic_dimensions", "right"), ("planmed_nuance", "left")]
)
def test_a_right_breast_lies_as_the_device_stores_it(anatomy, name, side):
    pixels = render(anatomy, name, "R", photometric="MONOCHROME2").pixels > 0
    half = pixels.shape[1] // 2
    left, right = pixels[:, :half].sum(), pixels[:, half:].sum()
    assert (right > 2 * left) if side == "right" else (left > 2 * right)


def test_laying_an_image_twice_gives_it_back():
    image = np.arange(12).reshape(3, 4)
    for device in DEVICES.values():
        for laterality in "LR":
            twice = lay_image(lay_image(image, laterality, device), laterality, device)
            np.testing.assert_array_equal(twice, image)


def test_noise_depends_on_its_seed_alone(anatomy):
    first, again, other = (render(anatomy, "giotto_image", seed=s).pixels for s in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_a_box_is_half_open():
    assert LesionMark("mass", "benign", 3, 5, np.ones((2, 4), bool)).box == (3, 5, 5, 9)


def test_a_magnifying_device_sees_less_of_the_breast(anatomy):
    device = DEVICES["hologic_dimensions"]
    field = place_field(anatomy.shape, device, BINNING)
    assert (field.rows, field.columns) == (416, 320)
    assert field.pitch_mm == pytest.approx(0.07 * 8 / 1.073)
