"""Whether an attribute goes with the outcome, such as the device: bias that no net should find."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import brentq
from scipy.stats import contingency, ncx2, random_table

# Above this the interval's search stops: an association of 1 in a million patients.
LARGEST = 1e7


def measure_association(
    values: pd.Series, outcomes: pd.Series, level: float, draws: int, rng: np.random.Generator
) -> dict[str, Any]:
    """Returns Cramer's V of an attribute with the outcome as a figure, with p and the table's size.

    V is 0 where the attribute says nothing of the outcome and 1 where it gives it away (Cramer
    1946). The value takes off what chance adds (chi-square less its degrees of freedom); the
    interval inverts the noncentral chi-square (Smithson 2003); p is the share of tables with the
    same margins, drawn by Patefield's algorithm, whose chi-square is as large.

    Args:
        values: The attribute of each unit; missing ones are left out.
        outcomes: 0 or 1 of each unit.
        level: Of the interval, such as 0.95.
        draws: Number of tables drawn for p.
        rng: Where chance comes from.

    >>> rng = np.random.default_rng(0)
    >>> devices, outcomes = pd.Series(list("AB") * 50), pd.Series([0, 1] * 50)
    >>> found = measure_association(devices, outcomes, 0.95, 99, rng)
    >>> round(found["value"], 2), found["p"]
    (0.99, 0.01)
    """
    known = values.notna() & outcomes.notna()
    table = pd.crosstab(values[known], outcomes[known]).to_numpy()
    n, size = int(table.sum()), min(table.shape)
    how = f"Cramer's V, noncentral chi-square {level:.0%}; p of {draws} tables"
    head = {"n": n, "groups": table.shape[0], "how": how}
    if size < 2:
        blank = dict.fromkeys(["value", "low", "high", "p"])
        return blank | head | {"reason": "one group, or one outcome: nothing to compare"}
    chi_square, freedom = _chi_square(table), (table.shape[0] - 1) * (table.shape[1] - 1)
    noncentral = [max(chi_square - freedom, 0.0), *_bound_noncentral(chi_square, freedom, level)]
    value, low, high = (float(min(np.sqrt(c / (n * (size - 1))), 1.0)) for c in noncentral)
    drawn = random_table(table.sum(axis=1), table.sum(axis=0)).rvs(draws, random_state=rng)
    larger = sum(_chi_square(one) >= chi_square * (1 - 1e-9) for one in drawn)
    p = (larger + 1) / (draws + 1)
    return {"value": value, "low": low, "high": high, "p": float(p)} | head | {"reason": None}


def _chi_square(table: np.ndarray) -> float:
    expected = contingency.expected_freq(table)
    return float(((table - expected) ** 2 / expected).sum())


def _bound_noncentral(chi_square: float, freedom: int, level: float) -> tuple[float, float]:
    """The noncentralities under which the chi-square lies at the tails of the interval."""
    bounds = []
    for tail in ((1 + level) / 2, (1 - level) / 2):
        if ncx2.cdf(chi_square, freedom, 0) <= tail:
            bounds.append(0.0)
            continue

        def excess(noncentral: float, tail: float = tail) -> float:
            return float(ncx2.cdf(chi_square, freedom, noncentral)) - tail

        most = 2 * chi_square + 10 * np.sqrt(chi_square) + 50
        bounds.append(float(brentq(excess, 0.0, min(most, LARGEST))))
    return bounds[0], bounds[1]


def commonest(table: pd.DataFrame, unit: str, column: str) -> pd.Series:
    """Returns the commonest stated value of each unit; ties go to the first in order.

    >>> commonest(pd.DataFrame({"p": ["a", "a", "a"], "d": ["y", "x", "y"]}), "p", "d")["a"]
    'y'
    """
    counts = table.groupby([unit, column]).size().rename("n").reset_index()
    first = counts.sort_values([unit, "n", column], ascending=[True, False, True])
    return first.drop_duplicates(unit).set_index(unit)[column]
