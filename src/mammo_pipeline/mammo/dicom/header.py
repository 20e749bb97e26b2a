"""The header of a DICOM file as plain values: which attributes are read, and how by pydicom."""

from __future__ import annotations

import logging
import struct
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO

from pydicom.charset import decode_bytes
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.filereader import read_partial
from pydicom.tag import Tag
from pydicom.uid import DeflatedExplicitVRLittleEndian
from pydicom.valuerep import TEXT_VR_DELIMS

from mammo_pipeline.mammo.fates import RefusedError

Header = dict[str, Any]
Keywords = Mapping[str, "Keywords | None"]

# File meta information (PS3.10 section 7.1), which stands before the data set.
META_KEYWORDS = ("MediaStorageSOPClassUID", "TransferSyntaxUID")
_CODE: Keywords = {"CodeValue": None}
# All that the project reads of a header. A sequence names what is read of its items; free text
# about a patient and bulk data are not among it.
HEADER_KEYWORDS: Keywords = {
    "SpecificCharacterSet": None,
    "ImageType": None,
    "SOPClassUID": None,
    "SOPInstanceUID": None,
    "StudyDate": None,
    "Modality": None,
    "PresentationIntentType": None,
    "Manufacturer": None,
    "InstitutionName": None,
    "SeriesDescription": None,
    "ManufacturerModelName": None,
    "PatientID": None,
    "PatientAge": None,
    "KVP": None,
    "DeviceSerialNumber": None,
    "SoftwareVersions": None,
    "ProtocolName": None,
    "EstimatedRadiographicMagnificationFactor": None,
    "Exposure": None,
    "ExposureInuAs": None,
    "ImagerPixelSpacing": None,
    "AnodeTargetMaterial": None,
    "BodyPartThickness": None,
    "CompressionForce": None,
    "PaddleDescription": None,
    "ViewPosition": None,
    "DetectorType": None,
    "FieldOfViewHorizontalFlip": None,
    "FilterMaterial": None,
    "StudyInstanceUID": None,
    "PatientOrientation": None,
    "Laterality": None,
    "ImageLaterality": None,
    "SamplesPerPixel": None,
    "PhotometricInterpretation": None,
    "NumberOfFrames": None,
    "Rows": None,
    "Columns": None,
    "PixelSpacing": None,
    "BitsAllocated": None,
    "BitsStored": None,
    "HighBit": None,
    "PixelRepresentation": None,
    "QualityControlImage": None,
    "BurnedInAnnotation": None,
    "PixelSpacingCalibrationType": None,
    "WindowCenter": None,
    "WindowWidth": None,
    "RescaleIntercept": None,
    "RescaleSlope": None,
    "WindowCenterWidthExplanation": None,
    "VOILUTFunction": None,
    "BreastImplantPresent": None,
    "PartialView": None,
    "LossyImageCompression": None,
    "VOILUTSequence": {"LUTExplanation": None},
    "ViewCodeSequence": {**_CODE, "ViewModifierCodeSequence": _CODE},
    "ViewModifierCodeSequence": _CODE,
}
# PixelData (7FE0,0010) and its kin in floating point: the header ends before them.
PIXEL_TAGS = (0x7FE00010, 0x7FE00008, 0x7FE00009)

# PS3.5 table 6.2-1. Text that a backslash parts, text that it does not, and binary numbers.
PAD = " \0"
CODED_TEXT = {"LO", "PN", "SH", "UC", "LT", "ST", "UT"}
_PARTED_TEXT = {"AE", "AS", "CS", "DA", "DS", "DT", "IS", "LO", "PN", "SH", "TM", "UC", "UI"}
_WHOLE_TEXT = {"LT", "ST", "UR", "UT"}
_NUMBERS = {"US": "H", "SS": "h", "UL": "I", "SL": "i", "FL": "f", "FD": "d"}


@dataclass(frozen=True)
class ReadHeader:
    """What stands before the pixels of a DICOM file.

    Attributes:
        values: DICOM keyword to plain value, for the keywords of `META_KEYWORDS` and
            `HEADER_KEYWORDS` that the file has. Text, also of DS and IS, is as written, decoded
            and without padding; several values are a list; US, SS, UL, SL are int, FL and FD
            float; a sequence is a list of such dicts; an empty element is "", an empty sequence [].
        pixels_at: Offset of the tag PixelData (7FE0,0010) in the file, None where there is none; 0
            in a deflated file, whose pixels have no offset before it is inflated.
    """

    values: Header
    pixels_at: int | None


def split_text(text: str) -> str | list[str]:
    r"""Returns one value, or a list where a backslash parts several (PS3.5 section 6.4).

    >>> split_text("0.07 \\0.07 "), split_text("CC ")
    (['0.07', '0.07'], 'CC')
    """
    if "\\" not in text:
        return text.strip(PAD)
    return [value.strip(PAD) for value in text.split("\\")]


def plain_value(
    raw: bytes, vr: str, little_endian: bool = True, encodings: Sequence[str] = ("iso8859",)
) -> Any:
    r"""Returns the value of one element that is no sequence.

    Args:
        raw: The value field.
        vr: Value representation, PS3.5 section 6.2.
        little_endian: Byte order of numbers.
        encodings: Python's names of SpecificCharacterSet (0008,0005).

    Raises:
        ValueError: A number has too few or too many bytes, or the VR is not of text or numbers.

    >>> plain_value(b"\x00\x0d", "US"), plain_value(b"0,07", "DS"), plain_value(b"", "US")
    (3328, '0,07', '')
    """
    if vr in _NUMBERS:
        size = struct.calcsize(_NUMBERS[vr])
        if len(raw) % size:
            raise ValueError(f"{len(raw)} bytes of {vr}")
        order = "<" if little_endian else ">"
        numbers = list(struct.unpack(f"{order}{len(raw) // size}{_NUMBERS[vr]}", raw))
        return "" if not numbers else numbers[0] if len(numbers) == 1 else numbers
    if vr not in _PARTED_TEXT | _WHOLE_TEXT:
        raise ValueError(f"VR {vr} where text or numbers belong")
    if vr in CODED_TEXT:
        text = decode_bytes(raw, list(encodings), TEXT_VR_DELIMS)
    else:
        text = raw.decode("iso8859")
    return text.strip(PAD) if vr in _WHOLE_TEXT else split_text(text)


def parse_header(stream: BinaryIO) -> ReadHeader:
    """Returns the header of any DICOM file, read by pydicom; `walk_header` is the quick way.

    A hostile file can make this slow and large: run it behind a guard.

    Raises:
        RefusedError: `not_dicom` without the preamble of PS3.10 section 7.1; `unreadable_header`
            where the data set breaks off, is not understood, or has no SOP class or syntax.
    """
    stream.seek(128)
    if stream.read(4) != b"DICM":
        raise RefusedError("not_dicom")
    stream.seek(0)
    try:
        with _silence():
            header = _parse(stream)
    except Exception as error:
        # Whatever a damaged file makes the reader do, the file gets a fate and the run goes on.
        # The reader's words may repeat what stands in the file: only their kind is kept.
        raise RefusedError("unreadable_header", type(error).__name__) from None
    missing = find_missing(header.values)
    if missing:
        raise RefusedError("unreadable_header", f"no {missing}")
    return header


def find_missing(values: Header) -> str:
    """Returns the name of what every DICOM file must state and this one does not, or "".

    >>> find_missing({"TransferSyntaxUID": "1.2.840.10008.1.2", "SOPClassUID": ""})
    'SOPClassUID (0008,0016)'
    """
    if not values.get("TransferSyntaxUID"):
        return "TransferSyntaxUID (0002,0010)"
    if not values.get("SOPClassUID") and not values.get("MediaStorageSOPClassUID"):
        return "SOPClassUID (0008,0016)"
    return ""


@contextmanager
def _silence() -> Iterator[None]:
    """pydicom's warnings repeat values of the file; none may reach a log."""
    log = logging.getLogger("pydicom")
    before = log.disabled
    log.disabled = True
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.disabled = before


def _parse(stream: BinaryIO) -> ReadHeader:
    met: list[int] = []

    def at_pixels(tag: int, vr: str | None, length: int) -> bool:
        met.extend([tag] if tag in PIXEL_TAGS else [])
        return tag in PIXEL_TAGS

    tags = [Tag(keyword) for keyword in HEADER_KEYWORDS]
    dataset = read_partial(stream, stop_when=at_pixels, specific_tags=list(tags))
    meta = dict.fromkeys(META_KEYWORDS)
    values = _plain_dataset(dataset.file_meta, meta) | _plain_dataset(dataset, HEADER_KEYWORDS)
    if PIXEL_TAGS[0] not in met:
        return ReadHeader(values, None)
    deflated = values.get("TransferSyntaxUID") == DeflatedExplicitVRLittleEndian
    return ReadHeader(values, 0 if deflated else stream.tell())


def _plain_dataset(dataset: Dataset, keywords: Keywords) -> Header:
    # pydicom keeps an element as bytes until it is asked for; reading a sequence converts others.
    order = sorted(keywords, key=lambda keyword: keywords[keyword] is not None)
    present = [keyword for keyword in order if keyword in dataset]
    return {keyword: _plain_element(dataset, keyword, keywords[keyword]) for keyword in present}


def _plain_element(dataset: Dataset, keyword: str, inner: Keywords | None) -> Any:
    tag = Tag(tag_for_keyword(keyword) or 0)
    raw = dataset.get_item(tag)
    content = raw.value if isinstance(raw, RawDataElement) and raw.value else b""
    if isinstance(raw, RawDataElement) and raw.length not in (len(content), 0xFFFFFFFF):
        raise EOFError(f"{keyword} breaks off")
    if inner is not None:
        element = dataset[tag]
        if element.VR != "SQ":
            raise ValueError(f"VR {element.VR} where a sequence belongs")
        return [_plain_dataset(item, inner) for item in element.value]
    if not isinstance(raw, RawDataElement):
        return split_text("\\".join(_texts(raw.value if raw else None)))
    vr = dictionary_VR(tag) if raw.VR in (None, "UN") else str(raw.VR)
    charset = dataset.original_character_set or "iso8859"
    encodings = [charset] if isinstance(charset, str) else charset
    return plain_value(content, vr, raw.is_little_endian, encodings)


def _texts(value: Any) -> list[str]:
    """Returns a value that pydicom has converted, as texts: UIDs of the file meta, or nothing."""
    if value is None or isinstance(value, str):
        return [value or ""]
    return [str(part) for part in value]
