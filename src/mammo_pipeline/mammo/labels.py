"""Labels: what is said of a breast, read strictly, joined to the breasts it speaks of."""

from __future__ import annotations

import pandas as pd

from mammo_pipeline.mammo.boxes import WORDS, LabelError, describe_cell, parse_boxes

REQUIRED = ("patient_id", "laterality", "cancer")
OPTIONAL = ("study_date", "exam", "age", "density", "lesion_boxes", "birads", "truth")
# One row a breast of an exam, whatever table it came from.
LABEL_COLUMNS = [
    "patient",
    "exam",
    "laterality",
    "cancer",
    "truth",
    "birads",
    "age",
    "density",
    "lesion_boxes",
    "left_out",
    "line",
]
# From the strongest to the weakest.
TRUTHS = ("pathology", "follow_up", "opinion")
# BI-RADS assessment categories (ACR BI-RADS Atlas, 5th edition) by growing concern; category 0
# (incomplete) asks for more images and stands between 3 and 4.
BIRADS = ("", "1", "2", "3", "0", "4", "4A", "4B", "4C", "5", "6")
DENSITIES = {"A": "A", "B": "B", "C": "C", "D": "D", "1": "A", "2": "B", "3": "C", "4": "D"}
# Words that an error may show in whatever column they stand.
SHOWN = {word.upper() for word in (*WORDS, *TRUTHS, *BIRADS, *DENSITIES, "L", "R")}


def read_labels(table: pd.DataFrame, opinion_as_truth: bool = False) -> pd.DataFrame:
    """Returns the labels of the project's own table with the columns `LABEL_COLUMNS`.

    Args:
        table: The CSV as text, one row a breast: `patient_id`, `laterality` (L or R), `cancer`
            (0 or 1, by tissue diagnosis), optionally `study_date` (YYYYMMDD) or `exam` (a key of
            your own where exams have no date), `age` (years), `density` (A to D or 1 to 4),
            `lesion_boxes`, `birads` and `truth` (`pathology`, `follow_up` or `opinion`; empty
            means pathology, or opinion where only `birads` is stated). The index is the row's line
            less 2.
        opinion_as_truth: Whether an opinion fills `cancer`; otherwise it is missing there.

    Raises:
        LabelError: A column is missing or unknown, a value is none of those expected, or two rows
            speak of the same breast of the same exam.
    """
    _refuse_columns(table)
    labels = table.reindex(columns=[*REQUIRED, *OPTIONAL]).astype("string").fillna("")
    labels = _clean(labels.apply(lambda column: column.str.strip()))
    for column, (wrong, expected) in _find_wrong_values(labels).items():
        _refuse_values(wrong, column, labels, expected)
    exam = labels["study_date"].where(
        labels["exam"] == "", exam_key(labels["patient_id"], labels["exam"])
    )
    named = labels.assign(
        patient=labels["patient_id"],
        exam=exam,
        cancer=_decide(labels, opinion_as_truth),
        age=pd.to_numeric(labels["age"].replace("", None), errors="coerce").astype("float64"),
        density=labels["density"].map({"": "", **DENSITIES}),
        left_out=False,
        line=[f"line {row + 2}" for row in labels.index],
    )
    _refuse_twice(named[named.duplicated(["patient", "laterality", "exam"], keep=False)]["line"])
    for text, line in zip(named["lesion_boxes"], named["line"], strict=True):
        parse_boxes(text, line)
    text_columns = {name: "str" for name in LABEL_COLUMNS if name not in _TYPES}
    return named[LABEL_COLUMNS].astype({**text_columns, **_TYPES}).reset_index(drop=True)


_TYPES = {"cancer": "Int8", "age": "float64", "left_out": "bool"}


def exam_key(patient: pd.Series, exam: pd.Series) -> pd.Series:
    """Returns the name of an exam that has no date, in the place of its StudyInstanceUID.

    It holds the patient, so that the first exams of two patients do not seem to be one.

    >>> exam_key(pd.Series(["a"]), pd.Series(["2"])).tolist()
    ['a exam 2']
    """
    return patient + " exam " + exam


def judge_opinion(birads: pd.Series) -> pd.Series:
    """Returns 1 for BI-RADS 4 and more, 0 for 1 to 3, missing for 0 and for none.

    The cut is the one under which results on INbreast and VinDr-Mammo are published.

    >>> judge_opinion(pd.Series(["2", "4A", "0"])).tolist()
    [0, 1, <NA>]
    """
    cancer = {c: int(c[0] >= "4") for c in BIRADS if c not in {"", "0"}}
    return birads.map(cancer).astype("Int8")


def count_unused_labels(joined: pd.DataFrame, labels: pd.DataFrame) -> dict[str, int]:
    """Returns how many rows of the label table met no image, and how many of these are cancers.

    Args:
        joined: What `join_labels` returned; its `line` tells which rows were used.
        labels: What `read_labels` or a collection returned.
    """
    unused = labels[~labels["line"].isin(joined["line"].dropna())]
    return {
        "labels": len(labels),
        "labels_without_image": len(unused),
        "cancers_without_image": int(unused["cancer"].fillna(0).sum()),
    }


def join_labels(
    breasts: pd.DataFrame,
    labels: pd.DataFrame,
    strict_patients: bool = True,
    known: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Returns the images with what the labels say, the label's age as `labelled_age`.

    A row without exam speaks of the patient's only exam; an exam whose images were refused counts,
    or the row would be given to the one that is left. An image without a row has a missing `line`;
    `label_codes` tells what the label makes of each image.

    Args:
        breasts: One row an image: `patient`, `exam` and `laterality`; what it has of the label's
            other columns is replaced.
        labels: What `read_labels` or a collection returned.
        strict_patients: Whether a row whose patient is in no file is an error; people download
            parts of a published collection, so there it is only counted.
        known: `patient` and `exam` of every file that states a patient, accepted or not; an empty
            `exam` makes the patient known and counts as no exam. None where only `breasts` are.

    Raises:
        LabelError: A row's patient is in no file, or a row without exam meets several exams.
    """
    seen = breasts[["patient", "exam"]]
    if known is not None:
        seen = pd.concat([seen, known[["patient", "exam"]]], ignore_index=True).fillna("")
    if strict_patients:
        _refuse_unknown(labels[~labels["patient"].isin(seen["patient"])]["line"])
    dated = seen[seen["exam"] != ""].drop_duplicates()
    exams = labels["patient"].map(dated.groupby("patient").size()).fillna(0)
    undated = labels["exam"] == ""
    _refuse_undated(labels[undated & exams.gt(1)]["line"])
    only = breasts.drop_duplicates("patient").set_index("patient")["exam"]
    exam = labels["exam"].where(~undated, labels["patient"].map(only).fillna(""))
    keyed = labels.assign(exam=exam).rename(columns={"age": "labelled_age"})
    keys = ["patient", "exam", "laterality"]
    _refuse_twice(keyed[keyed.duplicated(keys, keep=False)]["line"])
    own = [name for name in breasts.columns if name in keys or name not in keyed.columns]
    return breasts[own].merge(keyed, on=keys, how="left", validate="many_to_one")


def label_codes(joined: pd.DataFrame) -> pd.Series:
    """Returns the key of `FATES` that the label gives each image, or an empty text.

    Args:
        joined: What `join_labels` returned.

    >>> label_codes(pd.DataFrame({"line": ["line 2", None], "cancer": [1, pd.NA],
    ...                           "left_out": [False, None]})).tolist()
    ['', 'no_label']
    """
    codes = pd.Series("", index=joined.index, dtype="str")
    codes[joined["cancer"].isna()] = "no_truth"
    codes[joined["left_out"].eq(True)] = "left_out"
    codes[joined["line"].isna()] = "no_label"
    return codes


def name_lines(lines: pd.Series, most: int = 5) -> str:
    """Returns the places of rows for an error, the first few by name.

    >>> name_lines(pd.Series(["line 2", "line 7"]))
    'lines 2, 7'
    >>> name_lines(pd.Series(["a.csv line 2", "b.csv line 7"]))
    'a.csv line 2, b.csv line 7'
    """
    named = list(lines[:most])
    more = f" and {len(lines) - most} more" if len(lines) > most else ""
    if all(line.startswith("line ") for line in named):
        numbers = ", ".join(line.removeprefix("line ") for line in named)
        return f"line{'s' if len(lines) > 1 else ''} {numbers}{more}"
    return ", ".join(named) + more


def _clean(labels: pd.DataFrame) -> pd.DataFrame:
    sides = labels["laterality"].str.upper().replace({"LEFT": "L", "RIGHT": "R"})
    cancer = labels["cancer"].str.removesuffix(".0")
    # Where a diagnosis is stated, that is what the row tells; BI-RADS alone is an opinion.
    told = cancer.where(cancer == "", "pathology").mask((cancer == "") & (labels["birads"] != ""))
    truth = labels["truth"].str.lower()
    return labels.assign(
        laterality=sides,
        study_date=labels["study_date"].str.replace("-", "").str.removesuffix(".0"),
        cancer=cancer,
        density=labels["density"].str.upper().str.removesuffix(".0"),
        birads=labels["birads"].str.upper().str.removesuffix(".0"),
        truth=truth.where(truth != "", told.fillna("opinion")),
    )


def _find_wrong_values(labels: pd.DataFrame) -> dict[str, tuple[pd.Series, str]]:
    """Returns, by column, which rows hold none of the expected values, and what is expected."""
    # As float64: of a word it makes NaN, which is not between; an NA would pass for right.
    ages = pd.to_numeric(labels["age"], errors="coerce").astype("float64")
    opinion = labels["truth"].eq("opinion") & labels["cancer"].eq("")
    dated = labels["study_date"].str.fullmatch(r"(\d{8})?")
    both = labels["exam"].ne("") & labels["study_date"].ne("")
    return {
        "patient_id": (labels["patient_id"] == "", "a patient's identifier"),
        "laterality": (~labels["laterality"].isin(["L", "R"]), "L or R"),
        "cancer": (~labels["cancer"].isin(["0", "1"]) & ~opinion, "0 or 1"),
        "study_date": (~dated, "a date as YYYYMMDD, or nothing"),
        "exam": (both, "nothing beside a study_date"),
        "density": (
            ~labels["density"].isin(["", *DENSITIES]),
            "A, B, C, D or 1 to 4, or nothing",
        ),
        "age": (
            labels["age"].ne("") & ~ages.between(18, 120),
            "years between 18 and 120, or nothing",
        ),
        "birads": (~labels["birads"].isin(BIRADS), "0 to 6, 4A, 4B, 4C, or nothing"),
        "truth": (~labels["truth"].isin(["", *TRUTHS]), f"{', '.join(TRUTHS)}, or nothing"),
    }


def _decide(labels: pd.DataFrame, opinion_as_truth: bool) -> pd.Series:
    stated = labels["cancer"].map({"0": 0, "1": 1}).astype("Int8")
    if opinion_as_truth:
        return stated.fillna(judge_opinion(labels["birads"]))
    return stated.mask(labels["truth"] == "opinion")


def _refuse_columns(table: pd.DataFrame) -> None:
    if not pd.api.types.is_integer_dtype(table.index):
        raise LabelError(
            "Label table: a row has more fields than the header. Quote a field that holds commas, "
            "such as lesion_boxes."
        )
    twice = [name for name in (*REQUIRED, *OPTIONAL) if list(table.columns).count(name) > 1]
    if twice:
        raise LabelError(
            f"Label table: the first line names {', '.join(twice)} more than once. Keep one column "
            "of each name."
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
        found = describe_cell(str(labels.loc[rows[0], column]), SHOWN)
        lines = name_lines(pd.Series([f"line {row + 2}" for row in rows]))
        raise LabelError(f"Label table, {lines}, {column}: found {found}, expected {expected}.")


def _refuse_twice(lines: pd.Series) -> None:
    if len(lines):
        raise LabelError(
            f"Label table: {name_lines(lines)} speak of the same breast of the same exam. Keep one "
            "row of each."
        )


def _refuse_unknown(lines: pd.Series) -> None:
    if len(lines):
        raise LabelError(
            f"Label table: {name_lines(lines)} name a patient_id that no file has. Expected "
            "PatientID (0010,0020) as files or listing state it: correct the table or add files."
        )


def _refuse_undated(lines: pd.Series) -> None:
    if len(lines):
        raise LabelError(
            f"Label table: {name_lines(lines)} have no study_date, but the patient has several "
            "exams, refused ones counted. State the date (YYYYMMDD) of the exam of each row."
        )
