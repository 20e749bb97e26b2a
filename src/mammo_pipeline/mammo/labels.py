"""The table of labels: read strictly, joined to the breasts it speaks of."""

from __future__ import annotations

import re

import pandas as pd

REQUIRED = ("patient_id", "laterality", "cancer")
OPTIONAL = ("study_date", "age", "density", "lesion_boxes")
KINDS = ("mass", "calcification", "distortion", "asymmetry")
PATHOLOGIES = ("benign", "malignant")
BOX = re.compile(
    rf"(?P<view>CC|MLO):(?P<kind>{'|'.join(KINDS)}):(?P<pathology>{'|'.join(PATHOLOGIES)})"
    r":(?P<row_min>\d+),(?P<column_min>\d+),(?P<row_max>\d+),(?P<column_max>\d+)"
)
LONGEST_SHOWN = 4
DENSITIES = {"A": "A", "B": "B", "C": "C", "D": "D", "1": "A", "2": "B", "3": "C", "4": "D"}


class LabelError(ValueError):
    """A label table that must not become a model; the message names rows by their line."""


def read_labels(table: pd.DataFrame) -> pd.DataFrame:
    """Returns the labels with every column present, cleaned, one row a breast of an exam.

    Args:
        table: The CSV as text, one row a breast: `patient_id`, `laterality` (L or R), `cancer`
            (0 or 1, by tissue diagnosis), optionally `study_date` (YYYYMMDD), `age` (years),
            `density` (A to D or 1 to 4) and `lesion_boxes`.

    Raises:
        LabelError: A column is missing or unknown, a value is none of those expected, or two rows
            speak of the same breast of the same exam.
    """
    _refuse_columns(table)
    labels = table.reindex(columns=[*REQUIRED, *OPTIONAL]).astype("string").fillna("")
    labels = labels.apply(lambda column: column.str.strip())
    labels["laterality"] = labels["laterality"].str.upper().replace({"LEFT": "L", "RIGHT": "R"})
    labels["study_date"] = labels["study_date"].str.replace("-", "").str.removesuffix(".0")
    _refuse_values(labels["patient_id"] == "", "patient_id", labels, "a patient's identifier")
    _refuse_values(~labels["laterality"].isin(["L", "R"]), "laterality", labels, "L or R")
    labels["cancer"] = labels["cancer"].str.removesuffix(".0")
    _refuse_values(~labels["cancer"].isin(["0", "1"]), "cancer", labels, "0 or 1")
    dated = labels["study_date"].str.fullmatch(r"(\d{8})?")
    _refuse_values(~dated, "study_date", labels, "a date as YYYYMMDD, or nothing")
    labels["density"] = labels["density"].str.upper().str.removesuffix(".0")
    known = labels["density"].isin(["", *DENSITIES])
    _refuse_values(~known, "density", labels, "A, B, C, D or 1 to 4, or nothing")
    ages = pd.to_numeric(labels["age"].replace("", None), errors="coerce")
    wrong = (labels["age"] != "") & ~ages.between(18, 120)
    _refuse_values(wrong, "age", labels, "years between 18 and 120, or nothing")
    _refuse_duplicates(labels)
    return labels.assign(
        age=ages, cancer=labels["cancer"].astype("int8"), density=labels["density"].map(DENSITIES)
    )


def parse_boxes(text: str, line: int) -> list[dict[str, object]]:
    """Returns the lesions of one row of the label table.

    Args:
        text: `VIEW:kind:pathology:row_min,column_min,row_max,column_max`, joined by `;`; pixels of
            the matrix as stored, the maxima exclusive.
        line: The row's line in the file, for the error.

    Raises:
        LabelError: The text does not have that form, or a box is empty.

    >>> parse_boxes("CC:mass:benign:10,20,30,50", 2)[0]["row_max"]
    30
    """
    lesions: list[dict[str, object]] = []
    for part in filter(None, (piece.strip() for piece in text.split(";"))):
        match = BOX.fullmatch(part)
        if not match:
            raise LabelError(
                f"Label table, line {line}, lesion_boxes: found '{part}', expected "
                "VIEW:kind:pathology:row_min,column_min,row_max,column_max with view CC or MLO, "
                f"kind one of {', '.join(KINDS)}, pathology {' or '.join(PATHOLOGIES)}."
            )
        box = {name: int(v) if v.isdigit() else v for name, v in match.groupdict().items()}
        if box["row_max"] <= box["row_min"] or box["column_max"] <= box["column_min"]:  # type: ignore[operator]
            raise LabelError(f"Label table, line {line}, lesion_boxes: the box '{part}' is empty.")
        lesions.append(box)
    return lesions


def count_unused_labels(joined: pd.DataFrame, labels: pd.DataFrame) -> dict[str, int]:
    """Returns how many rows of the label table met no image, and how many of these are cancers.

    Args:
        joined: What `join_labels` returned; its `line` tells which rows were used.
        labels: What `read_labels` returned.
    """
    unused = labels[~(labels.index + 2).isin(joined["line"].dropna())]
    return {
        "labels": len(labels),
        "labels_without_image": len(unused),
        "cancers_without_image": int(unused["cancer"].sum()),
    }


def join_labels(breasts: pd.DataFrame, labels: pd.DataFrame) -> pd.DataFrame:
    """Returns the images with `cancer`, `density`, `lesion_boxes`, `line` and labelled `age`.

    A row without a study date speaks of the patient's only exam.

    Args:
        breasts: One row an image: `patient`, `laterality`, `study_date` as the files state them.
        labels: What `read_labels` returned.

    Raises:
        LabelError: A row's patient has no image at all, or a row without date meets several exams.
    """
    lines = labels.assign(line=labels.index + 2)
    unknown = lines[~lines["patient_id"].isin(breasts["patient"])]
    if len(unknown):
        raise LabelError(
            f"Label table: {_lines(unknown.index)} name a patient_id that no accepted image has. "
            "Expected PatientID (0010,0020) as the files state it, or no row. Correct the table; "
            "if all images of the patient were refused, the table of files says why, and the row "
            "must go."
        )
    exams = breasts.groupby("patient")["study_date"].nunique()
    undated = lines[(lines["study_date"] == "") & lines["patient_id"].map(exams).gt(1)]
    if len(undated):
        raise LabelError(
            f"Label table: {_lines(undated.index)} have no study_date, but the patient has several "
            "exams. State the date (YYYYMMDD) of the exam that each row speaks of."
        )
    only = breasts.drop_duplicates("patient").set_index("patient")["study_date"]
    dates = lines["study_date"].where(lines["study_date"] != "", lines["patient_id"].map(only))
    keyed = lines.assign(study_date=dates).rename(columns={"patient_id": "patient"})
    keyed = keyed.rename(columns={"age": "labelled_age"})
    again = keyed.duplicated(["patient", "laterality", "study_date"], keep=False)
    if again.any():
        _refuse_twice(keyed.index[again])
    return breasts.merge(
        keyed, on=["patient", "laterality", "study_date"], how="left", validate="many_to_one"
    )


def _refuse_columns(table: pd.DataFrame) -> None:
    if not isinstance(table.index, pd.RangeIndex):
        raise LabelError(
            "Label table: a row has more fields than the header. Quote a field that holds commas, "
            "such as lesion_boxes."
        )
    missing = [name for name in REQUIRED if name not in table.columns]
    unknown = [name for name in table.columns if name not in {*REQUIRED, *OPTIONAL}]
    if missing or unknown:
        raise LabelError(
            f"Label table: missing columns {missing or 'none'}, and {len(unknown)} unknown ones. "
            f"The first line must name {', '.join(REQUIRED)} and optionally "
            f"{', '.join(OPTIONAL)}, and nothing else."
        )
    if table.empty:
        raise LabelError("Label table: it has no row. Expected one row a breast of an exam.")


def _refuse_values(wrong: pd.Series, column: str, labels: pd.DataFrame, expected: str) -> None:
    rows = labels.index[wrong]
    if len(rows):
        # A shifted row holds a name in any column: only what is too short to be one is shown.
        value = str(labels.loc[rows[0], column])
        found = f" found '{value}'," if len(value) <= LONGEST_SHOWN else ""
        raise LabelError(f"Label table, {_lines(rows)}, {column}:{found} expected {expected}.")


def _refuse_duplicates(labels: pd.DataFrame) -> None:
    again = labels.duplicated(["patient_id", "laterality", "study_date"], keep=False)
    if again.any():
        _refuse_twice(labels.index[again])


def _refuse_twice(rows: pd.Index) -> None:
    raise LabelError(
        f"Label table: {_lines(rows)} speak of the same breast of the same exam. Keep one row of "
        "each."
    )


def _lines(rows: pd.Index, most: int = 5) -> str:
    named = ", ".join(str(row + 2) for row in rows[:most])
    more = f" and {len(rows) - most} more" if len(rows) > most else ""
    return f"line{'s' if len(rows) > 1 else ''} {named}{more}"
