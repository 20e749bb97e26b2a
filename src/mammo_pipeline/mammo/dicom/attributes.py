"""One attribute at a time: how vendors write it, and what it means for the breast."""

from __future__ import annotations

import math
import re

from pydicom.dataset import Dataset

from mammo_pipeline.mammo.fates import RefusedError

# SNOMED CT and SRT codes of PS3.16 context group 4014 for the two standard views.
VIEW_CODES = {
    "399162004": "CC",
    "R-10242": "CC",
    "399368009": "MLO",
    "R-10226": "MLO",
}
# Modifiers of context group 4015 that leave a view standard: none does; every modified view
# (spot, magnified, exaggerated, rolled) shows a part of the breast. Implant displaced is whole.
WHOLE_BREAST_MODIFIERS = {"399209000", "R-102D5"}

# Detector spacing in mm of devices whose files may omit it. Vendors' conformance statements, as
# collected in headers of public archives; a device with several modes is not listed.
DEVICE_SPACING_MM = {
    "GE Senographe DS": 0.094090909,
    "GE Senographe Essential": 0.094090909,
    "GE Senographe Pristina": 0.1,
    "Siemens Mammomat Inspiration": 0.085,
    "Lorad Selenia": 0.07,
}
MAKERS = {
    "hologic": "Hologic",
    "lorad": "Lorad",
    "ge ": "GE",
    "siemens": "Siemens",
    "planmed": "Planmed",
    "ims": "IMS",
    "giotto": "IMS",
    "fuji": "Fujifilm",
    "philips": "Philips",
    "sectra": "Sectra",
}


def read_device(header: Dataset) -> str:
    """Returns maker and model as `Maker Model`, or `unknown`.

    Manufacturer (0008,0070) is spelt in many ways; ManufacturerModelName (0008,1090) may carry a
    software version behind the name, which is cut.

    >>> header = Dataset(); header.Manufacturer = "HOLOGIC, Inc."
    >>> header.ManufacturerModelName = "Selenia Dimensions"
    >>> read_device(header)
    'Hologic Selenia Dimensions'
    """
    maker = str(header.get("Manufacturer", "") or "").strip()
    model = str(header.get("ManufacturerModelName", "") or "").strip()
    model = re.sub(r"\s+\S*\d+[._]\d\S*$", "", model)
    known = next((name for mark, name in MAKERS.items() if mark in f"{maker.lower()} "), maker)
    model = re.sub(rf"^{re.escape(known)}\s+", "", model, flags=re.IGNORECASE)
    words = [word.title() if word.isupper() and len(word) > 3 else word for word in model.split()]
    return " ".join([known, *words]).strip() or "unknown"


def read_laterality(header: Dataset) -> str:
    """Returns `L` or `R`: ImageLaterality (0020,0062), else Laterality (0020,0060).

    Raises:
        RefusedError: `no_laterality`.
    """
    for keyword in ("ImageLaterality", "Laterality"):
        value = str(header.get(keyword, "") or "").strip().upper()
        if value in {"L", "R"}:
            return value
    raise RefusedError("no_laterality", str(header.get("ImageLaterality", "nothing")))


def read_view(header: Dataset) -> str:
    """Returns `CC` or `MLO`: ViewCodeSequence (0054,0220) before ViewPosition (0018,5101).

    Raises:
        RefusedError: `other_view` for any other projection, or a modified one.
    """
    for item in header.get("ViewCodeSequence", None) or []:
        view = VIEW_CODES.get(str(item.get("CodeValue", "")))
        modifiers = [
            str(modifier.get("CodeValue", ""))
            for modifier in item.get("ViewModifierCodeSequence", None) or []
        ]
        extra = [code for code in modifiers if code not in WHOLE_BREAST_MODIFIERS]
        if view and not extra:
            return view
        raise RefusedError("other_view", str(item.get("CodeMeaning", item.get("CodeValue", ""))))
    view = str(header.get("ViewPosition", "") or "").strip().upper()
    if view in {"CC", "MLO"}:
        return view
    raise RefusedError("other_view", view or "nothing")


def read_spacing_mm(
    header: Dataset, device: str, stated_mm: float | None = None
) -> tuple[float, float, str]:
    """Returns spacing between rows and between columns at the breast in mm, and its source.

    ImagerPixelSpacing (0018,1164) is measured at the detector; divided by
    EstimatedRadiographicMagnificationFactor (0018,1114) it holds at the breast (PS3.3 C.8.11.7).
    PixelSpacing (0028,0030) counts only with PixelSpacingCalibrationType (0028,0A02). Then the
    device's table, then what the user states.

    Raises:
        RefusedError: `no_spacing`; a spacing is never guessed.

    >>> header = Dataset(); header.ImagerPixelSpacing = [0.1, 0.1]
    >>> header.EstimatedRadiographicMagnificationFactor = 1.25
    >>> read_spacing_mm(header, "unknown")
    (0.08, 0.08, 'header')
    """
    detector = _spacing_pair(header.get("ImagerPixelSpacing", None))
    if detector:
        factor = float(header.get("EstimatedRadiographicMagnificationFactor", None) or 1.0)
        factor = factor if 1.0 <= factor < 3.0 else 1.0
        return detector[0] / factor, detector[1] / factor, "header"
    calibrated = _spacing_pair(header.get("PixelSpacing", None))
    if calibrated and header.get("PixelSpacingCalibrationType", None):
        return *calibrated, "calibrated"
    if device in DEVICE_SPACING_MM:
        return DEVICE_SPACING_MM[device], DEVICE_SPACING_MM[device], "device"
    if stated_mm:
        return stated_mm, stated_mm, "stated"
    raise RefusedError("no_spacing", f"device {device}")


def _spacing_pair(value: object) -> tuple[float, float] | None:
    numbers = re.findall(r"[0-9]*\.?[0-9]+(?:[eE]-?\d+)?", str(value)) if value else []
    pair = [float(number) for number in (numbers * 2)[:2]]
    if len(pair) == 2 and all(math.isfinite(mm) and 0.01 <= mm <= 5.0 for mm in pair):
        return pair[0], pair[1]
    return None


def read_age_years(header: Dataset) -> float:
    """Returns PatientAge (0010,1010) in years, NaN where it is missing or unreadable.

    >>> header = Dataset(); header.PatientAge = "555M"
    >>> read_age_years(header)
    46.25
    """
    match = re.fullmatch(r"\s*(\d{1,3})([YM])\s*", str(header.get("PatientAge", "") or ""))
    if not match:
        return math.nan
    return int(match[1]) / (12 if match[2] == "M" else 1)
