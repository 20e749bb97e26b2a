"""Charts of what changes from epoch to epoch, as inline SVG text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.ticker import MaxNLocator, NullLocator

from mammo_pipeline.reporting.svg import SERIES, STYLE, new_axes, write_svg

SMOOTHED = "smoothed"
# Where the greatest is more often than this above the least, only a logarithm shows both.
LOG_FROM = 50.0


def lines_by_epoch(
    epochs: Any, curves: Mapping[str, Any], label: str, title: str, from_zero: bool = False
) -> str:
    """Returns one line a curve over the epochs, as SVG.

    A curve called `smoothed` is a bold line; every other has a point an epoch, so that one epoch
    alone is seen, too. The heights are on a logarithmic axis where they differ by much.

    Args:
        epochs: Their numbers, shape (n,).
        curves: Name to heights, shape (n,); NaN is left out.
        label: What the heights are, with the unit.
        title: Read aloud to those who cannot see it.
        from_zero: Whether a plain axis begins at 0.
    """
    with mpl.rc_context(STYLE):
        figure, axes = new_axes(1.9)
        for number, (name, heights) in enumerate(curves.items()):
            bold = name == SMOOTHED
            style: Any = {"linewidth": 1.8} if bold else {"linewidth": 0.8, "marker": "o"}
            axes.plot(
                *(np.asarray(epochs, float), np.asarray(heights, float)),
                **({"color": SERIES[number % 4], "markersize": 3, "label": name} | style),
            )
        axes.set(xlabel="epoch", ylabel=label)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        if is_wide(curves):
            axes.set_yscale("log")
            axes.yaxis.set_major_formatter("{x:g}")
            axes.yaxis.set_minor_locator(NullLocator())
        else:
            # Else matplotlib may write 28.974 as 0.004 below a small "+2.897e1".
            axes.ticklabel_format(axis="y", useOffset=False)
            if from_zero:
                axes.set_ylim(0, None)
        if len(curves) > 1:
            figure.legend(loc="outside upper left", ncols=len(curves), fontsize=8)
        return write_svg(figure, title)


def is_wide(curves: Mapping[str, Any]) -> bool:
    """Returns whether the heights differ so much that a plain axis would hide the low ones.

    >>> is_wide({"a": [1.0, 2.0]}), is_wide({"a": [1.0, float("nan")], "b": [200.0, 1.0]})
    (False, True)
    """
    heights = np.concatenate([np.asarray(curve, float).ravel() for curve in curves.values()])
    known = heights[np.isfinite(heights)]
    return bool(known.size and known.min() > 0 and known.max() > LOG_FROM * known.min())
