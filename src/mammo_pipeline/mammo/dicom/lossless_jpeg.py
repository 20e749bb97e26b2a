"""JPEG lossless (ITU-T T.81, process 14) as mammography units write it, decoded fast.

One component, predictor 1 (the neighbour on the left), no restart intervals, no point transform:
what else the format allows is refused here and left to a decoder of the whole standard.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np

from mammo_pipeline.mammo.dicom.huffman import (
    decode_differences,
    find_still,
    pair_codes,
    spread_codes,
)
from mammo_pipeline.mammo.fates import RefusedError

# Table B.1: the frame that is read, Huffman tables, scan, start and end of the image.
_FRAME, _TABLES, _SCAN, _START, _END = 0xC3, 0xC4, 0xDA, b"\xff\xd8", b"\xff\xd9"
# Comments and application segments may stand anywhere and change nothing.
_IDLE = {0xFE, *range(0xE0, 0xF0)}


@dataclass(frozen=True)
class Scan:
    """A codestream up to its entropy-coded pixels.

    Attributes:
        shape_px: Rows and columns.
        precision: Bits of a sample, 2 to 16.
        codes: What `spread_codes` makes of the Huffman table.
        start: Offset of the first entropy-coded byte.
        end: Offset behind the last one.
    """

    shape_px: tuple[int, int]
    precision: int
    codes: np.ndarray
    start: int
    end: int


def decode_lossless_jpeg(frame: bytes | memoryview, shape_px: tuple[int, int]) -> np.ndarray:
    """Returns the samples of a codestream, uint16, rows x columns.

    Exactly those of the standard, or none: a code that is none, a value that the precision cannot
    hold, a codestream that ends too early or too late are refused. Whatever the input, nothing is
    read or written beside the arrays, and every turn of every loop yields a pixel.

    Args:
        frame: The codestream of one frame, with at most zeros behind its end.
        shape_px: Rows and columns that it must have.

    Raises:
        RefusedError: `undecodable`, also for a part of the format that is not read here.
    """
    scan = read_scan(frame)
    if scan.shape_px != tuple(shape_px):
        raise RefusedError("undecodable", "a JPEG of another size")
    stored = np.empty(scan.shape_px, np.uint16)
    data = np.frombuffer(frame, np.uint8, scan.end)
    still = find_still(scan.codes)
    pairs = pair_codes(scan.codes, still)
    first = 1 << (scan.precision - 1)
    left, seen = decode_differences(data, scan.start, scan.codes, pairs, still, stored, first)
    # Fewer than 8 bits fill up the last byte (annex F.1.2.3); values are modulo 2^16 (H.1.2.1).
    if not 0 <= left < 8 or (seen & 0xFFFF) >> scan.precision:
        raise RefusedError("undecodable", "JPEG lossless pixels that do not add up")
    return stored


def read_scan(frame: bytes | memoryview) -> Scan:
    """Returns what stands before the entropy-coded pixels (annex B.2), and where they end.

    Raises:
        RefusedError: `undecodable`.
    """
    end, at = _find_end(frame), 2
    tables: dict[int, np.ndarray] = {}
    head = b""
    try:
        while frame[at] == 0xFF:
            marker, (length,) = frame[at + 1], struct.unpack_from(">H", frame, at + 2)
            segment = bytes(frame[at + 4 : at + 2 + length])
            at += 2 + length
            if marker == _FRAME and not head:
                head = segment
            elif marker == _TABLES:
                tables |= _read_tables(segment)
            elif marker == _SCAN and at <= end:
                return _join(head, tables, segment, at, end)
            elif marker not in _IDLE:
                break
    except (struct.error, IndexError, KeyError) as error:
        raise RefusedError("undecodable", "the head of a JPEG that breaks off") from error
    raise RefusedError("undecodable", "another JPEG than the plain lossless one")


def _find_end(frame: bytes | memoryview) -> int:
    """Returns the offset of the end marker, behind which at most zeros stand."""
    tail = bytes(frame[-64:]).rstrip(b"\0")
    if bytes(frame[:2]) != _START or not tail.endswith(_END):
        raise RefusedError("undecodable", "no start or no end of a JPEG image")
    return max(0, len(frame) - 64) + len(tail) - len(_END)


def _join(head: bytes, tables: dict[int, np.ndarray], segment: bytes, start: int, end: int) -> Scan:
    """Returns the scan of one component, predictor 1, no point transform (B.2.2, B.2.3, H.1)."""
    precision, rows, columns, samples, component, _, quantization = struct.unpack(">BHHBBBB", head)
    count, selected, table, predictor, last, shift = struct.unpack(">6B", segment)
    plain = (samples, count, predictor, last, shift) == (1, 1, 1, 0, 0)
    sound = selected == component and quantization == 0 and table % 16 == 0
    if not plain or not sound or not 2 <= precision <= 16 or not rows or not columns:
        raise RefusedError("undecodable", "another JPEG than the plain lossless one")
    return Scan((rows, columns), precision, tables[table >> 4], start, end)


def _read_tables(segment: bytes) -> dict[int, np.ndarray]:
    """Returns the Huffman tables of one segment by class and destination (annex B.2.4.2)."""
    at, tables = 0, {}
    while at < len(segment):
        lengths = segment[at + 1 : at + 17]
        categories = segment[at + 17 : at + 17 + sum(lengths)]
        if len(lengths) < 16 or len(categories) < sum(lengths):
            raise RefusedError("undecodable", "a Huffman table that breaks off")
        tables[segment[at]] = spread_codes(lengths, categories)
        at += 17 + len(categories)
    return tables
