"""The columns that subgroups are made by: of the woman, the machine, the images and the lesions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import pandas as pd

NOT_STATED = "not stated"
LESION_AXES = ("lesion_kind", "lesion_size")
VIEW_AXIS = "view"
BREAST = ["exam_id", "laterality"]
# What a breast takes over from its images, as the file or the label table states it.
STATED = ("device", "site_id", "density", "implant")
BOX = ["row_min", "column_min", "row_max", "column_max"]


def describe_breasts(
    breasts: pd.DataFrame,
    images: pd.DataFrame,
    lesions: pd.DataFrame,
    age_edges_years: Sequence[float],
    size_edges_mm: Sequence[float],
    spacing_mm: float,
) -> pd.DataFrame:
    """Returns the breasts with a column for every axis; what nobody states is "not stated".

    The columns are device, site_id, density, implant, age_band, lesion_kind and lesion_size, beside
    laterality and views, which a breast has already. A table of images without one of them (an
    older one has no site_id) makes every breast "not stated" on it.

    Args:
        breasts: One row a breast: exam_id, laterality.
        images: One row an image: image_id, exam_id, laterality, age (years), and of `STATED` what
            is known.
        lesions: One row a box on the canvas: image_id, kind, pathology, row_min, column_min,
            row_max, column_max (pixels).
        age_edges_years: Where age bands part, ascending.
        size_edges_mm: Where bands of lesion size part, ascending.
        spacing_mm: Of the canvas, a pixel's side.

    Raises:
        ValueError: A column is missing, or edges do not ascend.
    """
    _need("breasts", breasts, BREAST)
    _need("images", images, ["image_id", *BREAST])
    sizes = lesion_sizes_mm(breasts, lesions, images, spacing_mm)
    ages = _first_stated(breasts, images, "age") if "age" in images else pd.Series(dtype=float)
    columns = {name: state_fact(breasts, images, name) for name in STATED}
    columns["age_band"] = age_bands(ages.reindex(range(len(breasts))), list(age_edges_years))
    columns["lesion_kind"] = lesion_kinds(breasts, lesions, images)
    columns["lesion_size"] = size_bands(sizes, list(size_edges_mm))
    return breasts.assign(**{name: found.to_numpy() for name, found in columns.items()})


def _need(what: str, table: pd.DataFrame, columns: Sequence[str]) -> None:
    if missing := [name for name in columns if name not in table]:
        raise ValueError(f"the {what} have no column {missing}; found {list(table.columns)}.")


def state_fact(breasts: pd.DataFrame, images: pd.DataFrame, column: str) -> pd.Series:
    """Returns what the first image of each breast that states it says; else "not stated".

    >>> breasts = pd.DataFrame({"exam_id": ["e", "f"], "laterality": "L"})
    >>> images = pd.DataFrame({"image_id": ["b", "a", "c"], "exam_id": ["e", "e", "f"],
    ...     "laterality": "L", "density": ["C", "", ""]})
    >>> state_fact(breasts, images, "density").tolist()
    ['C', 'not stated']
    """
    if column not in images:
        return pd.Series(NOT_STATED, range(len(breasts)), dtype=object)
    return _first_stated(breasts, images, column).fillna(NOT_STATED).astype(str)


def _first_stated(breasts: pd.DataFrame, images: pd.DataFrame, column: str) -> pd.Series:
    ordered = images.sort_values("image_id")[[*BREAST, column]]
    stated = ordered.assign(**{column: ordered[column].astype(object)})
    stated = stated[stated[column].notna() & stated[column].ne("")].drop_duplicates(BREAST)
    return breasts[BREAST].merge(stated, how="left", on=BREAST)[column]


def age_bands(ages: pd.Series, edges: list[float]) -> pd.Series:
    """Returns the age band, in whole years, of each row as text; a missing age is "not stated".

    >>> age_bands(pd.Series([39, 50, None]), [40, 50]).tolist()
    ['39 and under', '50 and over', 'not stated']
    """
    middle = [f"{low:g} to {high - 1:g}" for low, high in pairwise(edges)]
    names = [f"{edges[0] - 1:g} and under", *middle, f"{edges[-1]:g} and over"]
    return _cut(ages, edges, names)


def size_bands(sizes_mm: pd.Series, edges: list[float]) -> pd.Series:
    """Returns the band of each lesion size as text; a lower edge belongs to its band.

    >>> size_bands(pd.Series([9.9, 10, 31, None]), [10, 20]).tolist()
    ['under 10 mm', '10 to 20 mm', '20 mm and over', 'not stated']
    """
    middle = [f"{low:g} to {high:g} mm" for low, high in pairwise(edges)]
    names = [f"under {edges[0]:g} mm", *middle, f"{edges[-1]:g} mm and over"]
    return _cut(sizes_mm, edges, names)


def _cut(values: pd.Series, edges: list[float], names: list[str]) -> pd.Series:
    if any(low >= high for low, high in pairwise(edges)):
        raise ValueError(f"the edges of bands must ascend, found {edges}.")
    numbers = pd.to_numeric(values).astype(float)
    bands = pd.cut(numbers, [-np.inf, *edges, np.inf], right=False, labels=names)
    return bands.astype(object).where(bands.notna(), NOT_STATED)


def lesion_kinds(breasts: pd.DataFrame, lesions: pd.DataFrame, images: pd.DataFrame) -> pd.Series:
    """Returns the kinds of malignant lesion of each breast, joined by "+"; "" where none is drawn.

    Args:
        breasts: exam_id, laterality.
        lesions: image_id, kind, pathology.
        images: image_id, exam_id, laterality.
    """
    found = _malignant(lesions, images, ["kind"])
    found = found.drop_duplicates().sort_values([*BREAST, "kind"])
    joined = found.groupby(BREAST)["kind"].agg("+".join).rename("lesion_kind")
    return breasts[BREAST].merge(joined, how="left", on=BREAST)["lesion_kind"].fillna("")


def lesion_sizes_mm(
    breasts: pd.DataFrame, lesions: pd.DataFrame, images: pd.DataFrame, spacing_mm: float
) -> pd.Series:
    """Returns the longest side of the largest malignant box of each breast in mm, NaN without one.

    The box is drawn round the lesion on the canvas, so this is a little more than the diameter that
    a reader would measure. Of two views the larger counts.

    Args:
        breasts: exam_id, laterality.
        lesions: image_id, pathology, row_min, column_min, row_max, column_max in canvas pixels.
        images: image_id, exam_id, laterality.
        spacing_mm: Of the canvas, a pixel's side.

    >>> breasts = pd.DataFrame({"exam_id": ["e"], "laterality": ["L"]})
    >>> box = {"row_min": [0], "row_max": [10], "column_min": [0], "column_max": [24]}
    >>> lesions = pd.DataFrame({"image_id": ["i"], "pathology": ["malignant"], **box})
    >>> lesion_sizes_mm(breasts, lesions, breasts.assign(image_id="i"), 0.5).tolist()
    [12.0]
    """
    if not np.isfinite(spacing_mm) or spacing_mm <= 0:
        raise ValueError(f"the canvas' spacing must be above 0 mm, found {spacing_mm}.")
    found = _malignant(lesions, images, BOX)
    sides = [found["row_max"] - found["row_min"], found["column_max"] - found["column_min"]]
    longest = found.assign(size_mm=np.maximum(*sides).astype(float) * spacing_mm)
    largest = longest.groupby(BREAST)["size_mm"].max()
    return breasts[BREAST].merge(largest, how="left", on=BREAST)["size_mm"]


def _malignant(lesions: pd.DataFrame, images: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    _need("lesions", lesions, ["image_id", "pathology", *columns])
    found = lesions[lesions["pathology"].eq("malignant")][["image_id", *columns]]
    return found.merge(images[["image_id", *BREAST]], on="image_id")[[*BREAST, *columns]]


def score_by_view(
    images: pd.DataFrame, score: Callable[[pd.DataFrame], pd.DataFrame]
) -> pd.DataFrame:
    """Returns one row a breast and view, scored from its images of that view alone.

    Args:
        images: One row an image: view, and what `score` needs. Views other than CC and MLO are left
            out.
        score: Takes images, gives one row a breast, as for the whole.

    Raises:
        ValueError: No image is a CC or an MLO.

    >>> images = pd.DataFrame({"view": ["CC", "MLO"], "logit": [1.0, 2.0]})
    >>> score_by_view(images, lambda part: part[["logit"]])["view"].tolist()
    ['CC', 'MLO']
    """
    taken = [view for view in ("CC", "MLO") if images["view"].eq(view).any()]
    if not taken:
        raise ValueError(f"none of {len(images)} images is a CC or an MLO view.")
    parts = [score(images[images["view"].eq(view)]).assign(view=view) for view in taken]
    return pd.concat(parts, ignore_index=True)
