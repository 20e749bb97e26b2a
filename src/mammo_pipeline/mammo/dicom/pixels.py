"""The stored values of a file, every byte of its pixels accounted for."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO

import numpy as np
import pydicom
from pydicom.dataset import Dataset

from mammo_pipeline.mammo.dicom.compressed import Shape, read_shape, unwrap
from mammo_pipeline.mammo.dicom.decoders import decode_frame, read_native
from mammo_pipeline.mammo.dicom.fragments import HEADER_BYTES, inflate, take_pixels
from mammo_pipeline.mammo.dicom.pixel_module import PixelModule, read_module
from mammo_pipeline.mammo.fates import RefusedError
from mammo_pipeline.mammo.pictures import decode_picture, is_picture

# Twice the largest matrix that is known, 5928x4728.
MAXIMUM_PIXELS = 60_000_000


@dataclass(frozen=True)
class ReadPixels:
    """The one picture of a file.

    Attributes:
        dataset: The attributes before the pixels.
        stored: Stored values, rows x columns, uint8 or uint16.
        frame: Its codestream; empty where the pixels are not compressed.
        shape: What the codestream says of itself; None where there is none.
    """

    dataset: Dataset
    stored: np.ndarray
    frame: bytes
    shape: Shape | None


def decode_pixels(content: bytes) -> tuple[Dataset, np.ndarray]:
    """Returns the attributes and the stored values, rows x columns, uint8 or uint16.

    Raises:
        RefusedError: As `read_pixels`.
    """
    read = read_pixels(content, 2**32)
    return read.dataset, read.stored


def read_pixels(content: bytes, maximum_pixels: int = MAXIMUM_PIXELS) -> ReadPixels:
    """Returns the one picture of a file, every byte of its pixels accounted for.

    Args:
        content: The file; a PNG, TIFF or PGM has the few attributes that it states.
        maximum_pixels: More are refused before anything is unpacked or decoded.

    Raises:
        RefusedError: `many_pixels`, `no_pixels`, `truncated`, `wrong_length`, `broken_fragments`,
            `wrong_precision`, `impossible_values`, `several_frames`, `colour`, or `undecodable`
            with the decoder's kind of error.
    """
    if is_picture(content[:132]):
        return _read_picture(content, maximum_pixels)
    content = inflate(content, 2 * maximum_pixels + HEADER_BYTES)
    try:
        stream = BytesIO(content)
        dataset = pydicom.dcmread(stream, stop_before_pixels=True)
        if stream.tell() >= len(content):
            raise RefusedError("no_pixels", "the file ends with its header")
        module = read_module(dataset)
    except (RefusedError, MemoryError):
        raise
    except Exception as error:
        # Readers raise what they like; the image is quarantined and the run goes on.
        raise RefusedError("undecodable", type(error).__name__) from error
    refuse_many_pixels(module.rows * module.columns, maximum_pixels)
    bytes_a_pixel = module.bits_allocated // 8
    native_bytes = module.rows * module.columns * bytes_a_pixel
    pixels = take_pixels(content, stream.tell(), module.encoding, native_bytes)
    if not module.encoding.encapsulated:
        _refuse_swapped_bytes(content, stream.tell(), module)
        return ReadPixels(dataset, read_native(pixels, module), b"", None)
    _refuse_other_offsets(dataset, len(pixels))
    frame = unwrap(bytes(pixels))
    shape = read_shape(frame, module.syntax, bytes_a_pixel)
    _refuse_other_shape(shape, module)
    return ReadPixels(dataset, decode_frame(frame, module), frame, shape)


def _read_picture(content: bytes, maximum_pixels: int) -> ReadPixels:
    stored = decode_picture(content, maximum_pixels)
    dataset, bits = Dataset(), 8 * stored.dtype.itemsize
    dataset.Rows, dataset.Columns = stored.shape
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = bits, bits, bits - 1
    dataset.PixelRepresentation = 0
    dataset.PhotometricInterpretation = "MONOCHROME2"
    return ReadPixels(dataset, stored, b"", None)


def refuse_many_pixels(pixels: int, maximum_pixels: int) -> None:
    """Raises `many_pixels` for more than the limit and `no_pixels` for none."""
    if pixels > maximum_pixels:
        raise RefusedError("many_pixels", f"{pixels} pixels, expected at most {maximum_pixels}")
    if pixels < 1:
        raise RefusedError("no_pixels", "a matrix of no size")


def _refuse_other_offsets(dataset: Dataset, frame_bytes: int) -> None:
    """Raises `broken_fragments` unless an extended offset table speaks of the one frame alone."""
    offsets = dataset.get("ExtendedOffsetTable", None)
    if offsets is None:
        return
    lengths = dataset.get("ExtendedOffsetTableLengths", None) or b""
    length = int.from_bytes(lengths, "little")
    if bytes(offsets) != bytes(8) or len(lengths) != 8 or frame_bytes - length not in (0, 1):
        raise RefusedError("broken_fragments", "an extended offset table of other fragments")


def _refuse_other_shape(shape: Shape, module: PixelModule) -> None:
    """Raises `wrong_precision` unless the codestream holds what the header declares.

    Its precision is BitsStored or, as common encoders write it, BitsAllocated; the values are held
    against BitsStored afterwards.
    """
    found = f"{shape.rows}x{shape.columns}x{shape.samples} of {shape.precisions} bits"
    same_size = (shape.rows, shape.columns) == (module.rows, module.columns)
    bits = {module.bits_stored, module.bits_allocated}
    if not shape.precisions:
        return
    if shape.samples != 1 or not same_size or not bits & set(shape.precisions):
        expected = f"{module.rows}x{module.columns}x1 of {module.bits_stored} bits"
        raise RefusedError("wrong_precision", f"{found}, expected {expected}")
    if shape.signed not in (None, module.signed):
        raise RefusedError("wrong_precision", "signed against unsigned")


def _refuse_swapped_bytes(content: bytes, at: int, module: PixelModule) -> None:
    """Raises `undecodable` for bytes in big-endian words, whose order writers do not agree on."""
    in_words = content[at + 4 : at + 6] == b"OW"
    if in_words and module.bits_allocated == 8 and not module.encoding.little_endian:
        raise RefusedError("undecodable", "8 bits in big-endian words")
