"""A share of rows that come in clusters: several breasts or exams of one patient."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from mammo_pipeline.mammo.intervals import wilson_interval


def clustered_proportion(hits: ArrayLike, patients: ArrayLike, level: float) -> dict[str, Any]:
    """Returns a share of rows as a figure, with Wilson's interval at the effective sample size.

    A patient's rows are alike, so that n of them tell less than n patients. The effective size is
    p (1 - p) over the variance between patients, at most n (Korn and Graubard 1998, with Wilson's
    interval as in Dean and Pagano 2015): n itself with one row a patient. Where p is 0 or 1 no
    variance is seen, and it is the number of patients.

    Args:
        hits: Whether each row counts, shape (n,).
        patients: The patient of each row, shape (n,).
        level: Of the interval.

    >>> found = clustered_proportion([1, 1, 0, 0], ["a", "a", "b", "b"], 0.95)
    >>> found["value"], found["n"], round(found["low"], 3)  # as 2 patients, not 4 rows
    (0.5, 4, 0.095)
    """
    hits = np.asarray(hits, float)
    names, codes = np.unique(np.asarray(patients).astype(str), return_inverse=True)
    n, how = hits.size, f"share of rows; Wilson {level:.0%} at the effective sample size"
    found: dict[str, Any] = {"value": None, "low": None, "high": None, "n": n, "how": how}
    if n == 0:
        return found | {"reason": "cannot be estimated, n = 0"}
    share = float(hits.mean())
    effective = float(len(names))
    if 0 < share < 1 and len(names) > 1:
        excess = np.bincount(codes, hits - share)
        variance = float(excess @ excess) / n**2
        effective = min(share * (1 - share) / variance, n) if variance > 0 else n
    found |= {"value": share, "reason": None}
    if len(names) < 2:
        return found | {"reason": "no interval: only 1 patient"}
    low, high = wilson_interval(share * effective, effective, level)
    return found | {"low": low, "high": high}
