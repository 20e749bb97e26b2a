"""The charts of the reports, as inline SVG text, and pictures as a data URI."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, NullLocator
from PIL import Image, ImageDraw, ImageFont

from mammo_pipeline.reporting.svg import SERIES, SOFT, STYLE, new_axes, new_figure, write_svg


def histogram_by_group(
    values: Any,
    groups: Any,
    label: str,
    title: str | None = None,
    bins: int = 30,
    density: bool = True,
    limits: tuple[float, float] | None = None,
) -> str:
    """Returns step histograms of each group over common bins, as SVG.

    Args:
        values: One a case, shape (n,); those that are not finite are left out.
        groups: The group of each case, shape (n,); drawn in the order of their names.
        label: What the values are, with the unit.
        title: What the chart shows, read aloud to those who cannot see it.
        bins: Number of bins over all groups.
        density: Whether each group has area 1, so that groups of unequal size compare.
        limits: Where the bins begin and end, so that two charts compare; by the data when None.
    """
    values, groups = np.asarray(values, float), np.asarray(groups).astype(str)
    known = np.isfinite(values)
    parts = {name: values[known & (groups == name)] for name in np.unique(groups)}
    edges = np.histogram_bin_edges(values[known] if known.any() else [0.0, 1.0], bins, limits)
    with mpl.rc_context(STYLE):
        # Two legends side by side have room for about 28 characters each.
        across = 2 if max(map(len, parts), default=0) + len(" (n 1234)") <= 28 else 1
        figure, axes = new_axes(2.3 + 0.17 * -(-len(parts) // across))
        for number, (name, v) in enumerate(parts.items()):
            style = {**_style_group(number), "label": f"{name} (n {v.size})"}
            heights = np.histogram(v, edges, density=density and v.size > 0)[0]
            axes.stairs(heights, edges, linewidth=1.4, **style)
        axes.set(xlabel=label, ylabel="share of group" if density else "images", ylim=(0, None))
        axes.tick_params(labelleft=not density)
        if parts:
            figure.legend(loc="outside upper left", ncols=across, fontsize=8)
        return write_svg(figure, title or f"{label} by group")


def _style_group(number: int) -> dict[str, Any]:
    """Returns colour and dash of a group: a group has the same in every chart of a page."""
    return {"color": SERIES[number % 4], "linestyle": ["-", "--", "-.", ":"][number // 4 % 4]}


def curves_by_group(
    x: Any,
    curves: Mapping[str, Any],
    label: str,
    height_label: str,
    title: str,
    limits: tuple[float, float] | None = None,
    is_log: bool = False,
) -> str:
    """Returns one line a group on shared axes, as SVG; marks tell the groups on grey paper too.

    Args:
        x: Where the curves are given, shape (n,).
        curves: Name to heights, shape (n,); drawn in the order of their names, NaN left out.
        label: What x is, with the unit.
        height_label: What the heights are, with the unit.
        title: Read aloud to those who cannot see it.
        limits: Of the heights, so that two charts compare; by the data when None.
        is_log: Whether x is drawn on a logarithmic axis.
    """
    x = np.asarray(x, float)
    with mpl.rc_context(STYLE):
        across = 2 if max(map(len, curves), default=0) <= 28 else 1
        figure, axes = new_axes(2.5 + 0.17 * -(-len(curves) // across))
        step = max(1, x.size // 8)
        for number, name in enumerate(sorted(curves)):
            marks: Any = {"marker": "os^D"[number % 4], "markersize": 3, "linewidth": 1.1}
            marks["markevery"] = (number % step, step)
            axes.plot(x, curves[name], label=name, **_style_group(number), **marks)
        axes.set(xlabel=label, ylabel=height_label, ylim=limits)
        if is_log:
            axes.set_xscale("log")
            axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axes.xaxis.set_major_formatter("{x:g}")
            axes.xaxis.set_minor_locator(NullLocator())
        if curves:
            figure.legend(loc="outside upper left", ncols=across, fontsize=8)
        return write_svg(figure, title)


def roc_curve(
    false_rate: Any,
    true_rate: Any,
    label: str,
    title: str,
    point: tuple[float, float] | None = None,
    others: Mapping[str, tuple[float, float]] | None = None,
) -> str:
    """Returns the ROC curve, its chance line, and marked points, as SVG.

    Args:
        false_rate: 1 - specificity at the corners.
        true_rate: Sensitivity at the corners.
        label: Legend of the curve, with its area and interval.
        title: Read aloud to those who cannot see it.
        point: (1 - specificity, sensitivity) of the frozen operating point.
        others: Name to (1 - specificity, sensitivity) of published points.
    """
    with mpl.rc_context(STYLE):
        figure, axes = new_axes(4.2)
        axes.plot([0, 1], [0, 1], color=SOFT, linewidth=0.7, linestyle=":")
        axes.plot(false_rate, true_rate, color=SERIES[0], label=label)
        if point:
            axes.plot(*point, "o", color=SERIES[1], markersize=6, label="frozen operating point")
        for number, (name, place) in enumerate((others or {}).items()):
            marker = "D^sv"[number % 4]
            axes.plot(*place, marker, color=SERIES[3], markersize=5, label=name)
        axes.set(xlabel="1 - specificity", ylabel="sensitivity", aspect="equal")
        axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
        axes.legend(loc="lower right")
        return write_svg(figure, title)


def reliability_diagram(table: Any, probabilities: Any, title: str) -> str:
    """Returns observed against predicted with Wilson bars, above a histogram of predictions.

    Args:
        table: Rows of `calibration.reliability_table`: predicted, observed, low, high.
        probabilities: Every predicted probability.
        title: Read aloud to those who cannot see it.
    """
    with mpl.rc_context(STYLE):
        figure = new_figure(4.4)
        top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=[4, 1])
        top.plot([0, 1], [0, 1], color=SOFT, linewidth=0.7, linestyle=":")
        observed = np.asarray(table["observed"], float)
        bounds = [np.asarray(table[name], float) for name in ("low", "high")]
        # Rounding may put a bound a hair inside the point.
        errors = np.clip([observed - bounds[0], bounds[1] - observed], 0, None)
        style: Any = {"color": SERIES[0], "markersize": 4.5, "linewidth": 1.0, "elinewidth": 0.9}
        top.errorbar(table["predicted"], observed, errors, fmt="o-", capsize=2, **style)
        top.set(ylabel="observed share with cancer", ylim=(-0.02, 1.02))
        bottom.hist(np.asarray(probabilities), np.linspace(0, 1, 41), color=SERIES[0], alpha=0.75)
        bottom.set(xlabel="predicted probability", ylabel="breasts", xlim=(-0.01, 1.01))
        return write_svg(figure, title)


def forest_plot(
    rows: Sequence[Mapping[str, Any]],
    label: str,
    title: str,
    whole: float | None = None,
    limits: tuple[float, float] | None = None,
) -> str:
    """Returns one line a subgroup: point, interval, and the whole as a dashed line, as SVG.

    Args:
        rows: Each has name, value, low, high (None where undefined) and small; small cells are
            hollow, undefined ones keep their line and say so.
        label: What the figure is.
        title: Read aloud to those who cannot see it.
        whole: The figure over everything.
        limits: Of the axis; by the data when None.
    """
    with mpl.rc_context(STYLE):
        figure, axes = new_axes(0.75 + 0.21 * max(len(rows), 2))
        for place, row in enumerate(rows):
            _draw_interval(axes, place, row)
        if whole is not None:
            axes.axvline(whole, color=SOFT, linewidth=0.8, linestyle="--")
        axes.set_yticks(range(len(rows)), [row["name"] for row in rows])
        axes.set(xlabel=label, ylim=(len(rows) - 0.5, -0.5), xlim=limits)
        axes.grid(axis="y", visible=False)
        return write_svg(figure, title)


def _draw_interval(axes: Axes, place: int, row: Mapping[str, Any]) -> None:
    if row["value"] is None:
        where: Any = {"xycoords": ("axes fraction", "data"), "va": "center", "fontsize": 8}
        axes.annotate("undefined", (0.02, place), color=SOFT, **where)
        return
    face = "none" if row.get("small") else SERIES[0]
    if row["low"] is not None:
        axes.plot([row["low"], row["high"]], [place, place], color=SERIES[0], linewidth=1.1)
    axes.plot(row["value"], place, "o", color=SERIES[0], markerfacecolor=face, markersize=5)


def bars(
    names: Sequence[str], series: Mapping[str, Sequence[float]], label: str, title: str
) -> str:
    """Returns horizontal bars, one row a name and one bar a series, as SVG."""
    with mpl.rc_context(STYLE):
        thick = 0.8 / max(len(series), 1)
        rows = len(names) * (1 if len(series) < 2 else 0.7 * len(series))
        figure, axes = new_axes(0.8 + 0.24 * max(rows, 2))
        places = np.arange(len(names))
        for number, (name, values) in enumerate(series.items()):
            offset = (number - (len(series) - 1) / 2) * thick
            style: Any = {"color": SERIES[number % 4], "label": name, "height": thick * 0.9}
            axes.barh(places + offset, np.nan_to_num(np.asarray(values, float)), **style)
        axes.set_yticks(places, names)
        axes.set(xlabel=label, ylim=(len(names) - 0.5, -0.5))
        axes.grid(axis="y", visible=False)
        if len(series) > 1:
            figure.legend(loc="outside upper left", ncols=3)
        return write_svg(figure, title)


def image_grid(
    images: Sequence[np.ndarray], captions: Sequence[str], columns: int = 4, width_px: int = 220
) -> str:
    """Returns pictures side by side, each above its caption, as a PNG data URI.

    Args:
        images: uint8, shape (rows, columns) grey or (rows, columns, 3); scaled down to width_px.
        captions: One each.
        columns: Pictures in a row.
        width_px: Width of a picture's cell.

    Raises:
        ValueError: Nothing to show, or captions do not match.
    """
    if not images or len(images) != len(captions):
        raise ValueError(f"{len(images)} images, {len(captions)} captions; expected one each.")
    pictures = [_fit_picture(image, width_px) for image in images]
    tall, strip, gap = max(p.height for p in pictures), 20, 6
    columns = min(columns, len(pictures))
    lines = -(-len(pictures) // columns)
    size = (columns * (width_px + gap) - gap, lines * (tall + strip + gap) - gap)
    sheet = Image.new("RGB", size, (18, 20, 22))
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(12)
    for number, (picture, caption) in enumerate(zip(pictures, captions, strict=True)):
        left = number % columns * (width_px + gap)
        top = number // columns * (tall + strip + gap)
        sheet.paste(picture, (left + (width_px - picture.width) // 2, top))
        pen.text((left + 4, top + tall + 3), caption, fill=(214, 218, 221), font=font)
    out = io.BytesIO()
    sheet.save(out, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()


def _fit_picture(image: np.ndarray, width_px: int) -> Image.Image:
    if image.dtype != np.uint8:
        raise ValueError(f"a picture must be uint8, found {image.dtype}; window it first.")
    picture = Image.fromarray(image).convert("RGB")
    scale = width_px / picture.width
    size = (width_px, max(1, round(picture.height * scale)))
    return picture.resize(size, Image.Resampling.BILINEAR)
