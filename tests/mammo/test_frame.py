"""A stored picture, its meaning, and its sketch."""

from __future__ import annotations

import numpy as np
import pytest

from canvases import describe_file
from mammo_pipeline.mammo.dicom.presentation import ShowRule
from mammo_pipeline.mammo.fates import RefusedError
from mammo_pipeline.mammo.frame import Frame, lay_on_grid, read_between, read_frame, sketch_frame
from mammo_pipeline.mammo.geometry import trace
from small_archive import draw_breast, expose, make_raw, mammogram

RULE = ShowRule()


def make_frame(stored=None, spacing_mm=(0.1, 0.1), laterality="L", view="CC", orientation="A\\R"):
    stored = draw_breast((302, 243)) if stored is None else stored
    table = (np.arange(4096) / 4095).astype(np.float32)
    return Frame(stored, table, 0, "modality values", spacing_mm, laterality, view, orientation)


def test_a_frame_is_what_its_file_and_its_row_say():
    content = mammogram(ImagerPixelSpacing=[0.6, 0.5])
    frame = read_frame(content, describe_file(content, view="MLO"), RULE)
    np.testing.assert_array_equal(frame.stored, draw_breast())
    assert frame.stored.dtype == np.uint16
    assert (frame.spacing_mm, frame.laterality, frame.view) == ((0.6, 0.5), "L", "MLO")
    assert frame.orientation == "A\\R"
    assert frame.lowest == draw_breast().min()
    assert frame.table.size == np.ptp(draw_breast()) + 1


@pytest.mark.parametrize("bits", [8, 16])
def test_every_depth_becomes_16_bits(bits):
    pixels = draw_breast() >> 4 if bits == 8 else draw_breast() * 15
    pixels = pixels.astype(f"u{bits // 8}")
    content = mammogram(pixels=pixels, BitsStored=bits)
    frame = read_frame(content, describe_file(content), RULE)
    assert frame.stored.dtype == np.uint16
    np.testing.assert_array_equal(frame.stored, pixels)
    shown = frame.table[frame.stored - frame.lowest]
    np.testing.assert_allclose(shown, pixels / (2.0**bits - 1), atol=1e-6)


def test_the_photometric_interpretation_is_the_rows():
    content = mammogram()
    row = describe_file(content)
    plain = read_frame(content, row, RULE)
    turned = read_frame(content, row | {"photometric": "MONOCHROME1"}, RULE)
    np.testing.assert_allclose(turned.table, 1 - plain.table, atol=1e-6)


def test_the_meaning_of_grey_is_told():
    windowed = mammogram(
        WindowCenter=[2000, 1500],
        WindowWidth=[3000, 900],
        WindowCenterWidthExplanation=["SOFTER", "NORMAL"],
        VOILUTFunction="SIGMOID",
    )
    told = [
        read_frame(content, describe_file(content), rule).meaning
        for content, rule in (
            (mammogram(), RULE),
            (windowed, RULE),
            (windowed, ShowRule(prefer=("SOFTER",))),
            (make_raw(mammogram(pixels=expose(draw_breast()), BitsStored=14)), raw_rule()),
        )
    ]
    assert told == [
        "modality values",
        "window NORMAL SIGMOID",
        "window SOFTER SIGMOID",
        "attenuation LIN",
    ]


def raw_rule():
    return ShowRule(for_processing="attenuation")


def test_a_raw_image_is_refused_where_the_rule_says_so():
    content = make_raw(mammogram(pixels=expose(draw_breast()), BitsStored=14))
    with pytest.raises(RefusedError) as refusal:
        read_frame(content, describe_file(content), RULE)
    assert refusal.value.code == "for_processing"


@pytest.mark.parametrize("name", ["pixel_xxh3", "pixel_sha256"])
def test_pixels_that_are_not_those_of_ingest_are_refused(name):
    content = mammogram()
    row = describe_file(content, pixel_xxh3="") | {name: "f" * (32 if name == "pixel_xxh3" else 64)}
    with pytest.raises(RefusedError) as refusal:
        read_frame(content, row, RULE)
    assert refusal.value.code == "changed_since_ingest"


def test_a_missing_orientation_is_empty():
    content = mammogram(PatientOrientation=None)
    assert read_frame(content, describe_file(content), RULE).orientation == ""


FLIPPED = [("left", "A\\R", (False, False)), ("right", "A\\R", (False, True))]
FLIPPED += [("left", "A\\L", (True, False)), ("right", "A\\L", (True, True))]


@pytest.mark.parametrize(("wall", "orientation", "flips"), FLIPPED)
def test_a_sketch_is_turned_and_knows_what_lies_before_its_first_cell(wall, orientation, flips):
    # 302 x 243 pixels are 50 x 40 cells of 6 and leave 2 rows and 3 columns.
    stored = draw_breast((302, 243), wall)
    sketch = sketch_frame(make_frame(stored, orientation=orientation))
    assert sketch.flips == flips
    assert sketch.picture.shape == (50, 40)
    assert sketch.picture.dtype == np.float32 and sketch.picture.flags.c_contiguous
    assert sketch.cell_mm == pytest.approx((0.6, 0.6))
    assert sketch.starts_mm == pytest.approx((0.2 * flips[0], 0.3 * flips[1]))
    assert sketch.picture[:, :10].mean() > 2 * sketch.picture[:, -10:].mean()


@pytest.mark.parametrize(("wall", "orientation", "flips"), FLIPPED)
def test_a_cell_of_the_sketch_lies_where_its_start_says(wall, orientation, flips):
    stored = draw_breast((302, 243), wall) // 2
    # One cell of the whole matrix is white; its place on the turned frame is known in mm.
    rows, columns = slice(96, 102), slice(126, 132)
    stored[rows, columns] = 4095
    sketch = sketch_frame(make_frame(stored, orientation=orientation))
    row, column = np.unravel_index(sketch.picture.argmax(), sketch.picture.shape)
    for axis, cell, part, size in ((0, row, rows, 302), (1, column, columns, 243)):
        begin = size - part.stop if flips[axis] else part.start
        assert sketch.starts_mm[axis] + cell * 0.6 == pytest.approx(begin * 0.1)


@pytest.mark.parametrize(
    ("spacing_mm", "cell_px"),
    [((0.05, 0.05), 11), ((0.07, 0.07), 8), ((0.1, 0.07), 6), ((0.56, 0.3), 1), ((2.0, 2.0), 1)],
)
def test_a_cell_is_about_half_a_millimetre(spacing_mm, cell_px):
    sketch = sketch_frame(make_frame(spacing_mm=spacing_mm))
    assert sketch.cell_mm == pytest.approx((cell_px * spacing_mm[0], cell_px * spacing_mm[1]))
    assert sketch.picture.shape == (302 // cell_px, 243 // cell_px)


@pytest.mark.parametrize("flips", [(False, False), (True, False), (False, True), (True, True)])
def test_a_window_of_the_grid_is_the_whole_grid_cut(flips):
    frame = make_frame()
    transform = trace(frame.stored.shape, flips, (0.3, 0.21), (4.2, -1.3))
    whole = lay_on_grid(frame, transform, (slice(0, 100), slice(0, 60)))
    part = lay_on_grid(frame, transform, (slice(17, 61), slice(5, 44)))
    np.testing.assert_allclose(part, whole[17:61, 5:44], atol=2e-6)
    # A canvas pixel holds what the transform says lies there.
    spot = np.array([[40.5, 20.5]])
    row, column = transform.points_to_stored(spot)[0].astype(int)
    nearby = frame.table[frame.stored[row - 2 : row + 3, column - 3 : column + 4]]
    assert whole[40, 20] == pytest.approx(nearby.mean(), abs=0.08)


def test_between_cells_the_value_is_linear():
    y, x = np.mgrid[:12, :9] + 0.5
    # A plane in mm: linear reading has it exactly, at any spacing and start.
    picture = (0.3 * (2.0 + 0.6 * y) - 0.2 * (-1.0 + 0.5 * x)).astype(np.float32)
    window = (slice(6, 20), slice(0, 8))
    read = read_between(picture, (2.0, -1.0), (0.6, 0.5), (window, 0.4))
    rows, columns = (np.mgrid[6:20, 0:8] + 0.5) * 0.4
    assert (read.dtype, read.shape) == (np.float32, (14, 8))
    inside = (rows >= 2.3) & (rows <= 8.9) & (columns <= 3.25)
    np.testing.assert_allclose(read[inside], (0.3 * rows - 0.2 * columns)[inside], atol=1e-5)
    assert inside.mean() > 0.8


def test_beyond_the_outermost_cells_their_values_are_repeated():
    picture = np.array([[1, 2], [3, 4]], np.float32)
    read = read_between(picture, (3.0, 3.0), (1.0, 1.0), ((slice(0, 8), slice(0, 8)), 1.0))
    np.testing.assert_array_equal(read[:4, :4], 1)
    np.testing.assert_array_equal(read[:4, 4:], 2)
    np.testing.assert_array_equal(read[4:, :4], 3)
    np.testing.assert_array_equal(read[4:, 4:], 4)


def test_a_single_cell_is_read_everywhere():
    one = np.array([[0.7]], np.float32)
    read = read_between(one, (0.0, 0.0), (5.0, 5.0), ((slice(0, 3), slice(0, 4)), 0.8))
    np.testing.assert_allclose(read, 0.7)


def test_ends_that_a_table_states_wrongly_do_no_harm():
    content = mammogram()
    row = describe_file(content) | {"stored_min": 7, "stored_max": 900}
    frame = read_frame(content, row, RULE)
    assert frame.lowest == frame.stored.min()
    assert frame.table.size == int(frame.stored.max()) - frame.lowest + 1
