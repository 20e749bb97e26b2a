"""What kind of object a file is: a two-dimensional mammogram, or which other."""

from __future__ import annotations

import re

from pydicom.uid import UID, UID_dictionary

from mammo_pipeline.mammo.dicom.header import Header
from mammo_pipeline.mammo.dicom.values import (
    describe_length,
    list_texts,
    read_text,
    read_whole_number,
)
from mammo_pipeline.mammo.fates import RefusedError

# PS3.4 table B.5-1. Only the two mammography classes are read; the raw pixels FOR PROCESSING of the
# second are refused with a reason of their own, unless the study reads them.
FOR_PRESENTATION = "1.2.840.10008.5.1.4.1.1.1.2"
FOR_PROCESSING = "1.2.840.10008.5.1.4.1.1.1.2.1"
# A class, or a family of classes whose UIDs go on behind a point; the first that fits counts.
OTHER_OBJECTS = {
    "1.2.840.10008.1.3.10": "directory_object",
    "1.2.840.10008.5.1.4.1.1.88.67": "dose_report",
    "1.2.840.10008.5.1.4.1.1.88.68": "dose_report",
    "1.2.840.10008.5.1.4.1.1.88.73": "dose_report",
    "1.2.840.10008.5.1.4.1.1.88.76": "dose_report",
    "1.2.840.10008.5.1.4.1.1.88": "structured_report",
    "1.2.840.10008.5.1.4.1.1.13.1.3": "tomosynthesis",
    "1.2.840.10008.5.1.4.1.1.13.1.4": "tomosynthesis",
    "1.2.840.10008.5.1.4.1.1.13.1.5": "tomosynthesis",
    "1.2.840.10008.5.1.4.1.1.11": "presentation_state",
    "1.2.840.10008.5.1.4.1.1.7": "secondary_capture",
}
# Values of ImageType (0008,0008) that make a mammogram another object, PS3.3 C.8.11.7.1.4.
OTHER_IMAGE_TYPES = {
    "TOMO_PROJ": "tomosynthesis",
    "TOMOSYNTHESIS": "tomosynthesis",
    "ADDITION": "contrast_image",
    "SUBTRACTION": "contrast_image",
    "HIGH_ENERGY": "contrast_image",
}
# Defined terms of Modality (0008,0060), PS3.3 section C.7.3.1.1.1, that occur beside mammograms.
MODALITIES = {"CR", "CT", "DX", "KO", "MR", "NM", "OT", "PR", "PT", "RF", "SC", "SEG", "SR", "US"}
TEST_PATTERN = re.compile(r"\bFLAT[ _-]?FIELD|\bTG-?18|\bTEST[ _-]?PATTERN|\bPHANTOM\b")


def name_uid(uid: str) -> str:
    """Returns the registered name of a UID; one that is not registered is not repeated.

    >>> name_uid("1.2.840.10008.1.2.4.70")[:13], name_uid("1.2.3"), name_uid("")
    ('JPEG Lossless', 'an unregistered UID', '')
    """
    if uid in UID_dictionary:
        return UID(uid).name
    return "an unregistered UID" if uid else ""


def refuse_other_objects(header: Header, accept_raw: bool = False) -> None:
    """Returns nothing for a two-dimensional mammogram of a breast that the study reads.

    SOPClassUID (0008,0016), else MediaStorageSOPClassUID (0002,0002); a header without both is of
    a picture that the tables of its collection describe.

    Args:
        header: The header.
        accept_raw: Whether images FOR PROCESSING are read beside those FOR PRESENTATION.

    Raises:
        RefusedError: The object is of another kind; the code tells which.
    """
    uid = read_text(header, "SOPClassUID") or read_text(header, "MediaStorageSOPClassUID")
    for family, code in OTHER_OBJECTS.items():
        if uid == family or uid.startswith(f"{family}."):
            raise RefusedError(code, name_uid(uid))
    if uid not in {FOR_PRESENTATION, FOR_PROCESSING, ""}:
        raise RefusedError("other_object", name_uid(uid))
    modality = read_text(header, "Modality").upper()
    if modality not in {"MG", ""}:
        found = modality if modality in MODALITIES else describe_length(modality)
        raise RefusedError("not_mammography", found)
    refuse_test_patterns(header)
    for value in list_texts(header, "ImageType")[2:]:
        if value.upper() in OTHER_IMAGE_TYPES:
            raise RefusedError(OTHER_IMAGE_TYPES[value.upper()], f"ImageType {value.upper()}")
    frames = read_whole_number(header, "NumberOfFrames") or 1
    if frames > 1:
        raise RefusedError("several_frames", str(frames))
    intent = read_intent(header)
    if intent == "FOR PROCESSING" and not accept_raw:
        raise RefusedError("for_processing", intent)
    if intent == "other":
        raise RefusedError("unknown_intent", describe_length(header["PresentationIntentType"]))


def read_intent(header: Header) -> str:
    """Returns FOR PRESENTATION, FOR PROCESSING, `other`, or "" where nothing is stated.

    PresentationIntentType (0008,0068); the class of raw images outweighs it.

    >>> read_intent({"SOPClassUID": FOR_PROCESSING}), read_intent({"SOPClassUID": FOR_PRESENTATION})
    ('FOR PROCESSING', '')
    """
    uid = read_text(header, "SOPClassUID") or read_text(header, "MediaStorageSOPClassUID")
    intent = read_text(header, "PresentationIntentType").upper()
    if uid == FOR_PROCESSING:
        return "FOR PROCESSING"
    return intent if intent in {"FOR PRESENTATION", "FOR PROCESSING", ""} else "other"


def refuse_test_patterns(header: Header) -> None:
    """Returns nothing for an image of a patient.

    Raises:
        RefusedError: `test_pattern` where QualityControlImage (0028,0300) is YES, or a description
            of the exposure names a pattern, a flat field or a phantom.
    """
    if read_text(header, "QualityControlImage").upper() == "YES":
        raise RefusedError("test_pattern", "QualityControlImage YES")
    for keyword in ("ViewPosition", "SeriesDescription", "ProtocolName"):
        match = TEST_PATTERN.search(" ".join(list_texts(header, keyword)).upper())
        if match:
            raise RefusedError("test_pattern", f"{keyword} with the word {match[0]}")
