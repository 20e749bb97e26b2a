"""A second decoder of JPEG 2000, which also asks where the entropy-coded data end.

OpenJPEG decodes damaged data without a word: of 600 single flipped bits all but one gave another
picture and no error. Yet it can be asked whether each code-block's arithmetic decoder used up just
the bytes that it was given, which is what "predictable termination" means (ISO/IEC 15444-1
D.4.2). Asking for it with a flag in the coding style changes no value; data that were damaged
nearly always end too early or too late (576 of the 600), while no sound codestream of OpenJPEG,
Kakadu or JasPer, lossless or lossy, was found to. No library that reads DICOM passes that warning
on, so OpenJPEG is called here directly, through the copy that Pillow brings along.
"""

from __future__ import annotations

import ctypes
import importlib.metadata
from functools import cache
from typing import Any

import numpy as np

from mammo_pipeline.mammo.dicom.compressed import Shape
from mammo_pipeline.mammo.fates import RefusedError

# Code-block style, ISO/IEC 15444-1 table A.19. Where passes end separately or bypass the coder, or
# are of high-throughput JPEG 2000 (ISO/IEC 15444-15), the question is not put.
_BYPASS, _END_EACH, _PREDICTABLE, _HIGH_THROUGHPUT = 0x01, 0x04, 0x10, 0x40
_CODESTREAM = 0
_PARAMETERS_BYTES = 2**15
_BUFFER_BYTES = 2**20

_READ = ctypes.CFUNCTYPE(
    ctypes.c_size_t, ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p
)  # fmt: skip
_SKIP = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64, ctypes.c_void_p)
_SEEK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int64, ctypes.c_void_p)
_TELL = ctypes.CFUNCTYPE(None, ctypes.c_char_p, ctypes.c_void_p)


class _Component(ctypes.Structure):
    """opj_image_comp_t of openjpeg.h 2.5."""

    _names = ("dx", "dy", "w", "h", "x0", "y0", "prec", "bpp", "sgnd", "resno_decoded", "factor")
    _fields_ = [
        *((name, ctypes.c_uint32) for name in _names),
        ("data", ctypes.POINTER(ctypes.c_int32)),
        ("alpha", ctypes.c_uint16),
    ]


class _Image(ctypes.Structure):
    """opj_image_t of openjpeg.h 2.5."""

    _fields_ = [
        *((name, ctypes.c_uint32) for name in ("x0", "y0", "x1", "y1", "numcomps")),
        ("color_space", ctypes.c_int),
        ("comps", ctypes.POINTER(_Component)),
        ("icc_profile_buf", ctypes.c_void_p),
        ("icc_profile_len", ctypes.c_uint32),
    ]


def refuse_other_decoding(frame: bytes, shape: Shape, stored: np.ndarray) -> None:
    """Raises `undecodable` when a second look at a JPEG 2000 codestream tells another story.

    Does nothing on a platform whose Pillow brings no shared OpenJPEG, as on Windows.

    Args:
        frame: The codestream.
        shape: What `read_shape` found in it.
        stored: What the first decoder made of it; with the reversible transform both must agree
            to the bit.
    """
    library = _load()
    if library is None:
        return
    warnings, again = _decode(library, _ask_for_ends(frame, shape))
    if again is None:
        raise RefusedError("undecodable", "a second decoder gives up")
    if warnings:
        raise RefusedError("undecodable", f"{warnings} code-blocks end too early or too late")
    if shape.reversible and not np.array_equal(again, stored):
        raise RefusedError("undecodable", "two decoders disagree")


def _ask_for_ends(frame: bytes, shape: Shape) -> bytes:
    style = frame[shape.style] if shape.style else _BYPASS
    if style & (_BYPASS | _END_EACH | _HIGH_THROUGHPUT):
        return frame
    asked = bytearray(frame)
    asked[shape.style] |= _PREDICTABLE
    return bytes(asked)


@cache
def _load() -> Any:
    """Returns OpenJPEG as Pillow ships it, or None."""
    for file in importlib.metadata.files("pillow") or []:
        if "libopenjp2" in file.name:
            library = ctypes.CDLL(str(file.locate()))
            library.opj_stream_create.restype = ctypes.c_void_p
            library.opj_create_decompress.restype = ctypes.c_void_p
            return library
    return None


def _decode(library: Any, frame: bytes) -> tuple[int, np.ndarray | None]:
    """Returns how many code-blocks end where they should not, and the picture (None: failed)."""
    told: list[bytes] = []
    tell = _TELL(lambda message, _: told.append(message))
    stream, kept = _open_stream(library, frame)
    codec = ctypes.c_void_p(library.opj_create_decompress(_CODESTREAM))
    library.opj_set_warning_handler(codec, tell, None)
    parameters = ctypes.create_string_buffer(_PARAMETERS_BYTES)
    library.opj_set_default_decoder_parameters(parameters)
    image = ctypes.POINTER(_Image)()
    done = (
        library.opj_setup_decoder(codec, parameters)
        and library.opj_read_header(stream, codec, ctypes.byref(image))
        and library.opj_decode(codec, stream, image)
        and library.opj_end_decompress(codec, stream)
    )
    picture = _copy_picture(image.contents) if done else None
    if image:
        library.opj_image_destroy(image)
    library.opj_destroy_codec(codec)
    library.opj_stream_destroy(stream)
    del kept
    return sum(b"PTERM" in message for message in told), picture


def _copy_picture(image: _Image) -> np.ndarray | None:
    component = image.comps[0]
    if not component.data:
        return None
    return np.ctypeslib.as_array(component.data, (component.h, component.w)).copy()


def _open_stream(library: Any, frame: bytes) -> tuple[ctypes.c_void_p, list[Any]]:
    """Returns a stream over bytes, and what must live as long as it does."""
    held = ctypes.create_string_buffer(frame, len(frame))
    start, at = ctypes.addressof(held), 0

    def read(target: int, wanted: int, _: Any) -> int:
        nonlocal at
        count = min(wanted, len(frame) - at)
        if count <= 0:
            return ctypes.c_size_t(-1).value or 0
        ctypes.memmove(target, start + at, count)
        at += count
        return count

    def skip(count: int, _: Any) -> int:
        nonlocal at
        at += count
        return count

    def seek(place: int, _: Any) -> int:
        nonlocal at
        at = place
        return 1

    calls = [_READ(read), _SKIP(skip), _SEEK(seek)]
    stream = ctypes.c_void_p(library.opj_stream_create(ctypes.c_size_t(_BUFFER_BYTES), 1))
    library.opj_stream_set_read_function(stream, calls[0])
    library.opj_stream_set_skip_function(stream, calls[1])
    library.opj_stream_set_seek_function(stream, calls[2])
    library.opj_stream_set_user_data(stream, None, None)
    library.opj_stream_set_user_data_length(stream, ctypes.c_uint64(len(frame)))
    return stream, [held, *calls]
