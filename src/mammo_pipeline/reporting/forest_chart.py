"""Figures of many subgroups under the names of their axes, as inline SVG text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes

from mammo_pipeline.reporting.svg import SERIES, SOFT, STYLE, new_axes, write_svg

ROW_IN = 0.2
LONGEST = 34


def draw_forest(
    rows: Sequence[Mapping[str, Any]], label: str, title: str, whole: float | None = None
) -> str:
    """Returns one line a subgroup below its axis' name, and the whole as a dashed line, as SVG.

    Args:
        rows: Each has axis, name, value, low, high (None where undefined) and small; rows of one
            axis stand together. Small ones are hollow and thin, undefined ones say so.
        label: What the figure is.
        title: Read aloud to those who cannot see it.
        whole: The figure over everything.
    """
    lines: list[Mapping[str, Any]] = []
    for axis, own in groupby(rows, key=lambda row: row["axis"]):
        lines += [{"name": axis, "heading": True}, *own]
    with mpl.rc_context(STYLE):
        figure, axes = new_axes(0.7 + ROW_IN * max(len(lines), 2))
        for place, line in enumerate(lines):
            if not line.get("heading"):
                _draw_line(axes, place, line)
        if whole is not None:
            axes.axvline(whole, color=SOFT, linewidth=0.8, linestyle="--")
        names = [_shorten(line["name"]) for line in lines]
        axes.set_yticks(range(len(lines)), names, fontsize=8)
        for tick, line in zip(axes.get_yticklabels(), lines, strict=True):
            tick.set_fontweight("bold" if line.get("heading") else "normal")
            tick.set_color(SOFT if line.get("small") else tick.get_color())
        axes.tick_params(axis="y", length=0)
        axes.set(xlabel=label, ylim=(max(len(lines), 1) - 0.5, -0.5))
        axes.grid(axis="y", visible=False)
        return write_svg(figure, title)


def _shorten(name: str) -> str:
    """Returns a name that leaves room for the lines; the counts behind it stay whole."""
    head, bracket, counts = name.rpartition(" (")
    room = LONGEST - len(bracket + counts)
    return f"{head[: room - 1].rstrip()}…{bracket}{counts}" if len(head) > room > 1 else name


def _draw_line(axes: Axes, place: int, row: Mapping[str, Any]) -> None:
    if row["value"] is None:
        where: Any = {"xycoords": ("axes fraction", "data"), "va": "center", "fontsize": 7}
        axes.annotate("undefined", (0.02, place), color=SOFT, **where)
        return
    colour = SOFT if row.get("small") else SERIES[0]
    if row["low"] is not None:
        width = 0.8 if row.get("small") else 1.4
        axes.plot([row["low"], row["high"]], [place, place], color=colour, linewidth=width)
    face = "none" if row.get("small") else colour
    axes.plot(row["value"], place, "o", color=colour, markerfacecolor=face, markersize=4.5)
