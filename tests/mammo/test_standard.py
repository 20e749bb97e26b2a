"""One image from its file to the canvas."""

from __future__ import annotations

import numpy as np
import pytest
from pydicom.uid import JPEG2000Lossless

from mammo_pipeline.mammo.geometry import Transform
from mammo_pipeline.mammo.standard import Standard, standardize_file
from small_archive import draw_breast, mammogram

STANDARD = Standard(0.8, (288, 224), 0.6, 2.4, (0.67, 0.64))
IMAGE = {
    "image_id": "i",
    "laterality": "L",
    "view": "CC",
    "row_spacing_mm": 0.6,
    "column_spacing_mm": 0.6,
    "photometric": "MONOCHROME2",
}
AXES = ("row_scale", "row_offset", "column_scale", "column_offset")


def test_every_image_gets_the_canvas_whatever_its_matrix():
    canvas, record = standardize_file(mammogram(), IMAGE, STANDARD)
    assert canvas is not None
    assert (canvas.shape, canvas.dtype, record["code"]) == ((288, 224), np.uint16, "accepted")
    assert canvas[:, -1].max() == 0


def test_a_mirrored_image_lands_like_its_twin():
    left, _ = standardize_file(mammogram(), IMAGE, STANDARD)
    mirrored = mammogram(pixels=draw_breast()[:, ::-1].copy())
    right, _ = standardize_file(mirrored, IMAGE, STANDARD)
    assert left is not None and right is not None
    difference = np.abs(left.astype(int) - right.astype(int))
    assert np.quantile(difference, 0.99) < 0.02 * 65535


def test_an_inverted_image_lands_like_its_twin():
    dark = (4095 - draw_breast()).astype(np.uint16)
    canvas, _ = standardize_file(
        mammogram(pixels=dark, PhotometricInterpretation="MONOCHROME1"),
        IMAGE | {"photometric": "MONOCHROME1"},
        STANDARD,
    )
    twin, _ = standardize_file(mammogram(), IMAGE, STANDARD)
    assert canvas is not None and twin is not None
    assert np.abs(canvas.astype(int) - twin.astype(int)).max() < 700


def test_a_bright_spot_is_where_the_transform_says():
    pixels = draw_breast()
    pixels[140:150, 60:70] = 4095
    canvas, record = standardize_file(mammogram(pixels=pixels), IMAGE, STANDARD)
    assert canvas is not None
    row, column, *_ = Transform(*(record[axis] for axis in AXES)).box_to_canvas((145, 65, 146, 66))
    peak = np.unravel_index(np.argmax(canvas), canvas.shape)
    assert peak == pytest.approx((row, column), abs=6)


@pytest.mark.parametrize("keep", [0.9, 0.5])
def test_a_broken_codestream_is_refused_and_raises_nothing(keep):
    content = mammogram(syntax=JPEG2000Lossless)
    canvas, record = standardize_file(content[: int(len(content) * keep)], IMAGE, STANDARD)
    assert canvas is None
    assert record["code"] == "truncated"


def test_an_image_of_one_value_has_no_breast():
    _, record = standardize_file(
        mammogram(pixels=np.full((300, 240), 7, np.uint16)), IMAGE, STANDARD
    )
    assert record["code"] == "no_breast"


def test_pixels_that_are_not_those_of_ingest_are_refused():
    canvas, record = standardize_file(mammogram(), IMAGE | {"pixel_sha256": "f" * 64}, STANDARD)
    assert canvas is None
    assert record["code"] == "changed_since_ingest"
