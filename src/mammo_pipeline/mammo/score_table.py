"""A table of anybody's scores: checked, and given the columns that our own scores have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd

Kind = Literal["logit", "probability", "other"]

PREFIX = "score_"
NEEDED = ("image_id", "patient_id", "side", "cancer")
SIDES = ("tune", "test")
# What a row may state beside; what no row states is "not stated" in every subgroup.
TEXTS = ("view", "device", "site_id", "density")
# A probability of 0 or 1 has no logit; it is taken for the nearest one that a float32 can hold.
NEAREST = 1e-7


def read_score_table(table: pd.DataFrame, kind: Kind, further: Sequence[str] = ()) -> pd.DataFrame:
    """Returns one row an image with one column of logits a model, and the facts of each image.

    Without exam_id and laterality every image is a unit of its own: exam_id is then the image_id
    and laterality empty.

    Args:
        table: image_id, patient_id, side (tune, test), cancer (0, 1; empty where unknown), one
            column `score_<model>` a model; beside them exam_id, laterality, view, device, site_id,
            age in years, density.
        kind: What the scores are: logits, probabilities (turned into logits), or any other number
            that is higher where it is more suspicious, which is taken as it is.
        further: Columns to keep as text, for subgroups of the table's own.

    Returns:
        The columns of `NEEDED`, exam_id, laterality, the facts, and the models by their names
        without the prefix, sorted by image_id.

    Raises:
        ValueError: A column, a score or a label is missing or wrong, an image stands twice, or a
            patient is on both sides; the message says where and what to do.
    """
    refuse_wrong_columns(table)
    models = [name for name in table if str(name).startswith(PREFIX)]
    refuse_wrong_rows(table, models)
    facts = table[[*NEEDED]].copy()
    facts["cancer"] = pd.to_numeric(table["cancer"]).astype("Int8")
    for name, blank in (("exam_id", table["image_id"]), ("laterality", "")):
        facts[name] = table.get(name, blank)
    if absent := [name for name in further if name not in table]:
        raise ValueError(f"the table of scores has no column {absent} to group by.")
    for name in (*TEXTS, *further):
        facts[name] = table[name].fillna("").astype(str) if name in table else ""
    facts["age"] = pd.to_numeric(table["age"]) if "age" in table else np.nan
    for name in models:
        facts[str(name).removeprefix(PREFIX)] = turn_into_logits(table[name], kind, str(name))
    return facts.sort_values("image_id").reset_index(drop=True)


def list_models(table: pd.DataFrame) -> list[str]:
    """Returns the names of the models of a table as it came, sorted.

    >>> list_models(pd.DataFrame(columns=["image_id", "score_b", "score_a"]))
    ['a', 'b']
    """
    found = [str(name) for name in table if str(name).startswith(PREFIX)]
    return sorted(name.removeprefix(PREFIX) for name in found)


def refuse_wrong_columns(table: pd.DataFrame) -> None:
    """Refuses a table that lacks a column, or half of what names a breast."""
    missing = [name for name in NEEDED if name not in table]
    if missing:
        raise ValueError(
            f"the table of scores has no column {missing}; found {list(table.columns)}. Needed are "
            f"{list(NEEDED)} and one column {PREFIX}<model> a model."
        )
    if not list_models(table):
        raise ValueError(
            f"the table of scores has no column that begins with {PREFIX!r}; found "
            f"{list(table.columns)}. Name each model's scores {PREFIX}<model>."
        )
    if ("exam_id" in table) != ("laterality" in table):
        raise ValueError(
            "exam_id and laterality name a breast together: state both, or neither, and every "
            "image is a unit of its own."
        )


def refuse_wrong_rows(table: pd.DataFrame, models: list[str]) -> None:
    """Refuses rows that would give a wrong figure, saying how many and which is the first."""
    named = table[["image_id", "patient_id"]].isna().any(axis=1)
    _refuse(table, named, "name no image or no patient")
    _refuse(table, table["image_id"].duplicated(), "name an image that stands above already")
    _refuse(table, ~table["side"].isin(SIDES), f"have a side that is not one of {SIDES}")
    known = table["cancer"].notna()
    stated = pd.to_numeric(table["cancer"], errors="coerce")
    _refuse(table, known & ~stated.isin((0, 1)), "have a cancer that is neither 0, 1 nor empty")
    for name in models:
        numbers = pd.to_numeric(table[name], errors="coerce").to_numpy(float)
        _refuse(
            table,
            pd.Series(~np.isfinite(numbers), table.index),
            f"have no finite {name}: a model must have scored every image that is to be compared",
        )
    sides = table.groupby("patient_id")["side"].nunique()
    both = table["patient_id"].map(sides) > 1
    _refuse(table, both, "are of patients on both tune and test, which flatters every figure")


def _refuse(table: pd.DataFrame, wrong: pd.Series, what: str) -> None:
    if wrong.any():
        first = int(np.flatnonzero(wrong.to_numpy())[0])
        raise ValueError(
            f"{int(wrong.sum())} of {len(table)} rows of the table of scores {what}; the first is "
            f"row {first + 2} of the file, counted with its head. Correct the table and run again."
        )


def turn_into_logits(scores: pd.Series, kind: Kind, name: str) -> np.ndarray:
    """Returns logits, float64 (n,): of probabilities their log odds, of all else the score itself.

    >>> turn_into_logits(pd.Series([0.5, 0.75]), "probability", "score_a").round(3).tolist()
    [0.0, 1.099]
    """
    values = pd.to_numeric(scores).to_numpy(float)
    if kind != "probability":
        return values
    if (values < 0).any() or (values > 1).any():
        raise ValueError(
            f"{name} lies between {values.min():g} and {values.max():g}, expected probabilities. "
            "Set `kind` to logit, or to other for a score of another kind."
        )
    p = np.clip(values, NEAREST, 1 - NEAREST)
    return np.log(p) - np.log1p(-p)
