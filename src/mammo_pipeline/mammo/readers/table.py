"""The table of a reader study: who scored which case in which modality, all of it or a refusal."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

COLUMNS = ("reader_id", "case_id", "cancer", "modality", "score")
# The reader whose rows are a model's scores.
MODEL = "model"
# Two modalities of these names are shown, and subtracted, in this order.
ORDER = ("unaided", "aided")


@dataclass(frozen=True)
class ReaderStudy:
    """A fully crossed study: every reader scored every case in every modality.

    Args:
        cases: case_id, n of them.
        labels: 1 for cancer, else 0, uint8, shape (n,).
        patients: The patient of each case, shape (n,): the case itself where none is given.
        readers: reader_id, r of them.
        modalities: t of them.
        scores: Higher is more suspicious, shape (t, r, n).
        model: The model's scores of the same cases, shape (n,), or None.
    """

    cases: list[str]
    labels: np.ndarray
    patients: np.ndarray
    readers: list[str]
    modalities: list[str]
    scores: np.ndarray
    model: np.ndarray | None


def arrange_study(table: pd.DataFrame) -> ReaderStudy:
    """Returns the study that a table holds.

    Args:
        table: One row a reading: reader_id, case_id, cancer (0 or 1), modality, score, and
            optionally patient_id. The rows of reader `model` are a model's, read once.

    Raises:
        ValueError: A column or a value is missing, a score is no number, a case is contradictory
            or was read twice, a reader left one out, or only one class is there.

    >>> rows = [("r", "a", 1, "aided", 3), ("r", "b", 0, "aided", 1)]
    >>> arrange_study(pd.DataFrame(rows, columns=COLUMNS)).scores.tolist()
    [[[3.0, 1.0]]]
    """
    readings = check_readings(table)
    cases = check_cases(readings)
    is_model = readings["reader_id"] == MODEL
    own = readings[~is_model]
    if own.empty:
        raise ValueError(f"no reader but {MODEL!r}; a study needs at least one.")
    modalities = _order(own["modality"])
    readers = sorted(own["reader_id"].unique())
    scores = [[_take(own, reader, m, cases.index) for reader in readers] for m in modalities]
    return ReaderStudy(
        cases=list(cases.index),
        labels=cases["cancer"].to_numpy(np.uint8),
        patients=cases["patient_id"].to_numpy(),
        readers=readers,
        modalities=modalities,
        scores=np.array(scores),
        model=_take_model(readings[is_model], cases.index) if is_model.any() else None,
    )


def check_readings(table: pd.DataFrame) -> pd.DataFrame:
    """Returns the readings with names as text and scores as numbers, or refuses them."""
    if missing := [name for name in COLUMNS if name not in table]:
        raise ValueError(f"no column {missing}; found {sorted(map(str, table.columns))}.")
    if table.empty:
        raise ValueError("the table holds no reading.")
    known = [*COLUMNS, *(["patient_id"] if "patient_id" in table else [])]
    gaps = table[known].isna().sum()
    if gaps.any():
        text = ", ".join(f"{count} of {name}" for name, count in gaps[gaps > 0].items())
        raise ValueError(f"values are missing: {text}. Leave no cell empty.")
    score = pd.to_numeric(table["score"], errors="coerce")
    if not np.isfinite(score).all():
        bad = table["score"][~np.isfinite(score)].iloc[0]
        raise ValueError(f"{(~np.isfinite(score)).sum()} scores are no number, the first {bad!r}.")
    readings = table[known].astype({name: str for name in known if name not in {"cancer", "score"}})
    readings["score"] = score.astype(float)
    keys = ["reader_id", "case_id", "modality"]
    if (twice := readings.duplicated(keys)).any():
        reader, case, modality = readings.loc[twice.to_numpy(), keys].to_numpy()[0]
        raise ValueError(
            f"{int(twice.sum())} readings stand twice, the first by reader {reader} of case "
            f"{case}, {modality}."
        )
    return readings


def check_cases(readings: pd.DataFrame) -> pd.DataFrame:
    """Returns cancer and patient_id of each case, sorted by case_id, or refuses them."""
    if not readings["cancer"].isin([0, 1]).all():
        found = readings["cancer"].unique()[:5].tolist()
        raise ValueError(f"cancer must be 0 or 1, found {found}.")
    readings = (
        readings if "patient_id" in readings else readings.assign(patient_id=readings["case_id"])
    )
    known = readings[["case_id", "cancer", "patient_id"]].drop_duplicates()
    for name in ("cancer", "patient_id"):
        pairs = known[["case_id", name]].drop_duplicates()
        if (again := pairs.duplicated("case_id")).any():
            case = pairs["case_id"][again].iloc[0]
            raise ValueError(f"case {case} has more than one {name}.")
    cases = known.set_index("case_id").sort_index()
    if len(set(cases["cancer"])) < 2:
        missing = "without" if cases["cancer"].iloc[0] else "with"
        raise ValueError(f"no case {missing} cancer among {len(cases)}: there is no ROC curve.")
    return cases


def _order(modality: pd.Series) -> list[str]:
    """Returns the modalities as ORDER has them, else as they appear."""
    found = list(modality.unique())
    return [m for m in ORDER if m in found] + [m for m in found if m not in ORDER]


def _take(own: pd.DataFrame, reader: str, modality: str, cases: pd.Index) -> np.ndarray:
    rows = own[(own["reader_id"] == reader) & (own["modality"] == modality)]
    if len(rows) < len(cases):
        left_out = cases.difference(rows["case_id"])
        raise ValueError(
            f"reader {reader} scored {len(rows)} of {len(cases)} cases {modality}; the first left "
            f"out is {left_out[0]}. Every reader must score every case in every modality."
        )
    return rows.set_index("case_id")["score"].reindex(cases).to_numpy()


def _take_model(rows: pd.DataFrame, cases: pd.Index) -> np.ndarray:
    if len(found := sorted(set(rows["modality"]))) > 1:
        raise ValueError(f"the model has {len(found)} modalities {found}; it reads once.")
    return _take(rows, MODEL, rows["modality"].iloc[0], cases)
