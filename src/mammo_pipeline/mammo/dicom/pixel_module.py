"""What the header of a mammogram says of its pixels, held against what mammography allows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydicom.dataset import Dataset
from pydicom.uid import UID

from mammo_pipeline.mammo.dicom.compressed import RLE
from mammo_pipeline.mammo.dicom.fragments import Encoding
from mammo_pipeline.mammo.fates import RefusedError

NUMBERS = (
    "Rows",
    "Columns",
    "SamplesPerPixel",
    "BitsAllocated",
    "BitsStored",
    "HighBit",
    "PixelRepresentation",
)


@dataclass(frozen=True)
class PixelModule:
    """What the header says of the pixels (PS3.3 C.7.6.3 and, for mammography, C.8.11.3).

    Attributes:
        rows: Rows (0028,0010).
        columns: Columns (0028,0011).
        bits_allocated: BitsAllocated (0028,0100), 8 or 16.
        bits_stored: BitsStored (0028,0101).
        signed: PixelRepresentation (0028,0103) is 1.
        syntax: TransferSyntaxUID (0002,0010).
        encoding: How its elements are written.
    """

    rows: int
    columns: int
    bits_allocated: int
    bits_stored: int
    signed: bool
    syntax: UID
    encoding: Encoding


def read_module(dataset: Dataset) -> PixelModule:
    """Returns what the header says of the pixels.

    Raises:
        RefusedError: `several_frames`, `colour` or `wrong_precision`: mammograms have one frame,
            one sample a pixel, 8 or 16 bits allocated, and the stored bits lowest (PS3.3 C.8.11.3).
    """
    frames = int(dataset.get("NumberOfFrames", None) or 1)
    if frames != 1:
        raise RefusedError("several_frames", str(frames))
    rows, columns, samples, allocated, bits, high, sign = (_number(dataset, n) for n in NUMBERS)
    if samples not in (1, None):
        raise RefusedError("colour", f"{samples} samples per pixel")
    sound = allocated in (8, 16) and 1 <= (bits or 0) <= (allocated or 0)
    if not sound or high not in (None, (bits or 0) - 1) or sign not in (None, 0, 1):
        found = f"BitsAllocated {allocated}, BitsStored {bits}, HighBit {high}"
        raise RefusedError("wrong_precision", f"{found}, PixelRepresentation {sign}")
    syntax = dataset.file_meta.TransferSyntaxUID
    implicit, little = dataset.original_encoding
    encoding = Encoding(bool(implicit), bool(little), syntax.is_encapsulated, syntax == RLE)
    sizes = rows or 0, columns or 0, allocated or 0, bits or 0
    return PixelModule(*sizes, sign == 1, syntax, encoding)


def _number(dataset: Dataset, keyword: str) -> int | None:
    value: Any = dataset.get(keyword, None)
    return None if value in (None, "") else int(value)
