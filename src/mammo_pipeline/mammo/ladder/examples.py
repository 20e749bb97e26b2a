"""What a stage learns from: windows of the image store, with their labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from mammo_pipeline.mammo.ladder.stages import Stage

# numpy begins an array at 16; copied from there, a batch of 20 MB took JAX six times as long.
_ALIGNED_BYTES = 64


@dataclass(frozen=True)
class Examples:
    """Windows of stored images; a whole image is a window, too.

    Attributes:
        image_ids: Of the image each window lies in, shape (n,).
        positions: Place of that image in the store, shape (n,).
        corners: Top row and left column of the window, shape (n, 2).
        shape_px: Rows and columns of every window.
        labels: Class of the patch, or 1 where the breast has cancer; shape (n,).
        units: What one score is given to, breast of an exam or patch; shape (n,).
    """

    image_ids: np.ndarray
    positions: np.ndarray
    corners: np.ndarray
    shape_px: tuple[int, int]
    labels: np.ndarray
    units: np.ndarray


def select_images(
    cohort: pd.DataFrame, index: pd.DataFrame, side: str, shape_px: tuple[int, int]
) -> Examples:
    """Returns the stored images of one side whose outcome is known.

    Args:
        cohort: image_id, exam_id, laterality, side and cancer of every image.
        index: image_id and position of every image in the store, -1 where it was refused.
        side: train or tune.
        shape_px: Rows and columns of the store.

    Raises:
        ValueError: No image of the side, or only one outcome among them.
    """
    chosen = cohort[(cohort["side"] == side) & cohort["cancer"].notna()]
    table = chosen.merge(index[["image_id", "position"]], on="image_id", validate="one_to_one")
    table = table[table["position"] >= 0].sort_values("image_id")
    labels = table["cancer"].to_numpy(np.int64)
    if set(labels) != {0, 1}:
        raise ValueError(
            f"side {side} has {len(labels)} stored images of which {int(labels.sum())} with "
            "cancer: learning needs both outcomes, look at the split in `check`"
        )
    return Examples(
        image_ids=table["image_id"].to_numpy(str),
        positions=table["position"].to_numpy(np.int64),
        corners=np.zeros((len(table), 2), np.int64),
        shape_px=shape_px,
        labels=labels,
        units=(table["exam_id"].astype(str) + "|" + table["laterality"].astype(str)).to_numpy(str),
    )


def select_patches(patches: pd.DataFrame, side: str) -> Examples:
    """Returns the sampled patches of one side.

    Args:
        patches: What `sample_patches` returned.
        side: train or tune.

    Raises:
        ValueError: No patch of the side, or patches of several sizes.
    """
    table = patches[patches["side"] == side]
    sizes = table["size_px"].unique()
    if len(sizes) != 1:
        raise ValueError(
            f"side {side} has {len(table)} patches of sizes {sizes.tolist()}, expected one size: "
            "run `patches` again"
        )
    return Examples(
        image_ids=table["image_id"].to_numpy(str),
        positions=table["position"].to_numpy(np.int64),
        corners=table[["row", "column"]].to_numpy(np.int64),
        shape_px=(int(sizes[0]), int(sizes[0])),
        labels=table["label"].to_numpy(np.int64),
        units=np.arange(len(table)).astype(str),
    )


def read_windows(pixels: np.ndarray, examples: Examples, rows: np.ndarray) -> np.ndarray:
    """Returns the windows of the given rows, uint16 of shape (len(rows), *shape_px, 1).

    Windows of one image are read together where they lie close: the store unpacks whole bands of
    rows, and those that windows share would be unpacked for each. Whole images are unpacked where
    they stay.

    Args:
        pixels: The image store, uint16 (images, rows, columns).
        examples: What to read of it.
        rows: Numbers of the examples.
    """
    windows = _allocate((len(rows), *examples.shape_px))
    positions, corners = examples.positions[rows], examples.corners[rows]
    if examples.shape_px == tuple(pixels.shape[1:]):
        pixels.take(positions, axis=0, out=windows)
        return windows[..., np.newaxis]
    order = np.argsort(positions, kind="stable")
    ends = np.flatnonzero(np.diff(positions[order])) + 1
    for members in np.split(order, ends) if len(rows) else []:
        image = int(positions[members[0]])
        for group in _group_close(members, corners[members], examples.shape_px[0]):
            _read_group(windows, pixels, image, group, corners[group])
    return windows[..., np.newaxis]


def _group_close(members: np.ndarray, corners: np.ndarray, height: int) -> list[np.ndarray]:
    """Returns all windows of an image as one group, or each alone where much lies between."""
    top = corners[:, 0]
    together = top.max() - top.min() + height
    return [members] if together <= len(members) * height else list(members[:, np.newaxis])


def _read_group(
    windows: np.ndarray, pixels: np.ndarray, image: int, group: np.ndarray, corners: np.ndarray
) -> None:
    """Writes the windows of one image into their places in the batch."""
    height, width = windows.shape[1:]
    (top, left), (bottom, right) = corners.min(axis=0), corners.max(axis=0)
    region = pixels[image, top : bottom + height, left : right + width]
    for place, (row, column) in zip(group, corners - (top, left), strict=True):
        windows[place] = region[row : row + height, column : column + width]


def _allocate(shape: tuple[int, ...]) -> np.ndarray:
    """Returns an empty uint16 array that begins where JAX and TensorFlow take it as it is."""
    size = 2 * int(np.prod(shape))
    raw = np.empty(size + _ALIGNED_BYTES, np.uint8)
    first = -raw.ctypes.data % _ALIGNED_BYTES
    return raw[first : first + size].view(np.uint16).reshape(shape)


def draw_epoch(rng: np.random.Generator, labels: np.ndarray, stage: Stage) -> np.ndarray:
    """Returns which examples each step of one pass sees, shape (steps, batch).

    Every batch is full. Where the stage asks for a share of cancers or for balanced classes, each
    batch has it, and every class is drawn without replacement until it is used up, then anew.

    Args:
        rng: Of the order.
        labels: Of all examples.
        stage: Its batch, examples_per_epoch and balance.
    """
    batch = min(stage.batch, len(labels))
    steps = max(1, (stage.examples_per_epoch or len(labels)) // batch)
    parts = [
        _deal(rng, rows, steps * count).reshape(steps, count)
        for rows, count in _share_batch(labels, batch, stage)
    ]
    return np.concatenate(parts, axis=1)


def _share_batch(labels: np.ndarray, batch: int, stage: Stage) -> list[tuple[np.ndarray, int]]:
    """Returns groups of examples, and how many of each a batch holds."""
    if stage.balance.cancer_fraction is not None:
        cancers = int(np.clip(round(batch * stage.balance.cancer_fraction), 1, batch - 1))
        return [
            (np.flatnonzero(labels == 1), cancers),
            (np.flatnonzero(labels == 0), batch - cancers),
        ]
    if not stage.balance.classes:
        return [(np.arange(len(labels)), batch)]
    classes = np.unique(labels)
    counts = np.full(len(classes), batch // len(classes))
    # What the division leaves goes to the first classes, background before all.
    counts[: batch % len(classes)] += 1
    return [
        (np.flatnonzero(labels == c), int(n)) for c, n in zip(classes, counts, strict=True) if n
    ]


def _deal(rng: np.random.Generator, rows: np.ndarray, count: int) -> np.ndarray:
    rounds = -(-count // len(rows))
    return np.concatenate([rng.permutation(rows) for _ in range(rounds)])[:count]
