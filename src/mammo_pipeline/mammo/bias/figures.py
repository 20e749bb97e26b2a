"""Figures as the other modules make them, where value and interval come from elsewhere."""

from __future__ import annotations

from typing import Any

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
