"""What a classifier could know a device by: geometry and statistics of one image, as numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from scipy import ndimage

from mammo_pipeline.mammo.audit.detail import DETAIL, describe_detail
from mammo_pipeline.mammo.audit.spectrum import BANDS, measure_spectrum, read_bands, space_spectrum

WHITE = 65535
HISTOGRAM_BINS = 64

# The frame as the device wrote it: known before a pixel is read, and gone on the canvas.
FRAME = (
    "rows_px",
    "columns_px",
    "aspect",
    "row_spacing_mm",
    "column_spacing_mm",
    "field_height_mm",
    "field_width_mm",
)
_SIDES = ("corner_top", "corner_bottom", "corner_top_wall", "corner_bottom_wall")
_BORDERS = ("border_top", "border_bottom", "border_right", "border_wall")
GEOMETRY = (
    "tissue_share",
    "height_share",
    "width_share",
    "wall_share",
    "centre_row",
    "centre_column",
    "outline_ratio",
    *_SIDES,
    *_BORDERS,
    *(f"{name}_spread" for name in (*_SIDES, *_BORDERS)),
)
_QUANTILES = {"q01": 0.01, "q05": 0.05, "q25": 0.25, "q50": 0.5, "q75": 0.75, "q95": 0.95}
_QUANTILES |= {"q99": 0.99}
# Rings of depth below the outline, in shares of the image's shorter side: on a canvas 180 mm wide
# up to 2, 5, 11 and 22 mm. A detector's and its processing's thickness roll-off lives there.
_RINGS = (0.0, 0.01, 0.03, 0.06, 0.12)
_DEPTHS = tuple(f"depth_{number}" for number in range(1, len(_RINGS)))
STATISTICS = (
    "mean",
    "spread",
    "skew",
    "tail",
    *_QUANTILES,
    "rim",
    *_DEPTHS,
    *DETAIL,
    *(f"band_{number}" for number in range(1, BANDS + 1)),
    *(f"fall_{number}" for number in range(1, BANDS)),
)


@dataclass(frozen=True)
class Description:
    """What was measured on one image.

    Attributes:
        features: Name to value, GEOMETRY first, then STATISTICS; all finite.
        histogram: Share of the tissue in each of 64 bins of grey over 0 to 65535, float32.
        spectrum: log10 of the radial power in grey^2 mm^2 at `spectrum.list_frequencies`, float32;
            NaN where a band holds no frequency of the image.
    """

    features: dict[str, float]
    histogram: np.ndarray
    spectrum: np.ndarray


def describe_frame(image: Mapping[str, Any]) -> dict[str, float]:
    """Returns FRAME: the matrix in pixels, its aspect, spacing and field of one row of `images`.

    Args:
        image: rows_px, columns_px, row_spacing_mm and column_spacing_mm at the breast.

    >>> frame = {"rows_px": 4, "columns_px": 2, "row_spacing_mm": 0.1, "column_spacing_mm": 0.1}
    >>> describe_frame(frame)["aspect"], describe_frame(frame)["field_height_mm"]
    (2.0, 0.4)
    """
    rows, columns = float(image["rows_px"]), float(image["columns_px"])
    down, across = float(image["row_spacing_mm"]), float(image["column_spacing_mm"])
    values = (rows, columns, rows / columns, down, across, rows * down, columns * across)
    return dict(zip(FRAME, values, strict=True))


def find_air_level(frame: np.ndarray) -> int:
    """Returns the level above which a frame that knows no mask is tissue; a canvas has level 0.

    Two hundredths of the range above the second percentile: air is the darkest thing in a frame.

    Args:
        frame: uint16, rows x columns.

    >>> find_air_level(np.zeros((8, 8), np.uint16))
    1311
    """
    # Every fourth pixel tells the percentile as well, in a tenth of the time.
    darkest = int(np.quantile(frame[::4, ::4], 0.02, method="lower"))
    return min(darkest + round(0.02 * WHITE), WHITE - 1)


def describe_image(
    image: np.ndarray, air_level: int, spacing_mm: tuple[float, float]
) -> Description:
    """Returns the features of one image by which a device could be recognized, and its curves.

    Geometry: the tissue's share, extent and place, the length of its outline to the root of its
    area, mean and spread of corners and borders. Statistics, on tissue only: moments and quantiles
    of grey, the grey of the outline and of rings below it, slope and noise, power in six bands of
    an octave or less and what each loses to the next.

    Args:
        image: uint16, rows x columns, chest wall left.
        air_level: Levels up to it are air: 0 for a canvas, `find_air_level` for a frame.
        spacing_mm: Between rows and columns of this image; only `spectrum` depends on it.
    """
    image = np.ascontiguousarray(image, dtype=np.uint16)
    counts, in_rows, in_columns, rim_sum, outline, edges = _measure_tissue(image, air_level)
    geometry = _describe_geometry(image, in_rows, in_columns, edges)
    grey = _describe_grey(counts) | {"rim": rim_sum / max(outline, 1) / WHITE}
    grey |= _describe_depth(image, air_level)
    detail = describe_detail(image, air_level, grey["q50"])
    power = measure_spectrum(image, air_level)
    bands = np.log10(read_bands(power) + 1e-12)
    loud = {f"band_{n}": float(v) for n, v in enumerate(bands, 1)}
    falls = {f"fall_{n}": float(v) for n, v in enumerate(np.diff(bands), 1)}
    values = geometry | grey | detail | loud | falls
    shares = counts.reshape(HISTOGRAM_BINS, -1).sum(1) / max(int(counts.sum()), 1)
    curve = space_spectrum(power, float(np.sqrt(spacing_mm[0] * spacing_mm[1])))
    ordered = {name: float(values[name]) for name in (*GEOMETRY, *STATISTICS)}
    return Description(ordered, shares.astype(np.float32), curve)


@njit(cache=True, nogil=True)
def _measure_tissue(image, level):  # type: ignore[no-untyped-def]
    """Returns grey counts, tissue in rows and columns, the outline's sum of grey, pixels, edges."""
    rows, columns = image.shape
    counts = np.zeros(65536, np.int64)
    in_rows, in_columns = np.zeros(rows, np.int64), np.zeros(columns, np.int64)
    rim_sum, outline, edges = 0.0, 0, 0
    for r in range(rows):
        for c in range(columns):
            grey = image[r, c]
            if grey <= level:
                continue
            counts[grey] += 1
            in_rows[r] += 1
            in_columns[c] += 1
            # The frame's own border is no outline of the breast.
            open_sides = 0
            open_sides += r > 0 and image[r - 1, c] <= level
            open_sides += r < rows - 1 and image[r + 1, c] <= level
            open_sides += c > 0 and image[r, c - 1] <= level
            open_sides += c < columns - 1 and image[r, c + 1] <= level
            edges += open_sides
            if open_sides:
                rim_sum += grey
                outline += 1
    return counts, in_rows, in_columns, rim_sum, outline, edges


def _describe_geometry(
    image: np.ndarray, in_rows: np.ndarray, in_columns: np.ndarray, edges: int
) -> dict[str, float]:
    rows, columns = image.shape
    area = max(int(in_rows.sum()), 1)
    down, across = np.flatnonzero(in_rows), np.flatnonzero(in_columns)
    edge = max(2, min(rows, columns) // 16)
    parts = {
        "corner_top": image[:edge, -edge:],
        "corner_bottom": image[-edge:, -edge:],
        "corner_top_wall": image[:edge, :edge],
        "corner_bottom_wall": image[-edge:, :edge],
        "border_top": image[:2],
        "border_bottom": image[-2:],
        "border_right": image[:, -2:],
        "border_wall": image[:, :2],
    }
    return {
        "tissue_share": float(in_rows.sum()) / image.size,
        "height_share": (np.ptp(down) + 1) / rows if down.size else 0.0,
        "width_share": (np.ptp(across) + 1) / columns if across.size else 0.0,
        "wall_share": in_columns[: max(1, columns // 64)].mean() / rows,
        "centre_row": float(in_rows @ np.arange(rows)) / area / rows,
        "centre_column": float(in_columns @ np.arange(columns)) / area / columns,
        "outline_ratio": edges / np.sqrt(area),
        **{name: float(part.mean()) / WHITE for name, part in parts.items()},
        **{f"{name}_spread": float(part.std()) / WHITE for name, part in parts.items()},
    }


def _describe_grey(counts: np.ndarray) -> dict[str, float]:
    """Returns moments and quantiles of a grey histogram with one bin a level; 0 when empty."""
    n = int(counts.sum())
    if n == 0:
        return dict.fromkeys(("mean", "spread", "skew", "tail", *_QUANTILES), 0.0)
    held = np.flatnonzero(counts)
    levels, counts = held / WHITE, counts[held]
    mean = float(counts @ levels) / n
    apart = levels - mean
    square = apart * apart
    spread = max(float(np.sqrt(counts @ square / n)), 1e-9)
    ranks = np.cumsum(counts)
    quantiles = {k: levels[np.searchsorted(ranks, share * n)] for k, share in _QUANTILES.items()}
    return {
        "mean": mean,
        "spread": spread,
        "skew": float(counts @ (square * apart)) / n / spread**3,
        "tail": float(counts @ (square * square)) / n / spread**4,
        **{name: float(level) for name, level in quantiles.items()},
    }


def _describe_depth(image: np.ndarray, level: int) -> dict[str, float]:
    """Returns the mean grey of rings below the outline; the frame's border is no outline."""
    step = max(1, min(image.shape) // 112)
    coarse = image[::step, ::step]
    inside = np.pad(coarse > level, 1, mode="edge")
    depth = ndimage.distance_transform_edt(inside)[1:-1, 1:-1] / min(coarse.shape)
    ring = np.digitize(depth, np.append(_RINGS, np.inf)[1:], right=True)[depth > 0]
    grey = coarse[depth > 0] / WHITE
    sums = np.bincount(ring, grey, len(_RINGS))[: len(_DEPTHS)]
    counts = np.bincount(ring, minlength=len(_RINGS))[: len(_DEPTHS)]
    return dict(zip(_DEPTHS, sums / np.maximum(counts, 1), strict=True))
