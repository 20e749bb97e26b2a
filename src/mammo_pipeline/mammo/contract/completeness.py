"""What an exam holds: which of the four standard views, and whether its facts agree."""

from __future__ import annotations

import numpy as np
import pandas as pd

# Two views of each breast make a screening exam (ACR and EUREF guidelines).
STANDARD_VIEWS = ("LCC", "LMLO", "RCC", "RMLO")
DAYS_A_YEAR = 365.25


def describe_exams(images: pd.DataFrame) -> pd.DataFrame:
    """Returns one row an exam: the views it holds, and the facts that its images should share.

    Args:
        images: One row an image: exam_id, patient_id, laterality, view, device, exam_offset_days,
            age (years), cancer.

    Returns:
        exam_id, patient_id, images, views_seen (the standard views, as text), standard_views,
        missing_views, extra_views (other views), repeated_views (images of a standard view beyond
        the first), devices, ages and offsets (distinct ones), exam_offset_days, age,
        exams_that_day (of the patient, on the same offset), ageing_error_years (how much more the
        patient aged since her first exam than the days between say) and cancer.

    >>> table = pd.DataFrame({"exam_id": ["e"] * 3, "patient_id": "p", "laterality": list("LLR"),
    ...     "view": ["CC", "CC", "CC"], "device": "D", "exam_offset_days": 0, "age": 50.0,
    ...     "cancer": 0})
    >>> row = describe_exams(table).iloc[0]
    >>> row["views_seen"], int(row["missing_views"]), int(row["repeated_views"])
    ('LCC RCC', 2, 1)
    """
    exams = _gather_exams(images).join(_count_views(images))
    same_day = [exams["patient_id"], exams["exam_offset_days"]]
    that_day = exams.groupby(same_day)["images"].transform("size")
    exams["exams_that_day"] = that_day.where(exams["exam_offset_days"].notna())
    exams["ageing_error_years"] = _ageing_error(exams)
    return exams.reset_index()


def _gather_exams(images: pd.DataFrame) -> pd.DataFrame:
    return images.groupby("exam_id", sort=False).agg(
        patient_id=("patient_id", "first"),
        images=("exam_id", "size"),
        patients=("patient_id", "nunique"),
        devices=("device", "nunique"),
        ages=("age", "nunique"),
        offsets=("exam_offset_days", "nunique"),
        exam_offset_days=("exam_offset_days", "min"),
        age=("age", "min"),
        cancer=("cancer", "max"),
    )


def _count_views(images: pd.DataFrame) -> pd.DataFrame:
    names = images["laterality"].astype("object") + images["view"].astype("object")
    exams, counts = count_pairs(images["exam_id"], pd.Categorical(names, STANDARD_VIEWS))
    seen = counts > 0
    patterns, which = np.unique(seen, axis=0, return_inverse=True)
    texts = [" ".join(np.array(STANDARD_VIEWS)[pattern]) for pattern in patterns]
    return pd.DataFrame(
        {
            "views_seen": np.array(texts, dtype=object)[which.ravel()],
            "standard_views": seen.sum(axis=1),
            "missing_views": len(STANDARD_VIEWS) - seen.sum(axis=1),
            "extra_views": images.groupby("exam_id").size()[exams].to_numpy() - counts.sum(axis=1),
            "repeated_views": np.maximum(counts - 1, 0).sum(axis=1),
        },
        index=exams,
    )


def count_pairs(units: pd.Series, kinds: pd.Categorical) -> tuple[pd.Index, np.ndarray]:
    """Returns (the units in order of appearance, how often each has each kind, units x kinds).

    >>> units, counts = count_pairs(pd.Series(["b", "a", "b"]), pd.Categorical([1, 1, 2], [1, 2]))
    >>> list(units), counts.tolist()
    (['b', 'a'], [[1, 1], [1, 0]])
    """
    rows, names = pd.factorize(units)
    width = len(kinds.categories)
    known = (kinds.codes >= 0) & (rows >= 0)
    places = rows[known] * width + kinds.codes[known]
    counts = np.bincount(places, minlength=len(names) * width)
    return pd.Index(names), counts.reshape(len(names), width)


def _ageing_error(exams: pd.DataFrame) -> pd.Series:
    """Years of age gained since the first exam, less years gone by; ages are whole years."""
    ordered = exams.sort_values("exam_offset_days", kind="stable")
    first = ordered.groupby("patient_id")[["age", "exam_offset_days"]].transform("first")
    gone = (ordered["exam_offset_days"] - first["exam_offset_days"]) / DAYS_A_YEAR
    error = ordered["age"] - first["age"] - gone
    again = ordered.groupby("patient_id")["age"].transform("size") > 1
    return error.where(again).reindex(exams.index)


def describe_breasts(images: pd.DataFrame) -> pd.DataFrame:
    """Returns one row a breast of an exam: its views, its outcome and where that comes from.

    Args:
        images: One row an image: exam_id, patient_id, laterality, view, exam_offset_days, cancer,
            truth.

    Returns:
        exam_id, laterality, patient_id, standard_views, outcomes (distinct ones: more than one is
        a contradiction), cancer, truth, cancer_before ("yes" where the same breast had cancer at
        an earlier exam and has none now).
    """
    keys = ["exam_id", "laterality"]
    breasts = images.groupby(keys, sort=False).agg(
        patient_id=("patient_id", "first"),
        standard_views=("view", "nunique"),
        outcomes=("cancer", "nunique"),
        cancer=("cancer", "max"),
        truth=("truth", "first"),
        exam_offset_days=("exam_offset_days", "min"),
    )
    ordered = breasts.reset_index().sort_values("exam_offset_days", kind="stable")
    highest = ordered.groupby(["patient_id", "laterality"])["cancer"].cummax()
    fell = np.where((highest > ordered["cancer"]).fillna(False), "yes", "no")
    return ordered.assign(cancer_before=fell).sort_index(ignore_index=True)


def describe_patients(images: pd.DataFrame) -> pd.DataFrame:
    """Returns one row a patient: exams, first_offset_days and cancer (1 if any breast ever had).

    >>> describe_patients(pd.DataFrame({"patient_id": ["p", "p"], "exam_id": ["e", "f"],
    ...     "exam_offset_days": [0, 700], "cancer": [0, 1]})).to_dict("records")
    [{'patient_id': 'p', 'exams': 2, 'first_offset_days': 0, 'cancer': 1}]
    """
    patients = images.groupby("patient_id", sort=False).agg(
        exams=("exam_id", "nunique"),
        first_offset_days=("exam_offset_days", "min"),
        cancer=("cancer", "max"),
    )
    return patients.reset_index()
