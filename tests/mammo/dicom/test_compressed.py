"""A codestream is told sound or not without decoding it."""

from __future__ import annotations

from io import BytesIO

import pydicom
import pytest
from PIL import Image
from pydicom.encaps import get_frame
from pydicom.uid import JPEG2000Lossless, JPEGBaseline8Bit, JPEGLSLossless, RLELossless

from mammo_pipeline.mammo.dicom.compressed import read_shape, unwrap
from mammo_pipeline.mammo.fates import RefusedError
from small_archive import draw_breast, mammogram

WRAPPER = b"\0\0\0\x0cjP  \r\n\x87\n"


def frame_of(syntax: str) -> bytes:
    dataset = pydicom.dcmread(BytesIO(mammogram(syntax=syntax)))
    return get_frame(dataset.PixelData, 0, number_of_frames=1)


J2K, JLS, RLE = (frame_of(s) for s in (JPEG2000Lossless, JPEGLSLossless, RLELossless))


def edit(frame: bytes, at: int, new: bytes) -> bytes:
    return frame[:at] + new + frame[at + len(new) :]


def refusal(frame: bytes, syntax: str) -> str:
    with pytest.raises(RefusedError) as refused:
        read_shape(frame, syntax, 2)
    return refused.value.code


def test_the_shape_stands_in_the_codestream():
    shape = read_shape(J2K, JPEG2000Lossless, 2)
    assert (shape.rows, shape.columns, shape.samples) == (300, 240, 1)
    assert (shape.precisions, shape.signed, shape.reversible) == ((12,), False, True)
    assert J2K[shape.style - 12 : shape.style - 10] == b"\xff\x52"
    shape = read_shape(JLS, JPEGLSLossless, 2)
    assert (shape.rows, shape.columns, shape.samples, shape.precisions) == (300, 240, 1, (12,))
    assert read_shape(RLE, RLELossless, 2).precisions == ()


STYLE, STEPS, TILE = (J2K.find(marker) for marker in (b"\xff\x52", b"\xff\x5c", b"\xff\x90\0\n"))


@pytest.mark.parametrize(
    "frame",
    [
        edit(J2K, 0, b"\0"),
        edit(J2K, 26, b"\0\0\0\0"),  # Tiles of no width.
        edit(J2K, 26, b"\0\0\0\1\0\0\0\1"),  # 72,000 tiles in 46,000 bytes.
        edit(J2K, 8, b"\x7f\xff\xff\xff\x7f\xff\xff\xff"),
        edit(J2K, 43, b"\2"),  # Subsampled.
        edit(J2K, STYLE + 9, b"\6"),  # Six levels, steps of five.
        edit(J2K, STYLE + 13, b"\0"),  # The other wavelet, with steps of this one.
        edit(J2K, STYLE, b"\0\0"),
        edit(J2K, STYLE + 2, b"\0\1"),
        edit(J2K, TILE + 4, b"\0\1"),  # A tile that is none.
        edit(J2K, TILE + 6, b"\0\0\0\x0d"),
        edit(J2K, TILE + 6, b"\0\0\x10\0"),  # Ends where no tile-part begins.
        edit(J2K, TILE + 10, b"\1"),  # The second part of a tile comes first.
    ],
)
def test_a_jpeg_2000_structure_that_breaks_its_rules_is_refused(frame):
    assert refusal(frame, JPEG2000Lossless) == "undecodable"


@pytest.mark.parametrize("kept", [3, 30, 80, 200, 20_000, len(J2K) - 40])
def test_a_cut_jpeg_2000_codestream_is_refused(kept):
    assert refusal(J2K[:kept], JPEG2000Lossless) in {"truncated", "undecodable"}


def test_a_missing_tile_is_noticed():
    out = BytesIO()
    Image.fromarray(draw_breast()).save(out, "JPEG2000", no_jp2=True, tile_size=(128, 128))
    whole = out.getvalue()
    assert read_shape(whole, JPEG2000Lossless, 2).rows == 300
    last = whole.rindex(b"\xff\x90\0\n")
    assert refusal(whole[:last] + b"\xff\xd9", JPEG2000Lossless) == "truncated"


def test_a_last_tile_part_may_leave_its_length_open_and_the_end_marker_out():
    bare = J2K.rstrip(b"\0").removesuffix(b"\xff\xd9")
    assert read_shape(edit(J2K, TILE + 6, b"\0\0\0\0"), JPEG2000Lossless, 2).rows == 300
    assert read_shape(bare, JPEG2000Lossless, 2).rows == 300


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (b"\0" + JLS[1:], "undecodable"),
        (JLS[:-9], "truncated"),
        (edit(JLS, 2, b"\xff\xc3"), "undecodable"),  # Another kind of JPEG.
        (edit(JLS, 4, b"\0\1"), "undecodable"),
        (edit(JLS, 2, b"\xff\xfe"), "undecodable"),  # A comment, and no frame.
        (edit(JLS, JLS.find(b"\xff\xda") + 7, b"\2"), "undecodable"),  # NEAR is 2.
        (edit(JLS, 4, b"\xff\xf0"), "truncated"),
    ],
)
def test_a_jpeg_ls_structure_that_breaks_its_rules_is_refused(frame, code):
    assert refusal(frame, JPEGLSLossless) == code


def test_a_codestream_of_another_format_than_the_transfer_syntax_is_refused():
    assert refusal(JLS, JPEGBaseline8Bit) == "undecodable"
    assert refusal(JLS, JPEG2000Lossless) == "undecodable"
    assert refusal(J2K, "1.2.840.10008.1.2.4.100") == "undecodable"


@pytest.mark.parametrize(
    ("at", "new"), [(0, b"\3"), (4, b"\x41"), (8, b"\x40\0\0\0"), (12, b"\1"), (8, b"\xff" * 4)]
)
def test_an_rle_header_that_breaks_its_rules_is_refused(at, new):
    assert refusal(edit(RLE, at, new), RLELossless) == "undecodable"
    assert refusal(RLE[:60], RLELossless) == "truncated"


def box(kind: bytes, value: bytes, length: int | None = None) -> bytes:
    return (8 + len(value) if length is None else length).to_bytes(4, "big") + kind + value


def test_a_wrapper_is_taken_off():
    assert unwrap(J2K) == J2K
    assert unwrap(WRAPPER + box(b"ftyp", b"jp2 ") + box(b"jp2c", J2K)) == J2K
    long = b"\0\0\0\1jp2c" + (16 + len(J2K)).to_bytes(8, "big") + J2K
    assert unwrap(WRAPPER + long) == J2K


@pytest.mark.parametrize(
    "tail",
    [
        box(b"ftyp", b"", length=0),  # Ends the file, and reads again and again where 0 is added.
        box(b"ftyp", b"", length=7) + box(b"jp2c", J2K),
        box(b"ftyp", b"", length=1) + bytes(8) + box(b"jp2c", J2K),
        box(b"ftyp", b"", length=2**32 - 1),
        b"\0\0",
    ],
)
def test_a_wrapper_whose_boxes_do_not_advance_is_refused(tail):
    with pytest.raises(RefusedError) as refused:
        unwrap(WRAPPER + tail)
    assert refused.value.code == "undecodable"
