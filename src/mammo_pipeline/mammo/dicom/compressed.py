"""What a compressed frame says of itself, read without decoding it."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from mammo_pipeline.mammo.fates import RefusedError

# PS3.5 annex A.4: the frame header that each JPEG transfer syntax may hold, by its marker.
_JPEG_FRAMES = {
    "1.2.840.10008.1.2.4.50": {0xC0},
    "1.2.840.10008.1.2.4.51": {0xC0, 0xC1},
    "1.2.840.10008.1.2.4.57": {0xC3},
    "1.2.840.10008.1.2.4.70": {0xC3},
    "1.2.840.10008.1.2.4.80": {0xF7},
    "1.2.840.10008.1.2.4.81": {0xF7},
}
JPEG_LS_LOSSLESS = "1.2.840.10008.1.2.4.80"
JPEG_2000 = {f"1.2.840.10008.1.2.4.{last}" for last in ("90", "91", "201", "202", "203")}
RLE = "1.2.840.10008.1.2.5"
# ITU-T T.81 annex B: start of frame (but tables, extension, arithmetic), of scan, end, fill byte.
_FRAMES = {*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC}
_SCAN, _FILL = 0xDA, 0xFF
# ISO/IEC 15444-1 table A.1.
_SIZE, _STYLE, _COMPONENT_STYLE, _STEPS, _TILE_PART = 0xFF51, 0xFF52, 0xFF53, 0xFF5C, 0xFF90
_JP2_SIGNATURE = b"\0\0\0\x0cjP  "


@dataclass(frozen=True)
class Shape:
    """The picture that a codestream holds.

    Attributes:
        rows: Height.
        columns: Width.
        samples: Components of a pixel.
        precisions: Bits of a sample that the codestream allows; any may be the declared one.
        signed: Whether values are signed; None where the format does not say.
        style: JPEG 2000: offset of the code-block style in COD; 0 where it cannot be relied on.
        reversible: JPEG 2000: whether the 5/3 transform is used.
    """

    rows: int
    columns: int
    samples: int
    precisions: tuple[int, ...]
    signed: bool | None = None
    style: int = 0
    reversible: bool = True


def read_shape(frame: bytes, syntax: str, samples_bytes: int) -> Shape:
    """Returns what the codestream of one frame holds, after a check of its structure.

    Args:
        frame: The codestream, out of a JP2 wrapper (`unwrap`).
        syntax: UID of the transfer syntax.
        samples_bytes: RLE alone: bytes of a pixel, for RLE states no shape.

    Raises:
        RefusedError: `undecodable` for a structure that the format does not allow or another
            format than the transfer syntax says, `truncated` where the end is missing.
    """
    try:
        if syntax in _JPEG_FRAMES:
            return _read_jpeg(frame, syntax)
        if syntax in JPEG_2000:
            return _read_jpeg_2000(frame)
        if syntax == RLE:
            return _read_rle(frame, samples_bytes)
    except (struct.error, IndexError) as error:
        raise RefusedError("truncated", "a codestream that breaks off") from error
    raise RefusedError("undecodable", "a transfer syntax that is not read")


def unwrap(frame: bytes) -> bytes:
    """Returns the codestream in a JP2 file (ISO/IEC 15444-1 annex I), or the frame as it is.

    PS3.5 annex A.4.4 allows no such wrapper, yet it occurs. A box of length 0 ends the file; one
    shorter than its own head is refused, for readers are known to walk such boxes for ever.

    Raises:
        RefusedError: `undecodable`.

    >>> unwrap(b"\\0\\0\\0\\x0cjP  \\r\\n\\x87\\n" + b"\\0\\0\\0\\0jp2c" + b"stream")
    b'stream'
    """
    if not frame.startswith(_JP2_SIGNATURE):
        return frame
    at = 0
    while at + 8 <= len(frame):
        length, head = int.from_bytes(frame[at : at + 4], "big"), 8
        if length == 1:
            length, head = int.from_bytes(frame[at + 8 : at + 16], "big"), 16
        end = at + length if length else len(frame)
        if not at + head <= end <= len(frame):
            break
        if frame[at + 4 : at + 8] == b"jp2c":
            return frame[at + head : end]
        at = end
    raise RefusedError("undecodable", "a JP2 wrapper without a sound codestream")


def _read_jpeg(frame: bytes, syntax: str) -> Shape:
    """ITU-T T.81 annex B.2, ITU-T T.87 annex C.2."""
    _expect(frame[:2] == b"\xff\xd8", "no start of a JPEG image")
    if not frame.rstrip(b"\0").endswith(b"\xff\xd9"):
        raise RefusedError("truncated", "no end of the JPEG image")
    at, shape = 2, None
    while True:
        _expect(frame[at] == 0xFF, "no marker where one belongs")
        marker = frame[at + 1]
        if marker == _FILL:
            at += 1
            continue
        (length,) = struct.unpack_from(">H", frame, at + 2)
        _expect(length >= 2, "a segment without a length")
        if marker in _FRAMES:
            _expect(marker in _JPEG_FRAMES[syntax] and shape is None, "another kind of JPEG")
            precision, rows, columns, samples = struct.unpack_from(">BHHB", frame, at + 4)
            shape = Shape(rows, columns, samples, (precision,))
        if marker == _SCAN:
            near = frame[at + 5 + 2 * frame[at + 4]]
            _expect(syntax != JPEG_LS_LOSSLESS or near == 0, "lossy pixels called lossless")
            break
        at += 2 + length
    if shape is None:
        raise RefusedError("undecodable", "a scan before its frame")
    return shape


def _read_jpeg_2000(frame: bytes) -> Shape:
    """ISO/IEC 15444-1 annex A."""
    _expect(frame[:4] == b"\xff\x4f\xff\x51", "no start of a JPEG 2000 codestream")
    shape, tiles = _read_size(frame)
    at, styles, segments = 2, [], {}
    while (marker := struct.unpack_from(">H", frame, at)[0]) != _TILE_PART:
        (length,) = struct.unpack_from(">H", frame, at + 2)
        _expect(marker > 0xFF4F and length >= 2, "no marker where one belongs")
        segments[marker] = frame[at + 4 : at + 2 + length]
        if marker in (_STYLE, _COMPONENT_STYLE):
            styles.append(at)
        at += 2 + length
    _refuse_other_steps(segments)
    _walk_tile_parts(frame, at, tiles)
    style = styles[0] + 12 if len(styles) == 1 else 0
    reversible = segments[_STYLE][9] == 1
    return Shape(*shape, style=style, reversible=reversible)


def _read_size(frame: bytes) -> tuple[tuple[int, int, int, tuple[int, ...], bool], int]:
    """Returns the picture of the marker SIZ and its number of tiles (table A.9)."""
    right, lower, left, upper, *tile, samples = struct.unpack_from(">8IH", frame, 8)
    wide, high, tile_left, tile_upper = tile
    depth, across, down = frame[42:45]
    _expect(wide > 0 and high > 0 and across == down == 1, "tiles or samples of no size")
    tiles = -(-(right - tile_left) // wide) * -(-(lower - tile_upper) // high)
    # Each tile takes a head and a start of data at least: 14 bytes.
    _expect(0 < tiles <= len(frame) // 14, f"{tiles} tiles in {len(frame)} bytes")
    shape = lower - upper, right - left, samples, (depth % 128 + 1,), depth >= 128
    return shape, tiles


def _refuse_other_steps(segments: dict[int, bytes]) -> None:
    """Raises unless COD and QCD agree: table A.28 gives QCD's length from the levels of COD."""
    style, steps = segments.get(_STYLE, b""), segments.get(_STEPS, b"")
    _expect(len(style) >= 10 and len(steps) >= 1, "no coding style or no quantization")
    levels, transform, kind = style[5], style[9], steps[0] % 32
    expected = {0: 1 + (3 * levels + 1), 1: 3, 2: 1 + 2 * (3 * levels + 1)}.get(kind)
    _expect(
        levels <= 32 and len(steps) == expected, f"{levels} levels, {len(steps)} bytes of steps"
    )
    _expect((transform, kind == 0) in ((1, True), (0, False)), "steps of another transform")


def _walk_tile_parts(frame: bytes, at: int, tiles: int) -> None:
    """Raises unless tile-parts follow each other up to the end, and every tile is there (A.4.2)."""
    parts: dict[int, int] = {}
    end = len(frame.rstrip(b"\0"))
    closed = frame[:end].endswith(b"\xff\xd9")
    # Some writers leave the end marker out; the last tile-part then ends with the frame.
    while at < end - 2 * closed:
        marker, _, tile, length, part, _ = struct.unpack_from(">HHHIBB", frame, at)
        _expect(marker == _TILE_PART and tile < tiles, "no tile-part where one belongs")
        _expect(parts.get(tile, 0) == part, "a tile-part out of order")
        _expect(length == 0 or length >= 14, "a tile-part of no length")
        parts[tile] = part + 1
        at = at + length if length else end - 2 * closed
    if at > len(frame) or len(parts) < tiles:
        raise RefusedError("truncated", f"{len(parts)} of {tiles} tiles")
    _expect(at == end - 2 * closed or (not closed and end <= at <= len(frame)), "no end marker")


def _read_rle(frame: bytes, samples_bytes: int) -> Shape:
    """PS3.5 annex G.5: the number of segments and fifteen offsets, those not in use zero."""
    count, *offsets = struct.unpack_from("<16I", frame)
    used = offsets[:count]
    _expect(count == samples_bytes, f"{count} segments, expected {samples_bytes}")
    _expect(used[0] == 64 and not any(offsets[count:]), "offsets that are none")
    ends = [*used[1:], len(frame)]
    _expect(all(start < end for start, end in zip(used, ends, strict=True)), "segments in disorder")
    return Shape(0, 0, 1, ())


def _expect(sound: bool, found: str) -> None:
    if not sound:
        raise RefusedError("undecodable", found)
