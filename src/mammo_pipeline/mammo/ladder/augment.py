"""Changes of the training pictures: drawn in one function, applied in another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from mammo_pipeline.mammo.ladder.stages import Augmentation
from mammo_pipeline.mammo.networks.dreamnet import BRIGHTEST


@dataclass(frozen=True)
class Changes:
    """What happens to each picture of a batch.

    Attributes:
        transforms: (n, 8): a row (a0, a1, a2, b0, b1, b2, 0, 0) sends the point (x, y) of the new
            picture to (a0 x + a1 y + a2, b0 x + b1 y + b2) of the old one.
        gains: (n,) factors of brightness.
    """

    transforms: np.ndarray
    gains: np.ndarray


def make_changes(
    rng: np.random.Generator, count: int, shape_px: tuple[int, int], augment: Augmentation
) -> Changes:
    """Returns the changes of `count` pictures, all of them about the centre of the picture.

    >>> rng = np.random.default_rng(0)
    >>> make_changes(rng, 1, (4, 4), Augmentation()).transforms.tolist()
    [[1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0]]
    """
    draws = rng.uniform(-1, 1, (5, count))
    turn = np.deg2rad(augment.rotation_degrees) * draws[0]
    scale = 1 + augment.zoom * draws[1]
    gains = 1 + augment.gain * draws[2]
    mirror_x = np.where(augment.flip_horizontal & (draws[3] > 0), -1.0, 1.0)
    mirror_y = np.where(augment.flip_vertical & (draws[4] > 0), -1.0, 1.0)
    a0, a1 = mirror_x * np.cos(turn) / scale, -np.sin(turn) / scale * mirror_y
    b0, b1 = np.sin(turn) / scale * mirror_x, mirror_y * np.cos(turn) / scale
    centre_y, centre_x = ((side - 1) / 2 for side in shape_px)
    a2 = centre_x - a0 * centre_x - a1 * centre_y
    b2 = centre_y - b0 * centre_x - b1 * centre_y
    zero = np.zeros(count)
    rows = np.stack([a0, a1, a2, b0, b1, b2, zero, zero], axis=1) + 0.0
    return Changes(rows.astype(np.float32), gains.astype(np.float32))


def apply_changes(pixels: np.ndarray, changes: Changes) -> Any:
    """Returns the changed pictures as a uint16 tensor of the same shape, on the device.

    What comes in from outside the picture repeats its edge: at the chest wall tissue goes on, in
    the air it stays air.

    Args:
        pixels: uint16, (n, rows, columns, 1).
        changes: What `make_changes` returned for them.
    """
    from keras import ops

    moved = ops.image.affine_transform(
        ops.convert_to_tensor(pixels.astype(np.float32)),
        changes.transforms,
        interpolation="bilinear",
        fill_mode="nearest",
    )
    brighter = moved * changes.gains[:, np.newaxis, np.newaxis, np.newaxis]
    return ops.cast(ops.clip(ops.round(brighter), 0, BRIGHTEST), "uint16")
