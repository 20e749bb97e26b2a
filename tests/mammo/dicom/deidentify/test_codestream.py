"""A codestream loses its texts and its tail, and decodes to the same pixels."""

from __future__ import annotations

import struct
from io import BytesIO

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.encaps import encapsulate, get_frame
from pydicom.uid import JPEG2000Lossless, JPEGBaseline8Bit, JPEGLSLossless, RLELossless

from mammo_pipeline.mammo.dicom.deidentify.codestream import blank_texts
from mammo_pipeline.mammo.fates import RefusedError
from small_archive import draw_breast, mammogram

TOKEN = b"Doe^Jane"
PIXELS = draw_breast((64, 48))
SOT = b"\xff\x90"


def compressed(syntax: str) -> bytes:
    dataset = pydicom.dcmread(BytesIO(mammogram(pixels=PIXELS, syntax=syntax)))
    return get_frame(dataset.PixelData, 0, number_of_frames=1)


def decode(frame: bytes, syntax: str) -> np.ndarray:
    dataset = pydicom.dcmread(BytesIO(mammogram(pixels=PIXELS, syntax=syntax)))
    dataset.PixelData = encapsulate([frame])
    return dataset.pixel_array


def comment_2000() -> bytes:
    return b"\xff\x64" + struct.pack(">HH", len(TOKEN) + 4, 1) + TOKEN


def in_main_header(frame: bytes) -> bytes:
    at = frame.index(SOT)
    return frame[:at] + comment_2000() + frame[at:]


def in_tile_part(frame: bytes) -> bytes:
    at, comment = frame.index(SOT), comment_2000()
    length = int.from_bytes(frame[at + 6 : at + 10], "big") + len(comment)
    head = frame[: at + 6] + struct.pack(">I", length) + frame[at + 10 : at + 12]
    return head + comment + frame[at + 12 :]


def of_unstated_length(frame: bytes) -> bytes:
    at = frame.index(SOT)
    return in_main_header(frame[: at + 6] + bytes(4) + frame[at + 10 :])


def in_a_wrapper(frame: bytes) -> bytes:
    boxes = [(b"jP  ", b"\r\n\x87\n"), (b"xml ", TOKEN), (b"uuid", TOKEN * 4), (b"jp2c", frame)]
    return b"".join(struct.pack(">I", len(data) + 8) + kind + data for kind, data in boxes)


@pytest.mark.parametrize("hide", [in_main_header, in_tile_part, of_unstated_length, in_a_wrapper])
def test_a_comment_in_jpeg_2000_is_blanked_wherever_it_stands(hide):
    hidden = hide(compressed(JPEG2000Lossless)) + TOKEN
    assert TOKEN in hidden
    blanked = blank_texts(hidden, JPEG2000Lossless)
    assert TOKEN not in blanked
    assert np.array_equal(decode(blanked, JPEG2000Lossless), PIXELS)


@pytest.mark.parametrize("marker", [0xFE, *range(0xE0, 0xF0)])
def test_comments_and_application_segments_of_jpeg_ls_are_blanked(marker):
    frame = compressed(JPEGLSLossless)
    segment = bytes([0xFF, marker]) + struct.pack(">H", len(TOKEN) + 2) + TOKEN
    blanked = blank_texts(frame[:2] + segment + frame[2:] + TOKEN, JPEGLSLossless)
    assert TOKEN not in blanked
    assert np.array_equal(decode(blanked, JPEGLSLossless), PIXELS)


def test_jpeg_of_a_camera_loses_its_exif_and_comment_and_no_pixel():
    grey = Image.fromarray((PIXELS >> 4).astype(np.uint8))
    exif = Image.Exif()
    exif[0x010E] = TOKEN.decode()
    buffer = BytesIO()
    grey.save(buffer, "JPEG", exif=exif, comment=TOKEN, restart_marker_rows=1, quality=95)
    content = buffer.getvalue()
    assert content.count(TOKEN) == 2
    blanked = blank_texts(b"\xff\xd8\xff" + content[2:], JPEGBaseline8Bit)
    assert TOKEN not in blanked
    with Image.open(BytesIO(content)) as before, Image.open(BytesIO(blanked)) as after:
        assert np.array_equal(np.asarray(before), np.asarray(after))


def test_the_unused_offsets_of_rle_are_blanked():
    frame = compressed(RLELossless)
    blanked = blank_texts(frame[:40] + TOKEN + frame[48:], RLELossless)
    assert blanked == frame
    assert np.array_equal(decode(blanked, RLELossless), PIXELS)


@pytest.mark.parametrize("syntax", [JPEG2000Lossless, JPEGLSLossless])
@pytest.mark.parametrize("share", [0.01, 0.5, 0.999])
def test_a_codestream_that_breaks_off_is_refused(syntax, share):
    frame = compressed(syntax)
    with pytest.raises(RefusedError) as refusal:
        blank_texts(frame[: int(share * len(frame))], syntax)
    assert refusal.value.code == "truncated"


@pytest.mark.parametrize(
    ("frame", "syntax"),
    [
        (TOKEN, JPEGBaseline8Bit),
        (b"\xff\xd8\xff\xf0\0\x04ab\xff\xd9", JPEGBaseline8Bit),
        (b"\xff\x4f\xff\x30\0\x04ab\xff\xd9", JPEG2000Lossless),
        (b"\xff\x4f\xff\x93ab\xff\xd9", JPEG2000Lossless),
        (b"\xff\x4f" + SOT + b"\0\x0a\0\0\0\0\0\x02\0\1\xff\x93ab\xff\xd9", JPEG2000Lossless),
        (in_a_wrapper(b"")[:28], JPEG2000Lossless),
        (b"\x10\0\0\0" + bytes(80), RLELossless),
        (TOKEN, "1.2.840.10008.1.2.4.102"),
    ],
)
def test_what_is_not_understood_is_refused_and_not_let_through(frame, syntax):
    with pytest.raises(RefusedError) as refusal:
        blank_texts(frame, syntax)
    assert refusal.value.code == "undecodable"
