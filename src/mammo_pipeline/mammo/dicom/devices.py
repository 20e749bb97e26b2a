"""Which unit made an image: maker, model, detector and software."""

from __future__ import annotations

import re

from mammo_pipeline.mammo.dicom.header import Header
from mammo_pipeline.mammo.dicom.values import list_texts, read_word

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
# DetectorType (0018,7004), PS3.3 section C.8.11.4.
DETECTORS = {word: word for word in ("DIRECT", "SCINTILLATOR", "STORAGE", "FILM")}
# What is kept of names is bounded: a long text is no name of a device.
LONGEST_NAME = 64
# Numbers parted by points, with a short word before or behind: `ADS_43.10.1`, `1.8.3.63`, `V2.1b`.
_VERSION = re.compile(r"[A-Za-z]{0,8}[_-]?\d{1,5}(?:[._]\d{1,6}){1,5}[A-Za-z]{0,4}\d{0,3}")


def read_device(header: Header) -> str:
    """Returns maker and model as `Maker Model`, or `unknown`.

    Manufacturer (0008,0070) is spelt in many ways; ManufacturerModelName (0008,1090) may carry a
    software version behind the name, which is cut.

    >>> read_device({"Manufacturer": "HOLOGIC, Inc.",
    ...              "ManufacturerModelName": "Selenia Dimensions"})
    'Hologic Selenia Dimensions'
    """
    maker, model = (
        " ".join(re.sub(r"[^\w.,&/()+ -]", " ", text).split())[:LONGEST_NAME]
        for text in (_first(header, "Manufacturer"), _first(header, "ManufacturerModelName"))
    )
    model = re.sub(r"\s+\S*\d+[._]\d\S*$", "", model)
    known = next((name for mark, name in MAKERS.items() if mark in f"{maker.lower()} "), maker)
    model = re.sub(rf"^{re.escape(known)}\s+", "", model, flags=re.IGNORECASE)
    words = [word.title() if word.isupper() and len(word) > 3 else word for word in model.split()]
    return " ".join([known, *words]).strip() or "unknown"


def describe_maker(device: str) -> str:
    """Returns what a report may say of a device: its maker where the maker is known.

    >>> describe_maker("GE Senographe DS"), describe_maker("the unit of Dr. Doe")
    ('a device of GE', 'a device of an unlisted maker')
    """
    if device == "unknown":
        return "no device stated"
    known = next((name for name in MAKERS.values() if device.startswith(name)), "an unlisted maker")
    return f"a device of {known}"


def read_detector(header: Header) -> str:
    """Returns DetectorType (0018,7004), `other` for a word that the standard has not, or ""."""
    return read_word(header, "DetectorType", DETECTORS)


def read_software(header: Header) -> str:
    """Returns the version numbers in SoftwareVersions (0018,1020), parted by blanks.

    Other words are left out: they are titles, and may be names of a site or numbers of a patient.

    >>> read_software({"SoftwareVersions": "Ads Application Package VERSION ADS_43.10.1"})
    'ADS_43.10.1'
    """
    words = re.findall(r"[0-9A-Za-z._-]+", " ".join(list_texts(header, "SoftwareVersions")))
    kept = ""
    for word in dict.fromkeys(word for word in words if _VERSION.fullmatch(word)):
        longer = f"{kept} {word}".strip()
        if len(longer) > LONGEST_NAME:
            break
        kept = longer
    return kept


def _first(header: Header, keyword: str) -> str:
    return (list_texts(header, keyword) or [""])[0]
