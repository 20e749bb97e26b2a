"""Reading a mammogram's header: what kind of object it is and what it says of the breast."""

from __future__ import annotations

from typing import Any, BinaryIO

import pydicom
from pydicom.dataset import Dataset
from pydicom.uid import UID

from mammo_pipeline.mammo.dicom.attributes import (
    read_age_years,
    read_device,
    read_laterality,
    read_spacing_mm,
    read_view,
)
from mammo_pipeline.mammo.dicom.whole import pixel_data_is_whole
from mammo_pipeline.mammo.fates import RefusedError

# PS3.4 table B.5-1. Only the two mammography classes are read; the pixels FOR PROCESSING of the
# second are refused with a reason of their own.
FOR_PRESENTATION = "1.2.840.10008.5.1.4.1.1.1.2"
FOR_PROCESSING = "1.2.840.10008.5.1.4.1.1.1.2.1"
OTHER_OBJECTS = {
    "1.2.840.10008.5.1.4.1.1.88.67": "dose_report",
    "1.2.840.10008.5.1.4.1.1.88.76": "dose_report",
    "1.2.840.10008.5.1.4.1.1.13.1.3": "tomosynthesis",
    "1.2.840.10008.5.1.4.1.1.13.1.4": "tomosynthesis",
    "1.2.840.10008.5.1.4.1.1.13.1.5": "tomosynthesis",
}
OTHER_FAMILIES = {
    "1.2.840.10008.5.1.4.1.1.88.": "structured_report",
    "1.2.840.10008.5.1.4.1.1.11.": "presentation_state",
    "1.2.840.10008.5.1.4.1.1.7": "secondary_capture",
}


def read_file(
    stream: BinaryIO,
    size_bytes: int,
    stated_spacing_mm: float | None = None,
    minimum_field_mm: float = 0.0,
) -> dict[str, Any]:
    """Returns the identity and the attributes of an accepted mammogram.

    Args:
        stream: The file.
        size_bytes: Its length.
        stated_spacing_mm: What the user states where the file is silent.
        minimum_field_mm: A shorter side of the imaged field is no whole breast.

    Raises:
        RefusedError: The file is none, with its place in the closed list. An attribute that the
            rules did not foresee, such as a second value where one belongs, is
            `unreadable_header`: one odd file must not stop the rest.
    """
    header = read_header(stream)
    try:
        refuse_other_objects(header)
        identity = read_identity(header)
        rules = stated_spacing_mm, minimum_field_mm
        return {**identity, **read_mammogram(stream, header, size_bytes, *rules)}
    except (AttributeError, TypeError, ValueError, KeyError, IndexError, OverflowError) as error:
        raise RefusedError("unreadable_header", type(error).__name__) from error


def read_header(stream: BinaryIO) -> Dataset:
    """Returns the header of a DICOM file; the stream is left at the pixels.

    Raises:
        RefusedError: `not_dicom` without the preamble of PS3.10 section 7.1, `unreadable_header`
            when the data set breaks off or has no SOP class.
    """
    stream.seek(128)
    if stream.read(4) != b"DICM":
        raise RefusedError("not_dicom")
    stream.seek(0)
    try:
        header = pydicom.dcmread(stream, stop_before_pixels=True)
        header.get("SOPClassUID")
        list(header)
    except Exception as error:
        # Whatever a damaged file makes the reader do, the file gets a fate and the run goes on.
        raise RefusedError("unreadable_header", type(error).__name__) from error
    if not header.get("SOPClassUID"):
        raise RefusedError("unreadable_header", "no SOPClassUID (0008,0016)")
    return header


def refuse_other_objects(header: Dataset) -> None:
    """Returns nothing for a two-dimensional mammogram FOR PRESENTATION.

    Raises:
        RefusedError: The object is of another kind; the code tells which.
    """
    uid = str(header.SOPClassUID)
    if uid in OTHER_OBJECTS:
        raise RefusedError(OTHER_OBJECTS[uid], UID(uid).name)
    for family, code in OTHER_FAMILIES.items():
        if uid.startswith(family):
            raise RefusedError(code, UID(uid).name)
    if uid not in {FOR_PRESENTATION, FOR_PROCESSING}:
        raise RefusedError("other_object", UID(uid).name)
    if header.get("Modality", "MG") != "MG":
        raise RefusedError("not_mammography", str(header.Modality))
    if int(header.get("NumberOfFrames", None) or 1) > 1:
        raise RefusedError("several_frames", str(header.NumberOfFrames))
    intent = str(header.get("PresentationIntentType", "") or "")
    if uid == FOR_PROCESSING or intent == "FOR PROCESSING":
        raise RefusedError("for_processing", intent or UID(uid).name)


def read_identity(header: Dataset) -> dict[str, str]:
    """Returns PatientID, StudyDate and SOPInstanceUID as the file states them.

    Raises:
        RefusedError: `no_identity`, naming what is missing.
    """
    identity = {
        "patient": str(header.get("PatientID", "") or "").strip(),
        "study_date": str(header.get("StudyDate", "") or "").strip(),
        "sop_instance": str(header.get("SOPInstanceUID", "") or "").strip(),
    }
    missing = [name for name, value in identity.items() if not value]
    if missing:
        raise RefusedError("no_identity", f"empty {', '.join(missing)}")
    return identity


def read_mammogram(
    stream: BinaryIO,
    header: Dataset,
    size_bytes: int,
    stated_spacing_mm: float | None = None,
    minimum_field_mm: float = 0.0,
) -> dict[str, Any]:
    """Returns what the header says of one accepted image, without anything that names a patient.

    Args:
        stream: The file, at the pixels as `read_header` left it.
        header: The header of a two-dimensional mammogram.
        size_bytes: Length of the file.
        stated_spacing_mm: What the user states where the file is silent.
        minimum_field_mm: A shorter side of the imaged field is no whole breast.

    Raises:
        RefusedError: The first rule that the image breaks.
    """
    photometric = str(header.get("PhotometricInterpretation", ""))
    if photometric and photometric not in {"MONOCHROME1", "MONOCHROME2"}:
        raise RefusedError("colour", photometric)
    rows, columns = int(header.get("Rows", 0) or 0), int(header.get("Columns", 0) or 0)
    if not rows or not columns or stream.tell() >= size_bytes:
        raise RefusedError("no_pixels", f"{rows}x{columns}")
    laterality, view, device = read_laterality(header), read_view(header), read_device(header)
    row_mm, column_mm, source = read_spacing_mm(header, device, stated_spacing_mm)
    field_mm = min(rows * row_mm, columns * column_mm)
    if field_mm < minimum_field_mm:
        found = f"{rows}x{columns} pixels, shorter side {field_mm:.1f} mm"
        raise RefusedError("small_field", f"{found}; expected {minimum_field_mm:g} mm or more")
    if not pixel_data_is_whole(stream, header, size_bytes):
        raise RefusedError("truncated", f"{size_bytes} bytes in the file")
    return {
        "laterality": laterality,
        "view": view,
        "device": device,
        "rows_px": rows,
        "columns_px": columns,
        "row_spacing_mm": row_mm,
        "column_spacing_mm": column_mm,
        "spacing_source": source,
        "photometric": photometric or "MONOCHROME2",
        "presentation_intent": str(header.get("PresentationIntentType", "") or ""),
        "bits_stored": int(header.get("BitsStored", 0) or 0),
        "transfer_syntax": header.file_meta.TransferSyntaxUID.name,
        "age": read_age_years(header),
        "size_bytes": size_bytes,
    }
