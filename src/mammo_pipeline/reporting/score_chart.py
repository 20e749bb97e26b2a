"""How the scores of some groups lie, one panel a group, as inline SVG text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from mammo_pipeline.reporting.svg import INK, SERIES, SOFT, STYLE, new_figure, write_svg

# Shares of a group of this size or less are single patients: the bars are drawn hollow.
FEW = 20


def score_panels(
    groups: Sequence[Mapping[str, Any]], edges: ArrayLike, label: str, title: str
) -> str:
    """Returns one histogram a group over the same classes, with median and quartiles, as SVG.

    The panels stand below each other on shared axes and are named, so that nothing is told by
    colour alone. A group of at most 20 is hollow; an empty one says so.

    Args:
        groups: Each has group (its name), n, median, q1, q3 (None where n is 0) and shares, one a
            class, which sum to 1.
        edges: Where the classes begin and end, one more than classes; classes of width 1 are
            named by their middle.
        label: What the scores are.
        title: Read aloud to those who cannot see it.

    Raises:
        ValueError: There is no group, or the shares do not fit the edges.
    """
    edges = np.asarray(edges, float)
    if not groups or any(len(group["shares"]) != edges.size - 1 for group in groups):
        raise ValueError(f"{len(groups)} groups for {edges.size - 1} classes; each needs a share.")
    # Room above the bars for the name.
    top = 1.3 * max(max(group["shares"]) for group in groups) or 1.0
    with mpl.rc_context(STYLE):
        figure = new_figure(0.5 + 1.15 * len(groups))
        panels = np.atleast_1d(figure.subplots(len(groups), 1, sharex=True, sharey=True))
        for number, (axes, group) in enumerate(zip(panels, groups, strict=True)):
            _draw_panel(axes, group, edges, SERIES[number % 4])
            axes.set_ylim(0, top)
        if np.allclose(np.diff(edges), 1):
            panels[-1].set_xticks((edges[:-1] + edges[1:]) / 2)
        panels[-1].set(xlabel=label, xlim=(edges[0], edges[-1]))
        figure.supylabel("share of group", fontsize=9)
        return write_svg(figure, title)


def _draw_panel(axes: Axes, group: Mapping[str, Any], edges: np.ndarray, colour: str) -> None:
    where: Any = {"xycoords": "axes fraction", "va": "top", "fontsize": 8.5}
    name = f"{group['group']} (n {group['n']})"
    axes.annotate(name, (0.01, 0.97), ha="left", color=INK, **where)
    if not group["n"]:
        axes.annotate("nobody", (0.01, 0.72), ha="left", color=SOFT, **where)
        return
    hollow = group["n"] <= FEW
    style: Any = {"facecolor": "none" if hollow else colour, "edgecolor": colour, "alpha": 0.85}
    middles = (edges[:-1] + edges[1:]) / 2
    axes.bar(middles, group["shares"], np.diff(edges) * 0.9, linewidth=1, **style)
    ends: Any = {"transform": axes.get_xaxis_transform(), "color": INK, "clip_on": False}
    axes.plot([group["q1"], group["q3"]], [0.66, 0.66], linewidth=1.2, **ends)
    axes.plot(group["median"], 0.66, "D", markersize=4.5, **ends)
