"""What the pixels of one file are: identity, extremes, side, likeness, or why they are refused.

Meant to run behind the guard: decoders are given files that nobody vouches for.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import xxhash
from pydicom.dataset import Dataset

from mammo_pipeline.mammo.dicom.compressed import JPEG_2000
from mammo_pipeline.mammo.dicom.display import digest_display
from mammo_pipeline.mammo.dicom.pixel_module import NUMBERS
from mammo_pipeline.mammo.dicom.pixels import (
    MAXIMUM_PIXELS,
    ReadPixels,
    read_pixels,
    refuse_many_pixels,
)
from mammo_pipeline.mammo.dicom.presentation import present
from mammo_pipeline.mammo.dicom.second import refuse_other_decoding
from mammo_pipeline.mammo.fates import RefusedError
from mammo_pipeline.mammo.mask import find_breast, map_breast

# Shorter side of the small picture on which side and likeness are judged.
SMALL_PX = 256
# A breast lies on one side when so much of it does.
ONE_SIDED = 0.6


def examine_pixels(
    content: bytes,
    header: Mapping[str, Any],
    maximum_pixels: int = MAXIMUM_PIXELS,
    second_decoder: bool = True,
) -> tuple[dict[str, Any], np.ndarray]:
    """Returns the facts of a file's pixels, and the stored values.

    Args:
        content: The file.
        header: Its values by keyword, as the index read them; both readers must agree.
        maximum_pixels: More are refused before anything is decoded.
        second_decoder: Whether JPEG 2000 is decoded once more, which finds nearly all damage that
            the first decoder takes for pixels and costs as much time again.

    Returns:
        `pixel_sha256` and `pixel_xxh3`, the quick one; `display_sha256` of `digest_display`;
        `stored_min` and `stored_max`; `picture_side`, "left" or "right", where in
        the frame the tissue is, "" where that is not plain; `breast_map` of `map_breast`, ""
        without a breast; `image_hash`, 64 hexadecimal digits of
        a perceptual hash of the presented picture; `rows_found` and `columns_found`. The values
        are rows x columns, uint8 or uint16: those that `decode_pixels` gives.

    Raises:
        RefusedError: As `read_pixels`; `unreadable_header` when the two readers disagree,
            `empty_image` when every pixel has the same value.
    """
    _refuse_declared(header, maximum_pixels)
    read = read_pixels(content, maximum_pixels)
    _refuse_other_header(header, read.dataset)
    if "SOPClassUID" not in read.dataset and header.get("PhotometricInterpretation"):
        # A picture has no header of its own; the tables of its collection may know more.
        read.dataset.PhotometricInterpretation = header["PhotometricInterpretation"]
    stored = read.stored
    lowest, highest = int(stored.min()), int(stored.max())
    if lowest == highest:
        raise RefusedError("empty_image", f"every value is {lowest}")
    if second_decoder:
        _look_again(read)
    small = shrink(read.dataset, stored)
    breast = find_small_breast(small)
    facts = {
        "pixel_sha256": digest_pixels(stored),
        "pixel_xxh3": checksum_pixels(stored),
        "display_sha256": digest_display(read.dataset),
        "stored_min": lowest,
        "stored_max": highest,
        "picture_side": find_side(breast),
        "breast_map": "" if breast is None else map_breast(breast),
        "image_hash": hash_picture(small),
        "rows_found": stored.shape[0],
        "columns_found": stored.shape[1],
    }
    return facts, stored


def digest_pixels(stored: np.ndarray) -> str:
    """Returns the SHA-256, in hex, of rows, columns, type and values, little-endian, row by row.

    The same picture has the same digest in every transfer syntax that loses nothing.

    >>> digest_pixels(np.zeros((2, 3), np.uint16))[:12]
    '7ccaf722b23e'
    """
    head, values = _lay_out(stored)
    total = hashlib.sha256(head)
    total.update(values.data)
    return total.hexdigest()


def checksum_pixels(stored: np.ndarray) -> str:
    """Returns the XXH3 checksum of 128 bits, in hex, of what `digest_pixels` hashes.

    It proves within a millisecond or two that a quick decoder gave the pixels that were accepted.
    Damage does not pass it; somebody who wants to deceive could, and is held by the SHA-256.

    >>> checksum_pixels(np.zeros((2, 3), np.uint16))[:12]
    '314b8a987ae6'
    """
    head, values = _lay_out(stored)
    total = xxhash.xxh3_128(head)
    total.update(values.data)
    return total.hexdigest()


def _lay_out(stored: np.ndarray) -> tuple[bytes, np.ndarray]:
    """Returns rows, columns and type as bytes, and the values little-endian, row by row."""
    values = np.ascontiguousarray(stored, stored.dtype.newbyteorder("<"))
    return f"{stored.shape[0]}x{stored.shape[1]} {values.dtype.str}|".encode(), values


def shrink(dataset: Dataset, stored: np.ndarray) -> np.ndarray:
    """Returns the presented picture made small, float32 in [0, 1], about `SMALL_PX` across.

    Raises:
        RefusedError: As `present`.
    """
    step = max(1, min(stored.shape) // (4 * SMALL_PX))
    shown = present(dataset, np.ascontiguousarray(stored[::step, ::step]))
    block = max(1, min(shown.shape) // SMALL_PX)
    rows, columns = (size // block for size in shown.shape)
    blocks = shown[: rows * block, : columns * block].reshape(rows, block, columns, block)
    return blocks.mean(axis=(1, 3))


def find_small_breast(small: np.ndarray) -> np.ndarray | None:
    """Returns the breast, bool of the same shape, or None where there is none.

    Args:
        small: Presentation values, rows x columns.
    """
    try:
        return find_breast(small)
    except RefusedError:
        return None


def find_side(breast: np.ndarray | None) -> str:
    """Returns "left" or "right" where most of the breast is, "" where neither side has it.

    >>> find_side(np.eye(4, k=-3, dtype=bool))
    'left'
    """
    if breast is None:
        return ""
    columns = breast.mean(axis=0)
    left = float(columns[: columns.size // 2].sum() / columns.sum())
    return "left" if left >= ONE_SIDED else "right" if left <= 1 - ONE_SIDED else ""


def hash_picture(small: np.ndarray) -> str:
    """Returns 64 hexadecimal digits: the signs of the 256 coarsest waves of the picture (pHash).

    The usual 64 waves tell photographs apart, not breasts: of 240 made-up women 101 hung together
    at 4 bits, where of 256 the nearest two women are 42 bits apart and copies some twenty.

    Args:
        small: Presentation values in [0, 1], rows x columns.
    """
    from imagehash import phash
    from PIL import Image

    return str(phash(Image.fromarray(np.rint(small * 255).astype(np.uint8)), hash_size=16))


def _refuse_declared(header: Mapping[str, Any], maximum_pixels: int) -> None:
    """Raises `many_pixels` for what the header declares, before the file is looked into."""
    declared = 1
    for keyword in ("Rows", "Columns", "NumberOfFrames", "SamplesPerPixel"):
        stated = header.get(keyword, "")
        try:
            declared *= int(stated) if stated != "" else 1
        except (TypeError, ValueError) as error:
            raise RefusedError("unreadable_header", f"{keyword} is no whole number") from error
    refuse_many_pixels(declared, maximum_pixels)


def _refuse_other_header(header: Mapping[str, Any], dataset: Dataset) -> None:
    """Raises `unreadable_header` when the index holds other numbers than the decoder was given."""
    for keyword in NUMBERS:
        stated, read = header.get(keyword, ""), dataset.get(keyword, None)
        if stated != ("" if read is None else read):
            raise RefusedError("unreadable_header", f"{keyword} reads in two ways")


def _look_again(read: ReadPixels) -> None:
    if read.shape and read.dataset.file_meta.TransferSyntaxUID in JPEG_2000:
        refuse_other_decoding(read.frame, read.shape, read.stored)
