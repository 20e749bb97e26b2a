"""Look-up tables are read as they are meant, however they are written."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from mammo_pipeline.mammo.dicom.lookup import find_full_scale, look_up, read_lookup


def item(descriptor: list[int], data: object, vr: str = "US", of: str = "US") -> Dataset:
    table = Dataset()
    table.add_new("LUTDescriptor", of, descriptor)
    table.add_new("LUTData", vr, data)
    return table


def words(*entries: int, order: str = "<") -> bytes:
    return np.asarray(entries, f"{order}u2").tobytes()


def test_values_outside_the_table_get_its_ends():
    table = read_lookup(item([3, 100, 12], [10, 20, 4095]), False, True)
    shown = look_up(np.array([-(2**20), 0, 99.4, 100, 101.4, 101.6, 103, 2**20]), table)
    assert shown.tolist() == [10, 10, 10, 10, 20, 4095, 4095, 4095]
    assert table.full == 4095


def test_no_entries_means_65536():
    entries = np.arange(2**16, dtype="<u2")
    table = read_lookup(item([0, 0, 16], entries.tobytes(), "OW"), False, True)
    assert look_up(np.array([0, 1, 65535, 70000]), table).tolist() == [0, 1, 65535, 65535]


@pytest.mark.parametrize(("of", "first"), [("SS", -24), ("US", 2**16 - 24)])
def test_the_first_value_is_signed_where_values_can_be_negative(of, first):
    table = read_lookup(item([2, first, 12], [1, 2], of=of), True, True)
    assert (table.first, look_up(np.array([-24, -23]), table).tolist()) == (-24, [1, 2])


@pytest.mark.parametrize(("of", "first"), [("SS", 40000 - 2**16), ("US", 40000)])
def test_the_first_value_is_unsigned_where_they_cannot(of, first):
    assert read_lookup(item([2, first, 12], [1, 2], of=of), False, True).first == 40000


@pytest.mark.parametrize(
    ("data", "vr", "little"),
    [
        (bytes([1, 2, 255, 0]), "OW", True),
        (words(1, 2, 255), "OW", True),
        (words(1, 2, 255, order=">"), "OW", False),
        ([1 + 2 * 256, 255], "US", True),
        ([1, 2, 255], "US", True),
    ],
)
def test_entries_of_8_bits_are_bytes_or_half_filled_words(data, vr, little):
    table = read_lookup(item([3, 1000, 8], data, vr), False, little)
    # 1300 lies 300 behind the first value: more than 8 bits count.
    assert look_up(np.array([1000, 1001, 1002, 1300]), table).tolist() == [1, 2, 255, 255]
    assert table.full == 255


@pytest.mark.parametrize("data", [words(1, 2), words(1, 2, 3, 4)])
def test_a_table_of_another_length_than_stated_is_refused(data):
    with pytest.raises(ValueError, match="descriptor says 3"):
        read_lookup(item([3, 0, 12], data, "OW"), False, True)


@pytest.mark.parametrize("bits", [0, 7, 17])
def test_entries_of_no_possible_depth_are_refused(bits):
    with pytest.raises(ValueError, match="expected 8 to 16"):
        read_lookup(item([3, 0, bits], [0, 0, 0]), False, True)


@pytest.mark.parametrize(
    ("bits", "largest", "full"),
    [
        (12, 0, 4095),
        (12, 4096, 8191),
        (16, 200, 255),
        (16, 3000, 4095),
        (16, 4096, 16383),
        (16, 16384, 65535),
        (14, 900, 16383),
    ],
)
def test_only_a_depth_of_16_bits_is_doubted(bits, largest, full):
    assert find_full_scale(bits, largest) == full


@pytest.mark.parametrize(
    "syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian]
)
def test_a_table_is_the_same_in_every_encoding(syntax):
    order = "<" if syntax.is_little_endian else ">"
    dataset = Dataset()
    dataset.PixelRepresentation = 0
    dataset.VOILUTSequence = [item([3, 40000, 12], words(7, 8, 4095, order=order), "OW")]
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    out = BytesIO()
    dataset.save_as(
        out, implicit_vr=syntax.is_implicit_VR, little_endian=syntax.is_little_endian,
        enforce_file_format=False,
    )  # fmt: skip
    read = pydicom.dcmread(BytesIO(out.getvalue()), force=True)
    table = read_lookup(read.VOILUTSequence[0], False, syntax.is_little_endian)
    assert (table.entries.tolist(), table.first) == ([7, 8, 4095], 40000)
