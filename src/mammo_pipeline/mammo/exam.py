"""From files to exams: each file gets one fate, each image its exam, breast and pseudonyms."""

from __future__ import annotations

from typing import Any

import pandas as pd

from mammo_pipeline.mammo.fates import describe_fate
from mammo_pipeline.mammo.labels import join_labels, parse_boxes
from mammo_pipeline.mammo.pseudonym import pseudonym

IMAGE_COLUMNS = [
    "image_id",
    "file_id",
    "exam_id",
    "patient_id",
    "laterality",
    "view",
    "device",
    "rows_px",
    "columns_px",
    "row_spacing_mm",
    "column_spacing_mm",
    "spacing_source",
    "photometric",
    "presentation_intent",
    "bits_stored",
    "transfer_syntax",
    "size_bytes",
    "exam_offset_days",
    "age",
    "density",
    "cancer",
]
BOX_COLUMNS = ["row_min", "column_min", "row_max", "column_max"]
LESION_COLUMNS = ["image_id", "kind", "pathology", *BOX_COLUMNS]


def mark_duplicates(records: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Returns the records with every later file of the same SOPInstanceUID marked a duplicate.

    Args:
        records: One a file, in the order of their names: `name`, `code` (`accepted` or a key of
            `FATES`), `found`, and for an accepted file its identity and attributes.
    """
    first: dict[str, str] = {}
    marked = []
    for record in records:
        before = first.setdefault(record["sop_instance"], record["name"]) if _used(record) else ""
        again = _used(record) and before != record["name"]
        marked.append({**record, "code": "duplicate", "found": before} if again else record)
    return marked


def label_images(records: list[dict[str, Any]], labels: pd.DataFrame | None) -> pd.DataFrame:
    """Returns one row a file, with the label of the breast for accepted images.

    An image whose breast has no label becomes quarantined; without a label table none is.

    Args:
        records: What `mark_duplicates` returned.
        labels: What `read_labels` returned, or None where the folder has no labels.
    """
    table = pd.DataFrame(records)
    images = table[table["code"] == "accepted"]
    rest = table[table["code"] != "accepted"]
    if labels is None:
        blank = {"cancer": pd.NA, "density": None, "lesion_boxes": "", "line": 0}
        return table.assign(**blank, labelled_age=float("nan"))
    joined = join_labels(images, labels)
    joined.loc[joined["line"].isna(), "code"] = "no_label"
    return pd.concat([joined, rest], ignore_index=True).sort_values("name", ignore_index=True)


def pseudonymize(files: pd.DataFrame, key: bytes) -> pd.DataFrame:
    """Returns the rows with pseudonyms and offsets in the place of names, identifiers and dates.

    An exam is what one patient had on one StudyDate (0008,0020). `exam_offset_days` counts from
    the patient's first accepted exam.

    Args:
        files: What `label_images` returned.
        key: The secret of this installation.
    """
    used = files["code"] == "accepted"
    known = files[used]
    dates = pd.to_datetime(known["study_date"], format="%Y%m%d", errors="coerce")
    offsets = (dates - dates.groupby(known["patient"]).transform("min")).dt.days
    names = {
        "patient_id": [pseudonym(key, "patient", p) for p in known["patient"]],
        "exam_id": [
            pseudonym(key, "exam", p, d)
            for p, d in zip(known["patient"], known["study_date"], strict=True)
        ],
        "image_id": [pseudonym(key, "image", uid) for uid in known["sop_instance"]],
        "exam_offset_days": offsets,
    }
    renamed = files.assign(file_id=[pseudonym(key, "file", name) for name in files["name"]])
    named = renamed.join(pd.DataFrame(names, index=known.index))
    first = dict(zip(named["name"], named["file_id"], strict=True))
    named["found"] = [first.get(f, f) for f in named["found"].fillna("")]
    named["age"] = named["labelled_age"].fillna(named["age"])
    return named.drop(columns=["patient", "study_date", "sop_instance"])


def table_of_files(named: pd.DataFrame) -> pd.DataFrame:
    """Returns `files`: every file that was found, its fate, and the reason in words."""
    fates = [
        {"file_id": row.file_id, **describe_fate(row.code, row.found)} for row in named.itertuples()
    ]
    return pd.DataFrame(fates)


def table_of_images(named: pd.DataFrame) -> pd.DataFrame:
    """Returns `images`: one row an accepted image, nothing in it that names a patient."""
    images = named.loc[named["code"] == "accepted", IMAGE_COLUMNS]
    whole = ["rows_px", "columns_px", "bits_stored", "size_bytes", "exam_offset_days"]
    typed = images.astype({**dict.fromkeys(whole, "Int64"), "cancer": "Int8"})
    return typed.astype({"age": "float64"}).reset_index(drop=True)


def table_of_lesions(named: pd.DataFrame) -> pd.DataFrame:
    """Returns `lesions`: one row a box of an accepted image, in pixels of its stored matrix.

    Raises:
        LabelError: A box is not written as the label table's format asks, or leaves the matrix.
    """
    rows = []
    for image in named[named["code"] == "accepted"].itertuples():
        boxes = parse_boxes(str(image.lesion_boxes or ""), int(image.line or 0))
        rows += [{"image_id": image.image_id, **box} for box in boxes if box["view"] == image.view]
    return pd.DataFrame(rows, columns=LESION_COLUMNS)


def count_flow(files: pd.DataFrame) -> dict[str, int]:
    """Returns how many files were found and what became of them; the parts add up to `found`.

    >>> count_flow(pd.DataFrame({"fate": ["accepted", "other"]}))["found"]
    2
    """
    counts = files["fate"].value_counts()
    parts = {f: int(counts.get(f, 0)) for f in ("accepted", "quarantined", "duplicate", "other")}
    return {"found": len(files), **parts}


def _used(record: dict[str, Any]) -> bool:
    return record["code"] == "accepted"
