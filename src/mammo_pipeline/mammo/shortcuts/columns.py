"""The columns of metadata: which there are, one row a breast, and as numbers for a model."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

BREAST = ["exam_id", "laterality"]
# What a file or its exam says that is no property of the woman. Body and age change the risk of
# cancer honestly; age alone is asked about apart, since many systems are given it.
COLUMNS: dict[str, str] = {
    "device": "category",
    "site_id": "category",
    "unit_id": "category",
    "software": "category",
    "transfer_syntax": "category",
    "size_bytes": "number",
    "exam_offset_days": "number",
    "rows_px": "number",
    "columns_px": "number",
    "bits_stored": "number",
    "window_center": "number",
    "window_width": "number",
    "images": "number",
    "age": "number",
}
AGE = "age"
# A category that fewer rows have is pooled with the other rare ones.
RARE = 10


def gather_metadata(images: pd.DataFrame, columns: Mapping[str, str]) -> pd.DataFrame:
    """Returns one row a breast of an exam: exam_id, laterality, patient_id, cancer, the columns.

    Of a breast's images a number is averaged where it is known, and a category is the first that
    is not empty; `images` counts them.

    Args:
        images: One row an image: exam_id, laterality, patient_id, cancer, and any of the columns.
        columns: Name to `category` or `number`.

    Raises:
        ValueError: A needed column is absent, or a kind is unknown.

    >>> table = pd.DataFrame({"exam_id": ["e", "e"], "laterality": "L", "patient_id": "p"})
    >>> table = table.assign(cancer=0, size_bytes=[1, 3], device=["", "A"])
    >>> gather_metadata(table, COLUMNS)[["size_bytes", "device", "images"]].values.tolist()
    [[2.0, 'A', 2]]
    """
    needed = [*BREAST, "patient_id", "cancer"]
    if missing := [name for name in needed if name not in images]:
        raise ValueError(f"the images lack {', '.join(missing)}: expected one row an image.")
    if unknown := sorted(set(columns.values()) - {"category", "number"}):
        raise ValueError(f"a column is a category or a number, found {', '.join(unknown)}.")
    table = images[needed].copy()
    for name, kind in columns.items():
        if name in images and name not in needed:
            table[name] = _read_column(images[name], kind)
    kinds = {name: "mean" if columns.get(name) == "number" else "first" for name in table}
    grouped = table.groupby(BREAST, sort=True, observed=True)
    breasts = grouped.agg({name: kinds[name] for name in table if name not in BREAST})
    return breasts.assign(images=grouped.size()).reset_index()


def _read_column(values: pd.Series, kind: str) -> pd.Series:
    if kind == "number":
        return pd.to_numeric(values, errors="coerce").astype(float)
    words = values.astype("object").where(values.notna(), "").astype(str)
    return words.where(words != "", None)


def choose_columns(
    breasts: pd.DataFrame, columns: Mapping[str, str], has_age: bool
) -> dict[str, str]:
    """Returns the columns that the table has and that vary in it, in the order of the rule.

    >>> table = pd.DataFrame({"device": ["A", "B"], "images": [2, 2], "age": [50.0, 60.0]})
    >>> choose_columns(table, COLUMNS, has_age=False)
    {'device': 'category'}
    """
    return {
        name: kind
        for name, kind in columns.items()
        if name in breasts and (has_age or name != AGE) and len(breasts[name].drop_duplicates()) > 1
    }


def encode_metadata(
    known: pd.DataFrame, table: pd.DataFrame, columns: Mapping[str, str]
) -> tuple[np.ndarray, np.ndarray]:
    """Returns two float64 matrices, of `known` and of `table`, encoded as `known` says.

    A number becomes its distance from the median of `known` in standard deviations, 0 where it is
    missing, and, where it ever is, a column that says so. A category becomes one column a value;
    rare values share one, and a value that `known` lacks has 0 everywhere.

    Args:
        known: Rows that a model is fitted on.
        table: Rows that it answers for.
        columns: Name to kind.

    >>> known = pd.DataFrame({"age": [50.0, 60.0, None]})
    >>> encode_metadata(known, known, {"age": "number"})[0].round(1).tolist()
    [[-0.7, 0.0], [0.7, 0.0], [0.0, 1.0]]
    """
    fitted, asked = [np.ones((len(known), 0))], [np.ones((len(table), 0))]
    for name, kind in columns.items():
        encode = _mark_words if kind == "category" else _scale_numbers
        fitted.append(encode(known[name], known[name]))
        asked.append(encode(table[name], known[name]))
    return np.concatenate(fitted, axis=1), np.concatenate(asked, axis=1)


def _mark_words(values: pd.Series, known: pd.Series) -> np.ndarray:
    """Returns one column a common value of `known`, and one that its rare values share."""
    words, learnt = (
        part.astype("object").where(part.notna(), "not stated").astype(str)
        for part in (values, known)
    )
    counts = learnt.value_counts()
    kept = sorted(counts[counts >= min(RARE, len(known) / 4)].index)
    rare = set(counts.index) - set(kept)
    return np.stack([*(words.eq(word) for word in kept), words.isin(rare)], axis=1).astype(float)


def _scale_numbers(values: pd.Series, known: pd.Series) -> np.ndarray:
    spread = float(known.std())
    spread = spread if np.isfinite(spread) and spread > 0 else 1.0
    middle = float(known.median()) if known.notna().any() else 0.0
    scaled = ((values - middle) / spread).fillna(0.0).to_numpy(float)
    # A value far beyond what was learnt from would be extrapolated along a line.
    columns = [np.clip(scaled, -5, 5)]
    if known.isna().any():
        columns.append(values.isna().to_numpy(float))
    return np.stack(columns, axis=1)
