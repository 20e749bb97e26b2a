"""RSNA Screening Mammography Breast Cancer Detection (2022): 54,706 images of 11,913 patients.

Carr et al., Kaggle (2022). Only the published format is known here, and the adapter is tested
against a sample made after it: train.csv, one row an image, files `<patient_id>/<image_id>.dcm`.
The DICOM files have no Modality, Manufacturer or spacing: the listing states site and machine as
maker and model, and the spacing must be stated by the user. Each patient has one exam. `cancer` is
the breast's: by pathology where it is 1 or where there was a biopsy, by follow-up elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from mammo_pipeline.mammo.collections.record import (
    IDENTITY,
    Collection,
    CollectionOptions,
    age_text,
    fill_listing,
    label_breasts,
)
from mammo_pipeline.mammo.collections.tables import Source, Tables, find_sources
from mammo_pipeline.mammo.labels import exam_key

EXPECTED = "train.csv"
YES_NO = {"0": "0", "1": "1"}
SOURCES = {
    "images": Source(
        columns={
            "site": ("site_id",),
            "patient": ("patient_id",),
            "image": ("image_id",),
            "laterality": ("laterality",),
            "view": ("view",),
            "age": ("age",),
            "cancer": ("cancer",),
            "biopsy": ("biopsy",),
            "birads": ("birads",),
            "implant": ("implant",),
            "density": ("density",),
            "machine": ("machine_id",),
        },
        values={
            "laterality": {"L": "L", "R": "R"},
            "cancer": YES_NO,
            "biopsy": YES_NO,
            "birads": {"": "", "NAN": "", **{f"{n}{end}": n for n in "012" for end in ("", ".0")}},
            "implant": {"": "", "0": "NO", "1": "YES"},
            "density": {"": "", "NAN": "", **dict(zip("ABCD", "ABCD", strict=True))},
        },
    )
}
OVERRIDES = IDENTITY | {"ImageLaterality", "ViewPosition"}


def read_tables(tables: Tables, options: CollectionOptions, names: Sequence[str]) -> Collection:
    """Returns labels by breast, and a listing by the end of the file's path.

    Raises:
        LabelError: The table is missing, or a value is none of those expected.
    """
    images = find_sources(tables, SOURCES, EXPECTED, "images")["images"]
    examined = images["cancer"].eq("1") | images["biopsy"].eq("1")
    breasts = images.assign(
        cancer=images["cancer"].astype(int),
        truth=examined.map({True: "pathology", False: "follow_up"}),
    )
    listing = images.assign(
        key_kind="path_end",
        key=images["patient"] + "/" + images["image"],
        PatientID=images["patient"],
        StudyInstanceUID=exam_key(images["patient"], pd.Series("1", index=images.index)),
        ImageLaterality=images["laterality"],
        ViewPosition=images["view"].str.upper(),
        PatientAge=age_text(images["age"]),
        Manufacturer="site " + images["site"],
        InstitutionName="site " + images["site"],
        ManufacturerModelName="machine " + images["machine"],
        BreastImplantPresent=images["implant"],
    )
    return Collection(label_breasts(breasts), fill_listing(listing), OVERRIDES)
