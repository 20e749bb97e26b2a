"""Reading a mammogram's header: from its values to the image's row, or to the rule it breaks."""

from __future__ import annotations

import math
import re
from datetime import datetime
from typing import Any

from mammo_pipeline.mammo.dicom.devices import read_detector, read_device, read_software
from mammo_pipeline.mammo.dicom.exposure import read_exposure
from mammo_pipeline.mammo.dicom.header import Header
from mammo_pipeline.mammo.dicom.objects import name_uid, read_intent, refuse_other_objects
from mammo_pipeline.mammo.dicom.spacing import read_spacing_mm
from mammo_pipeline.mammo.dicom.values import (
    describe_length,
    list_texts,
    read_text,
    read_whole_number,
    read_yes_or_no,
)
from mammo_pipeline.mammo.dicom.views import read_laterality, read_view
from mammo_pipeline.mammo.dicom.windows import read_windows
from mammo_pipeline.mammo.fates import RefusedError

# PatientOrientation (0020,0020): letters of PS3.3 section C.7.6.1.1.1.
_DIRECTION = re.compile("[ALRPHF]{1,3}")
# PhotometricInterpretation (0028,0004), PS3.3 section C.7.6.3.1.2: those of colour.
_COLOURS = {
    "RGB", "PALETTE COLOR", "YBR_FULL", "YBR_FULL_422", "YBR_PARTIAL_420", "YBR_ICT", "YBR_RCT",
    "XYB", "HSV", "ARGB", "CMYK", "YBR_PARTIAL_422",
}  # fmt: skip

FIRST_YEAR, LAST_YEAR = 1900, 2100


def describe_header(
    header: Header,
    has_pixels: bool = True,
    stated_spacing_mm: float | None = None,
    minimum_field_mm: float = 0.0,
    maximum_pixels: int | None = None,
    accept_raw: bool = False,
) -> dict[str, Any]:
    """Returns the identity and the attributes of a mammogram that the rules let through.

    Args:
        header: Plain values by keyword, as `walk_header` and `parse_header` give them; what a
            table of the collection states stands in their place: `header | stated`.
        has_pixels: Whether PixelData (7FE0,0010) was met.
        stated_spacing_mm: What the user states where the file is silent.
        minimum_field_mm: A shorter side of the imaged field is no whole breast.
        maximum_pixels: Rows times columns that no detector exceeds.
        accept_raw: Whether images FOR PROCESSING are read.

    Returns:
        `patient`, `exam` (the date, else the study's UID), `study_date` (YYYYMMDD or ""),
        `study_uid`, `sop_instance`, `unit` (DeviceSerialNumber (0018,1000)), `site`
        (InstitutionName (0008,0080)): private; and the columns of the table of images that a header
        fills.

    Raises:
        RefusedError: The first rule that the file breaks. What the rules did not foresee is
            `unreadable_header`: one odd file must not stop the rest.
    """
    try:
        refuse_other_objects(header, accept_raw)
        identity = read_identity(header)
        image = read_matrix(header, has_pixels, maximum_pixels)
        image |= {"laterality": read_laterality(header), "view": read_view(header)}
        image |= {"device": read_device(header), "unit": identity.pop("unit")}
        image |= read_field(header, image, stated_spacing_mm, minimum_field_mm)
        return {**identity, **image, **read_particulars(header)}
    except RefusedError:
        raise
    except Exception as error:
        # The words of the error may repeat the value: only its kind is told.
        raise RefusedError("unreadable_header", type(error).__name__) from None


def read_identity(header: Header) -> dict[str, str]:
    """Returns who, when and which, as the file states it.

    StudyDate (0008,0020) tells a patient's exams apart; without one, as in collections that took
    the dates out, StudyInstanceUID (0020,000D) does.

    Raises:
        RefusedError: `no_identity`, naming what is missing.

    >>> read_identity({"PatientID": "P1", "StudyDate": "2020.01.31", "SOPInstanceUID": "1.2"})[
    ...     "exam"]
    '20200131'
    """
    date = read_date(header)
    identity = {
        "patient": "\\".join(list_texts(header, "PatientID")),
        "exam": date or read_text(header, "StudyInstanceUID"),
        "sop_instance": read_text(header, "SOPInstanceUID"),
    }
    missing = [name for name, value in identity.items() if not value]
    if missing:
        raise RefusedError("no_identity", f"empty {', '.join(missing)}")
    unit = "\\".join(list_texts(header, "DeviceSerialNumber"))
    study_uid = read_text(header, "StudyInstanceUID")
    known = {"study_date": date, "study_uid": study_uid, "unit": unit}
    return {**identity, **known, "site": read_site(header)}


def read_site(header: Header) -> str:
    """Returns InstitutionName (0008,0080), "" where it is empty or absent; private.

    Letters and spaces are evened out: two machines of one site may write its name two ways.

    >>> read_site({"InstitutionName": "St.  Olav "}) == read_site({"InstitutionName": "ST. OLAV"})
    True
    """
    return " ".join("\\".join(list_texts(header, "InstitutionName")).casefold().split())


def read_date(header: Header) -> str:
    """Returns StudyDate (0008,0020) as YYYYMMDD, "" where no woman can have been imaged that day.

    Archives write 00000000 or 99991231 where they do not know.

    >>> read_date({"StudyDate": "00000000"}), read_date({"StudyDate": "99991231"})
    ('', '')
    """
    text = re.sub(r"[.:/-]", "", read_text(header, "StudyDate"))
    try:
        day = datetime.strptime(text, "%Y%m%d")
    except ValueError:
        return ""
    return text if len(text) == 8 and FIRST_YEAR <= day.year <= LAST_YEAR else ""


def read_matrix(header: Header, has_pixels: bool, maximum_pixels: int | None) -> dict[str, Any]:
    """Returns the columns that describe stored pixels.

    Raises:
        RefusedError: `colour`, `no_pixels`, `many_pixels`, or `unreadable_header` where the depth
            is not stated.
    """
    photometric = read_text(header, "PhotometricInterpretation").upper()
    samples = read_whole_number(header, "SamplesPerPixel") or 1
    if photometric not in {"MONOCHROME1", "MONOCHROME2", ""} or samples > 1:
        found = photometric if photometric in _COLOURS else describe_length(photometric)
        raise RefusedError("colour", f"{found}, {samples} samples a pixel")
    rows, columns = (read_whole_number(header, keyword) or 0 for keyword in ("Rows", "Columns"))
    if rows <= 0 or columns <= 0 or not has_pixels:
        raise RefusedError("no_pixels", f"{rows}x{columns}")
    if maximum_pixels is not None and rows * columns > maximum_pixels:
        raise RefusedError("many_pixels", f"{rows}x{columns}; expected {maximum_pixels} at most")
    allocated = _read_required(header, "BitsAllocated")
    stored = _read_required(header, "BitsStored")
    high_bit = read_whole_number(header, "HighBit")
    return {
        "rows_px": rows,
        "columns_px": columns,
        "photometric": photometric or "MONOCHROME2",
        "bits_allocated": allocated,
        "bits_stored": stored,
        "high_bit": stored - 1 if high_bit is None else high_bit,
        "pixel_representation": read_whole_number(header, "PixelRepresentation") or 0,
        "transfer_syntax": name_uid(read_text(header, "TransferSyntaxUID")),
    }


def _read_required(header: Header, keyword: str) -> int:
    number = read_whole_number(header, keyword)
    if number is None:
        raise RefusedError("unreadable_header", f"no {keyword}")
    return number


def read_field(
    header: Header, image: dict[str, Any], stated_spacing_mm: float | None, minimum_field_mm: float
) -> dict[str, Any]:
    """Returns spacing at the breast in mm and its source.

    Args:
        header: The header.
        image: `rows_px`, `columns_px` and `device`.
        stated_spacing_mm: What the user states where the file is silent.
        minimum_field_mm: A shorter side of the imaged field is no whole breast.

    Raises:
        RefusedError: `no_spacing` or `small_field`.
    """
    rows, columns = image["rows_px"], image["columns_px"]
    row_mm, column_mm, source = read_spacing_mm(header, image["device"], stated_spacing_mm)
    field_mm = min(rows * row_mm, columns * column_mm)
    if field_mm < minimum_field_mm:
        found = f"{rows}x{columns} pixels, shorter side {field_mm:.1f} mm"
        raise RefusedError("small_field", f"{found}; expected {minimum_field_mm:g} mm or more")
    return {"row_spacing_mm": row_mm, "column_spacing_mm": column_mm, "spacing_source": source}


def read_particulars(header: Header) -> dict[str, Any]:
    """Returns the columns that decide nothing but describe how the image was made and lies.

    Raises:
        RefusedError: `text_stated`, the one among them that refuses an image.
    """
    burned_in = read_yes_or_no(header, "BurnedInAnnotation")
    if burned_in == "yes":
        raise RefusedError("text_stated", "YES")
    return {
        "detector": read_detector(header),
        "software": read_software(header),
        "presentation_intent": read_intent(header),
        **read_windows(header),
        "patient_orientation": read_orientation(header),
        "horizontal_flip": read_yes_or_no(header, "FieldOfViewHorizontalFlip"),
        "implant": read_yes_or_no(header, "BreastImplantPresent"),
        "burned_in": burned_in,
        "lossy": read_yes_or_no(header, "LossyImageCompression"),
        **read_exposure(header),
        "age": read_age_years(header),
    }


def read_orientation(header: Header) -> str:
    r"""Returns PatientOrientation (0020,0020), `other` where it holds no letters of directions.

    >>> read_orientation({"PatientOrientation": ["A", "FR"]})
    'A\\FR'
    """
    letters = [text.upper() for text in list_texts(header, "PatientOrientation")]
    known = all(_DIRECTION.fullmatch(text) for text in letters)
    return "\\".join(letters) if known else "other"


def read_age_years(header: Header) -> float:
    """Returns PatientAge (0010,1010) in years, NaN where it is missing or unreadable.

    >>> read_age_years({"PatientAge": "555M"}), read_age_years({"PatientAge": "?"})
    (46.25, nan)
    """
    texts = list_texts(header, "PatientAge")
    match = re.fullmatch(r"(\d{1,3})([YM])", texts[0].upper()) if texts else None
    if not match:
        return math.nan
    return int(match[1]) / (12 if match[2] == "M" else 1)
