"""How large a pixel is at the breast."""

from __future__ import annotations

import math
import re

from mammo_pipeline.mammo.dicom.devices import describe_maker
from mammo_pipeline.mammo.dicom.header import Header
from mammo_pipeline.mammo.dicom.values import list_texts, parse_number, read_text
from mammo_pipeline.mammo.fates import RefusedError

# Detector spacing in mm of devices whose files may omit it. Vendors' conformance statements, as
# collected in headers of public archives; a device with several modes is not listed.
DEVICE_SPACING_MM = {
    "GE Senographe DS": 0.094090909,
    "GE Senographe Essential": 0.094090909,
    "GE Senographe Pristina": 0.1,
    "Siemens Mammomat Inspiration": 0.085,
    "Lorad Selenia": 0.07,
}


def read_spacing_mm(
    header: Header, device: str, stated_mm: float | None = None
) -> tuple[float, float, str]:
    """Returns spacing between rows and between columns at the breast in mm, and its source.

    ImagerPixelSpacing (0018,1164) is measured at the detector; divided by
    EstimatedRadiographicMagnificationFactor (0018,1114) it holds at the breast (PS3.3 C.8.11.7).
    PixelSpacing (0028,0030) counts only with PixelSpacingCalibrationType (0028,0A02). Then the
    device's table, then what the user states.

    Raises:
        RefusedError: `no_spacing`; a spacing is never guessed.

    >>> read_spacing_mm({"ImagerPixelSpacing": ["0.1", "0.1"],
    ...                  "EstimatedRadiographicMagnificationFactor": "1.25"}, "unknown")
    (0.08, 0.08, 'header')
    """
    detector = read_pair_mm(header, "ImagerPixelSpacing")
    if detector:
        factor = parse_number(read_text(header, "EstimatedRadiographicMagnificationFactor"))
        factor = factor if 1.0 <= factor < 3.0 else 1.0
        return detector[0] / factor, detector[1] / factor, "header"
    calibrated = read_pair_mm(header, "PixelSpacing")
    if calibrated and list_texts(header, "PixelSpacingCalibrationType"):
        return *calibrated, "calibrated"
    if device in DEVICE_SPACING_MM:
        return DEVICE_SPACING_MM[device], DEVICE_SPACING_MM[device], "device"
    if stated_mm:
        return stated_mm, stated_mm, "stated"
    raise RefusedError("no_spacing", describe_maker(device))


def read_pair_mm(header: Header, keyword: str) -> tuple[float, float] | None:
    r"""Returns a spacing as units write it; None where it is missing or none that a detector has.

    It occurs as two values, as a list in brackets, as one value for both, and with commas.

    >>> [read_pair_mm({"PixelSpacing": text}, "PixelSpacing")
    ...  for text in (["0.07", "0.08"], "[0.07, 0.08]", "0,07", "74.7")]
    [(0.07, 0.08), (0.07, 0.08), (0.07, 0.07), None]
    """
    text = " ".join(list_texts(header, keyword))
    if "." not in text:
        text = re.sub(r"\b0,(?=\d)", "0.", text)
    numbers = [parse_number(part) for part in re.split(r"[\s,;\\\[\]()'\"]+", text) if part]
    pair = (numbers * 2)[:2] if len(numbers) in (1, 2) else []
    if len(pair) == 2 and all(math.isfinite(mm) and 0.01 <= mm <= 5.0 for mm in pair):
        return pair[0], pair[1]
    return None
