"""The facts of a file's pixels, and the reasons for which it is refused."""

from __future__ import annotations

import hashlib
from io import BytesIO

import numpy as np
import pydicom
import pytest
import xxhash
from PIL import Image
from pydicom.uid import (
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)

from mammo_pipeline.mammo.dicom import examine
from mammo_pipeline.mammo.dicom.examine import checksum_pixels, digest_pixels, examine_pixels
from mammo_pipeline.mammo.dicom.pixels import decode_pixels
from mammo_pipeline.mammo.fates import RefusedError
from mammo_pipeline.pipelines.ingest.worker import describe_picture
from small_archive import draw_breast, expose, make_raw, mammogram

SYNTAXES = [ExplicitVRLittleEndian, RLELossless, JPEGLSLossless, JPEG2000Lossless]


def numbers_of(content: bytes) -> dict:
    dataset = pydicom.dcmread(BytesIO(content), stop_before_pixels=True)
    keywords = ["Rows", "Columns", "SamplesPerPixel", "BitsAllocated", "BitsStored", "HighBit"]
    return {name: dataset.get(name) for name in [*keywords, "PixelRepresentation"]}


def facts_of(content: bytes) -> dict:
    return examine_pixels(content, numbers_of(content))[0]


def refusal(content: bytes, header: dict, **limits: int) -> str:
    with pytest.raises(RefusedError) as refused:
        examine_pixels(content, header, **limits)
    return refused.value.code


def test_the_digest_is_the_same_in_every_transfer_syntax_that_loses_nothing():
    facts = [facts_of(mammogram(syntax=syntax)) for syntax in SYNTAXES]
    assert facts == [facts[0]] * len(SYNTAXES)
    assert facts[0]["pixel_sha256"] == digest_pixels(draw_breast())


def test_the_checksum_is_of_the_same_bytes_as_the_digest():
    pixels = draw_breast((30, 20))
    content = b"30x20 <u2|" + pixels.astype("<u2").tobytes()
    assert checksum_pixels(pixels) == xxhash.xxh3_128_hexdigest(content)
    assert digest_pixels(pixels) == hashlib.sha256(content).hexdigest()
    assert facts_of(mammogram(pixels=pixels))["pixel_xxh3"] == checksum_pixels(pixels)


def test_a_raw_image_is_examined_like_any_other():
    facts = facts_of(make_raw(mammogram(pixels=expose(draw_breast()), BitsStored=14)))
    shown = facts_of(mammogram())
    assert (facts["picture_side"], shown["picture_side"]) == ("left", "left")
    assert len(facts["display_sha256"]) == 64
    assert facts["display_sha256"] != shown["display_sha256"]


def test_the_display_is_that_of_the_picture_s_table():
    out = BytesIO()
    Image.fromarray(draw_breast()).save(out, "PNG")
    header = describe_picture(out.getvalue(), 10**6)["values"]
    inverted = {**header, "PhotometricInterpretation": "MONOCHROME1"}
    digests = [examine_pixels(out.getvalue(), h)[0]["display_sha256"] for h in (header, inverted)]
    assert digests[0] != digests[1]


def test_the_digest_is_of_the_pixels_that_the_next_room_sees():
    content = mammogram(syntax=JPEG2000Lossless)
    facts, stored = examine_pixels(content, numbers_of(content))
    assert facts["pixel_sha256"] == digest_pixels(decode_pixels(content)[1])
    assert (facts["stored_min"], facts["stored_max"]) == (int(stored.min()), int(stored.max()))
    assert (facts["rows_found"], facts["columns_found"]) == (300, 240)


@pytest.mark.parametrize("hashed", [digest_pixels, checksum_pixels])
def test_one_pixel_shape_or_type_changes_the_digest(hashed):
    pixels = draw_breast((30, 20))
    other = pixels.copy()
    other[7, 7] ^= 1
    eight = np.zeros((30, 20), np.uint8)
    digests = {
        hashed(array)
        for array in (pixels, other, pixels.reshape(20, 30), eight, eight.astype(np.uint16))
    }
    assert len(digests) == 5
    assert hashed(np.asfortranarray(pixels)) == hashed(pixels)
    assert hashed(pixels.astype(">u2")) == hashed(pixels)


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_the_side_of_the_tissue_is_seen(side, photometric):
    pixels = draw_breast(wall=side)
    pixels = 4095 - pixels if photometric == "MONOCHROME1" else pixels
    content = mammogram(pixels=pixels, PhotometricInterpretation=photometric)
    assert facts_of(content)["picture_side"] == side


def test_a_picture_without_a_side_has_none():
    pixels = np.random.default_rng(1).integers(0, 4096, (300, 240)).astype(np.uint16)
    assert facts_of(mammogram(pixels=pixels))["picture_side"] == ""


def test_alike_pictures_have_near_hashes_and_others_do_not():
    def bits(first: str, second: str) -> int:
        return (int(first, 16) ^ int(second, 16)).bit_count()

    pixels = draw_breast((600, 480))
    same = facts_of(mammogram(pixels=pixels))["image_hash"]
    coarse = facts_of(mammogram(pixels=pixels[::2, ::2]))["image_hash"]
    turned = facts_of(mammogram(pixels=4095 - pixels, PhotometricInterpretation="MONOCHROME1"))
    mirrored = facts_of(mammogram(pixels=pixels[:, ::-1].copy()))["image_hash"]
    assert len(same) == 64
    assert bits(same, coarse) <= 32
    assert bits(same, turned["image_hash"]) <= 8
    assert bits(same, mirrored) > 64


def test_an_image_of_one_value_is_refused():
    content = mammogram(pixels=np.full((64, 64), 7, np.uint16))
    assert refusal(content, numbers_of(content)) == "empty_image"


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ({"Rows": 65535, "Columns": 65535}, "many_pixels"),
        ({"Rows": 300, "Columns": 240, "NumberOfFrames": "99999"}, "many_pixels"),
        ({"Rows": 0, "Columns": 240}, "no_pixels"),
        ({"Rows": [300, 300], "Columns": 240}, "unreadable_header"),
        ({"Rows": "three", "Columns": 240}, "unreadable_header"),
    ],
)
def test_what_the_header_declares_is_judged_before_the_file_is_touched(header, code):
    assert refusal(b"untouched", header, maximum_pixels=10**6) == code


@pytest.mark.parametrize("keyword", ["Rows", "BitsStored", "PixelRepresentation"])
def test_two_readers_that_disagree_refuse_the_image(keyword):
    content = mammogram()
    header = numbers_of(content)
    assert refusal(content, header | {keyword: header[keyword] + 1}) == "unreadable_header"


@pytest.mark.parametrize(("second_decoder", "codes"), [(True, ["undecodable"]), (False, [""])])
def test_damaged_jpeg_2000_is_found_by_the_second_decoder(second_decoder, codes):
    content = bytearray(mammogram(syntax=JPEG2000Lossless))
    content[len(content) // 2] ^= 8
    damaged, found = bytes(content), []
    try:
        facts, _ = examine_pixels(damaged, numbers_of(damaged), second_decoder=second_decoder)
        assert facts["pixel_sha256"] != digest_pixels(draw_breast())
        found.append("")
    except RefusedError as refused:
        found.append(refused.code)
    assert found == codes


def test_other_syntaxes_are_decoded_once(monkeypatch):
    def fail(*_: object) -> None:
        raise AssertionError("decoded twice")

    monkeypatch.setattr(examine, "refuse_other_decoding", fail)
    for syntax in (ExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless, JPEGLSLossless):
        if syntax != ImplicitVRLittleEndian:
            facts_of(mammogram(syntax=syntax))
