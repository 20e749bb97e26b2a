"""The Digital Mammography DREAM Challenge: 640,000 screening images of 86,000 women.

Schaffter et al., JAMA Network Open 3:e200265 (2020). The data are not public; only the published
format is known here, and the adapter is tested against a sample made after it:
exams_metadata.tsv (one row an exam: cancerL, cancerR, age, `*` or `.` where nothing is known) and
images_crosswalk.tsv (one row an image). Cancer is a tissue diagnosis within 12 months of the
exam; a breast without is negative by follow-up. A breast of which nothing is known has no row. An
exam is its examIndex: dates are not published, so exams have no offset.
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

EXPECTED = "exams_metadata.tsv and images_crosswalk.tsv"
OUTCOMES = {"0": "0", "1": "1", "*": "", ".": "", "": "", "NA": ""}
SOURCES = {
    "exams": Source(
        columns={
            "patient": ("subjectid",),
            "index": ("examindex",),
            "L": ("cancerl",),
            "R": ("cancerr",),
            "age": ("age",),
        },
        values={"L": OUTCOMES, "R": OUTCOMES},
        optional=frozenset({"age"}),
    ),
    "images": Source(
        columns={
            "patient": ("subjectid",),
            "index": ("examindex",),
            "laterality": ("laterality",),
            "view": ("view",),
            "file": ("filename",),
        },
        values={"laterality": {"L": "L", "R": "R"}},
    ),
}
OVERRIDES = IDENTITY | {"ImageLaterality", "ViewPosition"}


def read_tables(tables: Tables, options: CollectionOptions, names: Sequence[str]) -> Collection:
    """Returns labels by exam and breast, and a listing by file name.

    Raises:
        LabelError: The table of exams is missing, or a value is none of those expected.
    """
    found = find_sources(tables, SOURCES, EXPECTED, "exams")
    exams = found["exams"].assign(exam=lambda t: exam_key(t["patient"], t["index"]))
    breasts = exams.melt(
        ["patient", "exam", "age", "line"], ["L", "R"], "laterality", value_name="cancer"
    )
    known = breasts[breasts["cancer"] != ""]
    known = known.assign(truth=known["cancer"].map({"1": "pathology", "0": "follow_up"}))
    labels = label_breasts(known.astype({"cancer": int}))
    listing = _list_images(found["images"], exams) if "images" in found else fill_listing()
    return Collection(labels, listing, OVERRIDES)


def _list_images(images: pd.DataFrame, exams: pd.DataFrame) -> pd.DataFrame:
    exam = exam_key(images["patient"], images["index"])
    ages = exams.drop_duplicates("exam").set_index("exam")["age"]
    return fill_listing(
        images.assign(
            key_kind="path_end",
            key=images["file"],
            PatientID=images["patient"],
            StudyInstanceUID=exam,
            ImageLaterality=images["laterality"],
            ViewPosition=images["view"].str.upper(),
            PatientAge=age_text(exam.map(ages)),
        )
    )
