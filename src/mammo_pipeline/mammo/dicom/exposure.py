"""How an image was exposed: tube voltage and charge, target, filter, thickness, force."""

from __future__ import annotations

import math
from typing import Any

from mammo_pipeline.mammo.dicom.header import Header
from mammo_pipeline.mammo.dicom.values import read_number, read_word

# AnodeTargetMaterial (0018,1191) and FilterMaterial (0018,7050), PS3.3 sections C.8.7.10 and
# C.8.11.3, by name and by the symbols that occur.
MATERIALS = {
    spelling: name
    for name, symbol in {
        "MOLYBDENUM": "MO",
        "RHODIUM": "RH",
        "TUNGSTEN": "W",
        "SILVER": "AG",
        "ALUMINUM": "AL",
        "COPPER": "CU",
        "TITANIUM": "TI",
        "TIN": "SN",
        "NIOBIUM": "NB",
        "BERYLLIUM": "BE",
    }.items()
    for spelling in (name, symbol)
} | {"ALUMINIUM": "ALUMINUM"}


def read_exposure(header: Header) -> dict[str, Any]:
    """Returns the columns of exposure; NaN or "" where a value is not stated.

    `kvp` is KVP (0018,0060) in kV, `thickness_mm` BodyPartThickness (0018,11A0), `force_n`
    CompressionForce (0018,11A2) as written: the standard asks for newtons, but some units write
    decanewtons or kilograms of weight.

    >>> read_exposure({"KVP": "28", "FilterMaterial": ["RHODIUM", "ALUMINUM"]})["filter"]
    'RHODIUM'
    """
    return {
        "kvp": _positive(read_number(header, "KVP")),
        "exposure_mas": read_exposure_mas(header),
        "target": read_word(header, "AnodeTargetMaterial", MATERIALS),
        "filter": read_word(header, "FilterMaterial", MATERIALS),
        "thickness_mm": _positive(read_number(header, "BodyPartThickness")),
        "force_n": _positive(read_number(header, "CompressionForce"), zero=True),
    }


def read_exposure_mas(header: Header) -> float:
    """Returns the charge in mAs, NaN where it is not stated.

    ExposureInuAs (0018,1153) has the digits that Exposure (0018,1152) rounds off; it stands unless
    it is not in the unit of its name, which the other tells.

    >>> read_exposure_mas({"Exposure": "21", "ExposureInuAs": "20800"})
    20.8
    >>> read_exposure_mas({"Exposure": "21", "ExposureInuAs": "21"})
    21.0
    """
    rounded = _positive(read_number(header, "Exposure"))
    exact = _positive(read_number(header, "ExposureInuAs") / 1000)
    if math.isnan(exact) or math.isnan(rounded):
        return exact if math.isnan(rounded) else rounded
    return exact if abs(exact - rounded) <= max(1.0, 0.1 * rounded) else rounded


def _positive(number: float, zero: bool = False) -> float:
    return number if number > 0 or (zero and number == 0) else math.nan
