"""Where the pixels of a file lie, to the byte: nothing missing, nothing left over."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

from mammo_pipeline.mammo.fates import RefusedError

ITEM, DELIMITER = (0xFFFE, 0xE000), (0xFFFE, 0xE0DD)
PIXEL_DATA = (0x7FE0, 0x0010)
# PS3.5 section 7.1.2: value representations whose length takes four bytes.
LONG_VRS = {b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT"}
LONG_VRS |= {b"UV"}
SHORT_VRS = {b"AE", b"AS", b"AT", b"CS", b"DA", b"DS", b"DT", b"FD", b"FL", b"IS", b"LO", b"LT"}
SHORT_VRS |= {b"PN", b"SH", b"SL", b"SS", b"ST", b"TM", b"UI", b"UL", b"US"}
UNDEFINED = 0xFFFFFFFF
# A frame of 100 MB in the smallest pieces that are seen, 64 KB, has 1,600.
MOST_FRAGMENTS = 100_000
# What a deflated file may hold beside its pixels: tables, overlays, a colour profile.
HEADER_BYTES = 16 * 2**20
_DEFLATED, _EXPLICIT = b"1.2.840.10008.1.2.1.99", b"1.2.840.10008.1.2.1\0\0\0"


@dataclass(frozen=True)
class Encoding:
    """How elements are written (PS3.5 annex A).

    Attributes:
        implicit: Without value representations.
        little_endian: Byte order.
        encapsulated: Pixels in a chain of items.
        one_fragment: A frame is a single item, as in RLE.
    """

    implicit: bool
    little_endian: bool
    encapsulated: bool
    one_fragment: bool = False


def inflate(content: bytes, most_bytes: int) -> bytes:
    """Returns a deflated file as the explicit little-endian file that it stands for.

    A file in another transfer syntax comes back as it is. No more is unpacked than is allowed:
    a few kilobytes can unpack to as many gigabytes.

    Args:
        content: The file (PS3.5 annex A.5: raw deflate after the file meta information).
        most_bytes: What may come out.

    Raises:
        RefusedError: `wrong_length` when more comes out or something follows, `truncated` when
            the compressed data break off, `undecodable` when they are none.
    """
    meta_bytes = struct.unpack("<I", content[140:144])[0] if len(content) >= 144 else 0
    start = 144 + meta_bytes
    if _DEFLATED not in content[144:start]:
        return content
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        body = unpacker.decompress(memoryview(content)[start:], most_bytes + 1)
    except zlib.error as error:
        raise RefusedError("undecodable", "deflated data that cannot be unpacked") from error
    if len(body) > most_bytes:
        raise RefusedError("wrong_length", f"more than {most_bytes} bytes when unpacked")
    if not unpacker.eof:
        raise RefusedError("truncated", "deflated data that break off")
    # Some writers end with the check sum and the length that a gzip file ends with.
    trailer = struct.pack("<II", zlib.crc32(body), len(body))
    if unpacker.unused_data.strip(b"\0") and unpacker.unused_data[:8] != trailer:
        raise RefusedError("wrong_length", f"{len(unpacker.unused_data)} bytes too many")
    return content[:start].replace(_DEFLATED, _EXPLICIT) + body


def take_pixels(content: bytes, at: int, encoding: Encoding, native_bytes: int) -> memoryview:
    """Returns the bytes of the one frame: native values without padding, or the codestream.

    Native pixels have the length that the header asks for (PS3.5 section 8.1.1), encapsulated ones
    are a chain of items that ends with the delimiter (annex A.4). After them come at most private
    elements, signatures and padding, well-formed up to the last byte.

    Args:
        content: The file.
        at: Offset of the tag PixelData (7FE0,0010).
        encoding: Of the transfer syntax.
        native_bytes: What rows, columns and bits ask for.

    Raises:
        RefusedError: `no_pixels`, `truncated`, `wrong_length` or `broken_fragments`.
    """
    tag, length, start = _read_element(content, at, encoding)
    if tag != PIXEL_DATA:
        raise RefusedError("no_pixels", "no PixelData where the header ends")
    if encoding.encapsulated:
        if length != UNDEFINED:
            raise RefusedError("broken_fragments", f"a stated length of {length} bytes")
        frame, end = _join_fragments(content, start, encoding)
    else:
        _refuse_native_length(length, native_bytes, len(content) - start)
        frame, end = memoryview(content)[start : start + native_bytes], start + length
    _refuse_leftovers(content, end, encoding)
    return frame


def _refuse_native_length(length: int, expected: int, left: int) -> None:
    found = f"{min(length, left)} bytes, expected {expected}"
    if length == UNDEFINED:
        raise RefusedError("wrong_length", "no stated length")
    if length < expected or length > left:
        raise RefusedError("truncated", found)
    if length > expected + expected % 2:
        raise RefusedError("wrong_length", found)


def _join_fragments(content: bytes, at: int, encoding: Encoding) -> tuple[memoryview, int]:
    """Returns the codestream and the offset behind the chain."""
    order, view = "<" if encoding.little_endian else ">", memoryview(content)
    pieces: list[memoryview] = []
    while len(head := view[at : at + 8]) == 8:
        group, element, length = struct.unpack(f"{order}HHI", head)
        at += 8
        if (group, element) == DELIMITER:
            if length:
                raise RefusedError("broken_fragments", f"a delimiter of {length} bytes")
            return _join(pieces, encoding), at
        if (group, element) != ITEM or length % 2 or len(pieces) > MOST_FRAGMENTS:
            raise RefusedError("broken_fragments", f"no sound item after {len(pieces)}")
        if length > len(content) - at:
            raise RefusedError("truncated", f"item {len(pieces)} is cut off")
        pieces.append(view[at : at + length])
        at += length
    raise RefusedError("truncated", f"no delimiter after {len(pieces)} items")


def _join(pieces: list[memoryview], encoding: Encoding) -> memoryview:
    """Returns the codestream of one frame, the offset table (the first item) taken off."""
    if len(pieces) < 2 or not all(len(piece) for piece in pieces[1:]):
        raise RefusedError("broken_fragments", f"{len(pieces)} items, one of them empty or missing")
    if bytes(pieces[0]) not in (b"", b"\0\0\0\0"):
        raise RefusedError("broken_fragments", "an offset table that is not of one frame")
    if encoding.one_fragment and len(pieces) > 2:
        raise RefusedError("broken_fragments", f"{len(pieces) - 1} fragments of one RLE frame")
    return pieces[1] if len(pieces) == 2 else memoryview(b"".join(pieces[1:]))


def _refuse_leftovers(content: bytes, at: int, encoding: Encoding) -> None:
    """Raises `wrong_length` unless elements that may follow PixelData fill the rest exactly."""
    before = PIXEL_DATA
    while at < len(content):
        left = len(content) - at
        try:
            tag, length, start = _read_element(content, at, encoding)
        except RefusedError:
            raise RefusedError("wrong_length", f"{left} bytes too many") from None
        at = start + length
        allowed = tag > before and (tag[0] % 2 == 1 or tag[0] in (0xFFFA, 0xFFFC))
        if not allowed or at > len(content):
            raise RefusedError("wrong_length", f"{left} bytes too many")
        before = tag


def _read_element(content: bytes, at: int, encoding: Encoding) -> tuple[tuple[int, int], int, int]:
    """Returns tag, length and offset of the value of the element at an offset."""
    order, head = "<" if encoding.little_endian else ">", content[at : at + 12]
    vr = head[4:6]
    short = not encoding.implicit and vr in SHORT_VRS
    long = not encoding.implicit and vr in LONG_VRS
    size = 12 if long else 8
    if len(head) < size:
        raise RefusedError("truncated", "an element that is cut off")
    if not (encoding.implicit or short or long):
        raise RefusedError("no_pixels", "an element of unknown value representation")
    group, element = struct.unpack(f"{order}HH", head[:4])
    form, place = ("H", 6) if short else ("I", 8 if long else 4)
    (length,) = struct.unpack_from(f"{order}{form}", head, place)
    return (group, element), length, at + size
