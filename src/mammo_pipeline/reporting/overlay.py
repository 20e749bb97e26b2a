"""A mammogram with a heatmap laid over it, and with its lesions outlined, as small pictures."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import Any

import numpy as np

# The ramp rises in lightness, so that it keeps its order on grey paper: wine, orange, pale yellow.
RAMP = np.array([[90, 20, 60], [226, 106, 30], [255, 238, 170]], float)
# Heat below this share of the range is left clear; from there on it covers more and more.
CLEAR, MOST_OPAQUE = 0.15, 0.72
# Where the contour is drawn: on grey paper bright tissue and heat look alike, a line does not.
CONTOUR = 0.5
LESION, SHADOW = (70, 200, 255), (0, 0, 0)
GAP_PX, GROUND = 4, (18, 20, 22)
BRIGHTEST = 0.998
MAP_QUANTILES = (0.5, 0.995)


def shrink_canvas(canvas: np.ndarray, width_px: int) -> np.ndarray:
    """Returns a canvas as a small grey picture, uint8, (rows, width_px).

    0 stays black; the tissue's brightest, but for a few pixels, becomes white.

    Args:
        canvas: Greys, uint16 or float, (rows, columns) or (rows, columns, 1); 0 is air.
        width_px: Of the picture.

    >>> shrink_canvas(np.array([[0, 1000], [0, 1000]], np.uint16), 2).tolist()
    [[0, 255], [0, 255]]
    """
    from PIL import Image

    rows, columns = np.asarray(canvas).shape[:2]
    grey = np.asarray(canvas, np.float32).reshape(rows, columns)
    tissue = grey[grey > 0]
    white = float(np.quantile(tissue, BRIGHTEST)) if tissue.size else 1.0
    shown = Image.fromarray(np.clip(grey * (255 / max(white, 1e-6)), 0, 255).astype(np.float32))
    size = width_px, max(1, round(rows * width_px / columns))
    return np.asarray(shown.resize(size, Image.Resampling.BOX)).round().astype(np.uint8)


def spread_heat(
    heat: np.ndarray,
    places: tuple[float, float, float],
    shape_px: tuple[int, int],
    corner_px: tuple[float, float] = (0, 0),
) -> np.ndarray:
    """Returns a heatmap at every pixel, float (rows, columns), linear between its positions.

    Further than half a stride beyond the middles of the outermost positions it is NaN.

    Args:
        heat: (rows', columns').
        places: stride_px, offset_px and window_px of the positions, in px of the picture asked for:
            position i has its middle at offset + i stride + window / 2.
        shape_px: Of the picture.
        corner_px: Row and column at which the picture begins.

    >>> spread_heat(np.array([[0.0, 1.0]]), (4, 0, 4), (4, 8))[2].round(2).tolist()
    [0.0, 0.0, 0.12, 0.38, 0.62, 0.88, 1.0, 1.0]
    """
    from scipy.ndimage import map_coordinates

    stride, offset, window = places
    axes = [
        (np.arange(side) + corner + 0.5 - offset - window / 2) / stride
        for side, corner in zip(shape_px, corner_px, strict=True)
    ]
    at = np.stack(np.meshgrid(*axes, indexing="ij"))
    last = np.array(heat.shape).reshape(2, 1, 1) - 1
    known = ((at >= -0.5) & (at <= last + 0.5)).all(axis=0)
    values = map_coordinates(np.asarray(heat, float), at, order=1, mode="nearest")
    return np.where(known, values, np.nan)


def stretch_heat(maps: np.ndarray) -> np.ndarray:
    """Returns maps in [0, 1] on one scale for all of them, so that two pictures compare.

    0 is the median over all places of all maps and below, 1 their 99.5th percentile and above: most
    of a breast stays clear. Where all places are alike every map is 0.

    Args:
        maps: What a net says of each place, such as log odds, (n, rows', columns'), finite.

    >>> stretch_heat(np.array([[[0.0, 0.0, 0.0]], [[0.0, 2.0, 4.0]]])).round(2)[1].tolist()
    [[0.0, 0.51, 1.0]]
    """
    low, high = np.quantile(maps, MAP_QUANTILES) if np.size(maps) else (0.0, 0.0)
    if not high > low:
        return np.zeros(np.shape(maps))
    return np.clip((np.asarray(maps, float) - low) / (high - low), 0, 1)


def lay_heat(picture: np.ndarray, heat: np.ndarray, contour: bool = True) -> np.ndarray:
    """Returns the picture under a translucent heatmap, uint8 (rows, columns, 3).

    Air (0) stays clear: what a net says of it is no finding.

    Args:
        picture: uint8, (rows, columns).
        heat: In [0, 1], (rows, columns); NaN where nothing was looked at.
        contour: Whether the line at half heat is drawn.

    Raises:
        ValueError: The picture is not uint8 grey, or the heat is of another shape.
    """
    if picture.dtype != np.uint8 or picture.ndim != 2 or heat.shape != picture.shape:
        raise ValueError(
            f"found a picture {picture.dtype} {picture.shape} under heat {heat.shape}; expected "
            "uint8 grey and heat of one shape."
        )
    share = np.where(picture > 0, np.clip(np.nan_to_num(heat), 0, 1), 0)
    steps = np.linspace(0, 1, len(RAMP))
    colours = np.stack([np.interp(share, steps, RAMP[:, band]) for band in range(3)], axis=-1)
    opacity = MOST_OPAQUE * np.clip((share - CLEAR) / (1 - CLEAR), 0, 1)[..., np.newaxis]
    grey = np.repeat(picture[..., np.newaxis], 3, axis=2)
    laid = (1 - opacity) * grey + opacity * colours
    if contour:
        laid[_edge_of(share >= CONTOUR)] = 255
    return laid.round().astype(np.uint8)


def _edge_of(inside: np.ndarray) -> np.ndarray:
    from scipy.ndimage import binary_erosion

    return inside & ~binary_erosion(inside, border_value=1)


def outline_lesions(picture: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    """Returns the picture in colours with dashed frames about its lesions, each over a dark one.

    Args:
        picture: uint8, (rows, columns) or (rows, columns, 3).
        boxes: row_min, column_min, row_max, column_max in px of the picture, half-open, (k, 4).
    """
    from PIL import Image, ImageDraw

    image = Image.fromarray(picture).convert("RGB")
    pen = ImageDraw.Draw(image)
    for row_min, column_min, row_max, column_max in np.asarray(boxes, float).reshape(-1, 4):
        frame = [column_min - 2, row_min - 2, column_max + 1, row_max + 1]
        left, top, right, bottom = (round(float(place)) for place in frame)
        right, bottom = max(left + 4, right), max(top + 4, bottom)
        pen.rectangle([left, top, right, bottom], outline=SHADOW)
        for start in range(left, right, 6):
            pen.line([start, top, min(start + 3, right), top], fill=LESION)
            pen.line([start, bottom, min(start + 3, right), bottom], fill=LESION)
        for start in range(top, bottom, 6):
            pen.line([left, start, left, min(start + 3, bottom)], fill=LESION)
            pen.line([right, start, right, min(start + 3, bottom)], fill=LESION)
    return np.asarray(image)


def join_pictures(pictures: Sequence[np.ndarray]) -> np.ndarray:
    """Returns pictures side by side on a dark ground, uint8 (rows, columns, 3).

    Raises:
        ValueError: There is none.
    """
    if not pictures:
        raise ValueError("no picture to join.")
    rows = max(picture.shape[0] for picture in pictures)
    width = sum(picture.shape[1] for picture in pictures) + GAP_PX * (len(pictures) - 1)
    sheet = np.full((rows, width, 3), GROUND, np.uint8)
    left = 0
    for picture in pictures:
        wide = picture if picture.ndim == 3 else np.repeat(picture[..., np.newaxis], 3, axis=2)
        sheet[: wide.shape[0], left : left + wide.shape[1]] = wide
        left += wide.shape[1] + GAP_PX
    return sheet


def write_jpeg(picture: np.ndarray, quality: int) -> str:
    """Returns a picture as a JPEG data URI, uint8 grey or RGB; the file holds nothing beside it."""
    from PIL import Image

    out = io.BytesIO()
    options: dict[str, Any] = {"quality": quality, "optimize": True, "subsampling": 0}
    Image.fromarray(picture).convert("RGB").save(out, "JPEG", **options)
    return "data:image/jpeg;base64," + base64.b64encode(out.getvalue()).decode()
