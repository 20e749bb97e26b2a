"""The reliability diagram before and after calibration, with how often each probability is said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes

from mammo_pipeline.reporting.svg import SERIES, SOFT, STYLE, new_figure, write_svg

# Mark, dash and filling tell the two on grey paper.
SHOWN: dict[str, dict[str, Any]] = {
    "before": {"color": SERIES[1], "fmt": "s--", "markerfacecolor": "none"},
    "after": {"color": SERIES[0], "fmt": "o-", "markerfacecolor": SERIES[0]},
}


def reliability_pair(
    tables: Mapping[str, Sequence[Mapping[str, Any]]],
    histogram: Mapping[str, Sequence[float]],
    title: str,
) -> str:
    """Returns observed against predicted, before and after, over a histogram, as SVG.

    Args:
        tables: "before" and "after" to rows of `reliability_table`: predicted, observed, low, high.
        histogram: "edges", and "before" and "after" to how many breasts lie in each cell.
        title: Read aloud to those who cannot see it.
    """
    end = _end_of_axis(tables, histogram)
    with mpl.rc_context(STYLE):
        figure = new_figure(4.8)
        top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=[4, 1])
        top.plot([0, 1], [0, 1], color=SOFT, linewidth=0.8, linestyle=":", label="exact")
        for number, name in enumerate(SHOWN):
            _draw_bins(top, tables[name], SHOWN[name], name, (number - 0.5) * 0.004 * end)
            style = {"color": SHOWN[name]["color"], "linestyle": SHOWN[name]["fmt"][1:]}
            bottom.stairs(histogram[name], histogram["edges"], linewidth=1.2, **style)
        top.set(ylabel="observed share with cancer", ylim=(-0.02 * end, 1.02 * end))
        top.legend(loc="upper left")
        bottom.set(xlabel="predicted probability", ylabel="breasts", ylim=(0, None))
        bottom.set_xlim(-0.02 * end, 1.02 * end)
        return write_svg(figure, title)


def _draw_bins(
    axes: Axes, rows: Sequence[Mapping[str, Any]], style: Mapping[str, Any], name: str, aside: float
) -> None:
    """Draws one series; it stands a hair aside, so that two bars at one place are both seen."""
    predicted = np.array([row["predicted"] for row in rows], float) + aside
    observed, low, high = (
        np.array([row[key] for row in rows], float) for key in ("observed", "low", "high")
    )
    # Rounding may put a bound a hair inside the point.
    errors = np.clip([observed - low, high - observed], 0, None)
    sizes: Any = {"markersize": 4.5, "linewidth": 1.1, "elinewidth": 0.9, "capsize": 2}
    axes.errorbar(predicted, observed, errors, label=f"{name} calibration", **sizes, **style)


def _end_of_axis(
    tables: Mapping[str, Sequence[Mapping[str, Any]]], histogram: Mapping[str, Sequence[float]]
) -> float:
    """Returns where both axes end: 1, or, where cancer is rare, just above all that is drawn."""
    drawn = [max(row["predicted"], row["high"]) for name in SHOWN for row in tables[name]]
    for name in SHOWN:
        filled = np.flatnonzero(histogram[name])
        drawn += [histogram["edges"][filled[-1] + 1]] if filled.size else []
    return float(min(1.0, np.ceil(max(drawn, default=1.0) * 20) / 20))
