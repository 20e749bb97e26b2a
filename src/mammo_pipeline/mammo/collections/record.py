"""What a collection's tables say, in one form: labels of breasts, a listing of files."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

import pandas as pd

from mammo_pipeline.mammo.labels import BIRADS, LABEL_COLUMNS, TRUTHS, judge_opinion

# What a listing may state of a file's header, by DICOM keyword (PS3.6).
STATED = [
    "SOPClassUID",
    "PatientID",
    "StudyDate",
    "StudyInstanceUID",
    "ImageLaterality",
    "ViewPosition",
    "PatientAge",
    "Manufacturer",
    "ManufacturerModelName",
    "InstitutionName",
    "BreastImplantPresent",
    "PhotometricInterpretation",
]
# Column of a listing: what stands there where a collection says nothing. `files` is how many files
# answer to one row.
LISTING_DEFAULTS: dict[str, Any] = {
    "key_kind": "",
    "key": "",
    "role": "image",
    **dict.fromkeys(STATED, ""),
    "spacing_mm": float("nan"),
    "lesion_boxes": "",
    "of": "",
    "kind": "",
    "pathology": "",
    "files": 1,
    "line": "",
}
# Digital Mammography X-Ray Image Storage - For Presentation (PS3.4 table B.5-1), for whole
# mammograms whose files are of another class or of none.
MAMMOGRAM = "1.2.840.10008.5.1.4.1.1.1.2"
IDENTITY = frozenset({"PatientID", "StudyDate", "StudyInstanceUID"})
ALL_STATED = frozenset(STATED)


@dataclass(frozen=True)
class CollectionOptions:
    """How a collection's words count.

    Attributes:
        benign_without_callback: A finding that looked benign and was not called back: `benign` (a
            benign lesion), `negative` (no lesion) or `leave_out` (its breast is left out, unless
            another finding of it has a diagnosis).
        opinion_as_truth: Whether BI-RADS 4 and more counts as cancer where a collection has no
            diagnosis.
    """

    benign_without_callback: Literal["benign", "negative", "leave_out"] = "benign"
    opinion_as_truth: bool = False


@dataclass(frozen=True)
class Collection:
    """What the tables of a collection say.

    Attributes:
        labels: One row a breast of an exam, columns `LABEL_COLUMNS`. `exam` is empty where the
            patient has one exam without date, else StudyDate (0008,0020) or StudyInstanceUID
            (0020,000D) as the listing states it.
        listing: One row a file that the tables speak of, columns of `LISTING_DEFAULTS`; empty
            where they speak of none.
        overrides: Keywords for which the listing wins over the file's header; the others only
            complete it.
        strict_patients: Whether a labelled patient without any image is an error.
    """

    labels: pd.DataFrame
    listing: pd.DataFrame
    overrides: frozenset[str] = frozenset()
    strict_patients: bool = False


def fill_listing(rows: pd.DataFrame | None = None) -> pd.DataFrame:
    """Returns the listing with every column, in order; "" or NaN where nothing is stated."""
    rows = pd.DataFrame(index=range(0)) if rows is None else rows
    missing = {name: v for name, v in LISTING_DEFAULTS.items() if name not in rows.columns}
    text = [name for name, v in LISTING_DEFAULTS.items() if v == "" or name == "role"]
    stated = {name: v for name, v in LISTING_DEFAULTS.items() if v == v}
    filled = rows.assign(**missing)[list(LISTING_DEFAULTS)].fillna(stated)
    kinds = {**dict.fromkeys(text, "str"), "spacing_mm": "float64", "files": "int64"}
    return filled.astype(kinds).reset_index(drop=True)


def label_breasts(findings: pd.DataFrame) -> pd.DataFrame:
    """Returns one row a breast of an exam: the strongest of what its findings or images say.

    `cancer` is the highest; `truth` that of the strongest row with this outcome; `birads` the most
    concerning; `age`, `density` and `line` the first stated. A breast is left out when every row
    of it is.

    Args:
        findings: One row a finding or an image: `patient`, `laterality`, `cancer`, `truth`,
            `line`, and optionally the other columns of `LABEL_COLUMNS`.

    >>> found = pd.DataFrame({"patient": ["a", "a"], "laterality": ["L", "L"], "line": ["2", "3"],
    ...                       "cancer": [0, 1], "truth": ["follow_up", "pathology"]})
    >>> label_breasts(found)[["cancer", "truth", "line"]].values.tolist()
    [[1, 'pathology', '2']]
    """
    blank = {"exam": "", "birads": "", "density": "", "lesion_boxes": "", "left_out": False}
    missing = {k: v for k, v in {**blank, "age": float("nan")}.items() if k not in findings}
    rows = findings.assign(**missing).astype({"cancer": "Int8"})
    rows["age"] = pd.to_numeric(rows["age"], errors="coerce").astype("float64")
    keys = ["patient", "exam", "laterality"]
    told = rows.assign(strength=_rank(rows["truth"], [*reversed(TRUTHS)]), out=rows["left_out"])
    # A finding that is left out decides nothing where another finding of the breast stays.
    told = told.sort_values(["out", "cancer", "strength"], ascending=[True, False, False])
    decided = told.groupby(keys, sort=True)[["cancer", "truth"]].nth(0)
    decided = told.loc[decided.index, [*keys, "cancer", "truth"]].set_index(keys)
    first = rows.replace({"density": {"": None}}).groupby(keys, sort=True)
    gathered = first.agg(
        {"age": "first", "density": "first", "line": "first", "left_out": "all"}
        | {"lesion_boxes": "first"}
    )
    concern = rows.assign(rank=_rank(rows["birads"], BIRADS)).groupby(keys)["rank"].max()
    gathered["birads"] = concern.map(dict(enumerate(BIRADS)))
    breasts = gathered.join(decided).reset_index()
    text = {name: "str" for name in LABEL_COLUMNS if name not in ("cancer", "age", "left_out")}
    return breasts.fillna({"density": ""})[LABEL_COLUMNS].astype(text)


def label_opinions(images: pd.DataFrame, options: CollectionOptions) -> pd.DataFrame:
    """Returns the labels of a collection that has BI-RADS (column `birads`) and no diagnosis.

    The breast's category is the most concerning of its images.
    """
    breasts = label_breasts(images.assign(cancer=pd.NA, truth="opinion"))
    if not options.opinion_as_truth:
        return breasts
    return breasts.assign(cancer=judge_opinion(breasts["birads"]))


def age_text(years: pd.Series) -> pd.Series:
    """Returns ages as PatientAge (0010,1010) is written.

    >>> age_text(pd.Series(["63", "", "61.0"])).tolist()
    ['063Y', '', '061Y']
    """
    numbers = pd.to_numeric(years, errors="coerce")
    return pd.Series([f"{int(n):03d}Y" if n == n else "" for n in numbers], index=years.index)


def join_boxes(kinds: Iterable[str], pathologies: Iterable[str], corners: Iterable[Any]) -> str:
    """Returns the lesions of one image as a listing writes them.

    >>> join_boxes(["mass"], ["benign"], [(1, 2, 3, 4)])
    'mass:benign:1,2,3,4'
    """
    return ";".join(
        f"{kind}:{pathology}:{','.join(str(int(c)) for c in corner)}"
        for kind, pathology, corner in zip(kinds, pathologies, corners, strict=True)
    )


def _rank(values: pd.Series, order: Iterable[str]) -> pd.Series:
    return values.map({value: rank for rank, value in enumerate(order)}).fillna(-1)
