"""Pictures without a DICOM header: PNG, TIFF and PGM of grey values, from bytes to an array.

What a hostile file declares is read before anything is decoded, so that it costs no memory.
"""

from __future__ import annotations

import re
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any

import numpy as np

from mammo_pipeline.mammo.fates import RefusedError

PNG = b"\x89PNG\r\n\x1a\n"
# TIFF 6.0 section 2, little and big endian, and BigTIFF of both.
TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
PGM = re.compile(rb"P[25][\s#]")
# A PGM header: width, height, greatest value; comments run to the end of a line (netpbm, pgm(5)).
_GAP = rb"(?:\s|#[^\n]*\n)+"
PGM_HEADER = re.compile(
    rb"P([25])" + _GAP + rb"(\d{1,9})" + _GAP + rb"(\d{1,9})" + _GAP + rb"(\d{1,9})\s"
)
# PNG colour types (PNG specification, 11.2.1): 0 is grey, all others have colour or transparency.
PNG_GREY = 0
# TIFF tags: BitsPerSample, Compression, PhotometricInterpretation, SamplesPerPixel, SampleFormat.
BITS, COMPRESSION, PHOTOMETRIC, SAMPLES, FORMAT = 258, 259, 262, 277, 339
WHITE_IS_ZERO, BLACK_IS_ZERO, UNSIGNED = 0, 1, 1
# None, LZW, deflate in both its numbers.
COMPRESSIONS = {1, 5, 8, 32946}


def is_picture(head: bytes) -> bool:
    """Returns whether a file begins as PNG, TIFF or PGM and is no DICOM file.

    A DICOM file may carry a TIFF header in its preamble (PS3.10 section 7.1).

    Args:
        head: The first 132 bytes of the file, or all of a shorter one.

    >>> is_picture(b"P5 2 2 255 "), is_picture(b"II*" + bytes(125) + b"DICM")
    (True, False)
    """
    if head[128:132] == b"DICM":
        return False
    return head.startswith((PNG, *TIFF)) or bool(PGM.match(head))


def decode_picture(content: bytes, maximum_pixels: int) -> np.ndarray:
    """Returns the stored values, rows x columns, uint8 or uint16.

    A TIFF whose PhotometricInterpretation is WhiteIsZero comes back turned over, so that higher is
    brighter in every picture.

    Args:
        content: The whole file.
        maximum_pixels: A picture that declares more is not decoded.

    Raises:
        RefusedError: `many_pixels`, `no_pixels`, `colour`, `several_frames`, `truncated`,
            `wrong_length`, `impossible_values` or `undecodable`.

    >>> decode_picture(b"P5 2 1 255 " + bytes([3, 4]), 10)
    array([[3, 4]], dtype=uint8)
    """
    if content.startswith(PNG):
        return _decode_png(content, maximum_pixels)
    if content.startswith(TIFF):
        return _decode_tiff(content, maximum_pixels)
    return _decode_pgm(content, maximum_pixels)


def _decode_png(content: bytes, maximum_pixels: int) -> np.ndarray:
    if len(content) < 33:
        raise RefusedError("truncated", f"{len(content)} bytes in the file")
    columns, rows, bits, colour = struct.unpack(">IIBB", content[16:26])
    _refuse_size(rows, columns, maximum_pixels)
    if colour != PNG_GREY:
        raise RefusedError("colour", f"PNG colour type {colour}")
    _refuse_depth(bits)
    _check_chunks(content)
    return _decode(content, "PNG", (rows, columns), bits)


def _check_chunks(content: bytes) -> None:
    """Returns nothing where every chunk is whole, up to the last, and there is one picture."""
    at = len(PNG)
    while at + 12 <= len(content):
        length, kind = struct.unpack_from(">I4s", content, at)
        end = at + 12 + length
        if end > len(content):
            break
        if kind == b"acTL":
            raise RefusedError("several_frames", "animated PNG")
        if kind == b"IEND":
            return
        at = end
    raise RefusedError("truncated", f"{len(content)} bytes in the file")


def _decode_tiff(content: bytes, maximum_pixels: int) -> np.ndarray:
    tags = _read_tags(content)
    columns, rows = tags["size"]
    _refuse_size(rows, columns, maximum_pixels)
    if tags[SAMPLES] != 1 or tags[PHOTOMETRIC] not in (WHITE_IS_ZERO, BLACK_IS_ZERO):
        found = f"{tags[SAMPLES]} samples a pixel, photometric {tags[PHOTOMETRIC]}"
        raise RefusedError("colour", found)
    _refuse_depth(tags[BITS])
    if tags["frames"] > 1:
        raise RefusedError("several_frames", "more than one page")
    if tags[COMPRESSION] not in COMPRESSIONS or tags[FORMAT] != UNSIGNED:
        found = f"TIFF compression {tags[COMPRESSION]}, sample format {tags[FORMAT]}"
        raise RefusedError("undecodable", found)
    stored = _decode(content, "TIFF", (rows, columns), tags[BITS])
    # Pillow turns over 8 bits by itself, and 16 bits not.
    turned = tags[PHOTOMETRIC] == WHITE_IS_ZERO and tags[BITS] == 16
    return np.iinfo(np.uint16).max - stored if turned else stored


def _read_tags(content: bytes) -> dict[Any, Any]:
    """Returns the tags of the first page, its size and whether another follows (2 frames)."""
    from PIL import Image

    defaults = {BITS: 1, COMPRESSION: 1, PHOTOMETRIC: -1, SAMPLES: 1, FORMAT: UNSIGNED}
    try:
        with _quiet(), Image.open(BytesIO(content), formats=["TIFF"]) as image:
            raw = {tag: image.tag_v2.get(tag, default) for tag, default in defaults.items()}  # type: ignore[attr-defined]
            tags: dict[Any, Any] = {t: _only(value) for t, value in raw.items()}
            tags["size"] = image.size
            tags["frames"] = 2 if _has_second_page(image) else 1
    except Exception as error:
        raise _refusal(error) from error
    return tags


def _only(value: Any) -> int:
    """Returns a tag's number; of several the first, where all are equal, else -1."""
    values = set(value) if isinstance(value, tuple) else {value}
    return int(values.pop()) if len(values) == 1 else -1


def _has_second_page(image: Any) -> bool:
    try:
        image.seek(1)
    except EOFError:
        return False
    return True


def _decode(content: bytes, kind: str, shape_px: tuple[int, int], bits: int) -> np.ndarray:
    from PIL import Image

    try:
        with _quiet(), Image.open(BytesIO(content), formats=[kind]) as image:
            stored = np.asarray(image)
    except Exception as error:
        # Decoders raise what they like; the picture is quarantined and the run goes on.
        raise _refusal(error) from error
    if stored.shape != shape_px or stored.dtype.kind not in "iu":
        raise RefusedError("undecodable", f"an array of {stored.ndim} dimensions")
    return stored.astype(np.uint8 if bits == 8 else np.uint16)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keeps the reader's warnings off the terminal: what matters of them becomes a fate."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _refusal(error: Exception) -> RefusedError:
    from PIL import Image

    if isinstance(error, Image.DecompressionBombError):
        return RefusedError("many_pixels", "more than the decoder allows")
    if "truncated" in str(error) or "end of file" in str(error).lower():
        return RefusedError("truncated", type(error).__name__)
    return RefusedError("undecodable", type(error).__name__)


def _decode_pgm(content: bytes, maximum_pixels: int) -> np.ndarray:
    """Returns the values as they stand; Pillow would stretch them to the full range."""
    header = PGM_HEADER.match(content)
    if not header:
        raise RefusedError("undecodable", "no header of a PGM")
    kind, columns, rows, greatest = (int(number) for number in header.groups())
    _refuse_size(rows, columns, maximum_pixels)
    if not 0 < greatest <= 65535:
        raise RefusedError("undecodable", f"greatest value {greatest}")
    # Two bytes a value above 255, the most significant first (netpbm, pgm(5)).
    depth = np.dtype(">u2" if greatest > 255 else "u1")
    read = _read_plain if kind == 2 else _read_raw
    values = read(memoryview(content)[header.end() :], rows * columns, depth)
    if len(values) < rows * columns:
        raise RefusedError("truncated", f"{len(values)} of {rows * columns} pixels")
    if len(values) > rows * columns:
        raise RefusedError("wrong_length", f"more than {rows * columns} pixels")
    if int(values.max()) > greatest:
        raise RefusedError("impossible_values", f"{int(values.max())} above {greatest}")
    return values.reshape(rows, columns).astype(np.uint16 if greatest > 255 else np.uint8)


def _read_raw(body: memoryview, wanted: int, depth: np.dtype) -> np.ndarray:
    """Returns the values, one more than wanted where more than white space follows them."""
    end = wanted * depth.itemsize
    # Some writers end the file with a line end.
    surplus = depth.itemsize if bytes(body[end : end + 16]).strip() else 0
    whole = min(len(body), end + surplus) // depth.itemsize * depth.itemsize
    # A surplus of less than a value is still a surplus.
    padded = bytes(body[:whole]) + bytes(surplus if whole == end else 0)
    return np.frombuffer(padded, depth)


def _read_plain(body: memoryview, wanted: int, depth: np.dtype) -> np.ndarray:
    words = bytes(body).split(None, wanted + 1)[: wanted + 1]
    if not all(word.isdigit() and len(word) <= 5 for word in words):
        raise RefusedError("undecodable", "a value that is no number")
    return np.array([int(word) for word in words], dtype=np.int64)


def _refuse_size(rows: int, columns: int, maximum_pixels: int) -> None:
    if not rows or not columns:
        raise RefusedError("no_pixels", f"{rows}x{columns}")
    if rows * columns > maximum_pixels:
        raise RefusedError("many_pixels", f"{rows}x{columns}")


def _refuse_depth(bits: int) -> None:
    if bits not in (8, 16):
        raise RefusedError("undecodable", f"{bits} bits a pixel, expected 8 or 16")
