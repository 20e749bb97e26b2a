"""A figure on lesions, with an interval that claims no more than its patients can carry."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from mammo_pipeline.mammo.intervals import figure, wilson_interval


def estimate_share(
    value: float,
    draws: np.ndarray,
    n: int,
    patients: int,
    least_patients: int,
    level: float,
    how: str,
    reason: str | None = None,
) -> dict[str, Any]:
    """Returns a share as a figure: its value is None where fewer patients than asked for hold it.

    All found, or none, leaves a bootstrap no width: then the interval is Wilson's, with the
    patients as its n, since the lesions of one woman are not independent.

    Args:
        value: The share, in [0, 1], or NaN.
        draws: Its replicates.
        n: What it is a share of.
        patients: With such.
        least_patients: For it to be stated.
        level: Of the interval.
        how: What it is.
        reason: Why it is undefined, where it is.

    >>> estimate_share(1.0, np.ones(9), 4, 3, 5, 0.95, "found")["reason"]
    'cannot be estimated, n = 3 patients; at least 5 are asked for'
    >>> round(estimate_share(1.0, np.ones(9), 8, 8, 5, 0.95, "found")["low"], 3)
    0.676
    """
    if n and patients < least_patients:
        short = (
            f"cannot be estimated, n = {patients} patients; at least {least_patients} are asked for"
        )
        return figure(float("nan"), draws, n, level, how, short)
    found = figure(value, draws, n, level, how, reason)
    if value in (0, 1) and found["low"] is not None and found["low"] == found["high"]:
        low, high = wilson_interval(value * patients, patients, level)
        words = f"{how}; all or none, so Wilson {level:.0%} with {patients} patients"
        return found | {"low": low, "high": high, "how": words}
    return found


def count_patients(patients: ArrayLike) -> int:
    """Returns how many patients there are among some rows.

    >>> count_patients(["b", "a", "b"])
    2
    """
    return len(np.unique(np.asarray(patients).astype(str)))
