"""The table of patches: one row a patch, with its place in the store, its side and its class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

COLUMNS = ["position", "image_id", "side", "row", "column", "size_px", "label", "rule"]


@dataclass(frozen=True)
class PatchSet:
    """Patches of one image by one rule.

    Attributes:
        position: Place of the image in the store.
        image_id: Pseudonym.
        side: train or tune.
        rule: Who drew them.
        corners: Top-left pixels on the canvas, int64 of shape (n, 2).
        labels: Class of each, of five; 0 for hard negatives; shape (n,).
    """

    position: int
    image_id: str
    side: str
    rule: str
    corners: np.ndarray
    labels: np.ndarray


def tabulate_patches(sets: Sequence[PatchSet], size_px: int) -> pd.DataFrame:
    """Returns one row a patch: position, image_id, side, row, column, size_px, label and rule.

    Args:
        sets: In the order of the rows.
        size_px: Rows and columns of every patch.

    >>> corners = np.array([[4, 6], [0, 2]])
    >>> mined = PatchSet(3, "image1", "train", "mined", corners, np.zeros(2, int))
    >>> tabulate_patches([mined], 8)[["image_id", "row", "column", "label"]].values.tolist()
    [['image1', 4, 6, 0], ['image1', 0, 2, 0]]
    """
    counts = [len(one.corners) for one in sets]
    corners = np.concatenate([np.empty((0, 2), np.int64), *(one.corners for one in sets)])
    labels = np.concatenate([np.empty(0, np.int64), *(one.labels for one in sets)])
    table = {
        "position": np.repeat(np.array([one.position for one in sets], np.int64), counts),
        "image_id": np.repeat(np.array([one.image_id for one in sets], object), counts),
        "side": np.repeat(np.array([one.side for one in sets], object), counts),
        "row": corners[:, 0],
        "column": corners[:, 1],
        "size_px": size_px,
        "label": labels,
        "rule": np.repeat(np.array([one.rule for one in sets], object), counts),
    }
    return pd.DataFrame(table, columns=COLUMNS)
