"""The tags that a unit would write beside a rendered view, made-up identifiers included."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import numpy as np
from pydicom.uid import generate_uid

from .devices import Device, find_device
from .study import Exam, Woman

_SURNAMES = "Abel Brandt Castel Dorn Eklund Ferrand Gruber Holm Ivarsson Janssen Keller Lindqvist"
_FORENAMES = "Anna Berta Clara Dora Elisa Frida Greta Hanna Ines Judith Karla Lotte Marta Nora"
# Of one length: whichever it is, the file stays as long.
_SITES = ("Phantom Breast Centre", "Phantom Breast Clinic", "Phantom Health Centre")
_VIEW_CODES = {
    "CC": ("R-10242", "cranio-caudal"),
    "MLO": ("R-10226", "medio-lateral oblique"),
}


def make_patient_id(woman: Woman) -> str:
    """Returns PatientID (0010,0020): made up, and shaped like a hospital's number."""
    digits = int(make_uid(woman, "patient").rsplit(".", 1)[-1][-7:])
    return f"MRN{digits:07d}{woman.number:05d}"


def make_uid(woman: Woman, *parts: str) -> str:
    """Returns a UID that depends on nothing but its names; pydicom's root."""
    return str(generate_uid(entropy_srcs=[woman.cohort, str(woman.number), *parts]))


def make_instance_uid(woman: Woman, exam: Exam, laterality: str, view: str) -> str:
    """Returns SOPInstanceUID (0008,0018) of one image."""
    return make_uid(woman, exam.date.isoformat(), laterality, view)


def describe_view(
    woman: Woman, exam: Exam, laterality: str, view: str, binning: float
) -> dict[str, Any]:
    """Returns DICOM keyword to value of one image, for `write_mammogram`.

    Args:
        woman: Who.
        exam: When, and on which unit.
        laterality: L or R.
        view: CC or MLO.
        binning: Stored pixels over the detector's own; the spacing grows with it.
    """
    device = find_device(exam.device)
    return {
        "SpecificCharacterSet": "ISO_IR 100",
        **_identify(woman, exam, laterality, view),
        **_describe_patient(woman, exam, device),
        **_describe_unit(device),
        **_describe_exposure(woman, exam),
        **_describe_geometry(device, laterality, view, binning),
        **_describe_display(device),
    }


def _identify(woman: Woman, exam: Exam, laterality: str, view: str) -> dict[str, Any]:
    day = exam.date.strftime("%Y%m%d")
    order = 1 + ("L", "R").index(laterality) + 2 * ("CC", "MLO").index(view)
    return {
        "ImageType": ["DERIVED", "PRIMARY"],
        "SOPInstanceUID": make_instance_uid(woman, exam, laterality, view),
        "StudyInstanceUID": make_uid(woman, day, "study"),
        "SeriesInstanceUID": make_uid(woman, day, "series", laterality, view),
        "StudyDate": day,
        "SeriesDate": day,
        "AcquisitionDate": day,
        "ContentDate": day,
        "StudyTime": f"{8 + woman.number % 9:02d}{woman.number * 7 % 60:02d}00",
        "AcquisitionTime": f"{8 + woman.number % 9:02d}{woman.number * 7 % 60:02d}{order * 11:02d}",
        "AccessionNumber": f"A{day[2:]}{woman.number:05d}",
        "StudyID": str(woman.number),
        "SeriesNumber": str(order),
        "InstanceNumber": "1",
        "StudyDescription": "MAMMOGRAPHY SCREENING BILATERAL",
        "SeriesDescription": f"{laterality} {view}",
    }


def _describe_patient(woman: Woman, exam: Exam, device: Device) -> dict[str, Any]:
    surnames, forenames = _SURNAMES.split(), _FORENAMES.split()
    surname = surnames[woman.number % len(surnames)]
    forename = forenames[woman.number // len(surnames) % len(forenames)]
    born = exam.date - timedelta(days=round(exam.age * 365.25))
    years, months = int(exam.age), int(exam.age * 12)
    in_months = device.age_in_months and months <= 999  # AS has three digits
    return {
        "PatientName": f"{surname}^{forename}",
        "PatientID": make_patient_id(woman),
        "PatientBirthDate": born.strftime("%Y%m%d"),
        "PatientSex": "F",
        "PatientAge": f"{months:03d}M" if in_months else f"{years:03d}Y",
        "InstitutionName": choose_site(woman),
        "ReferringPhysicianName": "Referrer^Imagined",
    }


def choose_site(woman: Woman) -> str:
    """Returns InstitutionName (0008,0080): where she goes, told by her number alone.

    Neither the device nor the outcome enters, and no random number is drawn for it.
    """
    return _SITES[int(make_uid(woman, "site").rsplit(".", 1)[-1]) % len(_SITES)]


def _describe_unit(device: Device) -> dict[str, Any]:
    return {
        "Manufacturer": device.manufacturer,
        "ManufacturerModelName": device.model,
        "DeviceSerialNumber": device.serial,
        "StationName": f"MAMMO{device.serial[-3:]}",
        "DetectorType": "DIRECT" if device.blur_mm < 0.06 else "SCINTILLATOR",
        "AnodeTargetMaterial": device.anode[0],
        "FilterMaterial": device.anode[1],
    }


def _describe_exposure(woman: Woman, exam: Exam) -> dict[str, Any]:
    return {
        "KVP": str(int(np.clip(24 + woman.thickness_mm / 10, 25, 33))),
        "Exposure": str(round(exam.exposure_mas)),
        "ExposureTime": str(round(exam.exposure_mas * 9)),
        "BodyPartThickness": f"{woman.thickness_mm:.0f}",
        "CompressionForce": f"{60 + exam.exposure_mas % 60:.0f}",
        "BodyPartExamined": "BREAST",
        "PositionerType": "MAMMOGRAPHIC",
        "BreastImplantPresent": "NO",
        "QualityControlImage": "NO",
        "BurnedInAnnotation": "NO",
        "LossyImageCompression": "00",
        "OrganExposed": "BREAST",
    }


def _describe_geometry(
    device: Device, laterality: str, view: str, binning: float
) -> dict[str, Any]:
    code, meaning = _VIEW_CODES[view]
    spacing = f"{device.spacing_mm * binning:.9g}"
    tags: dict[str, Any] = {
        "ViewPosition": view,
        "ViewCodeSequence": [
            {
                "CodeValue": code,
                "CodingSchemeDesignator": "SNM3",
                "CodeMeaning": meaning,
                "ViewModifierCodeSequence": [],
            }
        ],
        device.laterality_keyword: laterality,
        "PatientOrientation": orient_patient(device, laterality, view),
        "ImagerPixelSpacing": [spacing, spacing],
        "FieldOfViewHorizontalFlip": "NO",
        "DistanceSourceToDetector": "660",
        "DistanceSourceToPatient": f"{660 / device.magnification:.0f}",
    }
    if device.writes_magnification:
        tags["EstimatedRadiographicMagnificationFactor"] = f"{device.magnification:g}"
    return tags


def orient_patient(device: Device, laterality: str, view: str) -> list[str]:
    """Returns PatientOrientation (0020,0020): where rows run to, and where columns run to.

    >>> from .devices import DEVICES
    >>> orient_patient(DEVICES["hologic_dimensions"], "R", "MLO")
    ['P', 'FL']
    """
    medial, lateral = ("R", "L") if laterality == "L" else ("L", "R")
    upright = medial if view == "CC" else f"F{medial}"
    if laterality == "L" or device.lay == "chest_left":
        return ["A", upright]
    if device.lay == "anatomic":
        return ["P", upright]
    return ["P", lateral if view == "CC" else f"H{lateral}"]


def _describe_display(device: Device) -> dict[str, Any]:
    tags: dict[str, Any] = {
        "PhotometricInterpretation": device.photometric,
        "BitsStored": device.bits_stored,
        "PixelIntensityRelationship": "LOG",
        "PixelIntensityRelationshipSign": 1 if device.photometric == "MONOCHROME1" else -1,
        "RescaleIntercept": "0",
        "RescaleSlope": "1",
        "RescaleType": "US",
        "PresentationLUTShape": ("INVERSE" if device.photometric == "MONOCHROME1" else "IDENTITY"),
    }
    centers, widths, names = zip(*device.windows, strict=True)
    tags["WindowCenter"] = [str(center) for center in centers]
    tags["WindowWidth"] = [str(width) for width in widths]
    if any(names):
        tags["WindowCenterWidthExplanation"] = list(names)
    if device.voi == "SIGMOID":
        tags["VOILUTFunction"] = "SIGMOID"
    if device.voi == "LUT":
        tags["VOILUTSequence"] = [build_voi_lut(*window) for window in device.windows]
    return tags


def build_voi_lut(center: float, width: float, explanation: str) -> dict[str, Any]:
    """Returns one item of VOI LUT Sequence (0028,3010): a sigmoid table of 12 bits.

    PS3.3 C.11.2.1.3.1 gives the sigmoid, 4095 / (1 + exp(-4 (x - center) / width)).
    """
    first = max(int(center - 1.25 * width), 0)
    stored = np.arange(first, int(center + 1.25 * width))
    shown = np.rint(4095 / (1 + np.exp(-4 * (stored - center) / width)))
    return {
        "LUTDescriptor": [len(stored), first, 12],
        "LUTExplanation": explanation,
        "LUTData": shown.astype("<u2").tobytes(),
    }
