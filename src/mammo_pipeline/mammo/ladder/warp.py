"""Changes of pictures, applied on the device inside the training step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mammo_pipeline.mammo.ladder.augment import spline_weights, spread_places
from mammo_pipeline.mammo.networks.parts import BRIGHTEST


def warp(pixels: Any, changes: Mapping[str, Any]) -> Any:
    """Returns the changed pictures, float32 of 0 to 65535, of the same shape.

    Brightness comes first, on the stored pixels, so air stays 0 and the skin line stays sharp.
    Then all that moves a picture moves it in one bilinear sampling. What comes in from outside
    repeats the edge: at the chest wall tissue goes on, in the air it stays air. Flips alone are
    exact, and no change is a cast.

    It samples by `take`, not by `ops.image`: XLA cannot compile TensorFlow's affine transform, and
    `map_coordinates` takes one picture at a time.

    Args:
        pixels: uint16 tensor, (n, rows, columns, 1), at least 2x2; rows and columns are known when
            traced.
        changes: What `as_arrays` returned for them, as tensors.

    Raises:
        ValueError: A change of another name.
    """
    from keras import ops

    unknown = changes.keys() - {"flips", "transforms", "gains", "shifts", "elastic"}
    if unknown:
        raise ValueError(f"changes {sorted(unknown)} are unknown: pass what `as_arrays` returned")
    pictures = ops.cast(pixels, "float32")
    if "gains" in changes or "shifts" in changes:
        pictures = _brighten(pictures, changes.get("gains"), changes.get("shifts"))
    if "flips" in changes:
        pictures = _flip(pictures, changes["flips"])
    if "transforms" in changes:
        places = _find_places(pictures.shape[1:3], changes["transforms"], changes.get("elastic"))
        pictures = _sample(pictures, *places)
    return pictures


def _brighten(pictures: Any, gains: Any, shifts: Any) -> Any:
    """Returns gain x grey + shift; air stays 0, and tissue never becomes air."""
    from keras import ops

    brighter = pictures
    if gains is not None:
        brighter = brighter * ops.reshape(gains, (-1, 1, 1, 1))
    if shifts is not None:
        brighter = brighter + ops.reshape(shifts, (-1, 1, 1, 1))
    return ops.where(pictures > 0, ops.clip(brighter, 1, BRIGHTEST), 0.0)


def _flip(pictures: Any, flips: Any) -> Any:
    from keras import ops

    for axis in (0, 1):
        turned = ops.reshape(ops.cast(flips[:, axis], "bool"), (-1, 1, 1, 1))
        pictures = ops.where(turned, ops.flip(pictures, axis + 1), pictures)
    return pictures


def _find_places(shape_px: tuple[int, int], transforms: Any, elastic: Any) -> tuple[Any, Any]:
    """Returns the row and the column to look at for every new pixel, each (n, rows, columns)."""
    from keras import ops

    height, width = shape_px
    rows = np.arange(height, dtype=np.float32).reshape(1, height, 1)
    columns = np.arange(width, dtype=np.float32).reshape(1, 1, width)
    if elastic is not None:
        cells = elastic.shape[1] - 1
        down, across = (
            spline_weights(spread_places(side, cells), cells).astype(np.float32)
            for side in shape_px
        )
        field = ops.einsum("hi,nijk->nhjk", down, elastic)
        rows = rows + ops.einsum("wj,nhj->nhw", across, field[..., 0])
        columns = columns + ops.einsum("wj,nhj->nhw", across, field[..., 1])
    a0, a1, a2, b0, b1, b2 = (ops.reshape(transforms[:, k], (-1, 1, 1)) for k in range(6))
    return b0 * columns + b1 * rows + b2, a0 * columns + a1 * rows + a2


def _sample(pictures: Any, rows: Any, columns: Any) -> Any:
    """Returns the pictures read between their pixels, (n, rows, columns, 1)."""
    from keras import ops

    count, (height, width) = ops.shape(pictures)[0], pictures.shape[1:3]
    rows, columns = ops.clip(rows, 0, height - 1), ops.clip(columns, 0, width - 1)
    top, left = (
        ops.minimum(ops.floor(places), side - 2)
        for places, side in ((rows, height), (columns, width))
    )
    start = ops.reshape(ops.arange(count, dtype="int32") * (height * width), (-1, 1, 1))
    corner = start + ops.cast(top, "int32") * width + ops.cast(left, "int32")
    flat = ops.reshape(pictures, (-1,))
    upper, lower = (
        _blend(ops.take(flat, first), ops.take(flat, first + 1), columns - left)
        for first in (corner, corner + width)
    )
    return ops.expand_dims(_blend(upper, lower, rows - top), -1)


def _blend(first: Any, second: Any, share: Any) -> Any:
    return first + share * (second - first)
