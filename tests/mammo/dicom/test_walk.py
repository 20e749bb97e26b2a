"""The quick reader says what pydicom says, or nothing."""

from __future__ import annotations

from collections.abc import Iterable
from io import BytesIO

import pydicom
import pytest
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLSLossless,
    RLELossless,
)

from header_files import dressed_mammogram, mutants, save, save_as_syntax, shipped_files
from mammo_pipeline.mammo.dicom.header import ReadHeader, parse_header
from mammo_pipeline.mammo.dicom.walk import walk_header
from mammo_pipeline.mammo.fates import RefusedError
from small_archive import mammogram


def walk(content: bytes) -> ReadHeader | None:
    return walk_header(BytesIO(content))


def parse(content: bytes) -> ReadHeader | str:
    try:
        return parse_header(BytesIO(content))
    except RefusedError as refusal:
        return refusal.code


def headers_alone() -> list[bytes]:
    """The headers that the walker reads, without what follows the tag of the pixels."""
    contents = [path.read_bytes() for path in shipped_files() if path.stat().st_size < 300_000]
    contents += [dressed_mammogram(undefined) for undefined in (True, False)] * 20
    read = [(content, walk(content)) for content in contents]
    return [c[: (h.pixels_at or len(c)) + 32] for c, h in read if h and len(c) > 400]


def test_it_says_what_pydicom_says_of_every_shipped_file():
    read = 0
    for path in shipped_files():
        content = path.read_bytes()
        header = walk(content)
        assert header is None or header == parse(content), path.name
        read += header is not None
    assert read >= 100


def count_walked(contents: Iterable[bytes]) -> int:
    walked = 0
    for number, content in enumerate(contents):
        header = walk(content)
        assert header is None or header == parse(content), number
        walked += header is not None
    return walked


def test_it_says_what_pydicom_says_of_every_mutant_or_nothing():
    assert count_walked(mutants(headers_alone(), 2500, seed=7)) >= 250


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
def test_it_says_what_pydicom_says_of_a_hundred_thousand_mutants_or_nothing(seed):
    assert count_walked(mutants(headers_alone(), 10_000, seed)) >= 1000


@pytest.mark.parametrize("undefined", [True, False], ids=["undefined", "defined"])
def test_it_reads_sequences_of_both_lengths(undefined):
    content = dressed_mammogram(undefined)
    header = walk(content)
    assert header == parse(content)
    assert header.values["ViewCodeSequence"][0]["ViewModifierCodeSequence"]
    assert len(header.values["VOILUTSequence"]) == 2


@pytest.mark.parametrize("syntax", [RLELossless, JPEGLSLossless, JPEG2000Lossless])
def test_it_reads_compressed_files(syntax):
    content = mammogram(syntax=syntax)
    assert walk(content) == parse(content)
    assert walk(content).pixels_at


@pytest.mark.parametrize(
    "syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian]
)
def test_it_leaves_other_encodings_to_pydicom(syntax):
    assert walk(save_as_syntax(dressed_mammogram(), syntax)) is None


@pytest.mark.parametrize("size", [100, 16384, 70_000, 3_000_000])
def test_a_long_element_before_the_pixels_is_stepped_over(size):
    dataset = pydicom.dcmread(BytesIO(dressed_mammogram()))
    dataset.private_block(0x0029, "MAKER", create=True).add_new(1, "OB", b"\1" * size)
    content = save(dataset)
    assert walk(content) == parse(content)


def test_a_sequence_longer_than_a_window_is_read():
    dataset = pydicom.dcmread(BytesIO(dressed_mammogram()))
    for table in dataset.VOILUTSequence:
        table.LUTData = b"\0\1" * 30_000
    content = save(dataset)
    assert len(walk(content).values["VOILUTSequence"]) == 2
    assert walk(content) == parse(content)


def test_a_kept_value_across_the_edge_of_a_window_is_whole():
    content = mammogram()
    at = content.index(b"\x10\0\x10\0PN")
    for size in range(15_300, 16_300, 3):
        filler = b"\x09\0\1\x10OB\0\0" + size.to_bytes(4, "little") + bytes(size)
        longer = content[:at] + filler + content[at:]
        assert walk(longer) == parse(longer)


def test_a_file_that_breaks_off_is_left_to_pydicom():
    content = dressed_mammogram()
    pixels_at = walk(content).pixels_at
    for end in range(140, pixels_at + 12, 97):
        header = walk(content[:end])
        assert header is None or header == parse(content[:end])
    assert walk(content[: pixels_at + 6]) is None
    assert walk(content[:pixels_at]).pixels_at is None


def test_latin_text_is_read_and_stranger_text_is_left_to_pydicom():
    german = dressed_mammogram(SpecificCharacterSet="ISO_IR 100", SeriesDescription="Vergrößert")
    assert walk(german).values["SeriesDescription"] == "Vergrößert"
    assert walk(dressed_mammogram(SpecificCharacterSet="ISO_IR 192", ProtocolName="拡大")) is None
    assert walk(dressed_mammogram(SpecificCharacterSet="ISO_IR 13")) is None
    japanese = dressed_mammogram(SpecificCharacterSet=["", "ISO 2022 IR 87"])
    assert walk(japanese) == parse(japanese)
    assert walk(japanese.replace(b"ISO 2022 IR 87", b"ISO 2022\0IR 87")) is None


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"\x28\0\x10\0US\2\0", b"\x28\0\x10\0SS\2\0"),
        (b"\x10\0\x20\0LO", b"\x10\0\x20\0ZZ"),
        (b"\x54\0\x20\2SQ", b"\x54\0\x20\2UN"),
        (b"\2\0\x10\0UI", b"\2\0\x10\0LO"),
        (b"\2\0\x10\0UI\x14\0", b"\2\0\x10\0UI\2\x001 \2\0\x10\0UI\x14\0"),
        (b"\x08\0\x16\0UI", b"\0\0\2\0UI\2\x001 \x08\0\x16\0UI"),
        (b"\x08\0\x16\0UI", b"\x08\0\5\0CS\4\0\0x\0x\x08\0\5\0CS\0\0\x08\0\x16\0UI"),
        (b"\xfe\xff\0\xe0", b"\xfe\xff\1\xe0"),
        (b"\x08\0\0\1SH", b"\xfe\xff\x0d\xe0SH"),
        (b"\x08\0\2\1SH", b"\x08\0\5\0SH"),
        (b"\x08\0\0\1SH\x08\0R-10226", b"\x08\0\0\1SH\x08\0R-1022\xc4"),
    ],
)
@pytest.mark.parametrize("undefined", [True, False], ids=["undefined", "defined"])
def test_an_unusual_element_is_left_to_pydicom(before, after, undefined):
    content = dressed_mammogram(undefined)
    assert content.count(before)
    assert walk(content.replace(before, after)) is None


@pytest.mark.parametrize("change", [-20, -8, -2, 2, 8])
@pytest.mark.parametrize("item", [b"", b"\xfe\xff\0\xe0"], ids=["sequence", "item"])
def test_a_sequence_that_its_items_do_not_fill_is_left_to_pydicom(item, change):
    content = bytearray(dressed_mammogram())
    at = content.index(b"\x28\0\x10\x30SQ\0\0") + 8
    at = content.index(item, at) + len(item)
    # The last element of an item has 20 bytes; without them the rest is sound.
    length = int.from_bytes(content[at : at + 4], "little") + change
    content[at : at + 4] = length.to_bytes(4, "little")
    assert walk(bytes(content)) is None


def test_hostile_headers_end():
    content = mammogram()
    at = walk(content).pixels_at
    deep = b"\x54\0\x20\2SQ\0\0\xff\xff\xff\xff\xfe\xff\0\xe0\xff\xff\xff\xff"
    assert walk(content[:at] + deep * 5000) is None
    assert walk(content[:at] + b"\x29\0\1\0LO\0\0" * 400_000) is None
    assert walk(content[:at] + b"\x29\0\1\x10UN\0\0\xf0\xff\xff\xff") is None
    assert walk(b"") is None
    assert walk(b"\0" * 128 + b"DICM") is None
