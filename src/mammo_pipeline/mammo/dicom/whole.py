"""Whether the pixels of a file are all there, told without decoding them."""

from __future__ import annotations

import struct
from typing import BinaryIO

from pydicom.dataset import Dataset

DELIMITER = (0xFFFE, 0xE0DD)


def pixel_data_is_whole(stream: BinaryIO, header: Dataset, size_bytes: int) -> bool:
    """Returns whether PixelData (7FE0,0010) reaches its end within the file.

    Native pixels must have the length that rows, columns, samples and bits ask for (PS3.5 section
    8.1.1); encapsulated ones must be a chain of items that ends with the delimiter (PS3.5 annex
    A.4). Deflated files cannot be judged without unpacking and pass.

    Args:
        stream: The file, at the tag of PixelData.
        header: The data set before the pixels.
        size_bytes: Length of the file.
    """
    syntax = header.file_meta.TransferSyntaxUID
    if syntax.is_deflated:
        return True
    order = "<" if syntax.is_little_endian else ">"
    # Tag and, where the value representation is written, two letters and two reserved bytes.
    stream.seek(4 if syntax.is_implicit_VR else 8, 1)
    length_field = stream.read(4)
    if len(length_field) < 4:
        return False
    if syntax.is_encapsulated:
        return _items_reach_the_end(stream, order)
    (length,) = struct.unpack(f"{order}I", length_field)
    return length >= _native_length(header) and stream.tell() + length <= size_bytes


def _native_length(header: Dataset) -> int:
    bits = int(header.Rows) * int(header.Columns) * int(header.BitsAllocated)
    return bits * int(header.get("SamplesPerPixel", 1) or 1) // 8


def _items_reach_the_end(stream: BinaryIO, order: str) -> bool:
    while len(head := stream.read(8)) == 8:
        group, element, length = struct.unpack(f"{order}HHI", head)
        if (group, element) == DELIMITER:
            return True
        # Past the end of the file the next head comes back short, which ends the chain.
        stream.seek(length, 1)
    return False
