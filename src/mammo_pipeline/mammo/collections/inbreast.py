"""INbreast: 410 digital mammograms of 115 cases, with BI-RADS and contours.

Moreira et al., Academic Radiology 19:236 (2012). The data must be asked for; only the published
format is known here, and the adapter is tested against a sample made after it: INbreast.csv
(semicolons; patient and age say "removed", the acquisition date is YYYYMM), one XML property list
an image, DICOM files named `<number>_<patient>_MG_<side>_<CC or ML>_ANON.dcm`. ML there means MLO.
The patient is told by the file names alone; an image whose file is not there has a patient of its
own. The exam's date is taken as the first of its month, and the listing's identity, side and view
take the place of the header's. BI-RADS is an opinion: only a part of the findings has a biopsy,
and no table says of which.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import pandas as pd

from mammo_pipeline.mammo.collections.contours import read_contours
from mammo_pipeline.mammo.collections.record import (
    IDENTITY,
    Collection,
    CollectionOptions,
    fill_listing,
    join_boxes,
    label_opinions,
)
from mammo_pipeline.mammo.collections.tables import Source, Tables, check_values, find_sources
from mammo_pipeline.mammo.labels import BIRADS, judge_opinion

EXPECTED = "INbreast.csv and the folder AllXML"
FILE_NAME = re.compile(r"(\d+)_([0-9a-z]+)_MG_[LR]_[A-Z]+", re.IGNORECASE)
SOURCES = {
    "images": Source(
        columns={
            "number": ("file name",),
            "laterality": ("laterality",),
            "view": ("view",),
            "month": ("acquisition date",),
            "density": ("acr",),
            "birads": ("bi-rads", "birads"),
        },
        values={
            "laterality": {"L": "L", "R": "R"},
            "view": {"CC": "CC", "MLO": "MLO", "ML": "MLO", "FB": "FB"},
            "density": {"": "", "1": "A", "2": "B", "3": "C", "4": "D"},
            "birads": {category: category for category in BIRADS},
        },
    )
}
OVERRIDES = IDENTITY | {"ImageLaterality", "ViewPosition"}


def read_tables(tables: Tables, options: CollectionOptions, names: Sequence[str]) -> Collection:
    """Returns labels by BI-RADS, and a listing by the number that begins a file's name.

    Boxes need a pathology, so they are there only where the opinion may stand for it.

    Args:
        tables: INbreast.csv and, optionally, the XML of the images.
        options: Whether BI-RADS counts as truth.
        names: The files of the image folder, which name the patients.

    Raises:
        LabelError: The table is missing, or a value is none of those expected.
    """
    images = find_sources(tables, SOURCES, EXPECTED, "images")["images"]
    months = images["month"].str.replace(r"\D", "", regex=True).str.extract(r"^(\d{6})")[0]
    check_values(months, images["line"], "Acquisition date", "a month as YYYYMM")
    number = images["number"].str.split(r"[._]", regex=True).str[0]
    patients = {m[1]: m[2].lower() for m in map(FILE_NAME.match, _stems(names)) if m}
    images = images.assign(
        number=number, patient=number.map(patients).fillna("image " + number), exam=months + "01"
    )
    listing = images.assign(
        key_kind="stem_prefix",
        key=number,
        PatientID=images["patient"],
        StudyDate=images["exam"],
        ImageLaterality=images["laterality"],
        ViewPosition=images["view"],
        lesion_boxes=_write_boxes(images, tables) if options.opinion_as_truth else "",
    )
    return Collection(label_opinions(images, options), fill_listing(listing), OVERRIDES)


def _stems(names: Sequence[str]) -> list[str]:
    return [name.rsplit("/", 1)[-1] for name in names]


def _write_boxes(images: pd.DataFrame, tables: Tables) -> list[str]:
    texts = {
        name.rsplit("/", 1)[-1].split(".")[0]: (name, str(text))
        for name, text in tables.items()
        if name.lower().endswith(".xml")
    }
    cancers = judge_opinion(images["birads"])
    boxes = []
    for number, cancer in zip(images["number"], cancers, strict=True):
        name, text = texts.get(number, ("", ""))
        found = read_contours(text, name) if text and not pd.isna(cancer) else []
        pathology = "malignant" if found and cancer else "benign"
        kinds, corners = [kind for kind, _ in found], [corner for _, corner in found]
        boxes.append(join_boxes(kinds, [pathology] * len(found), corners))
    return boxes
