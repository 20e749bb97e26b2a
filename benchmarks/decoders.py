"""Milliseconds of one core from a file's bytes to its pixels, by decoder and transfer syntax.

Run: OMP_NUM_THREADS=1 python benchmarks/decoders.py [--rounds 5]
One phantom breast of 4096x3328, 12 bits in 16, on a clean and on a noisy background; every result
must equal the pixels that went in to the bit before it is timed. The fastest round of CPU time
stands; the last column is against pydicom's `pixel_array`. imagecodecs and dicomsdl are no part of
the project: where they are not installed their rows are left out.
"""

from __future__ import annotations

import argparse
import importlib
import tempfile
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.encaps import get_frame
from pydicom.uid import (
    UID,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)
from speed_frames import describe_file, draw_frames, write_file

from mammo_pipeline.mammo.dicom.lossless_jpeg import decode_lossless_jpeg
from mammo_pipeline.mammo.dicom.pixels import decode_pixels
from mammo_pipeline.mammo.dicom.verified import read_verified

SYNTAXES = (
    ExplicitVRLittleEndian,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
    JPEG2000Lossless,
)
# Decoders of imagecodecs by transfer syntax.
CODECS = {
    JPEGLosslessSV1: ("ljpeg_decode", "jpegsof3_decode"),
    JPEGLSLossless: ("jpegls_decode",),
    RLELossless: ("dicomrle_decode",),
    JPEG2000Lossless: ("jpeg2k_decode",),
}
Decoder = Callable[[], np.ndarray]


def import_if_there(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def list_decoders(content: bytes, path: str, pixels: np.ndarray, syntax: UID) -> dict[str, Decoder]:
    """Returns what is measured; libraries of codestreams are given the codestream."""
    image = describe_file(content, pixels, 0.065)
    decoders: dict[str, Decoder] = {
        "pydicom pixel_array": lambda: pydicom.dcmread(BytesIO(content)).pixel_array,
        "strict, decode_pixels": lambda: decode_pixels(content)[1],
        "read_verified": lambda: read_verified(content, image)[1],
    }
    if dicomsdl := import_if_there("dicomsdl"):
        decoders["dicomsdl"] = lambda: dicomsdl.open(path).pixelData(storedvalue=True)
    if syntax == ExplicitVRLittleEndian:
        return decoders
    frame = get_frame(pydicom.dcmread(BytesIO(content)).PixelData, 0, number_of_frames=1)
    if syntax == JPEGLosslessSV1:
        decoders["decode_lossless_jpeg"] = lambda: decode_lossless_jpeg(frame, pixels.shape)
    if imagecodecs := import_if_there("imagecodecs"):
        for name in CODECS[syntax]:
            decoders[f"imagecodecs {name}"] = wrap_codec(imagecodecs, name, frame, pixels)
    return decoders


def wrap_codec(imagecodecs: Any, name: str, frame: bytes, pixels: np.ndarray) -> Decoder:
    decode = getattr(imagecodecs, name)
    if name != "dicomrle_decode":
        return lambda: decode(frame)
    kind = np.dtype("<u2")
    return lambda: np.frombuffer(decode(frame, kind), kind).reshape(pixels.shape)


def time_decoder(decode: Decoder, pixels: np.ndarray, rounds: int) -> float:
    """Returns milliseconds of CPU time, the fastest round.

    Raises:
        ValueError: For other pixels than those that went in.
    """
    if not np.array_equal(decode(), pixels):
        raise ValueError("other pixels than those that went in")
    seconds = []
    for _ in range(rounds):
        start = time.process_time()
        decode()
        seconds.append(time.process_time() - start)
    return 1000 * min(seconds)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    print(f"{'syntax':32}{'air':>7}{'MB':>7}  {'decoder':28}{'ms':>8}{'times faster':>14}")
    frames = draw_frames()
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "frame.dcm")
        for syntax in SYNTAXES:
            for name, frame in frames.items():
                content = write_file(frame.pixels, syntax)
                Path(path).write_bytes(content)
                base = 0.0
                decoders = list_decoders(content, path, frame.pixels, syntax)
                for decoder, decode in decoders.items():
                    ms = time_decoder(decode, frame.pixels, arguments.rounds)
                    base = base or ms
                    print(
                        f"{syntax.name[:31]:32}{name:>7}{len(content) / 1e6:7.1f}  "
                        f"{decoder:28}{ms:8.1f}{base / ms:14.1f}"
                    )


if __name__ == "__main__":
    main()
