"""The chart of a reader study: curves, and the point where each reader stands, as inline SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np

from mammo_pipeline.reporting.svg import SERIES, SOFT, STYLE, new_axes, write_svg

Point = tuple[float, float]
MARKERS, DASHES = "o^sD", ("-", "--", "-.", ":")


def draw_readers(
    curves: Mapping[str, tuple[np.ndarray, np.ndarray]],
    points: Mapping[str, Sequence[Point]],
    title: str,
) -> str:
    """Returns ROC curves with readers' points; a thin line joins one reader's points, as SVG.

    Args:
        curves: Name to (1 - specificity, sensitivity) at its corners, the model's say.
        points: Modality to (1 - specificity, sensitivity) of each reader, in one order.
        title: Read aloud to those who cannot see it.
    """
    with mpl.rc_context(STYLE):
        figure, axes = new_axes(4.4)
        axes.plot([0, 1], [0, 1], color=SOFT, linewidth=0.7, linestyle=":")
        for number, (name, (false_rate, true_rate)) in enumerate(curves.items()):
            line: Any = {"color": SERIES[number % 4], "linestyle": DASHES[number % 4]}
            axes.plot(false_rate, true_rate, label=name, **line)
        for one in zip(*points.values(), strict=True):
            axes.plot(*np.array(one).T, color=SOFT, linewidth=0.6)
        for number, (name, places) in enumerate(points.items()):
            # The first modality is hollow, so that the two are told apart on grey paper.
            colour = SERIES[(number + 1) % 4]
            face = "none" if number == 0 and len(points) > 1 else colour
            style: Any = {"color": colour, "markerfacecolor": face, "markersize": 5.5}
            axes.plot(*np.array(places).T, MARKERS[number % 4], label=f"readers, {name}", **style)
        axes.set(xlabel="1 - specificity", ylabel="sensitivity", aspect="equal")
        axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
        axes.legend(loc="lower right")
        return write_svg(figure, title)
