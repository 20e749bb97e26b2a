"""What a stage learns from: windows of the image store, with their labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from mammo_pipeline.mammo.ladder.stages import Stage


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
    """Returns the windows of the given rows, uint16 of shape (len(rows), *shape_px, 1)."""
    height, width = examples.shape_px
    found = [
        pixels[position, row : row + height, column : column + width]
        for position, (row, column) in zip(
            examples.positions[rows], examples.corners[rows], strict=True
        )
    ]
    return np.stack(found)[..., np.newaxis]


def draw_epoch(rng: np.random.Generator, labels: np.ndarray, stage: Stage) -> np.ndarray:
    """Returns which examples each step of one pass sees, shape (steps, batch).

    Every batch is full. Where the stage asks for a share of cancers or for balanced classes, each
    batch has it, and every class is drawn without replacement until it is used up, then anew.

    Args:
        rng: Of the order.
        labels: Of all examples.
        stage: Its batch, examples_per_epoch, cancer_fraction and balance_classes.
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
    if stage.cancer_fraction is not None:
        cancers = int(np.clip(round(batch * stage.cancer_fraction), 1, batch - 1))
        return [
            (np.flatnonzero(labels == 1), cancers),
            (np.flatnonzero(labels == 0), batch - cancers),
        ]
    if not stage.balance_classes:
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
