"""Bins that hold about the same number of values each."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike


def equal_count_edges(values: ArrayLike, bins: int) -> np.ndarray:
    """Returns the inner edges, ascending, that cut finite values into at most `bins` parts.

    Equal values are never parted, so that a table with many ties gets fewer bins.

    >>> equal_count_edges([1, 2, 3, 4, 5, 6], 3).round(2).tolist()
    [2.67, 4.33]
    >>> equal_count_edges([7, 7, 7, 7], 3).tolist()
    []
    """
    if bins < 1:
        raise ValueError(f"bins must be at least 1, found {bins}.")
    values = np.asarray(values, float)
    edges = np.unique(np.quantile(values, np.linspace(0, 1, bins + 1)[1:-1]))
    return edges[edges > values.min()]


def assign_bins(values: ArrayLike, edges: np.ndarray) -> np.ndarray:
    """Returns the bin of each value, 0 to len(edges); a value on an edge falls into the upper bin.

    >>> assign_bins([1, 2, 9], np.array([2.0])).tolist()
    [0, 1, 1]
    """
    return np.searchsorted(edges, np.asarray(values, float), side="right")
