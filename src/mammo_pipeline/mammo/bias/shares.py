"""A share with an interval that knows that two breasts of one woman are not two women."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from mammo_pipeline.mammo.intervals import wilson_interval

Figure = dict[str, Any]


def state_figure(
    value: float | None, low: float | None, high: float | None, n: int, how: str
) -> Figure:
    """Returns {value, low, high, n, how, reason} of a defined value.

    >>> state_figure(0.5, 0.4, 0.6, 9, "count over n")["reason"] is None
    True
    """
    return {"value": value, "low": low, "high": high, "n": n, "how": how, "reason": None}


def blank_figure(n: int, how: str, reason: str) -> Figure:
    """Returns a figure without a value, and why.

    >>> blank_figure(3, "count over n", "cannot be estimated, n = 3")["value"] is None
    True
    """
    return {"value": None, "low": None, "high": None, "n": n, "how": how, "reason": reason}


def effective_count(hits: ArrayLike, patients: ArrayLike) -> float:
    """Returns how many independent rows would tell a share as exactly as these of several women.

    n over the design effect (Kish 1965, section 5.4), which is the variance of the share by
    patients over that of independent rows, never below 1. Where all rows are alike no variance is
    seen, and every patient counts once.

    Args:
        hits: 0 or 1 of each row, shape (n,).
        patients: The patient of each row, shape (n,).

    >>> effective_count([1, 1, 0, 0], ["a", "a", "b", "b"]) < effective_count([1, 1, 0, 0], "abcd")
    True
    >>> effective_count([1, 1, 1, 1], ["a", "a", "b", "b"])
    2.0
    """
    found = np.asarray(hits, float)
    names = list(patients) if isinstance(patients, str) else patients
    _, codes = np.unique(np.asarray(names).astype(str), return_inverse=True)
    women, share = int(codes.max(initial=-1)) + 1, found.mean() if found.size else 0.0
    if women < 2 or share in (0.0, 1.0):
        return float(women)
    sums = np.bincount(codes, found - share)
    effect = (sums**2).sum() / (found.size * share * (1 - share))
    return float(found.size / max(effect, 1.0))


def measure_share(hits: ArrayLike, patients: ArrayLike, level: float) -> Figure:
    """Returns a share as a figure, with Wilson's interval at the effective count of rows.

    Wilson's (1927) holds at 0 and at 1, where a bootstrap has no width.

    Args:
        hits: 0 or 1 of each row, shape (n,).
        patients: The patient of each row, shape (n,).
        level: Of the interval, such as 0.95.

    >>> found = measure_share([1, 1, 0, 0], ["a", "b", "c", "d"], 0.95)
    >>> found["value"], round(found["low"], 2), found["n"]
    (0.5, 0.15, 4)
    """
    found = np.asarray(hits, float)
    n = int(found.size)
    if n == 0:
        return blank_figure(0, "count over n", "nothing to count: n is 0")
    value, count = float(found.mean()), effective_count(found, patients)
    how = f"count over n; Wilson {level:.0%} by patient, design effect {n / count:.2f}"
    return state_figure(value, *wilson_interval(value * count, count, level), n, how)
