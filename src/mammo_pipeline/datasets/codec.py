"""A canvas as bytes: bands of rows, each compressed without loss and sealed by a checksum."""

from __future__ import annotations

import struct
from functools import cache
from types import ModuleType
from typing import Any

import numpy as np

# 128 rows of 896 pixels (229 kB) fill a core's second cache; a patch of 224 touches two or three.
BAND_ROWS = 128
_HEAD = struct.Struct("<4sIII")  # Magic, rows, columns, rows of a band.
_SEAL = struct.Struct("<Q")  # XXH3-64 of the head and the table.
_MAGIC = b"MPC1"
_BAND = np.dtype([("bytes", "<u4"), ("xxh3", "<u8")])
# Far above any canvas; keeps a damaged head from asking for all memory.
_MOST_PIXELS = 1 << 30


class DamagedError(ValueError):
    """Bytes that are not what was written."""


def encode_canvas(canvas: np.ndarray) -> bytes:
    """Returns the canvas as bytes that `decode_canvas` turns back, bit for bit.

    Zstandard at level 1 over byte shuffle and byte delta: smaller than a 16-bit PNG, and read more
    than ten times faster (`benchmarks/store.py`). The same canvas gives the same bytes.

    Args:
        canvas: uint16, rows x columns, none of them 0.

    Raises:
        ValueError: Another type or shape.

    Example:
        >>> payload = encode_canvas(np.full((300, 8), 7, np.uint16))
        >>> read_shape(payload), int(decode_canvas(payload).sum())
        ((300, 8), 16800)
    """
    if canvas.dtype != np.uint16 or canvas.ndim != 2 or not canvas.size:
        raise ValueError(
            f"The store takes uint16 images of rows x columns, found {canvas.dtype} of "
            f"{canvas.shape}."
        )
    blosc2 = _import_blosc2()
    bands = [
        blosc2.compress2(
            np.ascontiguousarray(canvas[first : first + BAND_ROWS], dtype="<u2"),
            blocksize=BAND_ROWS * canvas.shape[1] * 2,
            **_compression(),
        )
        for first in range(0, len(canvas), BAND_ROWS)
    ]
    table = np.array([(len(band), _checksum(band)) for band in bands], _BAND)
    head = _HEAD.pack(_MAGIC, *canvas.shape, BAND_ROWS) + table.tobytes()
    return b"".join([head, _SEAL.pack(_checksum(head)), *bands])


def decode_canvas(payload: bytes | memoryview) -> np.ndarray:
    """Returns the canvas, uint16, rows x columns.

    Raises:
        DamagedError: The bytes are not what was written.
    """
    shape, *_ = _read_head(payload)
    return decode_rows(payload, 0, shape[0])


def decode_rows(payload: bytes | memoryview, first: int, last: int) -> np.ndarray:
    """Returns rows `first` to `last`, half-open; only the bands that hold them are touched.

    Args:
        payload: What `encode_canvas` returned.
        first: 0 to rows.
        last: `first` to rows.

    Raises:
        DamagedError: The bytes are not what was written.
    """
    (rows, columns), band_rows, *_ = _read_head(payload)
    low, high = first // band_rows, -(-last // band_rows)
    found = np.empty((min(high * band_rows, rows) - low * band_rows, columns), "<u2")
    decode_into(payload, found, low)
    return found[first - low * band_rows : last - low * band_rows]


def decode_into(payload: bytes | memoryview, target: np.ndarray, first_band: int = 0) -> None:
    """Fills the target with the rows from a band on, without memory of its own.

    Args:
        payload: What `encode_canvas` returned.
        target: uint16, rows x columns of the canvas, without gaps; it ends where a band does.
        first_band: Whose first row is the target's.

    Raises:
        DamagedError: The bytes are not what was written.
    """
    _, band_rows, table, start = _read_head(payload)
    ends = start + np.cumsum(table["bytes"], dtype=np.int64)
    view = memoryview(payload)
    for top in range(0, len(target), band_rows):
        number = first_band + top // band_rows
        end = int(ends[number])
        band = view[end - int(table["bytes"][number]) : end]
        _decode_band(band, int(table["xxh3"][number]), target[top : top + band_rows])


def read_shape(payload: bytes | memoryview) -> tuple[int, int]:
    """Returns rows and columns without decompressing anything.

    Raises:
        DamagedError: The bytes are not what was written.
    """
    return _read_head(payload)[0]


def _read_head(payload: bytes | memoryview) -> tuple[tuple[int, int], int, np.ndarray, int]:
    """Returns the shape, the rows of a band, the table of bands and where the first begins."""
    if len(payload) < _HEAD.size:
        raise DamagedError(f"{len(payload)} bytes are no canvas")
    magic, rows, columns, band_rows = _HEAD.unpack_from(payload)
    if magic != _MAGIC or not 0 < rows * columns <= _MOST_PIXELS or not band_rows:
        raise DamagedError("the head is none that this version writes")
    seal = _HEAD.size + -(-rows // band_rows) * _BAND.itemsize
    start = seal + _SEAL.size
    if len(payload) < start or _SEAL.unpack_from(payload, seal)[0] != _checksum(payload[:seal]):
        raise DamagedError("the head does not match its checksum")
    table = np.frombuffer(payload[_HEAD.size : seal], _BAND)
    if start + int(table["bytes"].sum(dtype=np.int64)) != len(payload):
        raise DamagedError("the bands have another length than the head says")
    return (rows, columns), band_rows, table, start


def _decode_band(band: memoryview, checksum: int, target: np.ndarray) -> None:
    """Decompresses into the target.

    Blosc2 4.14 writes past the end of a target that is too small and says nothing, so the length
    that the band declares is compared before.
    """
    if _checksum(band) != checksum:
        raise DamagedError("a band does not match its checksum")
    blosc2 = _import_blosc2()
    declared, length, _ = blosc2.get_cbuffer_sizes(bytes(band[:32]))
    if (declared, length) != (target.nbytes, len(band)):
        raise DamagedError(f"a band declares {declared} bytes, expected {target.nbytes}")
    blosc2.decompress2(band, dst=target, nthreads=1)


@cache
def _import_blosc2() -> ModuleType:
    """Imported late: it takes a quarter of a second, and most commands touch no pixel."""
    import blosc2

    blosc2.set_releasegil(True)  # else a thread that reads ahead stops the one that trains
    return blosc2


@cache
def _compression() -> dict[str, Any]:
    """The split mode puts high and low bytes into streams of their own; low ones are noise."""
    blosc2 = _import_blosc2()
    return {
        "codec": blosc2.Codec.ZSTD,
        "clevel": 1,
        "filters": [blosc2.Filter.SHUFFLE, blosc2.Filter.BYTEDELTA],
        "filters_meta": [0, 2],  # Byte delta is told the size of an element.
        "splitmode": blosc2.SplitMode.ALWAYS_SPLIT,
        "typesize": 2,
        "nthreads": 1,
    }


def _checksum(content: bytes | memoryview) -> int:
    import xxhash

    return int(xxhash.xxh3_64_intdigest(content))
