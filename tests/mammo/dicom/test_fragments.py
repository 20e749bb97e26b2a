"""Every byte of the pixels is accounted for."""

from __future__ import annotations

import struct
import zlib

import pytest

from mammo_pipeline.mammo.dicom.fragments import Encoding, inflate, take_pixels
from mammo_pipeline.mammo.fates import RefusedError

NATIVE = Encoding(implicit=False, little_endian=True, encapsulated=False)
BIG = Encoding(implicit=False, little_endian=False, encapsulated=False)
IMPLICIT = Encoding(implicit=True, little_endian=True, encapsulated=False)
CHAIN = Encoding(implicit=False, little_endian=True, encapsulated=True)
RLE = Encoding(implicit=False, little_endian=True, encapsulated=True, one_fragment=True)
PADDING = b"\xfc\xff\xfc\xffOB\0\0\x02\0\0\0\0\0"


def native(value: bytes, length: int | None = None) -> bytes:
    stated = len(value) if length is None else length
    return b"\xe0\x7f\x10\0OW\0\0" + struct.pack("<I", stated) + value


def item(value: bytes, length: int | None = None) -> bytes:
    stated = len(value) if length is None else length
    return b"\xfe\xff\x00\xe0" + struct.pack("<I", stated) + value


END = b"\xfe\xff\xdd\xe0\0\0\0\0"


def chain(*items: bytes, end: bytes = END) -> bytes:
    return b"\xe0\x7f\x10\0OB\0\0\xff\xff\xff\xff" + b"".join(items) + end


def refusal(content: bytes, encoding: Encoding, native_bytes: int = 4) -> str:
    with pytest.raises(RefusedError) as refused:
        take_pixels(content, 0, encoding, native_bytes)
    return refused.value.code


def test_native_values_come_without_padding_and_whatever_is_before_them():
    assert bytes(take_pixels(b"header" + native(b"abcd"), 6, NATIVE, 4)) == b"abcd"
    assert bytes(take_pixels(native(b"abc\0"), 0, NATIVE, 3)) == b"abc"
    assert bytes(take_pixels(native(b"abcd") + PADDING, 0, NATIVE, 4)) == b"abcd"
    big = b"\x7f\xe0\0\x10OW\0\0\0\0\0\x04abcd"
    assert bytes(take_pixels(big, 0, BIG, 4)) == b"abcd"
    implicit = b"\xe0\x7f\x10\0\x04\0\0\0abcd"
    assert bytes(take_pixels(implicit, 0, IMPLICIT, 4)) == b"abcd"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (native(b"ab"), "truncated"),
        (native(b"ab", length=4), "truncated"),
        (native(b"abcdef"), "wrong_length"),
        (native(b"abcd", length=0xFFFFFFFF), "wrong_length"),
        (native(b"abcd") + b"\0", "wrong_length"),
        (native(b"abcd") + bytes(16), "wrong_length"),
        (native(b"abcd") + b"\x10\0\x10\0PN\x02\0ab", "wrong_length"),
        (native(b"abcd") + PADDING[:-1], "wrong_length"),
        (native(b"abcd") + PADDING + PADDING, "wrong_length"),
        (native(b"abcd")[:9], "truncated"),
        (b"\xe0\x7f\x10\0ZZ" + native(b"abcd")[6:], "no_pixels"),
        (b"\xe0\x7f\x09\0" + native(b"abcd")[4:], "no_pixels"),
    ],
)
def test_native_pixels_of_another_length_are_refused(content, code):
    assert refusal(content, NATIVE) == code


def test_fragments_of_one_frame_are_joined():
    assert bytes(take_pixels(chain(item(b""), item(b"ab")), 0, CHAIN, 4)) == b"ab"
    assert bytes(take_pixels(chain(item(bytes(4)), item(b"ab"), item(b"cd")), 0, CHAIN, 4)) == (
        b"abcd"
    )


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (chain(item(b"")), "broken_fragments"),
        (chain(item(b""), item(b"")), "broken_fragments"),
        (chain(item(b""), item(b"abc")), "broken_fragments"),
        (chain(item(b"\x08\0\0\0"), item(b"ab")), "broken_fragments"),
        (chain(item(bytes(8)), item(b"ab")), "broken_fragments"),
        (chain(item(b""), b"\xfe\xff\x00\xe1\0\0\0\0"), "broken_fragments"),
        (chain(item(b""), item(b"ab", length=0xFFFFFFFF)), "broken_fragments"),
        (chain(item(b""), item(b"ab", length=64)), "truncated"),
        (chain(item(b""), item(b"ab"), end=b""), "truncated"),
        (chain(item(b""), item(b"ab"), end=END[:6]), "truncated"),
        (chain(item(b""), item(b"ab"), end=END[:4] + b"\x02\0\0\0"), "broken_fragments"),
        (chain(item(b""), item(b"ab")) + b"\0\0", "wrong_length"),
        (native(b"abcd"), "broken_fragments"),
    ],
)
def test_a_broken_chain_is_refused(content, code):
    assert refusal(content, CHAIN) == code


def test_an_rle_frame_is_one_fragment():
    assert bytes(take_pixels(chain(item(b""), item(b"ab")), 0, RLE, 4)) == b"ab"
    assert refusal(chain(item(b""), item(b"ab"), item(b"cd")), RLE) == "broken_fragments"


def test_endless_empty_fragments_end(monkeypatch):
    monkeypatch.setattr("mammo_pipeline.mammo.dicom.fragments.MOST_FRAGMENTS", 50)
    assert refusal(chain(*[item(b"")] * 60), CHAIN) == "broken_fragments"


def deflated(body: bytes, tail: bytes = b"") -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    meta = b"\x02\0\x10\0UI\x16\x001.2.840.10008.1.2.1.99"
    head = bytes(128) + b"DICM\x02\0\0\0UL\x04\0" + struct.pack("<I", len(meta))
    return head + meta + packer.compress(body) + packer.flush() + tail


def test_a_deflated_file_is_unpacked_to_the_file_that_it_stands_for():
    plain = inflate(deflated(b"body" * 9), 100)
    assert plain.endswith(b"body" * 9) and b"1.2.840.10008.1.2.1\0\0\0" in plain
    gzip_trailer = struct.pack("<II", zlib.crc32(b"body"), 4)
    assert inflate(deflated(b"body", gzip_trailer), 100).endswith(b"body")
    assert inflate(b"not deflated", 100) == b"not deflated"


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (deflated(bytes(10_000_000)), "wrong_length"),
        (deflated(b"body" * 9)[:-3], "truncated"),
        (deflated(b"body", b"more"), "wrong_length"),
        (deflated(b"body")[:174] + b"\xff" * 9, "undecodable"),
    ],
)
def test_a_deflate_bomb_is_not_unpacked(content, code):
    with pytest.raises(RefusedError) as refused:
        inflate(content, 100)
    assert refused.value.code == code
