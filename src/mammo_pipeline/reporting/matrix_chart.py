"""A square table of numbers as a chart: the number in each cell, shaded by its size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np

from mammo_pipeline.reporting.svg import SERIES, SOFT, STYLE, WIDTH_IN, new_axes, write_svg

# Text on the deepest shade can still be read, in light and in dark.
DEEPEST = 0.55


def matrix_chart(names: Sequence[str], matrix: Sequence[Sequence[float | None]], title: str) -> str:
    """Returns the lower half of a symmetric matrix of values in [-1, 1], as SVG.

    Shade is the size of the value, a negative one is hatched, and the number stands in its cell, so
    that the chart can be read in grey. Beyond twelve names the numbers are left out.

    Args:
        names: Of rows and columns.
        matrix: Shape (names, names); None where undefined.
        title: Read aloud to those who cannot see it.

    Raises:
        ValueError: Rows and names do not fit.
    """
    count = len(names)
    if any(len(row) != count for row in matrix) or len(matrix) != count or not count:
        raise ValueError(f"{len(matrix)} rows for {count} names; expected a square, not empty.")
    values = np.array([[np.nan if v is None else v for v in row] for row in matrix], float)
    with mpl.rc_context(STYLE):
        figure, axes = new_axes(min(0.9 + 0.34 * count, WIDTH_IN))
        for row in range(count):
            for column in range(row):
                _draw_cell(axes, row, column, values[row, column], count)
        axes.set_yticks(range(1, count), names[1:])
        axes.set_xticks(range(count - 1), names[:-1], rotation=90 if count > 5 else 0)
        axes.set(xlim=(-0.5, max(count - 1.5, 0.5)), ylim=(count - 0.5, 0.5))
        axes.grid(visible=False)
        axes.tick_params(length=0)
        for spine in axes.spines.values():
            spine.set_visible(False)
        return write_svg(figure, title)


def _draw_cell(axes: Any, row: int, column: int, value: float, count: int) -> None:
    known = np.isfinite(value)
    shade: Any = {"facecolor": SERIES[0] if known else "none", "edgecolor": SOFT, "linewidth": 0.4}
    shade["alpha"] = DEEPEST * min(abs(value), 1) if known else 1.0
    shade["hatch"] = "////" if known and value < 0 else None
    axes.add_patch(mpl.patches.Rectangle((column - 0.5, row - 0.5), 1, 1, **shade))
    if count <= 12:
        text = f"{value:.2f}" if known else "–"
        axes.text(column, row, text, ha="center", va="center", fontsize=8)
