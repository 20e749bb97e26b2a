"""Where text is burned into the pixels: lines of glyphs, found without reading what they say.

A glyph is a thin stroke of one value on a ground of another; text is a row of them, of one height,
on one line, close together and clearly parted from its ground. A view marker is such a row too, but
a short one: the number of glyphs tells a name, a number or a date from `R MLO`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from .glyphs import STROKE_PX, cut_pieces, halve, make_unsigned, turn_pieces

# The picture is searched as stored, halved and quartered, each time for pieces of these heights, so
# that letters of 5 to 120 px are met. What is low in a smaller picture was seen better before.
_HEIGHTS_PX = ((5, 30), (8, 30), (8, 30))
# Far more pieces than a page of text has; it bounds the time that a picture of noise costs.
_MOST_PIECES = 4000

# A piece's width and the mean length of its runs of ink, as shares of its height: what is wider is
# a rule or a vessel (letters may touch), what is thicker a dot, a calcification or a hole.
_WIDEST = 4.0
_THICKEST = 0.45
# Two neighbours of a row: the gap as a share of the taller height, the ratio of their heights
# (capitals beside lower case), the ratio of how far they stand out.
_WIDEST_GAP = 1.5
_HEIGHT_RATIO = 2.0
_CONTRAST_RATIO = 2.0
# A piece wider than this share of the row's height is two letters that touch.
_LETTER_WIDTH = 1.3

# More pieces than this are no further evidence: the border of a film can be a long row, too.
_ENOUGH_PIECES = 12

# What a row must be to be weighed at all: figure, least and most. Ticks of a ruler are bars, and
# text is not made of `1` and `l` alone; the holes of a paddle are all alike; ink that stands out by
# less than twice what ink and ground vary by is no ink.
ROW_LIMITS: dict[str, tuple[float, float]] = {
    "pieces": (5, np.inf),
    "bars": (0.0, 0.7),
    "variety": (0.06, np.inf),
    "log_clarity": (0.7, np.inf),
}
# Log odds of text a unit of each figure: a logistic regression of planted lines against rows of
# tissue and of markers, which `python benchmarks/burned_in_text.py fit` repeats.
TEXT_WEIGHTS = {
    "log_clarity": 1.8,
    "log_pieces": 4.6,
    "aligned": 9.6,
    "height_spread": -11.4,
}
TEXT_OFFSET = -17.6


@dataclass(frozen=True)
class TextLine:
    """One line of text, or a row of pieces that may be one, in pixels of the stored matrix.

    Attributes:
        row_min: First row.
        column_min: First column.
        row_max: Row after the last.
        column_max: Column after the last.
        glyphs: About how many letters and digits it has; punctuation and spaces are not counted.
        log_odds: Natural logarithm of the odds that it is text.
    """

    row_min: int
    column_min: int
    row_max: int
    column_max: int
    glyphs: int
    log_odds: float


def find_text(
    stored: np.ndarray,
    fewest_glyphs: int = 6,
    least_log_odds: float = 1.5,
    faintest: float = 0.02,
) -> list[TextLine]:
    """Returns the lines of text in the stored pixels, the longest first.

    Upright or turned by 90, 180 or 270 degrees, mirrored or not, bright on dark or dark on bright.

    Args:
        stored: Stored values, any integer type, shape (rows, columns), either photometric.
        fewest_glyphs: A shorter line is a marker of laterality, view or technologist.
        least_log_odds: What `TextLine.log_odds` must reach. A breast that is quarantined for
            nothing costs more than a line so faint or broken that few could read it.
        faintest: Contrast below which nothing is looked for, as a share of the picture's range.

    Raises:
        ValueError: When `stored` is not a picture of integers.

    >>> find_text(np.zeros((64, 64), np.uint16))
    []
    """
    lines: list[TextLine] = []
    found = (line for line, _ in list_rows(stored, faintest) if line.log_odds >= least_log_odds)
    for line in sorted(found, key=lambda line: -line.glyphs):
        if line.glyphs >= fewest_glyphs and not any(_overlap(line, kept) for kept in lines):
            lines.append(line)
    return lines


def list_rows(stored: np.ndarray, faintest: float) -> Iterator[tuple[TextLine, dict[str, float]]]:
    """Yields every row of glyph-like pieces within `ROW_LIMITS`, and the figures it is weighed by.

    Args:
        stored: As in `find_text`.
        faintest: As in `find_text`.
    """
    picture = make_unsigned(stored)
    # Not the extremes: one hot pixel would hide what is faint.
    low, high = np.quantile(picture[::4, ::4], [0.001, 0.999]) if picture.size else (0, 0)
    least = max(2.0, faintest * float(high - low))
    for halvings, heights_px in enumerate(_HEIGHTS_PX):
        picture = halve(picture) if halvings else picture
        if min(picture.shape) < STROKE_PX:
            return
        for bright in (picture, ~picture):
            for box, glyphs, figures in _find_rows(bright, least, heights_px):
                top, left, bottom, right = (edge << halvings for edge in box)
                yield TextLine(top, left, bottom, right, glyphs, _weigh(figures)), figures


def _overlap(one: TextLine, other: TextLine) -> bool:
    rows = min(one.row_max, other.row_max) - max(one.row_min, other.row_min)
    columns = min(one.column_max, other.column_max) - max(one.column_min, other.column_min)
    area = (one.row_max - one.row_min) * (one.column_max - one.column_min)
    return rows > 0 and columns > 0 and 2 * rows * columns > area


def _weigh(figures: dict[str, float]) -> float:
    return TEXT_OFFSET + sum(weight * figures[name] for name, weight in TEXT_WEIGHTS.items())


_Row = tuple[tuple[int, int, int, int], int, dict[str, float]]


def _find_rows(picture: np.ndarray, least: float, heights_px: tuple[int, int]) -> list[_Row]:
    pieces = cut_pieces(picture, least)
    rows = _chain_rows(pieces, picture, heights_px)
    for (top, left, bottom, right), glyphs, figures in _chain_rows(
        turn_pieces(pieces), picture.T, heights_px
    ):
        rows.append(((left, top, right, bottom), glyphs, figures))
    return rows


def _chain_rows(pieces: np.ndarray, picture: np.ndarray, heights_px: tuple[int, int]) -> list[_Row]:
    height, width = pieces["bottom"] - pieces["top"], pieces["right"] - pieces["left"]
    fits = (height >= heights_px[0]) & (height <= heights_px[1]) & (width <= _WIDEST * height)
    pieces = pieces[fits & (pieces["stroke"] <= _THICKEST * height)]
    pieces = pieces[np.argsort(-pieces["hat"], kind="stable")[:_MOST_PIECES]]
    pieces = pieces[np.argsort(pieces["left"], kind="stable")]
    if not len(pieces):
        return []
    pairs = _pair_neighbours(pieces)
    graph = coo_array((np.ones(len(pairs[0])), pairs), shape=(len(pieces),) * 2)
    _, owners = connected_components(graph, directed=False)
    rows: list[_Row] = []
    for row in np.flatnonzero(np.bincount(owners) >= ROW_LIMITS["pieces"][0]):
        members = pieces[owners == row]
        figures = _describe_row(members)
        if _is_within_limits(figures):
            figures["log_clarity"] = _measure_clarity(members, picture)
        if "log_clarity" in figures and _is_within_limits(figures):
            rows.append((_outline(members), int(figures["glyphs"]), figures))
    return rows


def _is_within_limits(figures: dict[str, float]) -> bool:
    limits = ((figures[name], *ROW_LIMITS[name]) for name in ROW_LIMITS if name in figures)
    return all(least <= figure <= most for figure, least, most in limits)


def _pair_neighbours(pieces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Indices of pieces, sorted by their left edge, that may stand side by side in a row."""
    top, bottom, left, right, hat = (
        np.ascontiguousarray(pieces[name]) for name in ("top", "bottom", "left", "right", "hat")
    )
    height = bottom - top
    reach = right + _WIDEST_GAP * _HEIGHT_RATIO * height
    after = np.arange(1, len(pieces) + 1)
    counts = np.maximum(np.searchsorted(left, reach, side="right") - after, 0)
    one = np.repeat(np.arange(len(pieces)), counts)
    other = np.arange(len(one)) - np.repeat(np.cumsum(counts) - counts, counts) + one + 1
    # Most of them lie above or below each other: leave those before anything else is compared.
    level = (top[one] < bottom[other]) & (top[other] < bottom[one])
    one, other = one[level], other[level]
    smaller, larger = np.minimum(height[one], height[other]), np.maximum(height[one], height[other])
    shared = np.minimum(bottom[one], bottom[other]) - np.maximum(top[one], top[other])
    near = (left[other] - right[one] <= _WIDEST_GAP * larger) & (shared >= 0.6 * smaller)
    near &= larger <= _HEIGHT_RATIO * smaller
    fainter, stronger = np.minimum(hat[one], hat[other]), np.maximum(hat[one], hat[other])
    near &= stronger <= _CONTRAST_RATIO * fainter
    return one[near], other[near]


def _describe_row(row: np.ndarray) -> dict[str, float]:
    """What the row looks like; lengths are shares of its median height, `tall`."""
    height, width = row["bottom"] - row["top"], row["right"] - row["left"]
    tall = float(np.median(height))
    # Text turned by 180 degrees stands on its upper edge.
    off = (np.abs(row[edge] - np.median(row[edge])) / tall for edge in ("top", "bottom"))
    return {
        "pieces": len(row),
        "log_pieces": float(np.log(min(len(row), _ENOUGH_PIECES))),
        "glyphs": float((1 + width // (_LETTER_WIDTH * tall)).sum()),
        "aligned": max(float(np.mean(edge <= 0.15)) for edge in off),
        "height_spread": float(np.std(height) / tall),
        "variety": float(np.std(row["area"]) / np.mean(row["area"])),
        "bars": float(np.mean(width < 0.4 * height)),
    }


def _measure_clarity(row: np.ndarray, picture: np.ndarray) -> float:
    """Log of the contrast over the spread of the ink and of the ground, its trend taken out."""
    top, left, bottom, right = _outline(row)
    margin = max(2, round(0.15 * (bottom - top)))
    from_row, from_column = max(0, top - margin), max(0, left - margin)
    crop = picture[from_row : bottom + margin, from_column : right + margin].astype(np.float64)
    clear = np.ones(crop.shape, bool)
    for piece in row:
        rows = np.array([piece["top"] - 1, piece["bottom"] + 1], int) - from_row
        columns = np.array([piece["left"] - 1, piece["right"] + 1], int) - from_column
        clear[max(0, rows[0]) : rows[1], max(0, columns[0]) : columns[1]] = False
    ground = crop[clear]
    contrast = np.median(row["ink"]) - np.median(ground) if ground.size else 0.0
    if contrast <= 0:
        # Gaps between bright letters: what looks like ink is the ground itself.
        return -np.inf
    down, along = (axis / n for axis, n in zip(np.nonzero(clear), crop.shape, strict=True))
    trend = np.stack([np.ones(ground.size), along, along**2, down], axis=1)
    low, high = np.quantile(ground - trend @ np.linalg.lstsq(trend, ground)[0], [0.1, 0.9])
    # 2.56 standard deviations lie between the deciles of a normal distribution; 0.03 keeps the
    # logarithm finite on a ground and an ink of one value each.
    spread = 0.7 * (high - low) / 2.56 + np.std(row["ink"]) + 0.03 * contrast
    return float(np.log(contrast / spread))


def _outline(row: np.ndarray) -> tuple[int, int, int, int]:
    top, left = int(row["top"].min()), int(row["left"].min())
    return top, left, int(row["bottom"].max()), int(row["right"].max())
