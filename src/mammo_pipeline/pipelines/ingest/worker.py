"""What is done with one file in a guarded process: the only place that opens an unusual one."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

from mammo_pipeline.mammo.burned_in import find_text
from mammo_pipeline.mammo.collections.masks import box_of_mask
from mammo_pipeline.mammo.dicom.examine import examine_pixels
from mammo_pipeline.mammo.dicom.fragments import HEADER_BYTES, inflate
from mammo_pipeline.mammo.dicom.header import ReadHeader, parse_header
from mammo_pipeline.mammo.dicom.pixels import decode_pixels
from mammo_pipeline.mammo.fates import RefusedError
from mammo_pipeline.mammo.pictures import decode_picture, is_picture

# TransferSyntaxUID (0002,0010) of a data set that is deflated as a whole (PS3.5 annex A.5).
DEFLATED = b"1.2.840.10008.1.2.1.99"
_META_BYTES = 4096


@dataclass(frozen=True)
class Look:
    """How closely a file is looked at.

    Attributes:
        maximum_pixels: More are not decoded.
        look_for_text: Whether lines of text in the pixels refuse the image.
        second_decoder: Whether compressed pixels are decoded twice and compared.
    """

    maximum_pixels: int
    look_for_text: bool
    second_decoder: bool


def read_header_facts(path: str, look: Look) -> dict[str, Any]:
    """Returns the header of an unusual file, or the code of its refusal.

    A picture without a header (PNG, TIFF, PGM) gets the few attributes that its file states.
    """
    try:
        with Path(path).open("rb") as stream:
            head = stream.read(132)
            stream.seek(0)
            if is_picture(head):
                return describe_picture(stream.read(), look.maximum_pixels)
            header = _parse(stream, look)
    except RefusedError as refusal:
        return {"code": refusal.code, "found": refusal.found}
    except OSError as error:
        return {"code": "unreadable_file", "found": type(error).__name__}
    return {"values": header.values, "has_pixels": header.pixels_at is not None}


def _parse(stream: BinaryIO, look: Look) -> ReadHeader:
    deflated = DEFLATED in stream.read(_META_BYTES)
    stream.seek(0)
    if not deflated:
        return parse_header(stream)
    # Unpacked within bounds, for the reader of headers unpacks whatever there is.
    content = inflate(stream.read(), 2 * look.maximum_pixels + HEADER_BYTES)
    header = parse_header(BytesIO(content))
    return replace(header, values={**header.values, "TransferSyntaxUID": DEFLATED.decode()})


def describe_picture(content: bytes, maximum_pixels: int) -> dict[str, Any]:
    """Returns the attributes of a picture without a header, by DICOM keyword."""
    stored = decode_picture(content, maximum_pixels)
    bits = stored.dtype.itemsize * 8
    values = {
        "Rows": stored.shape[0],
        "Columns": stored.shape[1],
        "BitsAllocated": bits,
        "BitsStored": bits,
        "HighBit": bits - 1,
        "PixelRepresentation": 0,
        "PhotometricInterpretation": "MONOCHROME2",
    }
    return {"values": values, "has_pixels": True, "picture": True}


def read_pixel_facts(path: str, kind: str, header: dict[str, Any], look: Look) -> dict[str, Any]:
    """Returns the SHA-256 of a file and, where it is an image, what its pixels are.

    Args:
        path: The file.
        kind: `pixels`, `inverted` for a picture whose table says MONOCHROME1, `mask` for the mask
            of a lesion, `sums` where the SHA-256 alone is wanted.
        header: Values of its header by keyword.
        look: How closely to look.

    Returns:
        `file_sha256`, `code` (`accepted` or a key of `FATES`), `found`, and for an accepted image
        the facts that `examine_pixels` gives.
    """
    try:
        if kind == "sums":
            with Path(path).open("rb") as stream:
                return {"file_sha256": hashlib.file_digest(stream, "sha256").hexdigest()}
        content = Path(path).read_bytes()
    except OSError as error:
        return {"code": "unreadable_file", "found": type(error).__name__}
    facts = {"file_sha256": hashlib.sha256(content).hexdigest(), "code": "accepted", "found": ""}
    if kind == "mask":
        return facts | _read_mask(content)
    try:
        if not header:
            # Another run took its facts away meanwhile; never kept, so the next run reads it.
            return {"code": "unreadable_file", "found": "its header was forgotten meanwhile"}
        inverted = {"PhotometricInterpretation": "MONOCHROME1"} if kind == "inverted" else {}
        return facts | _examine(content, {**header, **inverted}, look)
    except RefusedError as refusal:
        return facts | {"code": refusal.code, "found": refusal.found}


def _examine(content: bytes, header: dict[str, Any], look: Look) -> dict[str, Any]:
    facts, stored = examine_pixels(
        content, header, maximum_pixels=look.maximum_pixels, second_decoder=look.second_decoder
    )
    lines = find_text(stored) if look.look_for_text else []
    if lines:
        longest = max(line.glyphs for line in lines)
        raise RefusedError("text_seen", f"{len(lines)} lines, the longest of {longest} characters")
    return facts


def _read_mask(content: bytes) -> dict[str, Any]:
    """Returns the box of a lesion's mask; none where the picture is another, such as a crop."""
    try:
        _, stored = decode_pixels(content)
    except RefusedError:
        return {}
    box = box_of_mask(stored, stored.shape)
    return {"mask_box": ",".join(map(str, box))} if box else {}
