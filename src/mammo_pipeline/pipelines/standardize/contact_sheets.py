"""Sections of the page: canvases of each device to be looked at, the extremes first."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from mammo_pipeline.datasets.store import StoredImages
from mammo_pipeline.pipelines.standardize.feature_names import name_feature

Section = dict[str, Any]

MOST, WIDTH_PX, COLUMNS = 8, 160, 4
SIZES = ["breast_mm2", "breast_height_mm", "breast_width_mm"]
# Quartiles to standard deviations of a normal distribution.
TO_SPREAD = 1.349
# A feature that is 0 in nearly all images counts an exception no more than this.
FARTHEST = 10.0
MUSCLE_COLOUR = (236, 178, 60)


def show_sheets(store: StoredImages, used: pd.DataFrame, measured: pd.DataFrame) -> list[Section]:
    """Returns one section a device: its most unusual canvases, and the list of them.

    Args:
        store: The standardized images.
        used: Its images with what ingest knows of them.
        measured: The measured images; where there are none, sizes alone say what is unusual.
    """
    if used.empty:
        return [{"title": "Contact sheets", "text": "No image was standardized."}]
    ranked = rank_images(used, measured)
    return [_show_device(store, str(d), own) for d, own in ranked.groupby("device")]


def rank_images(used: pd.DataFrame, measured: pd.DataFrame) -> pd.DataFrame:
    """Returns the standardized images with `score` and `farthest`, the most unusual first.

    The score is the root mean square, over geometry and statistics after standardization, of the
    distance from the median of all images of the view, in robust standard deviations; `farthest` is
    the feature that is farthest off. Images of the audit's sample alone, where there is one.
    """
    from mammo_pipeline.mammo.audit.features import GEOMETRY, STATISTICS

    names = [f"after_{name}" for name in (*GEOMETRY, *STATISTICS)]
    if measured.empty:
        table, names = used, [name for name in SIZES if name in used]
    else:
        table = used.merge(measured[["image_id", *names]], on="image_id")
    away = measure_distances(table[names].astype(float), table["view"])
    score = np.sqrt((away**2).mean(axis=1))
    farthest = away.abs().to_numpy().argmax(axis=1)
    found = table.assign(score=score, farthest=[away.columns[number] for number in farthest])
    return found.sort_values("score", ascending=False, kind="stable").reset_index(drop=True)


def measure_distances(features: pd.DataFrame, views: pd.Series) -> pd.DataFrame:
    """Returns each value's distance from its view's median in robust standard deviations.

    >>> values = pd.DataFrame({"x": [1.0, 2.0, 3.0, 4.0, 15.0]})
    >>> measure_distances(values, pd.Series(["CC"] * 5))["x"].round(2).tolist()
    [-1.35, -0.67, 0.0, 0.67, 8.09]
    """
    groups = features.groupby(views.to_numpy())
    middle = groups.transform("median")
    wide = groups.transform(lambda v: v.quantile(0.75) - v.quantile(0.25)) / TO_SPREAD
    whole = groups.transform(lambda v: v.std(ddof=0))
    spread = wide.where(wide > 1e-9, whole)
    spread = spread.where(spread > 1e-9, np.inf)
    return ((features - middle) / spread).clip(-FARTHEST, FARTHEST).fillna(0.0)


def _show_device(store: StoredImages, device: str, images: pd.DataFrame) -> Section:
    from mammo_pipeline.reporting.charts import image_grid

    rows = images.head(MOST).to_dict("records")
    pictures = [draw_canvas(store.pixels[int(r["position"])], r["muscle_edge"]) for r in rows]
    captions = [
        f"{n}: {r['laterality']} {r['view']} {r['score']:.1f}  {r['breast_mm2'] / 100:.0f} cm2"
        for n, r in enumerate(rows, 1)
    ]
    table = [
        [
            *(n, r["image_id"], f"{r['laterality']} {r['view']}"),
            *(r["score"], name_feature(r["farthest"]), r["breast_mm2"]),
        ]
        for n, r in enumerate(rows, 1)
    ]
    columns = ["", "image", "view", "unusual by", "most of all in", "breast area, mm2"]
    return {
        "title": f"Contact sheet: {device}",
        "image": image_grid(pictures, captions, COLUMNS, WIDTH_PX),
        "caption": f"{device}: the {len(rows)} most unusual of {len(images)} canvases. Under each: "
        "number, breast, view, how unusual, breast area. Yellow: the edge of the pectoral muscle.",
        "table": {
            "caption": "Which they are",
            "columns": columns,
            "rows": table,
            "note": "Unusual by: root mean square of the features' distance from the median of all "
            "devices' images of the view, in robust standard deviations; 1 is usual. Images are "
            "pseudonyms.",
        },
    }


def draw_canvas(canvas: np.ndarray, muscle_edge: str | None) -> np.ndarray:
    """Returns a canvas small and in 8 bits, with the muscle's edge, uint8, rows x columns x 3.

    Args:
        canvas: uint16, 0 for air.
        muscle_edge: `row:column` pairs of the canvas, as `muscle.trace_muscle` wrote them.
    """
    from PIL import Image, ImageDraw

    scale = WIDTH_PX / canvas.shape[1]
    size = WIDTH_PX, max(1, round(canvas.shape[0] * scale))
    grey = Image.fromarray((canvas >> 8).astype(np.uint8))
    picture = grey.resize(size, Image.Resampling.BOX).convert("RGB")
    if isinstance(muscle_edge, str) and muscle_edge:
        pairs = [pair.split(":") for pair in muscle_edge.split()]
        points = [(float(column) * scale, float(row) * scale) for row, column in pairs]
        ImageDraw.Draw(picture).line(points, fill=MUSCLE_COLOUR)
    return np.asarray(picture)
