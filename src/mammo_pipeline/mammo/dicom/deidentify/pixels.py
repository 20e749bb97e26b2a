"""The pixels of a de-identified copy: the same values, and no text that travelled with them."""

from __future__ import annotations

from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, get_frame
from pydicom.uid import (
    UID,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from mammo_pipeline.mammo.dicom.deidentify.codestream import blank_texts
from mammo_pipeline.mammo.fates import RefusedError

_NATIVE = {
    "",
    ImplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    DeflatedExplicitVRLittleEndian,
}
_OVERLAY_GROUPS = range(0x6000, 0x6020, 2)
_OVERLAY_BIT_POSITION, _OVERLAY_DATA = 0x0102, 0x3000


def copy_pixels(copy: Dataset, source: Dataset) -> UID:
    """Writes PixelData (7FE0,0010) into `copy`, and returns the transfer syntax that it now has.

    Native pixels are cut to the length that the matrix asks for; compressed ones become one
    fragment whose texts are blanked.

    Args:
        copy: The copy, its matrix described.
        source: The file as it was read.

    Raises:
        RefusedError: `several_frames`, `text_stated` for an overlay in unused bits, `truncated`,
            `broken_fragments`, and what `blank_texts` raises.
    """
    meta = getattr(source, "file_meta", None) or Dataset()
    syntax = str(meta.get("TransferSyntaxUID", "") or "")
    if "PixelData" not in source:
        return ExplicitVRLittleEndian
    if int(copy.get("NumberOfFrames", None) or 1) > 1:
        raise RefusedError("several_frames", str(copy.NumberOfFrames))
    _refuse_overlays_in_pixels(source)
    if syntax in _NATIVE:
        wide = copy.BitsAllocated > 8 or source["PixelData"].VR == "OW"
        copy.add_new("PixelData", "OW" if wide else "OB", _cut_native(copy, source))
        return ExplicitVRLittleEndian
    frame = blank_texts(_join_fragments(source.PixelData), syntax)
    copy.add_new("PixelData", "OB", encapsulate([frame], has_bot=False))
    copy["PixelData"].is_undefined_length = True
    return UID(syntax)


def to_little_endian(data: bytes, source: Dataset) -> bytes:
    """Returns words of 16 bits in the order of Explicit VR Little Endian (PS3.5 section 7.3)."""
    if source.original_encoding[1] is not False:
        return data
    swapped = bytearray(data[: len(data) // 2 * 2])
    swapped[::2], swapped[1::2] = data[1::2][: len(swapped) // 2], data[: len(swapped)][::2]
    return bytes(swapped)


def _cut_native(copy: Dataset, source: Dataset) -> bytes:
    data = bytes(source.PixelData or b"")
    if source["PixelData"].VR == "OW":
        data = to_little_endian(data, source)
    bits = copy.Rows * copy.Columns * copy.SamplesPerPixel * copy.BitsAllocated
    if copy.BitsAllocated not in (8, 16) or len(data) < bits // 8:
        raise RefusedError("truncated", f"{len(data)} bytes of {bits // 8}")
    return data[: bits // 8] + b"\0" * (bits // 8 % 2)


def _join_fragments(data: bytes) -> bytes:
    try:
        return get_frame(data, 0, number_of_frames=1)
    except Exception as error:
        raise RefusedError("broken_fragments", type(error).__name__) from None


def _refuse_overlays_in_pixels(source: Dataset) -> None:
    """Retired overlays lie in the bits above BitsStored, and a name may be drawn in them."""
    for group in _OVERLAY_GROUPS:
        position = source.get((group, _OVERLAY_BIT_POSITION))
        if position and position.value and (group, _OVERLAY_DATA) not in source:
            raise RefusedError("text_stated", "an overlay in unused bits of the pixels")
