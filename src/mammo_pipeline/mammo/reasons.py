"""Why a figure has no value or no interval, and which tables cannot be measured at all."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from mammo_pipeline.mammo.delong import explain_no_interval
from mammo_pipeline.mammo.scoring import undefined_reason

# Which outcomes a figure is a mean over; () is whoever is there, and every other rests on both.
RESTS_ON: dict[str, tuple[int, ...]] = {
    "sensitivity": (1,),
    "specificity": (0,),
    "recall_rate": (),
    "detection_per_1000": (1,),
}
CLASSES = {1: "with cancer", 0: "without cancer"}
MIN_PATIENTS = 2
# Narrower than this, an interval is the rounding of replicates that are all alike.
NO_WIDTH = 1e-12
UNDEFINED = {"ppv": "nobody was recalled", "npv": "everybody was recalled"}


def check_breasts(breasts: pd.DataFrame, columns: list[str], unit: str = "breast") -> None:
    """Refuses a table that cannot be measured: empty, a column or a patient missing, not finite.

    Args:
        breasts: One row a breast (or image, or exam).
        columns: Numeric columns wanted beside patient_id and cancer.
        unit: What a row is, for the message.

    Raises:
        ValueError: Says what is wrong, in which column, and how often.

    >>> check_breasts(pd.DataFrame({"patient_id": ["p"], "cancer": [2.0]}), [])
    Traceback (most recent call last):
    ValueError: column 'cancer' of the breasts must be 0 or 1; found [2.0].
    """
    if missing := [name for name in ["patient_id", "cancer", *columns] if name not in breasts]:
        raise ValueError(f"the {unit}s have no column {missing}; found {list(breasts.columns)}.")
    if breasts.empty:
        raise ValueError(f"no {unit} with an outcome was scored; nothing can be measured.")
    if nobody := int(breasts["patient_id"].isna().sum()):
        raise ValueError(f"{nobody} {unit}s have no patient_id; each needs one.")
    for name in columns:
        bad = int((~np.isfinite(breasts[name].to_numpy(float, na_value=np.nan))).sum())
        if bad:
            raise ValueError(
                f"{bad} of {len(breasts)} values in column {name!r} of the {unit}s are not finite; "
                "score the images again."
            )
    outcomes = breasts["cancer"].to_numpy(float, na_value=np.nan)
    if not np.isin(outcomes, (0, 1)).all():
        found = np.unique(outcomes[~np.isin(outcomes, (0, 1))])[:3].tolist()
        raise ValueError(f"column 'cancer' of the {unit}s must be 0 or 1; found {found}.")


def withhold_interval(
    found: dict[str, Any],
    labels: ArrayLike,
    patients: ArrayLike,
    outcomes: tuple[int, ...] = (0, 1),
) -> dict[str, Any]:
    """Returns a figure without its interval where too few patients are drawn from to have one.

    One patient drawn again and again never differs from herself: her replicates make an interval
    that is too narrow, or of no width, just where least is known. Nor do patients that are all
    ranked without error: an area of 1 in every replicate is not known to be 1.

    Args:
        found: {value, low, high, n, how, reason}.
        labels: 0 or 1 of each row, shape (n,).
        patients: The patient of each row, shape (n,).
        outcomes: The outcomes that the figure rests on; () is everybody.

    >>> found = {"value": 1.0, "low": 1.0, "high": 1.0, "n": 3, "how": "", "reason": None}
    >>> withhold_interval(found, [1, 0, 0], ["a", "b", "c"])["reason"]
    'no interval: only 1 patient with cancer'
    """
    if found["value"] is None:
        return dict(found)
    if why := explain_few(labels, patients, outcomes):
        return found | {"low": None, "high": None, "reason": why}
    if found["low"] is not None and found["high"] - found["low"] < NO_WIDTH:
        return found | {"low": None, "high": None, "reason": explain_no_interval(0.0)}
    return dict(found)


def explain_few(
    labels: ArrayLike, patients: ArrayLike, outcomes: tuple[int, ...] = (0, 1)
) -> str | None:
    """Returns why these patients are too few for an interval, or None when they are enough.

    >>> explain_few([1, 0, 0], ["a", "b", "c"], (0,)) is None
    True
    """
    labels, patients = np.asarray(labels, float), np.asarray(patients).astype(str)
    groups = [(labels == outcome, f" {CLASSES[outcome]}") for outcome in sorted(outcomes)[::-1]]
    groups = groups or [(np.ones(len(labels), bool), "")]
    for mask, words in groups:
        if (count := np.unique(patients[mask]).size) < MIN_PATIENTS:
            noun = "patient" if count == 1 else "patients"
            return f"no interval: only {count} {noun}{words}"
    return None


def explain_undefined(name: str, labels: ArrayLike) -> str:
    """Returns why a figure has no value on these cases, with their number.

    >>> explain_undefined("auroc", [0, 0, 0])
    'cannot be estimated, n = 3: no positive among 3'
    """
    count = len(np.asarray(labels))
    one_class = undefined_reason(labels)
    if one_class:
        why = one_class.split(":")[0]
    elif name in UNDEFINED:
        why = UNDEFINED[name]
    elif name.startswith("calibration"):
        why = (
            "the scores part the classes without error, or are all alike, so no finite slope exists"
        )
    else:
        why = "undefined on these cases"
    return f"cannot be estimated, n = {count}: {why}"
