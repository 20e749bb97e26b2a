"""A quick decoder is believed where it comes to the accepted pixels, and nowhere else."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.encaps import encapsulate
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from mammo_pipeline.mammo.dicom import verified
from mammo_pipeline.mammo.dicom.examine import checksum_pixels, digest_pixels
from mammo_pipeline.mammo.dicom.verified import read_verified
from mammo_pipeline.mammo.fates import RefusedError
from small_archive import draw_breast, mammogram

NATIVE = (
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian,
)
JPEG = (JPEGLosslessSV1, JPEGLossless)
SLOW = (JPEGLSLossless, RLELossless, JPEG2000Lossless)
PIXELS = draw_breast()


def transfer(pixels: np.ndarray, syntax: str, frame: bytes = b"") -> bytes:
    """The mammogram in a syntax that `write_mammogram` does not write."""
    bits = 12 if pixels.dtype == np.uint16 else 8
    if syntax in SLOW:
        return mammogram(pixels=pixels, syntax=syntax, BitsStored=bits)
    dataset = pydicom.dcmread(BytesIO(mammogram(pixels=pixels, BitsStored=bits)))
    dataset.file_meta.TransferSyntaxUID = syntax
    if syntax in JPEG:
        dataset.PixelData = encapsulate([frame or spell_jpeg(pixels, bits)])
        dataset["PixelData"].VR = "OB"
    if syntax == ExplicitVRBigEndian:
        dataset.PixelData = pixels.astype(pixels.dtype.newbyteorder(">")).tobytes()
        dataset["PixelData"].VR = "OW" if bits == 12 else "OB"
    out = BytesIO()
    little = syntax != ExplicitVRBigEndian
    pydicom.dcmwrite(
        out, dataset, implicit_vr=syntax == ImplicitVRLittleEndian, little_endian=little
    )
    return out.getvalue()


def spell_jpeg(pixels: np.ndarray, bits: int) -> bytes:
    """JPEG lossless with five bits for each of the categories 0 to 16, whatever the image."""
    foretold = np.empty(pixels.shape, np.int64)
    foretold[:, 1:], foretold[1:, 0], foretold[0, 0] = (
        pixels[:, :-1],
        pixels[:-1, 0],
        1 << (bits - 1),
    )
    words = []
    for difference in (pixels - foretold).ravel().tolist():
        size = abs(difference).bit_length()
        low = difference if difference >= 0 else difference + (1 << size) - 1
        words.append(f"{size:05b}" + (f"{low:0{size}b}" if size else ""))
    text = "".join(words)
    text += "1" * (-len(text) % 8)
    coded = int(text, 2).to_bytes(len(text) // 8, "big").replace(b"\xff", b"\xff\0")
    rows, columns = (size.to_bytes(2, "big") for size in pixels.shape)
    return (
        b"\xff\xd8\xff\xc3\0\x0b" + bytes([bits]) + rows + columns + bytes.fromhex("01011100")
        + bytes.fromhex("ffc4002400 00000000 11") + bytes(11) + bytes(range(17))
        + bytes.fromhex("ffda0008010100010000") + coded + b"\xff\xd9"
    )  # fmt: skip


def forbid_strict(monkeypatch: pytest.MonkeyPatch) -> None:
    def decode(content: bytes) -> None:
        raise AssertionError("the strict decoder was asked")

    monkeypatch.setattr(verified, "decode_pixels", decode)


@pytest.mark.parametrize("deep", [True, False])
@pytest.mark.parametrize("syntax", [*NATIVE, *JPEG, *SLOW])
def test_every_syntax_gives_the_accepted_pixels(syntax, deep, monkeypatch):
    pixels = PIXELS if deep else (PIXELS >> 4).astype(np.uint8)
    content = transfer(pixels, syntax)
    if syntax not in SLOW:
        forbid_strict(monkeypatch)
    for row in ({"pixel_xxh3": checksum_pixels(pixels)}, {"pixel_sha256": digest_pixels(pixels)}):
        dataset, stored = read_verified(content, row)
        assert stored.dtype == pixels.dtype and np.array_equal(stored, pixels)
        assert dataset.Rows == 300 and "PixelData" not in dataset


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, JPEGLosslessSV1, RLELossless])
@pytest.mark.parametrize("column", ["pixel_xxh3", "pixel_sha256"])
def test_other_pixels_than_the_accepted_are_refused(syntax, column):
    other = PIXELS.copy()
    other[7, 7] ^= 1
    row = {"pixel_xxh3": checksum_pixels(other), "pixel_sha256": digest_pixels(other)}
    with pytest.raises(RefusedError) as refused:
        read_verified(transfer(PIXELS, syntax), {column: row[column]})
    assert refused.value.code == "changed_since_ingest"


def test_a_fast_decoder_that_errs_is_not_believed(monkeypatch):
    content = transfer(PIXELS, JPEGLosslessSV1)
    row = {"pixel_xxh3": checksum_pixels(PIXELS), "pixel_sha256": ""}
    for wrong in (lambda *_: PIXELS + 1, lambda *_: PIXELS.T, lambda *_: 1 / 0):
        monkeypatch.setitem(verified._FAST_DECODERS, JPEGLosslessSV1, wrong)
        assert np.array_equal(read_verified(content, row)[1], PIXELS)


def test_nothing_to_check_against_leaves_the_strict_decoder_alone(monkeypatch):
    content = transfer(PIXELS, JPEGLosslessSV1)
    monkeypatch.setitem(verified._FAST_DECODERS, JPEGLosslessSV1, lambda *_: PIXELS + 1)
    for row in ({}, {"pixel_xxh3": "", "pixel_sha256": ""}):
        assert np.array_equal(read_verified(content, row)[1], PIXELS)


def test_damage_is_named_by_the_strict_decoder():
    row = {"pixel_xxh3": checksum_pixels(PIXELS)}
    for syntax in (ExplicitVRLittleEndian, JPEGLosslessSV1):
        with pytest.raises(RefusedError) as refused:
            read_verified(transfer(PIXELS, syntax)[:-2000], row)
        assert refused.value.code == "truncated"


def test_a_flipped_bit_gives_the_accepted_pixels_or_none():
    frame = bytearray(spell_jpeg(PIXELS, 12))
    row, refused = {"pixel_xxh3": checksum_pixels(PIXELS)}, 0
    places = range(90, len(frame) - 2, len(frame) // 25)
    for at in places:
        frame[at] ^= 4
        try:
            _, stored = read_verified(transfer(PIXELS, JPEGLosslessSV1, bytes(frame)), row)
            # GDCM cuts off bits above BitsStored; a flip that sets no other changes no pixel.
            assert np.array_equal(stored, PIXELS)
        except RefusedError:
            refused += 1
        frame[at] ^= 4
    assert refused > len(places) // 2


def test_a_picture_without_a_header_is_read_too():
    out = BytesIO()
    Image.fromarray(PIXELS).save(out, "PNG")
    row = {"pixel_xxh3": checksum_pixels(PIXELS)}
    assert np.array_equal(read_verified(out.getvalue(), row)[1], PIXELS)


def test_uncompressed_pixels_are_not_copied():
    content = mammogram(pixels=PIXELS)
    _, stored = read_verified(content, {"pixel_xxh3": checksum_pixels(PIXELS)})
    assert np.shares_memory(stored, np.frombuffer(content, np.uint8))
