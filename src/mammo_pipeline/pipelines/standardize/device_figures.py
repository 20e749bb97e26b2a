"""Sections of the page: each device before and after, in medians, curves and distributions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from mammo_pipeline.mammo.audit.spectrum import list_frequencies
from mammo_pipeline.pipelines.check.distributions import keep_central, summarize
from mammo_pipeline.pipelines.standardize.feature_names import name_feature

Section = dict[str, Any]

WHEN = ("before", "after")
FRAME = (
    *("rows_px", "columns_px", "aspect"),
    *("row_spacing_mm", "field_height_mm", "field_width_mm"),
)
SIZES = ("breast_mm2", "breast_height_mm", "breast_width_mm")
# Small shares of grey are told in thousandths of white.
FAINT = ("Noise", "Corners", "Borders")
COMPARED = {
    "Share of the frame": {
        "tissue_share": "tissue",
        "height_share": "breast height",
        "width_share": "breast width",
    },
    "Grey of tissue, dark quantiles": {"q05": "5 %", "q25": "25 %", "q50": "median"},
    "Grey of tissue, bright quantiles": {"q75": "75 %", "q95": "95 %", "spread": "spread"},
    "Noise, thousandths of white": {
        "noise": "all tissue",
        "noise_dark": "dark half",
        "noise_bright": "bright half",
    },
    "Power of coarse detail, log10": {f"band_{n}": f"band {n}" for n in (1, 2, 3)},
    "Power of fine detail, log10": {f"band_{n}": f"band {n}" for n in (4, 5, 6)},
    "Corners away from the chest wall, thousandths of white": {
        "corner_top": "upper",
        "corner_bottom": "lower",
    },
    "Corners at the chest wall, thousandths of white": {
        "corner_top_wall": "upper",
        "corner_bottom_wall": "lower",
    },
    "Borders, thousandths of white": {
        "border_top": "upper",
        "border_bottom": "lower",
        "border_right": "nipple's side",
    },
    "Chest wall": {"border_wall": "grey of the border", "wall_share": "share with tissue"},
}
DRAWN = ("tissue_share", "q50", "noise", "band_4", "band_6")


def show_medians(
    used: pd.DataFrame, measured: pd.DataFrame, standard: Mapping[str, Any]
) -> Section:
    """Returns each device's medians with quartiles, before and after."""
    return {
        "title": "Each device, before and after",
        "text": "Read down a column: before, each device has its own level; after, the medians "
        "should lie within one another's quartiles. Grey runs from 0, black, to 1, white. Bands "
        "part the detail of tissue from coarse (1) to fine (6) within each picture. Air on a "
        "canvas is 0; in its corners and on its borders is only what the breast itself puts "
        "there.\n\nEvery figure is the median over images with their quartiles: the spread of "
        "images, not the interval of the median; one number where the quartiles agree. ",
        "table": [
            _tabulate_frame(measured, standard),
            _tabulate("Breast, mm at the breast", used, SIZES),
            *(_compare(measured, caption, heads) for caption, heads in COMPARED.items()),
        ],
    }


def _tell(values: pd.Series, factor: float = 1.0) -> dict[str, Any]:
    found = summarize(values.astype(float) * factor)
    if found["value"] is not None and found["low"] == found["high"]:
        return found | {"low": None, "high": None}
    return found


def _tabulate(
    title: str, images: pd.DataFrame, names: Sequence[str], prefix: str = ""
) -> dict[str, Any]:
    """Returns a table of a row a device and a column a quantity."""
    rows = [
        [device, len(own), int(own["patient_id"].nunique())]
        + [_tell(own[f"{prefix}{name}"]) for name in names]
        for device, own in images.groupby("device")
    ]
    columns = ["device", "images", "women", *map(name_feature, names)]
    return {"caption": title, "columns": columns, "rows": rows}


def _tabulate_frame(measured: pd.DataFrame, standard: Mapping[str, Any]) -> dict[str, Any]:
    table = _tabulate("The frame as the device wrote it", measured, FRAME, "before_")
    heads = ["rows", "columns", "aspect", "spacing, mm", "field: height, mm", "width, mm"]
    (height, width), spacing_mm = standard["shape_px"], standard["spacing_mm"]
    canvas = [height, width, height / width, spacing_mm]
    canvas += [height * spacing_mm, width * spacing_mm]
    women = int(measured["patient_id"].nunique())
    last = ["after, every device", len(measured), women, *canvas]
    columns = [*table["columns"][: -len(heads)], *heads]
    return table | {"columns": columns, "rows": [*table["rows"], last]}


def _compare(measured: pd.DataFrame, caption: str, heads: Mapping[str, str]) -> dict[str, Any]:
    """Returns a table of a few quantities: the devices before, then the devices after."""
    factor = 1000 if caption.startswith(FAINT) else 1
    rows = [
        [device, when, len(own), *(_tell(own[f"{when}_{name}"], factor) for name in heads)]
        for when in WHEN
        for device, own in measured.groupby("device")
    ]
    columns = ["device", "when", "images", *heads.values()]
    return {"caption": caption, "columns": columns, "rows": rows}


def show_overlays(measured: pd.DataFrame) -> list[Section]:
    """Returns the devices on shared axes: mean curves, then the distributions of some features."""
    curves: Section = {
        "title": "Curves of the devices",
        "text": "The share of tissue at each grey, and the power of its detail by frequency. "
        "Before, each device draws a curve of its own; after, they should lie on one another.",
    }
    features: Section = {
        "title": "Distributions over the devices",
        "text": "The same feature before and after on one axis. Where the devices' outlines part, "
        "the feature tells the device.",
    }
    if measured.empty:
        empty = {"text": "No image was measured."}
        return [curves | empty, features | empty]
    n = f"{len(measured)} images of {measured['patient_id'].nunique()} women"
    spectrum = "Radial power spectrum of tissue: mean of the images' log10; frequencies beyond an "
    spectrum += "image's own are left out. Curves have no interval: the probes do the judging."
    return [
        curves
        | {
            "chart": [*_draw_histograms(measured), *_draw_spectra(measured)],
            "caption": f"{n}. Mean over the images of a device. {spectrum}",
        },
        features
        | {
            "chart": [chart for name in DRAWN for chart in _draw_feature(measured, name)],
            "caption": f"{n}, each device to area 1. The outermost hundredth at either end is not "
            "drawn.",
        },
    ]


def average_curves(measured: pd.DataFrame, column: str) -> dict[str, np.ndarray]:
    """Returns each device's mean curve with its number of images in the name.

    A point that fewer than half of a device's images have is NaN: it would be another average.

    Args:
        measured: One row an image, with `device`.
        column: Holds a curve in each row, all of one length.
    """
    means = {}
    for device, own in measured.groupby("device"):
        stacked = np.array(own[column].tolist(), float)
        known = np.isfinite(stacked).sum(0)
        sums = np.nansum(stacked, axis=0)
        enough = known >= max(1, len(own) / 2)
        means[f"{device} (n {len(own)})"] = np.where(enough, sums / np.maximum(known, 1), np.nan)
    return means


def _draw_histograms(measured: pd.DataFrame) -> list[str]:
    from mammo_pipeline.reporting import charts

    curves = {when: average_curves(measured, f"{when}_histogram") for when in WHEN}
    bins = len(next(iter(curves["before"].values())))
    grey = (np.arange(bins) + 0.5) / bins
    return [
        charts.curves_by_group(
            grey,
            curves[when],
            f"grey of tissue, {when}",
            "share of tissue",
            f"Histogram of tissue by device, {when}",
            limits=(0.0, _find_limits(curves)[1]),
        )
        for when in WHEN
    ]


def _draw_spectra(measured: pd.DataFrame) -> list[str]:
    from mammo_pipeline.reporting import charts

    curves = {when: average_curves(measured, f"{when}_spectrum") for when in WHEN}
    return [
        charts.curves_by_group(
            list_frequencies(),
            curves[when],
            f"cycles/mm, {when}",
            "log10 power, grey^2 mm^2",
            f"Radial power spectrum of tissue by device, {when}",
            limits=_find_limits(curves),
            is_log=True,
        )
        for when in WHEN
    ]


def _find_limits(curves: Mapping[str, Mapping[str, np.ndarray]]) -> tuple[float, float]:
    """Returns the axis that holds before and after; 0 to 1 where no curve has a point."""
    values = np.concatenate([curve for part in curves.values() for curve in part.values()])
    known = values[np.isfinite(values)]
    if not known.size:
        return 0.0, 1.0
    margin = 0.04 * max(float(np.ptp(known)), 1e-6)
    return float(known.min()) - margin, float(known.max()) + margin


def _draw_feature(measured: pd.DataFrame, name: str) -> list[str]:
    from mammo_pipeline.reporting import charts

    kept = {when: keep_central(measured[f"{when}_{name}"]) for when in WHEN}
    both = pd.concat(list(kept.values())).dropna()
    limits = (float(both.min()), float(both.max())) if len(both) else None
    return [
        charts.histogram_by_group(
            kept[when], measured["device"], f"{name_feature(name)}, {when}", limits=limits
        )
        for when in WHEN
    ]
