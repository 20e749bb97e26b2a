"""The pixels are those that the file states, or the file is refused."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.encaps import encapsulate, get_frame
from pydicom.uid import (
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)

from mammo_pipeline.mammo.dicom.pixels import decode_pixels, read_pixels
from mammo_pipeline.mammo.fates import RefusedError
from small_archive import draw_breast, mammogram

COMPRESSED = [RLELossless, JPEGLSLossless, JPEG2000Lossless]
SYNTAXES = [ExplicitVRLittleEndian, *COMPRESSED]


def change(content: bytes, **tags: object) -> bytes:
    dataset = pydicom.dcmread(BytesIO(content))
    for name, value in tags.items():
        setattr(dataset, name, value)
    out = BytesIO()
    dataset.save_as(out)
    return out.getvalue()


def transfer(content: bytes, syntax: str) -> bytes:
    dataset = pydicom.dcmread(BytesIO(content))
    if syntax == ExplicitVRBigEndian:
        dataset.PixelData = dataset.pixel_array.astype(">u2").tobytes()
    dataset.file_meta.TransferSyntaxUID = syntax
    out = BytesIO()
    implicit, little = syntax == ImplicitVRLittleEndian, syntax != ExplicitVRBigEndian
    pydicom.dcmwrite(out, dataset, implicit_vr=implicit, little_endian=little)
    return out.getvalue()


def refusal(content: bytes, maximum_pixels: int = 10**6) -> str:
    with pytest.raises(RefusedError) as refused:
        read_pixels(content, maximum_pixels)
    return refused.value.code


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize("shape_px", [(300, 240), (101, 77)])
def test_pixels_come_as_they_were_stored(syntax, shape_px):
    pixels = draw_breast(shape_px)
    _, stored = decode_pixels(mammogram(pixels=pixels, syntax=syntax))
    assert stored.dtype == np.dtype("<u2")
    assert np.array_equal(stored, pixels)
    eight = (pixels >> 4).astype(np.uint8)
    _, stored = decode_pixels(mammogram(pixels=eight, syntax=syntax, BitsStored=8))
    assert stored.dtype == np.uint8
    assert np.array_equal(stored, eight)


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian])
def test_the_byte_order_changes_no_value(syntax):
    _, stored = decode_pixels(transfer(mammogram(), syntax))
    assert stored.dtype == np.dtype("<u2")
    assert np.array_equal(stored, draw_breast())


def test_bytes_in_big_endian_words_are_refused():
    eight = (draw_breast((30, 20)) >> 4).astype(np.uint8)
    dataset = pydicom.dcmread(BytesIO(mammogram(pixels=eight, BitsStored=8)))
    dataset.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
    contents = []
    for vr in ("OW", "OB"):
        dataset["PixelData"].VR = vr
        out = BytesIO()
        pydicom.dcmwrite(out, dataset, implicit_vr=False, little_endian=False)
        contents.append(out.getvalue())
    assert refusal(contents[0]) == "undecodable"
    assert np.array_equal(decode_pixels(contents[1])[1], eight)


@pytest.mark.parametrize("syntax", SYNTAXES)
@pytest.mark.parametrize("share", [0.3, 0.7, 0.999])
def test_a_cut_file_is_refused(syntax, share):
    content = mammogram(syntax=syntax)
    assert refusal(content[: int(len(content) * share)]) == "truncated"


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_bytes_too_many_are_refused(syntax):
    assert refusal(mammogram(syntax=syntax) + b"\0\0") == "wrong_length"


@pytest.mark.parametrize("syntax", [JPEGLSLossless, JPEG2000Lossless])
@pytest.mark.parametrize("tags", [{"Rows": 299}, {"Columns": 241}, {"Rows": 240, "Columns": 300}])
def test_another_matrix_than_the_codestream_s_is_refused(syntax, tags):
    assert refusal(change(mammogram(syntax=syntax), **tags)) == "wrong_precision"


def test_a_matrix_that_rle_does_not_fill_is_refused():
    assert refusal(change(mammogram(syntax=RLELossless), Rows=200)) == "undecodable"
    assert refusal(change(mammogram(syntax=RLELossless), Rows=400)) == "undecodable"


@pytest.mark.parametrize(
    "tags",
    [
        {"BitsAllocated": 12},
        {"BitsAllocated": 32},
        {"BitsStored": 0},
        {"BitsStored": 17},
        {"HighBit": 15},
        {"PixelRepresentation": 2},
    ],
)
def test_a_depth_that_no_mammogram_has_is_refused(tags):
    assert refusal(change(mammogram(), **tags)) == "wrong_precision"


@pytest.mark.parametrize("syntax", [JPEGLSLossless, JPEG2000Lossless])
def test_another_depth_than_the_codestream_s_is_refused(syntax):
    content = mammogram(syntax=syntax)
    assert refusal(change(content, BitsStored=13, HighBit=12)) == "wrong_precision"
    assert refusal(change(content, BitsStored=11, HighBit=10)) == "wrong_precision"


def test_a_codestream_as_deep_as_the_bits_allocated_passes():
    pixels = draw_breast()
    content = mammogram(pixels=pixels, syntax=JPEGLSLossless, BitsStored=16)
    _, stored = decode_pixels(change(content, BitsStored=12, HighBit=11))
    assert np.array_equal(stored, pixels)


def test_signed_against_unsigned_is_refused():
    content = mammogram(syntax=JPEG2000Lossless)
    assert refusal(change(content, PixelRepresentation=1)) == "wrong_precision"


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_values_that_the_depth_cannot_hold_are_refused(syntax):
    pixels = draw_breast()
    pixels[4, 4] = 4096
    content = mammogram(pixels=pixels, syntax=syntax, BitsStored=16)
    assert refusal(change(content, BitsStored=12, HighBit=11)) == "impossible_values"
    assert decode_pixels(content)[1][4, 4] == 4096


def test_negative_values_are_refused_and_a_needless_sign_is_not():
    pixels = draw_breast()
    content = change(mammogram(pixels=pixels), PixelRepresentation=1)
    _, stored = decode_pixels(content)
    assert stored.dtype == np.dtype("<u2") and np.array_equal(stored, pixels)
    pixels[4, 4] = 0xFFFF
    content = mammogram(pixels=pixels, BitsStored=16)
    assert refusal(change(content, PixelRepresentation=1)) == "impossible_values"


def test_many_pixels_are_refused_before_they_are_looked_for():
    content = mammogram(pixels=draw_breast((64, 64)))
    assert refusal(change(content, Rows=65535, Columns=65535)) == "many_pixels"
    assert refusal(content, maximum_pixels=4095) == "many_pixels"
    assert refusal(change(content, Rows=0)) == "no_pixels"


@pytest.mark.parametrize(
    ("tags", "code"),
    [
        ({"NumberOfFrames": 2}, "several_frames"),
        ({"SamplesPerPixel": 3}, "colour"),
        ({"Rows": [1, 2]}, "undecodable"),
    ],
)
def test_what_is_no_single_grey_picture_is_refused(tags, code):
    assert refusal(change(mammogram(), **tags)) == code


def test_a_file_without_pixels_or_without_syntax_is_refused():
    dataset = pydicom.dcmread(BytesIO(mammogram()))
    del dataset.PixelData
    out = BytesIO()
    dataset.save_as(out)
    assert refusal(out.getvalue()) == "no_pixels"
    assert refusal(b"") == "undecodable"
    unknown = mammogram().replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.9.1\0")
    assert refusal(unknown) in {"undecodable", "broken_fragments"}


@pytest.mark.parametrize("syntax", COMPRESSED)
def test_a_damaged_head_of_the_codestream_ends_nothing_but_the_image(syntax):
    content = mammogram(syntax=syntax)
    dataset = pydicom.dcmread(BytesIO(content))
    start = content.find(get_frame(dataset.PixelData, 0, number_of_frames=1))
    for place in range(start, start + 140, 3):
        damaged = bytearray(content)
        damaged[place] ^= 0xFF
        try:
            read_pixels(bytes(damaged), 10**6)
        except RefusedError as refused:
            assert refused.code not in {"many_pixels", "wrong_length"}


@pytest.mark.parametrize(
    ("offsets", "lengths", "sound"), [(0, 0, True), (8, 0, False), (0, 9, False)]
)
def test_an_extended_offset_table_speaks_of_the_one_frame(offsets, lengths, sound):
    dataset = pydicom.dcmread(BytesIO(mammogram(syntax=JPEGLSLossless)))
    frame = get_frame(dataset.PixelData, 0, number_of_frames=1)
    dataset.PixelData = encapsulate([frame], has_bot=False)
    dataset.ExtendedOffsetTable = offsets.to_bytes(8, "little")
    dataset.ExtendedOffsetTableLengths = (len(frame) + lengths).to_bytes(8, "little")
    out = BytesIO()
    dataset.save_as(out)
    if sound:
        assert np.array_equal(decode_pixels(out.getvalue())[1], draw_breast())
    else:
        assert refusal(out.getvalue()) == "broken_fragments"


def test_a_picture_without_a_header_is_read_too():
    pixels, out = draw_breast(), BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    dataset, stored = decode_pixels(out.getvalue())
    assert np.array_equal(stored, pixels)
    assert (dataset.Rows, dataset.BitsStored) == (300, 16)
