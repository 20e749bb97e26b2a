"""Look-up tables of an image: Modality LUT (0028,3000) and VOI LUT (0028,3010), PS3.3 C.11."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from pydicom.dataset import Dataset

# Depths that grey values of mammography really have; 16 is often written where 12 are used.
DEPTHS = (8, 10, 12, 14, 16)


@dataclass(frozen=True)
class LookUp:
    """One table.

    Attributes:
        entries: Values put out, int64, shape (n,).
        first: The value put in that the first entry is for; lower ones get the first entry, and
            those behind the table the last.
        full: The largest value that the depth of an entry can put out.
    """

    entries: np.ndarray
    first: int
    full: int


def find_full_scale(bits: int, largest: int) -> int:
    """Returns the largest value that a declared depth stands for.

    A depth of 16 is what a writer puts who knows no better (BitsStored (0028,0101) 16 on detectors
    of 12 bits): the smallest depth of `DEPTHS` that holds the largest value is taken for it. Any
    other depth is believed, unless a value does not fit into it.

    >>> find_full_scale(12, 900), find_full_scale(16, 3900), find_full_scale(16, 60000)
    (4095, 4095, 65535)
    """
    if bits == DEPTHS[-1]:
        bits = next((depth for depth in DEPTHS if largest < 2**depth), bits)
    return int(2 ** max(bits, int(largest).bit_length()) - 1)


def read_lookup(item: Dataset, signed: bool, little_endian: bool) -> LookUp:
    """Returns the table of an item of ModalityLUTSequence or VOILUTSequence.

    LUTDescriptor (0028,3002): number of entries, 0 for 65536; first value put in; bits of an entry
    (PS3.3 C.11.1.1 and C.11.2.1.1). Units write the descriptor as US or SS whatever they mean, so
    the first value is read by the sign of what is put in, not by its VR.

    Args:
        item: LUTDescriptor and LUTData (0028,3006).
        signed: Whether what is put in can be below 0.
        little_endian: Byte order of the file.

    Raises:
        ValueError: LUTData has another length than the descriptor says, or an entry no depth that
            there is.
    """
    count, first, bits = (int(number) & 0xFFFF for number in item.LUTDescriptor)
    count = count or 2**16
    if not DEPTHS[0] <= bits <= DEPTHS[-1]:
        raise ValueError(f"entries of {bits} bits, expected {DEPTHS[0]} to {DEPTHS[-1]}")
    first -= 2**16 if signed and first >= 2**15 else 0
    entries = _read_entries(item.LUTData, count, bits, little_endian)
    return LookUp(entries, first, find_full_scale(bits, int(entries.max())))


def _read_entries(data: Any, count: int, bits: int, little_endian: bool) -> np.ndarray:
    """Returns the entries: words or, where an entry has 8 bits, bytes, or words half filled."""
    if isinstance(data, bytes):
        words = np.frombuffer(data, "<u2" if little_endian else ">u2")
    else:
        words = np.asarray(np.atleast_1d(data), np.int64) & 0xFFFF
    if bits == 8 and words.size == (count + 1) // 2 and count > 1:
        words = words.astype("<u2").view(np.uint8)[:count]
    if words.size != count:
        raise ValueError(f"a table of {words.size} words, its descriptor says {count} entries")
    return words.astype(np.int64)


def look_up(values: np.ndarray, table: LookUp) -> np.ndarray:
    """Returns the table's entry for each value, int64, same shape.

    A table is entered with whole numbers: a rescaled value is rounded to the nearest.

    >>> look_up(np.array([0, 2, 3.4, 9]), LookUp(np.array([5, 6, 7]), 2, 7)).tolist()
    [5, 5, 6, 7]
    """
    places = np.rint(values).astype(np.int64) - table.first
    return table.entries[np.clip(places, 0, len(table.entries) - 1)]
