"""From the bytes of one frame to its stored values, by one decoder a format."""

from __future__ import annotations

from typing import Any

import numpy as np
from pydicom.encaps import encapsulate
from pydicom.pixels import get_decoder

from mammo_pipeline.mammo.dicom.compressed import RLE
from mammo_pipeline.mammo.dicom.pixel_module import PixelModule
from mammo_pipeline.mammo.fates import RefusedError

# The decoder is named, for pydicom would try one after the other and take what the laxest makes of
# damaged pixels. These were the strictest of those at hand.
_DECODERS = {"1.2.840.10008.1.2.4.80": "pyjpegls", "1.2.840.10008.1.2.4.81": "pyjpegls"}
_DECODERS |= {f"1.2.840.10008.1.2.4.{last}": "gdcm" for last in ("50", "51", "57", "70")}
_OTHER_DECODER = "pylibjpeg"


def read_native(pixels: memoryview, module: PixelModule) -> np.ndarray:
    """Returns stored values, rows x columns, little-endian uint8 or uint16.

    Raises:
        RefusedError: `impossible_values`.
    """
    order = "<" if module.encoding.little_endian else ">"
    kind = "i" if module.signed else "u"
    values = np.frombuffer(pixels, f"{order}{kind}{module.bits_allocated // 8}")
    return _fit(values.reshape(module.rows, module.columns), module)


def decode_frame(frame: bytes, module: PixelModule) -> np.ndarray:
    """Returns stored values, rows x columns, little-endian uint8 or uint16.

    Raises:
        RefusedError: `undecodable` or `impossible_values`.
    """
    decode = _decode_rle if module.syntax == RLE else _decode
    return _fit(decode(frame, module), module)


def _decode(frame: bytes, module: PixelModule) -> np.ndarray:
    """Returns decoded values without any correction of unused bits.

    Raises:
        RefusedError: `undecodable`.
    """
    options: dict[str, Any] = {
        "rows": module.rows,
        "columns": module.columns,
        "bits_allocated": module.bits_allocated,
        "bits_stored": module.bits_stored,
        "pixel_representation": int(module.signed),
        "pixel_keyword": "PixelData",
        "photometric_interpretation": "MONOCHROME2",
        "samples_per_pixel": 1,
        "number_of_frames": 1,
        "allow_excess_frames": False,
        "correct_unused_bits": False,
    }
    plugin = _DECODERS.get(module.syntax, _OTHER_DECODER)
    wrapped = encapsulate([frame], has_bot=False)
    try:
        decoder = get_decoder(module.syntax)
        values, _ = decoder.as_array(wrapped, raw=True, decoding_plugin=plugin, **options)
    except MemoryError:
        raise
    except Exception as error:
        raise RefusedError("undecodable", type(error).__name__) from error
    return values


def _decode_rle(frame: bytes, module: PixelModule) -> np.ndarray:
    """Returns decoded values; every segment must give one byte a pixel, no fewer and no more.

    PS3.5 annex G: a segment a byte of the value, the most significant first. Decoders of whole
    frames cut off what is too much.

    Raises:
        RefusedError: `undecodable`.
    """
    from rle.rle import decode_segment

    pixels, count = module.rows * module.columns, module.bits_allocated // 8
    ends = [*np.frombuffer(frame, "<u4", count, 4).tolist(), len(frame)]
    values = np.zeros((pixels, count), np.uint8)
    for number in range(count):
        segment = frame[ends[number] : ends[number + 1]]
        # The wordiest code takes two bytes for one, and a byte may pad the segment.
        if len(segment) > 2 * pixels + 1:
            raise RefusedError("undecodable", f"RLE segment of {len(segment)} bytes")
        try:
            found = decode_segment(segment)
        except ValueError as error:
            raise RefusedError("undecodable", "an RLE segment that breaks off") from error
        if len(found) != pixels:
            raise RefusedError("undecodable", f"{len(found)} of {pixels} bytes in an RLE segment")
        values[:, count - 1 - number] = np.frombuffer(found, np.uint8)
    kind = "i" if module.signed else "u"
    return values.view(f"<{kind}{count}").reshape(module.rows, module.columns)


def _fit(values: np.ndarray, module: PixelModule) -> np.ndarray:
    """Returns the values as little-endian uint8 or uint16.

    Bits above BitsStored carry no pixels (PS3.5 section 8.1.1). They once held overlays; a
    mammogram in which any is set is damaged, or its BitsStored is wrong, and cutting them off would
    turn the brightest tissue black: it is refused. So is a negative value, for mammograms are
    unsigned (PS3.3 C.8.11.3); a needless PixelRepresentation of 1 changes nothing and passes.

    Raises:
        RefusedError: `impossible_values`.
    """
    lowest, highest = int(values.min()), int(values.max())
    if lowest < 0 or highest >> module.bits_stored:
        found = f"values from {lowest} to {highest}, BitsStored {module.bits_stored}"
        raise RefusedError("impossible_values", found)
    return values.astype(f"<u{module.bits_allocated // 8}", copy=False)
