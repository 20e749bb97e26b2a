"""Compressed pixels without the texts that a codestream may carry beside them."""

from __future__ import annotations

import re

from mammo_pipeline.mammo.fates import RefusedError

# Transfer syntaxes of PS3.5 annex A.4 by the codestream they hold.
JPEG = {f"1.2.840.10008.1.2.4.{last}" for last in ("50", "51", "57", "70", "80", "81")}
JPEG_2000 = {f"1.2.840.10008.1.2.4.{last}" for last in ("90", "91", "201", "202", "203")}
RLE = {"1.2.840.10008.1.2.5"}

# ISO/IEC 10918-1 table B.1 and ISO/IEC 14495-1 annex C: the markers of a picture's own segments.
_JPEG_TABLES = {0xC4, 0xCC, 0xDA, 0xDB, 0xDC, 0xDD, 0xF8}
_JPEG_FRAMES = {*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC}
_JPEG_TEXTS = {*range(0xE0, 0xF0), 0xFE}
_START_OF_SCAN, _JPEG_END = 0xDA, 0xD9
# Within a scan 0xFF is followed by a stuffed byte under 0x80, a restart, or a further 0xFF.
_NEXT_JPEG_MARKER = re.compile(rb"\xff[\x80-\xcf\xd8-\xfe]")

# ISO/IEC 15444-1 table A.1, 15444-15 for 0x50 and 0x59.
_J2K_SEGMENTS = {*range(0x50, 0x5A), *range(0x5C, 0x62), 0x63}
_J2K_COMMENT, _TILE_PART, _START_OF_DATA, _J2K_END = 0x64, 0x90, 0x93, 0xD9
_JP2_SIGNATURE = b"\0\0\0\x0cjP  "
_RLE_HEADER = 64


def blank_texts(frame: bytes, syntax: str) -> bytes:
    """Returns the codestream of one frame with every text in it blanked and nothing behind it.

    JPEG and JPEG-LS: the contents of COM and APPn become zeros. JPEG 2000: those of COM; a JP2
    wrapper around the codestream, which PS3.5 annex A.4.4 does not allow, goes with all its boxes.
    RLE: the unused offsets of the header become zeros. Lengths stay, so offsets still hold.

    Args:
        frame: The codestream, fragments joined.
        syntax: UID of the transfer syntax.

    Raises:
        RefusedError: `undecodable` for another syntax or an unknown marker, `truncated` where the
            codestream breaks off.

    >>> comment = b"\\xff\\xfe\\0\\x05Doe"
    >>> blank_texts(b"\\xff\\xd8" + comment + b"\\xff\\xd9 and more", "1.2.840.10008.1.2.4.50")
    b'\\xff\\xd8\\xff\\xfe\\x00\\x05\\x00\\x00\\x00\\xff\\xd9'
    """
    if syntax in JPEG:
        return _blank_jpeg(frame)
    if syntax in JPEG_2000:
        return _blank_jpeg_2000(_unwrap(frame))
    if syntax in RLE:
        return _blank_rle(frame)
    raise RefusedError("undecodable", "a transfer syntax whose texts are not known")


def _blank_jpeg(frame: bytes) -> bytes:
    _expect(frame[:2] == b"\xff\xd8")
    blanked, at = bytearray(frame), 2
    while True:
        _expect(at + 2 <= len(frame), "truncated")
        _expect(frame[at] == 0xFF)
        marker = frame[at + 1]
        if marker == _JPEG_END:
            return bytes(blanked[: at + 2])
        if marker == 0xFF:  # A fill byte.
            at += 1
            continue
        end = _end_of_segment(frame, at)
        if marker in _JPEG_TEXTS:
            blanked[at + 4 : end] = bytes(end - at - 4)
        else:
            _expect(marker in _JPEG_TABLES | _JPEG_FRAMES)
        at = _end_of_scan(frame, end) if marker == _START_OF_SCAN else end


def _end_of_scan(frame: bytes, start: int) -> int:
    found = _NEXT_JPEG_MARKER.search(frame, start)
    if not found:
        raise RefusedError("truncated", "no end of the image")
    return found.start()


def _blank_jpeg_2000(frame: bytes) -> bytes:
    _expect(frame[:2] == b"\xff\x4f")
    blanked, at, tile_part = bytearray(frame), 2, 0
    while True:
        _expect(at + 2 <= len(frame), "truncated")
        _expect(frame[at] == 0xFF)
        marker = frame[at + 1]
        if marker == _J2K_END:
            return bytes(blanked[: at + 2])
        if marker == _START_OF_DATA:
            at = _end_of_tile_part(frame, tile_part, at)
            continue
        end = _end_of_segment(frame, at)
        if marker == _TILE_PART:
            tile_part = at
        elif marker == _J2K_COMMENT:
            blanked[at + 6 : end] = bytes(max(end - at - 6, 0))
        else:
            _expect(marker in _J2K_SEGMENTS)
        at = end


def _end_of_tile_part(frame: bytes, start: int, data: int) -> int:
    length = int.from_bytes(frame[start + 6 : start + 10], "big")
    # Zero: the last tile-part, up to the end marker (ISO/IEC 15444-1 A.4.2).
    end = start + length if length else frame.rfind(b"\xff\xd9")
    _expect(start > 0)
    _expect(end > data, "undecodable" if length else "truncated")
    return end


def _end_of_segment(frame: bytes, at: int) -> int:
    length = int.from_bytes(frame[at + 2 : at + 4], "big")
    end = at + 2 + length
    _expect(length >= 2 and end <= len(frame), "truncated")
    return end


def _unwrap(frame: bytes) -> bytes:
    """The contiguous codestream box of a JP2 file (ISO/IEC 15444-1 annex I), or the frame."""
    if not frame.startswith(_JP2_SIGNATURE):
        return frame
    at = 0
    while at + 8 <= len(frame):
        length, head = int.from_bytes(frame[at : at + 4], "big"), 8
        if length == 1:
            length, head = int.from_bytes(frame[at + 8 : at + 16], "big"), 16
        end = at + length if length else len(frame)
        _expect(at + head <= end <= len(frame), "truncated")
        if frame[at + 4 : at + 8] == b"jp2c":
            return frame[at + head : end]
        at = end
    raise RefusedError("undecodable", "a JP2 file without a codestream")


def _blank_rle(frame: bytes) -> bytes:
    """PS3.5 annex G.5: the number of segments, then fifteen offsets of which so many are used."""
    _expect(len(frame) > _RLE_HEADER, "truncated")
    used = 4 + 4 * int.from_bytes(frame[:4], "little")
    _expect(8 <= used <= _RLE_HEADER)
    return frame[:used] + bytes(_RLE_HEADER - used) + frame[_RLE_HEADER:]


def _expect(sound: bool, code: str = "undecodable") -> None:
    if not sound:
        raise RefusedError(code, "a codestream that breaks its own rules")
