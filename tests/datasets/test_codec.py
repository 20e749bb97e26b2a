"""A canvas comes back bit for bit, and damaged bytes never do."""

from __future__ import annotations

import numpy as np
import pytest

from mammo_pipeline.datasets import codec
from mammo_pipeline.datasets.codec import (
    DamagedError,
    decode_canvas,
    decode_rows,
    encode_canvas,
    read_shape,
)

RNG = np.random.default_rng(0)


def draw(*shape: int, bits: int = 16) -> np.ndarray:
    return RNG.integers(0, 1 << bits, shape).astype(np.uint16)


@pytest.mark.parametrize("shape", [(1, 1), (127, 3), (128, 896), (129, 5), (1, 700), (300, 224)])
@pytest.mark.parametrize("bits", [0, 1, 9, 16])
def test_a_canvas_comes_back_bit_for_bit(shape, bits):
    canvas = draw(*shape, bits=bits)
    payload = encode_canvas(canvas)
    assert read_shape(payload) == shape
    np.testing.assert_array_equal(decode_canvas(memoryview(payload)), canvas)
    assert encode_canvas(np.asfortranarray(canvas)) == payload


def test_rows_come_back_as_a_slice_would():
    canvas = draw(300, 7)
    payload = encode_canvas(canvas)
    for first, last in [(0, 0), (0, 1), (127, 129), (128, 256), (255, 300), (0, 300), (300, 300)]:
        np.testing.assert_array_equal(decode_rows(payload, first, last), canvas[first:last])


def test_rows_are_read_where_another_band_is_damaged():
    canvas = draw(300, 7)
    payload = bytearray(encode_canvas(canvas))
    payload[-1] ^= 1
    np.testing.assert_array_equal(decode_rows(bytes(payload), 0, 256), canvas[:256])
    with pytest.raises(DamagedError, match="a band does not match"):
        decode_rows(bytes(payload), 0, 257)


def test_no_flipped_bit_and_no_cut_goes_unnoticed():
    payload = encode_canvas(draw(130, 2))
    for place in range(len(payload)):
        damaged = bytearray(payload)
        damaged[place] ^= 1 << place % 8
        for content in (bytes(damaged), payload[:place]):
            with pytest.raises(DamagedError):
                decode_canvas(content)


def test_a_band_of_another_length_is_refused_before_it_is_decompressed():
    # Blosc2 itself would write past the end of the target.
    payload = encode_canvas(draw(128, 8))
    head = codec._HEAD.pack(b"MPC1", 128, 2, 128) + payload[codec._HEAD.size :][:12]
    forged = head + codec._SEAL.pack(codec._checksum(head)) + payload[len(head) + 8 :]
    with pytest.raises(DamagedError, match="declares 2048 bytes, expected 512"):
        decode_canvas(forged)


@pytest.mark.parametrize(
    "canvas", [np.zeros((2, 2)), np.zeros(4, np.uint16), np.zeros((0, 4), np.uint16)]
)
def test_only_sixteen_bit_images_are_taken(canvas):
    with pytest.raises(ValueError, match="takes uint16 images"):
        encode_canvas(canvas)
