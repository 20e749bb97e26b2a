"""Pixels decoded fast, and believed only where they are those that ingest accepted.

The strict decoder took its time once, when the file was examined, and left a checksum of what it
found. From then on any decoder will do that comes to the same checksum; where none does, the strict
one is asked again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from io import BytesIO
from typing import Any

import numpy as np
import pydicom
from pydicom.dataset import Dataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGLossless,
    JPEGLosslessSV1,
)

from mammo_pipeline.mammo.dicom.examine import checksum_pixels, digest_pixels
from mammo_pipeline.mammo.dicom.fragments import HEADER_BYTES, inflate, take_pixels
from mammo_pipeline.mammo.dicom.lossless_jpeg import decode_lossless_jpeg
from mammo_pipeline.mammo.dicom.pixel_module import PixelModule, read_module
from mammo_pipeline.mammo.dicom.pixels import MAXIMUM_PIXELS, decode_pixels
from mammo_pipeline.mammo.fates import RefusedError
from mammo_pipeline.mammo.pictures import is_picture

FastDecoder = Callable[[memoryview, PixelModule], np.ndarray]


def read_verified(content: bytes, image: Mapping[str, Any]) -> tuple[Dataset, np.ndarray]:
    """Returns the attributes and the stored values, rows x columns, uint8 or uint16.

    The values may be a read-only view of the file's bytes.

    Args:
        content: The file.
        image: Its row of `images`: `pixel_xxh3`, the checksum of the accepted pixels
            (`checksum_pixels`); where that is empty `pixel_sha256` (`digest_pixels`); where both
            are, the strict decoder alone is trusted.

    Raises:
        RefusedError: `changed_since_ingest` when even the strict decoder finds other pixels;
            else as `decode_pixels`.
    """
    if image.get("pixel_xxh3", "") or image.get("pixel_sha256", ""):
        dataset, stored = _read_fast(content)
        if dataset is not None and stored is not None and _is_accepted(stored, image):
            return dataset, stored
        # Two frames at a time would be one too many.
        del dataset, stored
    dataset, stored = decode_pixels(content)
    if not _is_accepted(stored, image):
        raise RefusedError("changed_since_ingest")
    return dataset, stored


def _is_accepted(stored: np.ndarray, image: Mapping[str, Any]) -> bool:
    if checksum := image.get("pixel_xxh3", ""):
        return bool(checksum == checksum_pixels(stored))
    return image.get("pixel_sha256", "") in ("", digest_pixels(stored))


def _read_fast(content: bytes) -> tuple[Dataset | None, np.ndarray | None]:
    """Returns attributes and values, neither of them checked; None for a file not read here."""
    try:
        return _decode_fast(content)
    except MemoryError:
        raise
    except Exception:
        # Whatever it stumbled over, the strict decoder will find and name it.
        return None, None


def _decode_fast(content: bytes) -> tuple[Dataset | None, np.ndarray | None]:
    if is_picture(content[:132]):
        return None, None
    content = inflate(content, 2 * MAXIMUM_PIXELS + HEADER_BYTES)
    stream = BytesIO(content)
    dataset = pydicom.dcmread(stream, stop_before_pixels=True)
    module = read_module(dataset)
    decode = _FAST_DECODERS.get(module.syntax)
    if decode is None:
        return None, None
    native_bytes = module.rows * module.columns * module.bits_allocated // 8
    pixels = take_pixels(content, stream.tell(), module.encoding, native_bytes)
    return dataset, decode(pixels, module).astype(f"<u{module.bits_allocated // 8}", copy=False)


def _view_native(pixels: memoryview, module: PixelModule) -> np.ndarray:
    order = "<" if module.encoding.little_endian else ">"
    values = np.frombuffer(pixels, f"{order}u{module.bits_allocated // 8}")
    return values.reshape(module.rows, module.columns)


def _decode_jpeg(frame: memoryview, module: PixelModule) -> np.ndarray:
    return decode_lossless_jpeg(frame, (module.rows, module.columns))


# A syntax that is missing is decoded strictly. `benchmarks/decoders.py` shows what each would gain.
_FAST_DECODERS: dict[str, FastDecoder] = {
    ImplicitVRLittleEndian: _view_native,
    ExplicitVRLittleEndian: _view_native,
    DeflatedExplicitVRLittleEndian: _view_native,
    ExplicitVRBigEndian: _view_native,
    JPEGLossless: _decode_jpeg,
    JPEGLosslessSV1: _decode_jpeg,
}
