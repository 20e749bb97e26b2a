"""Elements, items and sequences in explicit VR little endian, told apart by plain integers.

Tags and VRs are compared as the integers that `struct` reads of them: no object is made.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from sys import maxsize
from typing import Any

from pydicom.valuerep import EXPLICIT_VR_LENGTH_16, EXPLICIT_VR_LENGTH_32

from mammo_pipeline.mammo.dicom.header import Header

ESCAPE = "\x1b"
# Sequences in sequences deeper than this are left to pydicom.
_DEEPEST = 8
_UNDEFINED = 0xFFFFFFFF
# Tag, VR and short length of an element; tag and length of an item; a long length.
read_element = struct.Struct("<IHH").unpack_from
_ITEM = struct.Struct("<II").unpack_from
read_length = struct.Struct("<I").unpack_from

# By tag: keyword, VR, and what makes the value of window, start, stop and depth; None for text that
# the header's own loop takes.
Convert = Callable[[bytes, int, int, int], Any]
Table = dict[int, tuple[str, int, Convert | None]]


class UnusualError(Exception):
    """Something that is left to pydicom."""


def as_read(tag: int) -> int:
    """Returns a tag as `read_element` gives it.

    >>> hex(as_read(0x00080016))
    '0x160008'
    """
    return (tag & 0xFFFF) << 16 | tag >> 16


def vr_as_read(vr: str) -> int:
    """Returns a VR as `read_element` gives it."""
    return int.from_bytes(vr.encode(), "little")


SHORT = frozenset(vr_as_read(vr) for vr in EXPLICIT_VR_LENGTH_16)
_LONG = frozenset(vr_as_read(vr) for vr in EXPLICIT_VR_LENGTH_32)
_SEQUENCE = vr_as_read("SQ")
_ITEM_START, ITEM_END, _SEQUENCE_END = map(as_read, (0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD))
_CHARACTER_SET = as_read(0x00080005)


def find_value(window: bytes, at: int, vr: int, length: int, depth: int) -> tuple[int, int]:
    """Returns start and stop of the value of an element at `at`."""
    return (at + 8, at + 8 + length) if vr in SHORT else find_long(window, at, vr, depth)


def find_long(window: bytes, at: int, vr: int, depth: int) -> tuple[int, int]:
    """Returns start and stop of a value whose length has four bytes (PS3.5 section 7.1.2)."""
    if vr not in _LONG:
        raise UnusualError
    (length,) = read_length(window, at + 8)
    if length != _UNDEFINED:
        return at + 12, at + 12 + length
    if vr != _SEQUENCE:
        raise UnusualError
    return at + 12, walk_sequence(window, at + 12, maxsize, {}, depth)[1]


def walk_sequence(
    window: bytes, at: int, end: int, table: Table, depth: int
) -> tuple[list[Header], int]:
    """Returns the items and where the sequence ends; `end` is maxsize where a delimiter ends it."""
    items: list[Header] = []
    if depth > _DEEPEST:
        raise UnusualError
    while at < end:
        tag, length = _ITEM(window, at)
        at += 8
        if tag == _SEQUENCE_END and end == maxsize and not length:
            return items, at
        if tag != _ITEM_START:
            raise UnusualError
        item, at = _walk_item(window, at, length, table, depth + 1)
        items.append(item)
    if at != end:
        raise UnusualError
    return items, at


def _walk_item(window: bytes, at: int, length: int, table: Table, depth: int) -> tuple[Header, int]:
    values = Header()
    end = maxsize if length == _UNDEFINED else at + length
    while at < end:
        tag, vr, length = read_element(window, at)
        if tag == ITEM_END:
            if end != maxsize or vr or length:
                raise UnusualError
            return values, at + 8
        start, at = find_value(window, at, vr, length, depth)
        if tag in table:
            keyword, expected, convert = table[tag]
            if vr != expected or not convert:
                raise UnusualError
            values[keyword] = convert(window, start, at, depth)
        elif tag == _CHARACTER_SET:
            raise UnusualError
    if at != end:
        raise UnusualError
    return values, at


def read_items(window: bytes, start: int, stop: int, table: Table, depth: int) -> list[Header]:
    """Returns the items of the sequence whose value `find_long` found.

    Raises:
        UnusualError: The items do not fill it exactly, or hold what only pydicom can judge.
    """
    (length,) = read_length(window, start - 4)
    end = maxsize if length == _UNDEFINED else stop
    return walk_sequence(window, start, end, table, depth)[0]
