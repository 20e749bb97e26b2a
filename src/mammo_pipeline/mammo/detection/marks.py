"""From maps of malignancy to marks: where a network points, how surely, and how far it reaches."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy import ndimage
from scipy.special import expit, logit

from mammo_pipeline.mammo.exam import BOX_COLUMNS
from mammo_pipeline.mammo.networks.record import Places

CENTRE = ["row_px", "column_px"]
MARK_COLUMNS = ["image", "score", *CENTRE, *BOX_COLUMNS]
FINE = 4  # points either way in a place, at which a box is looked for
# Log odds beyond these are one in float32, and a parabola through them has no top.
CERTAIN = 1e-7


def average_maps(maps: list[np.ndarray], weights: list[float]) -> np.ndarray:
    """Returns the maps of the ensemble, float32: the weighted mean of its members' log odds.

    As the ensemble's own logit is the mean of its members': one that is sure of everything does
    not drown the others.

    Args:
        maps: Of each member, probabilities (n, rows', columns'), all of one shape.
        weights: Of each member.

    Raises:
        ValueError: There is no map, or the shapes differ.

    >>> maps = [np.full((1, 1, 1), 0.2), np.full((1, 1, 1), 0.8)]
    >>> average_maps(maps, [1, 1]).round(3).tolist()
    [[[0.5]]]
    """
    shapes = {np.shape(one) for one in maps}
    if len(shapes) != 1:
        raise ValueError(f"maps have the shapes {sorted(shapes)}, expected one shape for all")
    odds = [logit(np.clip(np.asarray(one, float), CERTAIN, 1 - CERTAIN)) for one in maps]
    return expit(np.average(odds, axis=0, weights=weights)).astype(np.float32)


def find_marks(
    maps: np.ndarray,
    places: Places,
    canvas_shape: tuple[int, int],
    most: int,
    least_score: float,
    tissue: np.ndarray | None = None,
    apart_px: float | None = None,
    share_of_peak: float = 0.5,
) -> pd.DataFrame:
    """Returns the marks of all maps, one row each, by image and then from the highest score down.

    A mark is a local maximum of its map. From the highest down each silences those nearer than
    `apart_px`, either way (non-maximum suppression). Its centre is the top of the parabola through
    the log odds of the peak and its two neighbours, by axis; its box is the part of the map above
    a share of the peak that is connected to it and nearer to it than to another peak.

    Args:
        maps: Probability of malignant, (n, rows', columns').
        places: Where the positions of the maps look.
        canvas_shape: Rows and columns of the images, px.
        most: Marks of an image, at most.
        least_score: A mark has at least this score, above 0.
        tissue: Which places lie on breast, of the shape of `maps`; no mark lies elsewhere. Every
            place does where absent.
        apart_px: Half the window where absent: places nearer than that see mostly the same.
        share_of_peak: Where a mark's box ends. A lesion lights up every window that it fills well,
            so half the peak gives boxes wider than the lesion; a higher share makes them narrower.

    Returns:
        image (row of `maps`), score (the peak), row_px, column_px (of the centre, where pixel k
        reaches from k to k + 1) and the four columns of the box, half-open, float px.

    Raises:
        ValueError: A map is not of probabilities, or `tissue` has another shape.
    """
    maps = np.asarray(maps, np.float64)
    if maps.ndim != 3 or not ((maps >= 0) & (maps <= 1)).all():
        raise ValueError(f"maps {maps.shape}: expected probabilities of shape (n, rows, columns)")
    if tissue is not None and tissue.shape != maps.shape:
        raise ValueError(f"tissue is {tissue.shape}, the maps are {maps.shape}: expected the same")
    apart = (places.window_px / 2 if apart_px is None else apart_px) / places.stride_px
    seen = maps if tissue is None else np.where(tissue, maps, 0.0)
    rows = [
        [image, *mark]
        for image, heat in enumerate(seen)
        for mark in _mark_map(heat, places, canvas_shape, most, least_score, apart, share_of_peak)
    ]
    table = pd.DataFrame(np.array(rows, float).reshape(-1, len(MARK_COLUMNS)), columns=MARK_COLUMNS)
    return table.astype({"image": "int64"})


def _mark_map(
    heat: np.ndarray,
    places: Places,
    canvas_shape: tuple[int, int],
    most: int,
    least_score: float,
    apart: float,
    share: float,
) -> list[list[float]]:
    """Returns score, centre and box of each mark of one map, from the highest down."""
    peaks = find_peaks(heat, max(least_score, np.finfo(float).tiny), apart)[:most]
    if not len(peaks):
        return []
    centre = places.offset_px + places.window_px / 2
    tops = (peaks + place_tops(heat, peaks)) * places.stride_px + centre
    boxes = outline_peaks(heat, peaks, share) * places.stride_px + centre
    edge = np.array([*canvas_shape, *canvas_shape], float)
    boxes = np.clip(boxes, 0, edge)
    return np.column_stack([heat[tuple(peaks.T)], tops, boxes]).tolist()


def find_peaks(heat: np.ndarray, least_score: float, apart: float) -> np.ndarray:
    """Returns (row, column) of the local maxima that stay, from the highest down, (k, 2).

    Of equal neighbours the first stays.

    Args:
        heat: One map, (rows', columns').
        least_score: Of a peak, at least.
        apart: Places; a peak nearer to a higher one, in rows and in columns, is silenced.

    >>> find_peaks(np.array([[0.1, 0.9, 0.2, 0.3, 0.1, 0.8]]), 0.2, apart=3).tolist()
    [[0, 1], [0, 5]]
    """
    is_peak = (heat == ndimage.maximum_filter(heat, size=3, mode="nearest")) & (heat >= least_score)
    peaks = np.argwhere(is_peak)
    peaks = peaks[np.argsort(-heat[tuple(peaks.T)], kind="stable")]
    kept: list[np.ndarray] = []
    for peak in peaks:
        # Neighbours are one mark however small `apart` is: a flat top is one top.
        far = (np.abs(peak - other).max() >= max(apart, 1.5) for other in kept)
        if all(far):
            kept.append(peak)
    return np.array(kept, np.int64).reshape(-1, 2)


def place_tops(heat: np.ndarray, peaks: np.ndarray) -> np.ndarray:
    """Returns how far the top lies from each peak's place, (k, 2), within half a place.

    The top of the parabola through three neighbours of the log odds: exact where these fall off
    as a Gaussian's logarithm does. None is looked for at the edge of the map.

    >>> top = place_tops(np.array([[0.0, 0.5, 0.5, 0.0]]), np.array([[0, 1]]))
    >>> top.round(2).tolist()
    [[0.0, 0.5]]
    """
    odds = logit(np.clip(heat, CERTAIN, 1 - CERTAIN))
    padded = np.pad(odds, 1, constant_values=np.nan)
    middle = odds[tuple(peaks.T)]
    shifts = []
    for step in np.eye(2, dtype=int):
        before, after = (padded[tuple((peaks + 1 + way * step).T)] for way in (-1, 1))
        bend = before - 2 * middle + after
        with np.errstate(invalid="ignore", divide="ignore"):
            shift = np.where(bend < 0, (before - after) / (2 * bend), 0.0)
        shifts.append(np.clip(np.nan_to_num(shift), -0.5, 0.5))
    return np.stack(shifts, axis=1)


def outline_peaks(heat: np.ndarray, peaks: np.ndarray, share: float) -> np.ndarray:
    """Returns the box of each peak in places, (k, 4).

    Place k reaches from k - 1/2 to k + 1/2. The map runs straight between places; at its edge
    it goes on as it ends.

    >>> outline_peaks(np.array([[0.0, 0.8, 0.0]]), np.array([[0, 1]]), 0.5).tolist()
    [[-0.5, 0.5, 0.5, 1.5]]
    """
    axes = [(np.arange(side * FINE) + 0.5) / FINE - 0.5 for side in heat.shape]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"))
    fine = ndimage.map_coordinates(heat, grid, order=1, mode="nearest")
    far = ((grid[..., np.newaxis] - peaks.T[:, np.newaxis, np.newaxis]) ** 2).sum(axis=0)
    nearest = far.argmin(axis=-1)
    boxes = []
    for number, peak in enumerate(peaks):
        inside = (fine >= share * heat[tuple(peak)]) & (nearest == number)
        # The four fine points about the place: the peak itself lies between them.
        first = peak * FINE + FINE // 2 - 1
        inside[first[0] : first[0] + 2, first[1] : first[1] + 2] = True
        pieces, _ = ndimage.label(inside)
        rows, columns = np.nonzero(pieces == pieces[tuple(first)])
        low, high = (rows.min(), columns.min()), (rows.max() + 1, columns.max() + 1)
        boxes.append(np.array([*low, *high]) / FINE - 0.5)
    return np.array(boxes)


def find_reach(places: Places, map_shape: tuple[int, int]) -> np.ndarray:
    """Returns the box in which the centres of marks can lie, px, half-open, (4,).

    Windows end at the canvas's edge, so no place lies at the edge itself.

    >>> find_reach(Places(stride_px=64, offset_px=0, window_px=224), (16, 12)).tolist()
    [80.0, 80.0, 1104.0, 848.0]
    """
    first = places.offset_px + (places.window_px - places.stride_px) / 2
    last = first + np.array(map_shape) * places.stride_px
    return np.array([first, first, *last])
