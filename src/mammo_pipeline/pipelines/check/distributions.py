"""What each device brings, in figures: quartiles, tallies, views and modes; no row's own value."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import pandas as pd
from pydicom.uid import AllTransferSyntaxes

from mammo_pipeline.mammo.intervals import proportion

# Column of `images`, and its name with the unit.
NUMBERS = {
    "age": "age, years",
    "row_spacing_mm": "spacing at the breast, mm",
    "kvp": "tube voltage, kV",
    "exposure_mas": "exposure, mAs",
    "thickness_mm": "compressed thickness, mm",
    "force_n": "compression force, N",
    "window_width": "width of the first window",
    "bits_spare": "bits that no pixel needs",
    "exam_years": "years since the first exam",
}
# Column of `images`, its name, and the values that are told by name; the rest are "other", for a
# field may hold anything.
WORDS: dict[str, tuple[str, Collection[str]]] = {
    "density": ("density", ("A", "B", "C", "D")),
    "bits_stored": ("bits stored", tuple(map(str, range(8, 17)))),
    "photometric": ("photometric interpretation", ("MONOCHROME1", "MONOCHROME2")),
    "transfer_syntax": ("encoding of the file", tuple(uid.name for uid in AllTransferSyntaxes)),
    "voi_function": ("VOI LUT function", ("LINEAR", "LINEAR_EXACT", "SIGMOID")),
    "detector": ("type of detector", ("DIRECT", "SCINTILLATOR", "STORAGE", "FILM")),
    "spacing_source": (
        "where the spacing comes from",
        ("header", "calibrated", "device", "stated"),
    ),
    "truth": ("where the outcome comes from", ("pathology", "follow_up", "opinion")),
}
# The quartiles of fewer images would tell the values of some.
FEWEST = 5
NOT_STATED, OTHER = "not stated", "other"
# More modes than this come from cropping to the breast; the rest are counted together.
MOST_MODES = 6


def measure_devices(images: pd.DataFrame) -> dict[str, list[dict[str, Any]]]:
    """Returns, for each stated attribute of `NUMBERS`, the median and quartiles of each device.

    Args:
        images: One row an image, with `device`.
    """
    found = {}
    for column in NUMBERS:
        if column in images and images[column].notna().any():
            groups = images.groupby("device")[column]
            found[column] = [{"device": str(d), **summarize(v)} for d, v in groups]
    return found


def summarize(values: pd.Series) -> dict[str, Any]:
    """Returns the median as a figure whose bounds are the quartiles; none under `FEWEST` values.

    >>> found = summarize(pd.Series([1, 2, 3, 4, 5.0]))
    >>> found["value"], found["low"], found["high"]
    (3, 2, 4)
    """
    stated = pd.to_numeric(values, errors="coerce").dropna()
    head = {"n": len(stated), "how": "median, quartiles"}
    if len(stated) < FEWEST:
        why = f"fewer than {FEWEST} images" if len(stated) else NOT_STATED
        return dict.fromkeys(["value", "low", "high"]) | head | {"reason": why}
    low, middle, high = (_show_whole(v) for v in stated.quantile([0.25, 0.5, 0.75]))
    return {"value": middle, "low": low, "high": high} | head | {"reason": None}


def _show_whole(value: float) -> float | int:
    return int(value) if float(value).is_integer() else float(value)


def tally_devices(images: pd.DataFrame) -> dict[str, dict[str, dict[str, int]]]:
    """Returns, for each stated attribute of `WORDS`, how many images of each device state what."""
    found = {}
    for column in WORDS:
        if column in images and images[column].notna().any():
            told = images[column].map(_tell, na_action="ignore")
            known = told.isna() | told.isin(list(WORDS[column][1]))
            told = told.where(known, OTHER).fillna(NOT_STATED)
            table = pd.crosstab(images["device"], told)
            found[column] = {
                str(d): {str(k): int(n) for k, n in r.items()} for d, r in table.iterrows()
            }
    return found


def _tell(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def count_patterns(exams: pd.DataFrame, level: float) -> list[dict[str, Any]]:
    """Returns which standard views exams have: {views, exams, share}, commonest first."""
    counts = exams["views_seen"].replace("", "none").value_counts()
    return [
        {"views": str(views), "exams": int(n), "share": proportion(int(n), len(exams), level)}
        for views, n in counts.items()
    ]


def list_modes(modes: pd.DataFrame) -> list[dict[str, Any]]:
    """Returns each device's commonest modes as records, the rest of a device in one record.

    Args:
        modes: What `find_modes` returned, the commonest of each device first.
    """
    place = modes.groupby("device", dropna=False).cumcount()
    kept, rest = modes[place < MOST_MODES], modes[place >= MOST_MODES]
    grouped = rest.groupby("device", dropna=False)
    few = grouped[["images", "share"]].sum().assign(other_modes=grouped.size()).reset_index()
    whole = pd.concat([kept.assign(other_modes=0), few]).sort_values("device", kind="stable")
    plain = whole.astype(object).where(whole.notna(), None)
    return plain.to_dict("records")


def keep_central(values: pd.Series) -> pd.Series:
    """Returns the values without the outermost hundredth at either end: one woman's is not drawn.

    >>> float(keep_central(pd.Series([*range(101), 7000])).max())
    99.0
    """
    stated = pd.to_numeric(values, errors="coerce").astype(float)
    return stated.where(stated.between(stated.quantile(0.01), stated.quantile(0.99)))
