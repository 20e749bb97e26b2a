"""The fast decoder gives the pixels that went in, or refuses; it never goes astray."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pydicom
import pytest
from pydicom.encaps import encapsulate, get_frame
from pydicom.pixels import get_decoder
from pydicom.uid import JPEGLosslessSV1

from mammo_pipeline.mammo.dicom.lossless_jpeg import decode_lossless_jpeg
from mammo_pipeline.mammo.fates import RefusedError
from small_archive import draw_breast, mammogram

EVERY = bytes(range(17))
# Lengths of codes for the categories 0 to 16: all alike; the shortest for the least difference;
# one of 16 bits for most of them; a least category whose code is one bit and all ones elsewhere.
TABLES = {
    "even": (bytes([0, 0, 0, 0, 17, *[0] * 11]), EVERY),
    "steep": (bytes([*[1] * 15, 2]), EVERY),
    "long": (bytes([0, 1, *[0] * 13, 16]), EVERY),
    "turned": (bytes([*[1] * 15, 2]), EVERY[::-1]),
}


def find_codes(lengths: bytes, categories: bytes) -> dict[int, str]:
    """Code of each category as a string of bits (T.81 annex C)."""
    codes, code, at = {}, 0, 0
    for length, count in enumerate(lengths, start=1):
        for category in categories[at : at + count]:
            codes[category] = f"{code:0{length}b}"
            code += 1
        at, code = at + count, 2 * code
    return codes


def spell(difference: int, codes: dict[int, str]) -> str:
    """Code and further bits of one difference (T.81 annex H.1.2.2)."""
    category = abs(difference).bit_length()
    if category == 16:
        return codes[16]
    low = difference if difference >= 0 else difference + (1 << category) - 1
    return codes[category] + (f"{low:0{category}b}" if category else "")


def predict(pixels: np.ndarray, precision: int) -> np.ndarray:
    """Left neighbour, the one above in the first column, half the range for the first sample."""
    foretold = np.empty(pixels.shape, np.int64)
    foretold[:, 1:] = pixels[:, :-1]
    foretold[1:, 0] = pixels[:-1, 0]
    foretold[0, 0] = 1 << (precision - 1)
    return foretold


def encode(pixels: np.ndarray, precision: int, table: str = "steep", extra: bytes = b"") -> bytes:
    """A codestream of T.81 process 14 with predictor 1."""
    lengths, categories = TABLES[table]
    codes = find_codes(lengths, categories)
    differences = (pixels.astype(np.int64) - predict(pixels, precision)) % 65536
    differences = np.where(differences > 32768, differences - 65536, differences)
    bits = "".join(spell(int(d), codes) for d in differences.ravel())
    bits += "1" * (-len(bits) % 8)
    coded = int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\0")
    head = struct.pack(">BHHBBBB", precision, *pixels.shape, 1, 1, 0x11, 0)
    segments = [
        (0xC3, head),
        (0xC4, b"\0" + lengths + categories),
        (0xDA, bytes.fromhex("010100010000")),
    ]
    body = b"".join(
        struct.pack(">BBH", 0xFF, marker, 2 + len(segment)) + segment
        for marker, segment in segments
    )
    return b"\xff\xd8" + extra + body + coded + b"\xff\xd9"


def transcode(pixels: np.ndarray, bits: int) -> bytes:
    """The codestream that GDCM writes, which fits the Huffman table to the image."""
    import gdcm

    with TemporaryDirectory() as folder:
        source, target = (str(Path(folder) / name) for name in "ab")
        Path(source).write_bytes(mammogram(pixels=pixels, BitsStored=bits))
        reader, change, writer = (
            gdcm.ImageReader(),
            gdcm.ImageChangeTransferSyntax(),
            gdcm.ImageWriter(),
        )
        reader.SetFileName(source)
        assert reader.Read()
        change.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.JPEGLosslessProcess14_1))
        change.SetInput(reader.GetImage())
        assert change.Change()
        writer.SetFileName(target)
        writer.SetFile(reader.GetFile())
        writer.SetImage(change.GetOutput())
        assert writer.Write()
        dataset = pydicom.dcmread(target)
    return get_frame(dataset.PixelData, 0, number_of_frames=1)


def decode_by_gdcm(frame: bytes, shape_px: tuple[int, int], bits: int) -> np.ndarray:
    values, _ = get_decoder(JPEGLosslessSV1).as_array(
        encapsulate([frame], has_bot=False), raw=True, decoding_plugin="gdcm", rows=shape_px[0],
        columns=shape_px[1], bits_allocated=16 if bits > 8 else 8, bits_stored=bits,
        pixel_representation=0, pixel_keyword="PixelData", samples_per_pixel=1,
        photometric_interpretation="MONOCHROME2", number_of_frames=1,
    )  # fmt: skip
    return values


def draw(kind: str, shape_px: tuple[int, int], bits: int) -> np.ndarray:
    rng = np.random.default_rng(sum(kind.encode()) + bits)
    top = 2**bits - 1
    rows, columns = np.indices(shape_px)
    images = {
        "flat": np.full(shape_px, top // 3),
        "one dot": np.where((rows == shape_px[0] // 2) & (columns == shape_px[1] // 2), top, 0),
        "noise": rng.integers(0, top + 1, shape_px),
        "soft noise": np.clip(rng.normal(top / 2, 3, shape_px), 0, top),
        "ramp": (3 * columns + rows) % (top + 1),
        "extremes": np.where((rows + columns) % 2, top, 0),
        "breast": draw_breast(shape_px) / 4096 * (top + 1),
    }
    return images[kind].astype(np.uint16)


KINDS = ("flat", "one dot", "noise", "soft noise", "ramp", "extremes", "breast")
SHAPES = ((1, 1), (1, 300), (300, 1), (7, 8), (33, 64), (40, 129), (61, 200))


def refuses(frame: bytes, shape_px: tuple[int, int]) -> bool:
    try:
        decode_lossless_jpeg(frame, shape_px)
    except RefusedError as refused:
        assert refused.code == "undecodable"
        return True
    return False


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("kind", KINDS)
def test_what_was_encoded_comes_back_to_the_bit(kind, table):
    for number, shape_px in enumerate(SHAPES):
        bits = (2, 8, 10, 12, 14, 15, 16)[number]
        pixels = draw(kind, shape_px, bits)
        found = decode_lossless_jpeg(encode(pixels, bits, table), shape_px)
        assert found.dtype == np.uint16 and np.array_equal(found, pixels), (shape_px, bits)


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
@pytest.mark.parametrize("kind", KINDS[1:])
def test_the_common_decoder_agrees(kind, bits):
    pixels = draw(kind, (61, 90), bits)
    frames = [
        encode(pixels, bits),
        transcode(pixels.astype(np.uint8) if bits == 8 else pixels, bits),
    ]
    for frame in frames:
        found = decode_lossless_jpeg(frame, pixels.shape)
        assert np.array_equal(found, decode_by_gdcm(frame, pixels.shape, bits))
        assert np.array_equal(found, pixels)


def test_a_difference_of_half_the_range_has_no_further_bits():
    pixels = np.array([[0, 32768, 0, 65535, 32767, 65535, 1, 32769]], np.uint16)
    for table in TABLES:
        assert np.array_equal(decode_lossless_jpeg(encode(pixels, 16, table), (1, 8)), pixels)


def test_comments_and_zeros_behind_the_end_change_nothing():
    pixels = draw("soft noise", (9, 30), 12)
    comment = b"\xff\xfe\0\6text" + b"\xff\xe0\0\4ab"
    assert np.array_equal(
        decode_lossless_jpeg(encode(pixels, 12, extra=comment) + b"\0", (9, 30)), pixels
    )


PIXELS = draw("breast", (24, 100), 12)
FRAME = encode(PIXELS, 12)
FRAME_AT, TABLE_AT, SCAN_AT = (FRAME.find(bytes([0xFF, marker])) for marker in (0xC3, 0xC4, 0xDA))


def edit(at: int, new: bytes) -> bytes:
    return FRAME[:at] + new + FRAME[at + len(new) :]


@pytest.mark.parametrize(
    "frame",
    [
        edit(FRAME_AT + 1, b"\xc0"),  # Another process.
        edit(FRAME_AT + 4, b"\1"),  # Samples of 1 bit.
        edit(FRAME_AT + 4, b"\x11"),  # Of 17.
        edit(FRAME_AT + 4, b"\x0a"),  # Of fewer bits than the values need.
        edit(FRAME_AT + 5, b"\0\0"),  # Rows that are told later.
        edit(FRAME_AT + 5, b"\0\x19"),  # A row more.
        edit(FRAME_AT + 9, b"\3"),  # Colours.
        edit(SCAN_AT + 5, b"\2"),  # A component that is none.
        edit(SCAN_AT + 6, b"\x10"),  # A table that is none.
        edit(SCAN_AT + 7, b"\2"),  # Another predictor.
        edit(SCAN_AT + 9, b"\1"),  # A point transform.
        edit(TABLE_AT + 5, b"\3"),  # More codes of a bit than there are.
        edit(TABLE_AT + 21, b"\x11"),  # A category of 17.
        FRAME[:2] + b"\xff\xdd\0\4\0\x64" + FRAME[2:],  # Restart intervals.
        FRAME[: SCAN_AT + 40] + b"\xff\xd0" + FRAME[SCAN_AT + 40 :],  # A marker among the pixels.
        FRAME[:-2] + b"\x55" + FRAME[-2:],  # A byte too many.
        FRAME[:-4] + FRAME[-2:],  # Two too few.
        FRAME[:-2],
        FRAME + b"\1",
        FRAME[1:],
        b"",
        b"\xff\xd8\xff\xd9",
    ],
)
def test_what_is_not_read_or_not_sound_is_refused(frame):
    assert refuses(frame, PIXELS.shape)


def test_another_size_than_expected_is_refused_before_memory_is_asked_for():
    assert refuses(edit(FRAME_AT + 5, b"\xff\xff\xff\xff"), PIXELS.shape)
    assert refuses(FRAME, (100, 24))


def test_a_stream_cut_anywhere_is_refused():
    assert all(refuses(FRAME[:length], PIXELS.shape) for length in range(0, len(FRAME), 7))
    assert all(
        refuses(FRAME[:length] + b"\xff\xd9", PIXELS.shape)
        for length in range(SCAN_AT, len(FRAME) - 3, 7)
    )


def mutate(frame: bytes, rng: np.random.Generator) -> bytes:
    """Flips bits, overwrites, cuts out or doubles a stretch."""
    mutant, at = bytearray(frame), int(rng.integers(len(frame)))
    size = int(rng.integers(1, 9))
    way = rng.integers(5)
    if way == 0:
        mutant[at] ^= 1 << int(rng.integers(8))
    elif way == 1:
        mutant[at : at + size] = rng.bytes(len(mutant[at : at + size]))
    elif way == 2:
        del mutant[at : at + size]
    elif way == 3:
        mutant[at:at] = mutant[at : at + size]
    else:
        head = int(rng.integers(SCAN_AT + 10))
        mutant[head] = int(rng.integers(256))
    return bytes(mutant)


def decode_slowly(
    coded: bytes, codes: dict[int, str], shape_px: tuple[int, int]
) -> np.ndarray | None:
    """The standard, bit by bit: None where there is no code, too little or too much to read."""
    if b"\xff" in coded.replace(b"\xff\0", b""):
        return None
    plain = coded.replace(b"\xff\0", b"\xff")
    bits, at = "".join(f"{byte:08b}" for byte in plain), 0
    category_of = {code: category for category, code in codes.items()}
    pixels = np.zeros(shape_px, np.int64)
    for row, column in np.ndindex(*shape_px):
        code = next(
            (bits[at : at + n] for n in range(1, 17) if bits[at : at + n] in category_of), ""
        )
        category, at = category_of.get(code, 0), at + len(code)
        more = category if category < 16 else 0
        low = int(bits[at : at + more] or "0", 2) if more else 32768 * (category == 16)
        at += more
        if not code or at > len(bits):
            return None
        difference = low - (1 << more) + 1 if more and low < 1 << (more - 1) else low
        left = pixels[row, column - 1] if column else pixels[row - 1, 0] if row else 2048
        pixels[row, column] = (left + difference) % 65536
    return pixels if len(bits) - at < 8 and pixels.max() < 4096 else None


@pytest.mark.parametrize("table", TABLES)
def test_damaged_pixels_are_read_as_the_standard_reads_them(table):
    frame = encode(draw("breast", (6, 70), 12), 12, table)
    codes, start = find_codes(*TABLES[table]), frame.find(b"\xff\xda") + 10
    rng = np.random.default_rng(3)
    for _ in range(60):
        coded = bytearray(frame[start:-2])
        at = int(rng.integers(len(coded)))
        coded[at] ^= 1 << int(rng.integers(8))
        expected = decode_slowly(bytes(coded), codes, (6, 70))
        mutant = frame[:start] + bytes(coded) + frame[-2:]
        assert refuses(mutant, (6, 70)) == (expected is None)
        if expected is not None:
            assert np.array_equal(decode_lossless_jpeg(mutant, (6, 70)), expected)


def survive(count: int, seed: int) -> int:
    """Decodes mutants of small frames; returns how many gave pixels. All are whole or refused."""
    rng = np.random.default_rng(seed)
    images = [(draw(kind, (16, 150), 12), table) for kind in KINDS for table in TABLES]
    frames = [encode(pixels, 12, table) for pixels, table in images]
    decoded = 0
    for number in range(count):
        mutant = mutate(frames[number % len(frames)], rng)
        try:
            found = decode_lossless_jpeg(mutant, (16, 150))
        except RefusedError:
            continue
        decoded += 1
        assert found.shape == (16, 150) and found.max() < 4096 * 16
    return decoded


def test_mutants_give_pixels_or_are_refused():
    assert survive(300, seed=0) < 300


@pytest.mark.slow
def test_twenty_thousand_mutants_touch_nothing_beside_their_arrays(tmp_path):
    # Compiled anew, every index is checked against the bounds of its array.
    told = subprocess.run(
        [sys.executable, "-c", "import test_lossless_jpeg as t; print(t.survive(20_000, seed=1))"],
        cwd=Path(__file__).parent, capture_output=True, text=True, check=False,
        env={**os.environ, "NUMBA_BOUNDSCHECK": "1", "NUMBA_CACHE_DIR": str(tmp_path),
             "PYTHONPATH": str(Path(__file__).parents[2])},
    )  # fmt: skip
    assert told.returncode == 0, told.stderr[-2000:]
    assert 0 < int(told.stdout) < 20_000
