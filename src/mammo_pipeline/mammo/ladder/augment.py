"""Changes of the training pictures: drawn here, applied by `warp`, followed by lesion boxes."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from mammo_pipeline.mammo.ladder.settings import Augmentation
from mammo_pipeline.mammo.networks.parts import BRIGHTEST

_NEWTON_STEPS = 20
_ACCURACY_PX = 0.01


@dataclass(frozen=True, eq=False)
class Changes:
    """What happens to each picture of a batch; None is what its stage never asks for.

    The new picture shows at a place p what the old one shows at T(p + d(p)): d is the elastic
    displacement, T the transform.

    Attributes:
        flips: (n, 2) bool, upside down and left to right, where nothing else moves a picture;
            else they are part of the transform.
        transforms: (n, 8) float32: a row (a0, a1, a2, b0, b1, b2, 0, 0) sends the place (x, y) to
            (a0 x + a1 y + a2, b0 x + b1 y + b2), in px from the centre of the first pixel.
        gains: (n,) float32, factors of brightness.
        shifts: (n,) float32, brightness added to all that is not air, in grey values.
        elastic: (n, cells + 1, cells + 1, 2) float32, displacements (rows, columns) in px at the
            control points of a cubic B-spline.
    """

    flips: np.ndarray | None = None
    transforms: np.ndarray | None = None
    gains: np.ndarray | None = None
    shifts: np.ndarray | None = None
    elastic: np.ndarray | None = None


def as_arrays(changes: Changes) -> dict[str, np.ndarray]:
    """Returns the changes that there are, by name; what `warp` takes.

    Which names there are depends on the stage alone, never on the draw: a compiled step sees the
    same arguments every time.
    """
    named = {field.name: getattr(changes, field.name) for field in fields(changes)}
    return {name: array for name, array in named.items() if array is not None}


def make_changes(
    rng: np.random.Generator, count: int, shape_px: tuple[int, int], augment: Augmentation
) -> Changes:
    """Returns the changes of `count` pictures, all turns and zooms about the picture's centre.

    Args:
        rng: Of the draw. One more kind of change leaves the draws of the others as they were.
        count: Pictures.
        shape_px: Rows and columns of each.
        augment: How far they may be changed.

    >>> rng = np.random.default_rng(0)
    >>> as_arrays(make_changes(rng, 1, (4, 4), Augmentation()))
    {}
    >>> turned = make_changes(rng, 1, (4, 4), Augmentation(rotation_degrees=25))
    >>> list(as_arrays(turned)), turned.transforms.shape
    (['transforms'], (1, 8))
    """
    draws = rng.uniform(-1, 1, (7, count))
    flips = (draws[:2] > 0) & [[augment.flip_vertical], [augment.flip_horizontal]]
    elastic = _draw_displacements(rng, count, shape_px, augment) if augment.elastic else None
    moves = augment.rotation_degrees or augment.shear or augment.zoom or augment.elastic
    gains, shifts = 1 + augment.gain * draws[5], augment.shift * BRIGHTEST * draws[6]
    return Changes(
        flips=flips.T if not moves and (augment.flip_vertical or augment.flip_horizontal) else None,
        transforms=_compose(flips, draws[2:5], shape_px, augment) if moves else None,
        gains=gains.astype(np.float32) if augment.gain else None,
        shifts=shifts.astype(np.float32) if augment.shift else None,
        elastic=elastic,
    )


def _compose(
    flips: np.ndarray, draws: np.ndarray, shape_px: tuple[int, int], augment: Augmentation
) -> np.ndarray:
    """Returns turn x shear x flips / zoom about the centre, float32 of shape (n, 8)."""
    turn = np.deg2rad(augment.rotation_degrees) * draws[0]
    shear, zoom = augment.shear * draws[1], 1 + augment.zoom * draws[2]
    down, across = np.where(flips, -1.0, 1.0)
    cosine, sine = np.cos(turn) / zoom, np.sin(turn) / zoom
    a0, a1 = across * cosine, down * (shear * cosine - sine)
    b0, b1 = across * sine, down * (shear * sine + cosine)
    centre_y, centre_x = ((side - 1) / 2 for side in shape_px)
    a2 = centre_x - a0 * centre_x - a1 * centre_y
    b2 = centre_y - b0 * centre_x - b1 * centre_y
    zero = np.zeros_like(turn)
    return np.stack([a0, a1, a2, b0, b1, b2, zero, zero], axis=1).astype(np.float32)


def _draw_displacements(
    rng: np.random.Generator, count: int, shape_px: tuple[int, int], augment: Augmentation
) -> np.ndarray:
    """Returns displacements drawn evenly from a disc; a B-spline goes nowhere beyond its points."""
    points = augment.elastic_cells + 1
    share, turn = rng.uniform(0, 1, (2, count, points, points))
    length_px = augment.elastic * min(shape_px) * np.sqrt(share)
    angle = 2 * np.pi * turn
    both = np.stack([length_px * np.sin(angle), length_px * np.cos(angle)], axis=-1)
    return both.astype(np.float32)


def spline_weights(places: np.ndarray, cells: int, slope: bool = False) -> np.ndarray:
    """Returns what each control point of a cubic B-spline adds at each place, (m, cells + 1).

    Beyond either end, the point at that end repeats.

    Args:
        places: (m,) in cells, 0 at one end of the picture and `cells` at the other.
        cells: Of the spline.
        slope: Whether the derivative is wanted, per cell.

    >>> spline_weights(np.array([1.0]), 2).round(3).tolist()
    [[0.167, 0.667, 0.167]]
    """
    inside = np.clip(places, 0, cells)
    first = np.minimum(np.floor(inside).astype(int), cells - 1)
    t = inside - first
    if slope:
        parts = [-((1 - t) ** 2), 3 * t**2 - 4 * t, -3 * t**2 + 2 * t + 1, t**2]
        parts = [part / 2 * (places == inside) for part in parts]
    else:
        parts = [(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3]
        parts = [part / 6 for part in parts]
    weights = np.zeros((len(places), cells + 1))
    for k, part in enumerate(parts):
        np.add.at(weights, (np.arange(len(places)), np.clip(first - 1 + k, 0, cells)), part)
    return weights


def spread_places(size_px: int, cells: int) -> np.ndarray:
    """Returns the place of every pixel along a side, in cells; control points are at its ends.

    >>> spread_places(4, 2).tolist()
    [0.25, 0.75, 1.25, 1.75]
    """
    return (np.arange(size_px) + 0.5) * (cells / size_px)


def move_boxes(
    boxes: np.ndarray, changes: Changes, picture: int, shape_px: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the boxes that enclose the same lesions in the changed picture.

    Args:
        boxes: (k, 4): row_min, column_min, row_max, column_max in px, half-open.
        changes: Of a batch.
        picture: Which of the batch.
        shape_px: Rows and columns of the picture.

    Returns:
        (moved, clipped): float64 (k, 4), cut at the picture's edges and empty where all of a box
        left it; and bool (k,), whether anything was cut off.

    Raises:
        ArithmeticError: The elastic field cannot be undone.

    >>> flipped = Changes(flips=np.array([[True, False]]))
    >>> moved, clipped = move_boxes(np.array([[0, 1, 3, 5]]), flipped, 0, (10, 8))
    >>> moved.tolist(), clipped.tolist()
    ([[7.0, 1.0, 10.0, 5.0]], [False])
    """
    boxes = np.asarray(boxes, np.float64).reshape(-1, 4)
    if not len(boxes):
        return boxes, np.zeros(0, bool)
    places = _outline(boxes, curved=changes.elastic is not None)
    new = _find_new_places(places.reshape(-1, 2), changes, picture, shape_px).reshape(places.shape)
    moved = np.concatenate([new.min(axis=1), new.max(axis=1)], axis=1) + 0.5
    cut = np.clip(moved, 0, [*shape_px, *shape_px])
    # Less than a thousandth of a pixel is rounding of the transform.
    return cut, np.any(np.abs(cut - moved) > 1e-3, axis=1)


def _outline(boxes: np.ndarray, curved: bool) -> np.ndarray:
    """Returns places on the edges, (k, m, 2), from pixel centres: the corners, or every pixel."""
    low, high = boxes[:, np.newaxis, :2] - 0.5, boxes[:, np.newaxis, 2:] - 0.5
    longest = float((boxes[:, 2:] - boxes[:, :2]).max())
    along = np.linspace(0, 1, max(2, int(np.ceil(longest)) + 1) if curved else 2)
    ends = np.repeat([0.0, 1.0], len(along))
    twice = np.tile(along, 2)
    shares = np.concatenate([np.stack([ends, twice], 1), np.stack([twice, ends], 1)])
    return low + shares * (high - low)


def _find_new_places(
    places: np.ndarray, changes: Changes, picture: int, shape_px: tuple[int, int]
) -> np.ndarray:
    """Returns where the new picture shows these (row, column) of the old one, (m, 2)."""
    if changes.flips is not None:
        last = np.subtract(shape_px, 1)
        places = np.where(changes.flips[picture], last - places, places)
    if changes.transforms is not None:
        a0, a1, a2, b0, b1, b2 = changes.transforms[picture, :6].astype(np.float64)
        matrix = np.linalg.inv([[b1, b0], [a1, a0]])  # rows before columns
        places = (places - [b2, a2]) @ matrix.T
    if changes.elastic is not None:
        places = _undo_elastic(places, changes.elastic[picture].astype(np.float64), shape_px)
    return places


def _undo_elastic(places: np.ndarray, control: np.ndarray, shape_px: tuple[int, int]) -> np.ndarray:
    """Returns p where p + d(p) are the given places, by Newton's method."""
    found = places.copy()
    for _ in range(_NEWTON_STEPS):
        moved, slopes = _measure_field(found, control, shape_px)
        error = found + moved - places
        if np.abs(error).max() < _ACCURACY_PX / 10:
            return found
        step = np.linalg.solve(np.eye(2) + slopes, error[..., np.newaxis])
        found = found - step[..., 0]
    raise ArithmeticError(
        f"an elastic displacement could not be undone: {np.abs(error).max():.3f} px are left after "
        f"{_NEWTON_STEPS} steps, expected less than {_ACCURACY_PX}. Lower `elastic`"
    )


def _measure_field(
    places: np.ndarray, control: np.ndarray, shape_px: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the displacements at places, (m, 2), and their derivatives, (m, 2, 2)."""
    cells = len(control) - 1
    per_px = [cells / side for side in shape_px]
    axes = [(places[:, axis] + 0.5) * per_px[axis] for axis in (0, 1)]
    rows, columns = (spline_weights(axis, cells) for axis in axes)
    down, across = (
        spline_weights(axis, cells, slope=True) * scale
        for axis, scale in zip(axes, per_px, strict=True)
    )
    pairs = [(rows, columns), (down, columns), (rows, across)]
    moved, by_row, by_column = (np.einsum("mi,mj,ijk->mk", r, c, control) for r, c in pairs)
    return moved, np.stack([by_row, by_column], axis=-1)
