"""Damage that a JPEG 2000 decoder takes for pixels is found by the second one."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
from PIL import Image
from pydicom.uid import JPEG2000, JPEG2000Lossless

from mammo_pipeline.mammo.dicom.compressed import read_shape
from mammo_pipeline.mammo.dicom.pixels import read_pixels
from mammo_pipeline.mammo.dicom.second import _load, refuse_other_decoding
from mammo_pipeline.mammo.fates import RefusedError
from small_archive import draw_breast, mammogram

pytestmark = pytest.mark.skipif(_load() is None, reason="Pillow brings no shared OpenJPEG here")


def encode(pixels: np.ndarray, **options: object) -> bytes:
    out = BytesIO()
    Image.fromarray(pixels).save(out, "JPEG2000", no_jp2=True, **options)
    return out.getvalue()


def decode(frame: bytes) -> np.ndarray:
    return np.asarray(Image.open(BytesIO(frame)))


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"irreversible": True, "quality_layers": [20, 10]},
        {"quality_layers": [8, 4]},
        {"tile_size": (128, 128)},
        {"codeblock_size": (32, 32), "progression": "RPCL"},
        {"irreversible": True, "quality_layers": [60], "tile_size": (100, 90)},
    ],
)
@pytest.mark.parametrize("shape_px", [(301, 243), (64, 64)])
def test_sound_codestreams_pass_whatever_wrote_them(options, shape_px):
    frame = encode(draw_breast(shape_px), **options)
    refuse_other_decoding(frame, read_shape(frame, JPEG2000, 2), decode(frame))


def test_nine_of_ten_flipped_bits_are_found_and_none_without_the_second_decoder():
    content = mammogram(syntax=JPEG2000Lossless)
    sound = read_pixels(content)
    assert sound.shape is not None
    start, rng, silent, found = content.find(sound.frame), np.random.default_rng(5), 0, 0
    for _ in range(30):
        damaged = bytearray(content)
        place = start + int(rng.integers(200, len(sound.frame) - 4))
        damaged[place] ^= 1 << int(rng.integers(8))
        read = read_pixels(bytes(damaged))
        silent += not np.array_equal(read.stored, sound.stored)
        try:
            refuse_other_decoding(read.frame, sound.shape, read.stored)
        except RefusedError as refusal:
            found += refusal.code == "undecodable"
    assert silent == 30
    assert found >= 27


def test_two_decoders_that_disagree_refuse_the_image():
    read = read_pixels(mammogram(syntax=JPEG2000Lossless))
    assert read.shape is not None
    other = read.stored.copy()
    other[3, 4] += 1
    refuse_other_decoding(read.frame, read.shape, read.stored)
    with pytest.raises(RefusedError, match="two decoders disagree"):
        refuse_other_decoding(read.frame, read.shape, other)


def test_a_codestream_that_cannot_be_decoded_twice_is_refused():
    read = read_pixels(mammogram(syntax=JPEG2000Lossless))
    assert read.shape is not None
    with pytest.raises(RefusedError, match="gives up"):
        refuse_other_decoding(b"\xff\x4f\xff\x51" + bytes(200), read.shape, read.stored)
