"""Pieces of ink on a picture of stored values: what may be a letter, a digit or a part of one."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

# A bold stem is a quarter of a letter's height, so this is wider than any stroke of 30 px letters.
STROKE_PX = 8
_TILE_PX = 16
# Ink stands out by this share of the most that stands out nearby (less than half: an anti-aliased
# hairline loses more), and by this many times what usually stands out there.
_INK_SHARE = 0.40
_NOISES = 4.0

_FIGURES = ("top", "left", "bottom", "right", "area", "stroke", "hat", "ink")
# One piece: its box in pixels, maxima exclusive; its pixels; the mean length of its runs of ink
# along its short way; how far it stands out of the ground at most; its highest value.
PIECE = np.dtype([(name, np.float64) for name in _FIGURES])


def make_unsigned(stored: np.ndarray) -> np.ndarray:
    """Returns the picture as uint8 or uint16; another type's lowest value becomes 0.

    Raises:
        ValueError: When `stored` is not a picture of integers.

    >>> make_unsigned(np.array([[-5, 0]], np.int16)).tolist()
    [[0, 5]]
    """
    if stored.ndim != 2 or stored.dtype.kind not in "ui":
        raise ValueError(f"expected a 2-D picture of integers, got {stored.ndim}-D {stored.dtype}")
    if stored.dtype in (np.uint8, np.uint16) or not stored.size:
        return stored
    return np.clip(stored.astype(np.int64) - stored.min(), 0, 65535).astype(np.uint16)


def halve(picture: np.ndarray) -> np.ndarray:
    """Returns the means of two by two pixels; an odd last row or column is left out.

    >>> halve(np.array([[1, 3, 9], [5, 7, 9]], np.uint8)).tolist()
    [[4]]
    """
    rows, columns = (n // 2 * 2 for n in picture.shape)
    pairs = np.add(picture[:rows:2, :columns], picture[1:rows:2, :columns], dtype=np.uint32)
    return ((pairs[:, ::2] + pairs[:, 1::2]) >> 2).astype(picture.dtype)


def cut_pieces(picture: np.ndarray, least: float) -> np.ndarray:
    """Returns the connected pieces of thin bright ink, a record of `PIECE` each.

    Args:
        picture: uint8 or uint16, shape (rows, columns), at least 8 x 8; dark ink is found in the
            inverted picture.
        least: How far ink must stand out of the ground around it, in stored values.
    """
    hat = _stand_out(picture)
    ink = _mark_ink(hat, least)
    labels, count = ndimage.label(ink, np.ones((3, 3)))
    pieces = np.zeros(count, PIECE)
    if not count:
        return pieces
    places, width = np.flatnonzero(ink), ink.shape[1]
    owners = labels.ravel()[places] - 1
    first_in_row = np.diff(places, prepend=-2) != 1
    first_in_column = ~ink.ravel()[places - width] | (places < width)
    runs = np.maximum(*(np.bincount(owners, f, count) for f in (first_in_row, first_in_column)))
    area = np.bincount(owners, minlength=count)
    pieces["area"], pieces["stroke"] = area, area / runs
    places = places[np.argsort(owners, kind="stable")]
    starts = np.cumsum(area) - area
    for low, high, where in zip(
        ("top", "left"), ("bottom", "right"), np.divmod(places, width), strict=True
    ):
        pieces[low] = np.minimum.reduceat(where, starts)
        pieces[high] = np.maximum.reduceat(where, starts) + 1
    pieces["hat"] = np.maximum.reduceat(hat.ravel()[places], starts)
    pieces["ink"] = np.maximum.reduceat(picture.ravel()[places], starts)
    return pieces


def turn_pieces(pieces: np.ndarray) -> np.ndarray:
    """Returns the pieces of the transposed picture."""
    turned = pieces.copy()
    for name, other in (("top", "left"), ("left", "top"), ("bottom", "right"), ("right", "bottom")):
        turned[name] = pieces[other]
    return turned


def _stand_out(picture: np.ndarray) -> np.ndarray:
    """How far each pixel lies above the ground: white top-hat (Serra 1982) by a square."""
    ground = picture
    for pick, margin in ((np.minimum, 0), (np.maximum, STROKE_PX - 1)):
        ground = np.pad(ground, margin)
        for axis in (0, 1):
            ground = _slide(ground, pick, axis)
    return picture - ground


def _slide(values: np.ndarray, pick: np.ufunc, axis: int) -> np.ndarray:
    values, done = values.swapaxes(0, axis), 1
    while done < STROKE_PX:
        step = min(done, STROKE_PX - done)
        values = pick(values[step:], values[:-step])
        done += step
    return values.swapaxes(0, axis)


def _mark_ink(hat: np.ndarray, least: float) -> np.ndarray:
    padded = np.pad(hat, [(0, -n % _TILE_PX) for n in hat.shape])
    rows, columns = (n // _TILE_PX for n in padded.shape)
    tiles = padded.reshape(rows, _TILE_PX, columns, _TILE_PX)
    samples = tiles[:, ::4, :, ::4].swapaxes(1, 2).reshape(rows, columns, -1)
    middle = samples.shape[-1] // 2
    # Lines of text raise the middle of their own tiles: the quieter ones around tell the noise.
    usual = ndimage.percentile_filter(np.partition(samples, middle)[..., middle], 30, 5)
    most = ndimage.maximum_filter(tiles.max(axis=1).max(axis=2), 3)
    cut = np.maximum(np.maximum(_NOISES * usual, _INK_SHARE * most), least)
    cut = np.minimum(cut, np.iinfo(hat.dtype).max).astype(hat.dtype)
    ink = (tiles > cut[:, None, :, None]).reshape(padded.shape)
    return np.ascontiguousarray(ink[: hat.shape[0], : hat.shape[1]])
