"""A matplotlib figure as inline SVG text that follows the page's light and dark colours.

Matplotlib draws with marker colours; they are then replaced by the page's CSS variables. The text
stays text, no date is written, and equal data give equal SVG to the byte.
"""

from __future__ import annotations

import io
import re
from hashlib import sha256
from typing import Any

import matplotlib as mpl
from markupsafe import escape
from matplotlib.axes import Axes
from matplotlib.figure import Figure

WIDTH_IN = 4.9
INK, LINE, SOFT = "#010101", "#010102", "#010103"
SERIES = ["#010111", "#010112", "#010113", "#010114"]
COLOURS = {
    INK: "currentColor",
    LINE: "var(--line, #d8dde1)",
    SOFT: "var(--soft, #56616b)",
    SERIES[0]: "var(--series-1, #23689a)",
    SERIES[1]: "var(--series-2, #bf6526)",
    SERIES[2]: "var(--series-3, #4a8449)",
    SERIES[3]: "var(--series-4, #775a9c)",
}
STYLE: Any = {
    "svg.fonttype": "none",
    "font.size": 9,
    "axes.facecolor": "none",
    "axes.edgecolor": SOFT,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": LINE,
    "grid.linewidth": 0.5,
    "text.color": INK,
    "xtick.color": SOFT,
    "ytick.color": SOFT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "lines.linewidth": 1.6,
}


def new_figure(height_in: float) -> Figure:
    """Returns an empty figure of the page's width."""
    return Figure(figsize=(WIDTH_IN, height_in), layout="constrained")


def write_svg(figure: Figure, title: str) -> str:
    """Returns the figure as an <svg> element that carries its title for those who cannot see it."""
    out = io.StringIO()
    nothing: Any = dict.fromkeys(["Date", "Creator", "Format", "Type"])
    figure.patch.set_alpha(0)
    with mpl.rc_context(STYLE | {"svg.hashsalt": title}):
        figure.savefig(out, format="svg", metadata=nothing)
    text = out.getvalue()
    text = text[text.index("<svg") :]
    for marker, colour in COLOURS.items():
        text = text.replace(marker, colour)
    text = _own_ids(text)
    box = re.search(r'viewBox="([^"]+)"', text)
    if box is None:
        raise ValueError(f"matplotlib wrote no viewBox for the chart {title!r}.")
    label = escape(title)
    head = f'<svg viewBox="{box[1]}" role="img" aria-label="{label}" '
    head += 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">'
    body = text[text.index(">") + 1 :].strip()
    return f"{head}<title>{label}</title>{body}"


def _own_ids(text: str) -> str:
    """Returns the SVG with ids that no other chart of a page has; counted names go, unused."""
    text = re.sub(r' id="[A-Za-z0-9.]+_\d+"', "", text)
    mark = sha256(text.encode()).hexdigest()[:8]
    for name in set(re.findall(r' id="([^"]+)"', text)):
        text = text.replace(f'id="{name}"', f'id="{name}-{mark}"')
        text = re.sub(rf"#{name}(?=[\")])", f"#{name}-{mark}", text)
    return text


def new_axes(height_in: float) -> tuple[Figure, Axes]:
    """Returns an empty figure of the page's width, and its axes."""
    figure = new_figure(height_in)
    return figure, figure.subplots()
