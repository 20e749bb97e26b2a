"""A quick reader of plain headers: explicit VR little endian, walked tag by tag.

Most mammograms are so encoded, the compressed ones included (PS3.5 annex A.4). Whatever is not as
the standard asks is left to pydicom: where this reader answers, it says what `parse_header` says.
"""

from __future__ import annotations

import struct
from typing import Any, BinaryIO

from pydicom.charset import python_encoding
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.uid import AllTransferSyntaxes

from mammo_pipeline.mammo.dicom.header import (
    CODED_TEXT,
    HEADER_KEYWORDS,
    META_KEYWORDS,
    PAD,
    PIXEL_TAGS,
    Header,
    Keywords,
    ReadHeader,
    find_missing,
    plain_value,
    split_text,
)
from mammo_pipeline.mammo.dicom.items import (
    ESCAPE,
    ITEM_END,
    SHORT,
    Convert,
    Table,
    UnusualError,
    as_read,
    find_long,
    find_value,
    read_element,
    read_items,
    read_length,
    vr_as_read,
)

# Bytes read at once, and the most that one element may need.
_WINDOW, _LARGEST_WINDOW = 2**14, 2**20
# Windows of one header: what does not end within them is no header of a mammogram.
_MOST_WINDOWS = 64
# Character sets (PS3.3 C.12.1.1.2) whose ASCII is ASCII; further characters of the first line are
# Latin-1, those of the others are left to pydicom.
_LATIN_1 = {"", "ISO_IR 6", "ISO_IR 100"}
_CHARACTER_SETS = (
    _LATIN_1
    | {"ISO_IR 192", "GB18030", "GBK"}
    | {
        f"{family} {number}"
        for family in ("ISO_IR", "ISO 2022 IR")
        for number in (6, 100, 101, 109, 110, 126, 127, 138, 144, 148, 166)
    }
)
_SYNTAXES = {
    str(uid)
    for uid in AllTransferSyntaxes
    if uid.is_little_endian and not uid.is_implicit_VR and not uid.is_deflated
}
_NUMBER = struct.Struct("<H").unpack_from


def walk_header(stream: BinaryIO) -> ReadHeader | None:
    """Returns the header, or None for a file that only `parse_header` can judge.

    It costs one read of 16 KiB and about 50 microseconds; no more than 64 windows are read, of 16
    KiB each or as much as one element needs, up to 1 MiB.
    """
    try:
        return _walk_file(stream)
    except (UnusualError, struct.error, ValueError):
        return None


def _walk_file(stream: BinaryIO) -> ReadHeader:
    stream.seek(0)
    size, base, values = _WINDOW, 0, Header()
    window = stream.read(size)
    at = _walk_meta(window, values)
    for _ in range(_MOST_WINDOWS):
        at = _walk_elements(window, at, values)
        if len(window) >= at + 12 and read_length(window, at)[0] in _PIXELS:
            found = base + at if read_length(window, at)[0] == _PIXEL_DATA else None
            return ReadHeader(_settle(values), found)
        # The window ends within the element at `at`, or before it: the next one begins there.
        left = len(window) - at
        size = min(size * 4, _LARGEST_WINDOW) if at == 0 else size
        base, at = base + at, 0
        stream.seek(base)
        window = stream.read(size)
        if not window and _ends_at(stream, base):
            return ReadHeader(_settle(values), None)
        if len(window) <= max(left, 0):
            break
    raise UnusualError


def _ends_at(stream: BinaryIO, place: int) -> bool:
    """Returns whether a stream that has nothing at `place` has something right before it."""
    stream.seek(place - 1)
    return len(stream.read(1)) == 1


def _walk_meta(window: bytes, values: Header) -> int:
    """Adds what the file meta information says; returns where the data set begins."""
    at, before = 132, 0
    if window[128:140] != b"DICM\x02\0\0\0UL\x04\0":
        raise UnusualError
    while True:
        tag, vr, length = read_element(window, at)
        if tag & 0xFFFF != 2:
            break
        start, stop = find_value(window, at, vr, length, 0)
        # The group fills the low half, so that these integers keep the order of the tags.
        if tag <= before:
            raise UnusualError
        if tag in _META_TABLE:
            keyword, expected, _ = _META_TABLE[tag]
            if vr != expected or stop > len(window):
                raise UnusualError
            values[keyword] = split_text(window[start:stop].decode("latin-1"))
        at, before = stop, tag
    # Group 0 is a command set, which is implicit (PS3.7 section 6.3).
    if str(values.get("TransferSyntaxUID")) not in _SYNTAXES or tag & 0xFFFF == 0:
        raise UnusualError
    return at


def _walk_elements(window: bytes, at: int, values: Header) -> int:
    """Adds the values of the elements from `at` on; this loop is the speed of the index.

    An element that comes twice has its last value, as pydicom has it.

    Returns:
        Where the pixels begin, or else the first element that is not wholly in the window.
    """
    text, end, short, table = window.decode("latin-1"), len(window), SHORT, _TABLE
    unpack = read_element
    try:
        while True:
            tag, vr, length = unpack(window, at)
            if tag not in table:
                at = at + 8 + length if vr in short else find_long(window, at, vr, 0)[1]
                continue
            if tag in _PIXELS:
                return at
            keyword, expected, convert = table[tag]
            start, stop = at + 8, at + 8 + length
            if vr not in short:
                start, stop = find_long(window, at, vr, 0)
            if stop > end:
                return at
            if vr != expected:
                raise UnusualError
            if convert:
                values[keyword] = convert(window, start, stop, 0)
            else:
                value = text[start:stop]
                values[keyword] = split_text(value) if "\\" in value else value.strip(PAD)
            at = stop
    except struct.error:
        return at


def _settle(values: Header) -> Header:
    """Returns the values, which stand unless SpecificCharacterSet (0008,0005) asks for more."""
    charset = values.get("SpecificCharacterSet", "")
    first = charset if isinstance(charset, str) else charset[0]
    if find_missing(values):
        raise UnusualError
    latin_1 = first in _LATIN_1 and first == charset
    texts = [value for keyword in _CODED if (value := values.get(keyword))]
    for text in texts:
        joined = text if isinstance(text, str) else "".join(text)
        if ESCAPE in joined or not (latin_1 or joined.isascii()):
            raise UnusualError
    return values


def _read_character_set(window: bytes, start: int, stop: int, depth: int) -> Any:
    value = split_text(window[start:stop].decode("ascii"))
    names = [value] if isinstance(value, str) else value
    if names[0] not in _CHARACTER_SETS or any(name not in python_encoding for name in names):
        raise UnusualError
    return value


def _read_number(window: bytes, start: int, stop: int, depth: int) -> Any:
    if stop - start == 2:
        return _NUMBER(window, start)[0]
    return plain_value(window[start:stop], "US")


def _read_inner_text(window: bytes, start: int, stop: int, depth: int) -> Any:
    text = window[start:stop].decode("ascii")
    if ESCAPE in text:
        raise UnusualError
    return split_text(text)


def _sequence_reader(table: Table) -> Convert:
    def read_sequence(window: bytes, start: int, stop: int, depth: int) -> list[Header]:
        return read_items(window, start, stop, table, depth)

    return read_sequence


def _build_table(keywords: Keywords, inner: bool) -> Table:
    table: Table = {}
    for keyword, below in keywords.items():
        tag = tag_for_keyword(keyword) or 0
        vr = dictionary_VR(tag)
        convert: Convert | None = _read_inner_text if inner else None
        if below is not None:
            convert = _sequence_reader(_build_table(below, inner=True))
        elif vr == "US":
            convert = _read_number
        elif keyword == "SpecificCharacterSet":
            convert = _read_character_set
        table[as_read(tag)] = keyword, vr_as_read(vr), convert
    return table


_PIXELS = frozenset(as_read(tag) for tag in PIXEL_TAGS)
_PIXEL_DATA = as_read(PIXEL_TAGS[0])
_META_TABLE = _build_table(dict.fromkeys(META_KEYWORDS), inner=False)
# The loop stops at pixels; the end of an item outside of any fits no VR.
_TABLE = _build_table(HEADER_KEYWORDS, inner=False) | dict.fromkeys(
    (*_PIXELS, ITEM_END), ("", -1, None)
)
_CODED = [
    keyword
    for keyword in HEADER_KEYWORDS
    if dictionary_VR(tag_for_keyword(keyword) or 0) in CODED_TEXT
]
