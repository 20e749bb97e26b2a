"""A picture's values come back as they were written, and a bad picture costs nothing."""

from __future__ import annotations

import struct
import time
import tracemalloc
import zlib
from contextlib import suppress
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from mammo_pipeline.mammo.fates import RefusedError
from mammo_pipeline.mammo.pictures import decode_picture, is_picture

MOST = 10**6
DEEP = np.random.default_rng(1).integers(0, 65536, (37, 23)).astype(np.uint16)
FLAT = (DEEP >> 8).astype(np.uint8)


def write(pixels: np.ndarray, kind: str, **options: object) -> bytes:
    stream = BytesIO()
    Image.fromarray(pixels).save(stream, kind, **options)
    return stream.getvalue()


def pgm(pixels: np.ndarray, greatest: int, comment: bytes = b"") -> bytes:
    header = b"P5\n%s%d %d\n%d\n" % (comment, pixels.shape[1], pixels.shape[0], greatest)
    return header + pixels.astype(">u2" if greatest > 255 else "u1").tobytes()


def png_chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_of(columns: int, rows: int, bits: int, colour: int, data: bytes) -> bytes:
    head = png_chunk(b"IHDR", struct.pack(">IIBBBBB", columns, rows, bits, colour, 0, 0, 0))
    body = png_chunk(b"IDAT", zlib.compress(data))
    return b"\x89PNG\r\n\x1a\n" + head + body + png_chunk(b"IEND", b"")


def white_is_zero(content: bytes) -> bytes:
    """The file with tag 262 set to 0, little endian."""
    at = content.index(struct.pack("<HHI", 262, 3, 1))
    return content[: at + 8] + struct.pack("<H", 0) + content[at + 10 :]


def refused(content: bytes, most: int = MOST) -> str:
    with pytest.raises(RefusedError) as error:
        decode_picture(content, most)
    return error.value.code


@pytest.mark.parametrize("pixels", [FLAT, DEEP])
@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("PNG", {}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("TIFF", {"compression": "tiff_adobe_deflate"}),
        ("TIFF", {"big_tiff": True}),
    ],
)
def test_every_value_comes_back(pixels, kind, options):
    content = write(pixels, kind, **options)
    assert is_picture(content[:132])
    stored = decode_picture(content, MOST)
    assert stored.dtype == pixels.dtype
    assert np.array_equal(stored, pixels)


@pytest.mark.parametrize("greatest", [255, 1023, 4095, 65535])
def test_a_pgm_is_not_stretched_to_the_full_range(greatest):
    pixels = np.minimum(DEEP if greatest > 255 else FLAT, greatest)
    stored = decode_picture(pgm(pixels, greatest, b"# made by a scanner\n"), MOST)
    assert np.array_equal(stored, pixels)
    assert stored.dtype == (np.uint16 if greatest > 255 else np.uint8)


def test_a_pgm_may_begin_with_white_space_values_and_end_with_a_line_end():
    pixels = np.array([[32, 10], [13, 9]], np.uint8)
    assert np.array_equal(decode_picture(pgm(pixels, 255) + b"\n", MOST), pixels)


def test_a_plain_pgm_is_read():
    assert decode_picture(b"P2\n# hand made\n3 2\n4095\n1 2 3\n4 5 4095\n", MOST).tolist() == [
        [1, 2, 3],
        [4, 5, 4095],
    ]


def test_a_big_endian_tiff_is_read():
    stream = BytesIO()
    Image.fromarray(DEEP.astype(">u2")).save(stream, "TIFF")
    assert stream.getvalue().startswith(b"MM")
    assert np.array_equal(decode_picture(stream.getvalue(), MOST), DEEP)


def test_white_is_zero_comes_back_turned_over_at_both_depths():
    assert np.array_equal(decode_picture(white_is_zero(write(FLAT, "TIFF")), MOST), 255 - FLAT)
    assert np.array_equal(decode_picture(white_is_zero(write(DEEP, "TIFF")), MOST), 65535 - DEEP)


def test_a_dicom_file_with_a_tiff_preamble_is_no_picture():
    assert not is_picture(b"II*\0" + bytes(124) + b"DICM")
    assert not is_picture(bytes(132))
    assert not is_picture(b"")


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (write(np.dstack([FLAT] * 3), "PNG"), "colour"),
        (write(np.dstack([FLAT] * 3), "TIFF"), "colour"),
        (write(np.dstack([FLAT] * 2), "PNG"), "colour"),
        (png_of(3, 2, 4, 0, b"\0\x11\x10" * 2), "undecodable"),
        (write(DEEP, "TIFF")[:-40], "truncated"),
        (write(DEEP, "PNG")[:-40], "truncated"),
        (write(DEEP, "PNG")[:20], "truncated"),
        (write(np.float32(DEEP), "TIFF"), "undecodable"),
        (write(np.int32(DEEP), "TIFF"), "undecodable"),
        (b"P5\n0 4\n255\n", "no_pixels"),
        (b"P5 garbage", "undecodable"),
        (pgm(DEEP, 65535)[:-1], "truncated"),
        (pgm(DEEP, 65535) + b"more", "wrong_length"),
        (pgm(DEEP, 65535) + b"m", "wrong_length"),
        (pgm(FLAT, 255) + b"m", "wrong_length"),
        (pgm(DEEP, 4095), "impossible_values"),
        (b"P2 2 1 255 1", "truncated"),
        (b"P2 2 1 255 1 2 3", "wrong_length"),
        (b"P2 2 1 255 1 -2", "undecodable"),
        (b"P5 1 1 70000 ab", "undecodable"),
    ],
)
def test_each_bad_picture_has_its_reason(content, code):
    assert refused(content) == code


def test_pages_after_the_first_are_not_dropped_in_silence():
    page = Image.fromarray(FLAT)
    stream = BytesIO()
    page.save(stream, "TIFF", save_all=True, append_images=[page])
    assert refused(stream.getvalue()) == "several_frames"
    stream = BytesIO()
    page.save(stream, "PNG", save_all=True, append_images=[Image.fromarray(255 - FLAT)])
    assert refused(stream.getvalue()) == "several_frames"


def test_no_flipped_bit_of_a_png_changes_a_value_in_silence():
    sound = write(DEEP, "PNG")
    for place in range(8, len(sound), 7):
        content = bytearray(sound)
        content[place] ^= 1 << place % 8
        with suppress(RefusedError):
            assert np.array_equal(decode_picture(bytes(content), MOST), DEEP)


@pytest.mark.parametrize(
    "content",
    [
        png_of(65535, 65535, 16, 0, bytes(10**6)),
        b"P5 65535 65535 65535 ",
        b"P2 999999999 999999999 255 1",
        write(np.zeros((1001, 1000), np.uint8), "TIFF", compression="tiff_lzw"),
    ],
)
def test_a_declared_giant_is_refused_before_it_costs_memory(content):
    decode_picture(write(FLAT, "TIFF"), MOST)
    tracemalloc.start()
    assert refused(content) == "many_pixels"
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 10**7


def test_a_chain_of_pages_that_bites_its_tail_ends():
    content = bytearray(write(FLAT, "TIFF"))
    (first,) = struct.unpack_from("<I", content, 4)
    (entries,) = struct.unpack_from("<H", content, first)
    struct.pack_into("<I", content, first + 2 + 12 * entries, first)
    start = time.monotonic()
    with suppress(RefusedError):
        assert np.array_equal(decode_picture(bytes(content), MOST), FLAT)
    assert time.monotonic() - start < 5


def test_random_damage_gives_a_picture_or_a_reason_and_nothing_else():
    rng = np.random.default_rng(7)
    sound = [write(DEEP, "PNG"), write(DEEP, "TIFF", compression="tiff_lzw"), pgm(DEEP, 65535)]
    for number in range(300):
        content = bytearray(sound[number % 3])
        for place in rng.integers(0, len(content), 3):
            content[place] = rng.integers(256)
        with suppress(RefusedError):
            decode_picture(bytes(content[: rng.integers(40, len(content) + 1)]), MOST)
