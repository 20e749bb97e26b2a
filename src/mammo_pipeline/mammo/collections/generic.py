"""The project's own tables: one of labels, and one that states what files do not say.

The label table is described in the README. The listing is for pictures without a header (PNG,
TIFF, PGM), and completes DICOM headers where they are silent; it never contradicts one.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from mammo_pipeline.mammo.boxes import LabelError, parse_image_boxes
from mammo_pipeline.mammo.collections.record import (
    MAMMOGRAM,
    Collection,
    CollectionOptions,
    age_text,
    fill_listing,
)
from mammo_pipeline.mammo.collections.tables import (
    TABLE_ENDINGS,
    Source,
    Tables,
    check_values,
    find_sources,
    read_table,
)
from mammo_pipeline.mammo.labels import REQUIRED, exam_key, read_labels

OPTIONAL = (
    "patient_id",
    "exam",
    "study_date",
    "laterality",
    "view",
    "spacing_mm",
    "photometric",
    "device",
    "age",
    "lesion_boxes",
)
PHOTOMETRIC = {"": "", "MONOCHROME1": "MONOCHROME1", "MONOCHROME2": "MONOCHROME2"}
LISTING = Source(
    columns={"file": ("file",), **{name: (name,) for name in OPTIONAL}},
    values={
        "laterality": {"": "", "L": "L", "R": "R", "LEFT": "L", "RIGHT": "R"},
        "photometric": PHOTOMETRIC,
    },
    optional=frozenset(OPTIONAL),
)


def read_tables(tables: Tables, options: CollectionOptions, names: Sequence[str]) -> Collection:
    """Returns the labels and the listing; a table with a column `file` is a listing.

    Raises:
        LabelError: There is no label table or more than one, or a table is bad.
    """
    readable = {
        name: read_table(text, name)
        for name, text in tables.items()
        if isinstance(text, pd.DataFrame) or name.lower().endswith(TABLE_ENDINGS)
    }
    listings = {name: table for name, table in readable.items() if "file" in table.columns}
    others = [table for name, table in readable.items() if name not in listings]
    fitting = [table for table in others if set(REQUIRED) <= set(table.columns)] or others
    if len(fitting) != 1:
        raise LabelError(
            f"Label table: found {len(fitting)} tables below the labels path, expected one with "
            f"the columns {', '.join(REQUIRED)}, and optionally a listing with the column file."
        )
    labels = read_labels(fitting[0], options.opinion_as_truth)
    listing = read_listing(listings) if listings else fill_listing()
    return Collection(labels, listing, strict_patients=True)


def read_listing(tables: Tables) -> pd.DataFrame:
    """Returns the listing of files, one row a file.

    Args:
        tables: Tables with the column `file` (path relative to the image folder) and any of
            `patient_id`, `study_date` (YYYYMMDD) or `exam` (a key of your own), `laterality`,
            `view`, `spacing_mm` (at the breast), `photometric`, `device`, `age` (years) and
            `lesion_boxes` (`kind:pathology:row_min,column_min,row_max,column_max`, joined by `;`).

    Raises:
        LabelError: A column is unknown, a value is none of those expected, or two rows name the
            same file.
    """
    for name, table in tables.items():
        unknown = [column for column in table if column not in LISTING.columns]
        if unknown:
            raise LabelError(
                f"Label table {name}: {len(unknown)} unknown columns. A listing may name file, "
                f"{', '.join(OPTIONAL)}, and nothing else."
            )
    rows = find_sources(tables, {"files": LISTING}, "a listing", "files")["files"]
    _check_rows(rows)
    spacing = pd.to_numeric(rows["spacing_mm"].replace("", None))
    exam = exam_key(rows["patient_id"], rows["exam"]).where(rows["exam"] != "", "")
    return fill_listing(
        rows.assign(
            key_kind="path",
            key=rows["file"].str.replace("\\", "/").str.removeprefix("./"),
            SOPClassUID=MAMMOGRAM,
            PatientID=rows["patient_id"],
            StudyDate=rows["study_date"].str.replace("-", ""),
            StudyInstanceUID=exam,
            ImageLaterality=rows["laterality"],
            ViewPosition=rows["view"].str.upper(),
            PatientAge=age_text(rows["age"]),
            ManufacturerModelName=rows["device"],
            PhotometricInterpretation=rows["photometric"],
            spacing_mm=spacing.astype("float64"),
        )
    )


def _check_rows(rows: pd.DataFrame) -> None:
    numbers = {name: pd.to_numeric(rows[name], errors="coerce") for name in ("spacing_mm", "age")}
    # The bounds of a plausible spacing are those that a header is held to.
    allowed = {
        "file": (rows["file"].ne("") & ~rows["file"].duplicated(keep=False), "one row a file"),
        "study_date": (
            rows["study_date"].str.fullmatch(r"(\d{4}-?\d{2}-?\d{2})?"),
            "a date as YYYYMMDD, or nothing",
        ),
        "exam": (rows["exam"].eq("") | rows["study_date"].eq(""), "nothing beside a study_date"),
        "view": (rows["view"].str.fullmatch(r"\w{0,16}"), "CC, MLO or another code of a view"),
        "spacing_mm": (numbers["spacing_mm"].between(0.01, 5.0), "0.01 to 5 mm, or nothing"),
        "age": (numbers["age"].between(18, 120), "years between 18 and 120, or nothing"),
    }
    for name, (good, expected) in allowed.items():
        fine = good | rows[name].eq("") if name != "file" else good
        check_values(fine.astype(object).where(fine), rows["line"], name, expected)
    for text, line in zip(rows["lesion_boxes"], rows["line"], strict=True):
        parse_image_boxes(text, line)
