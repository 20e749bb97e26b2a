"""The chart of lesions found against false marks an image, as inline SVG text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator

from mammo_pipeline.reporting.svg import SERIES, STYLE, new_axes, write_svg


def froc_chart(
    curves: Mapping[str, Mapping[str, Any]], marks: Mapping[str, float], label: str, title: str
) -> str:
    """Returns free-response curves with their bands over a logarithmic axis, as SVG.

    Colour, dash and mark tell the curves apart; the band is pointwise, and absent where none is
    known.

    Args:
        curves: Name to {rate, sensitivity, low, high}, a list each over ascending rates; None where
            unknown.
        marks: What to write on the axis, to the rate that it stands for: {"1/8": 0.125, ...}.
        label: What the rates are.
        title: Read aloud to those who cannot see it.
    """
    with mpl.rc_context(STYLE):
        figure, axes = new_axes(3.2 + 0.17 * len(curves))
        for number, (name, curve) in enumerate(curves.items()):
            _draw_curve(axes, number, name, curve, list(marks.values()))
        axes.set_xscale("log", base=2)
        axes.set_xticks(list(marks.values()), list(marks))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.set(xlabel=label, ylabel="sensitivity", ylim=(-0.02, 1.02))
        if curves:
            figure.legend(loc="outside upper left", fontsize=8)
        return write_svg(figure, title)


def _draw_curve(
    axes: Axes, number: int, name: str, curve: Mapping[str, Any], read: list[float]
) -> None:
    rate, sensitivity, low, high = (
        np.array([np.nan if value is None else value for value in curve[key]], float)
        for key in ("rate", "sensitivity", "low", "high")
    )
    style: Any = {"color": SERIES[number % 4], "linestyle": ["-", "--", "-.", ":"][number % 4]}
    axes.fill_between(rate, low, high, color=style["color"], alpha=0.13, linewidth=0)
    for bound in (low, high):
        # A filled band alone is lost on grey paper.
        axes.plot(rate, bound, **style, linewidth=0.5)
    at = [int(where) for where in np.flatnonzero(np.isin(rate, read))]
    marks: Any = {"marker": "os^D"[number % 4], "markersize": 4, "markevery": at}
    axes.plot(rate, sensitivity, label=name, **style, **marks)
