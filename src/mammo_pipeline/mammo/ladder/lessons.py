"""All that a ladder may learn from, gathered from the study's tables."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from mammo_pipeline.mammo.digest import digest_table
from mammo_pipeline.mammo.ladder.examples import Examples, select_images, select_patches
from mammo_pipeline.mammo.ladder.stages import Ladder

COHORT_COLUMNS = ["image_id", "exam_id", "laterality", "side", "cancer"]


@dataclass(frozen=True)
class Lessons:
    """All that a ladder may learn from.

    Attributes:
        pixels: The image store, uint16 (images, rows, columns).
        examples: For `patches` and for `images`: what to learn from, and what to judge on.
        digest: Of the tables that these were made from and of the code that learns from them.
    """

    pixels: np.ndarray
    examples: dict[str, tuple[Examples, Examples]]
    digest: str


def gather_lessons(
    ladder: Ladder,
    pixels: np.ndarray,
    index: pd.DataFrame,
    cohort: pd.DataFrame,
    patches: pd.DataFrame,
    code: str,
) -> Lessons:
    """Returns the train and tune examples of every kind of data that the ladder uses.

    The store's own table stands in the digest for the pixels: it holds features of each image
    before and after standardization, so other pixels have other rows.

    Args:
        ladder: Says which data are used, and the canvas that the net is cut for.
        pixels: The image store, uint16 (images, rows, columns).
        index: The store's table: image_id, position and features.
        cohort: image_id, exam_id, laterality, side and cancer.
        patches: What `sample_patches` returned.
        code: Digest of the code that will learn; other code is another lesson.

    Raises:
        ValueError: The canvas differs from the network's, a side has nothing to learn from, or the
            patches were drawn on another split.
    """
    canvas = (int(pixels.shape[1]), int(pixels.shape[2]))
    if canvas != ladder.network.image_shape:
        raise ValueError(
            f"the store holds images of {canvas} px, the network expects image_shape "
            f"{ladder.network.image_shape}: set both to the same canvas and rerun"
        )
    _refuse_old_patches(patches, cohort)
    kinds = {stage.data for stage in ladder.stages.values()}
    examples = {}
    if "images" in kinds:
        train, tune = (select_images(cohort, index, side, canvas) for side in ("train", "tune"))
        examples["images"] = (train, tune)
    if "patches" in kinds:
        train, tune = (select_patches(patches, side) for side in ("train", "tune"))
        examples["patches"] = (train, tune)
    tables = (cohort[COHORT_COLUMNS], index, patches)
    digests = [digest_table(table, table.columns.to_list()) for table in tables]
    return Lessons(pixels, examples, "-".join([*digests, code]))


def _refuse_old_patches(patches: pd.DataFrame, cohort: pd.DataFrame) -> None:
    sides = cohort.set_index("image_id")["side"]
    moved = patches["image_id"].map(sides) != patches["side"]
    if moved.any():
        raise ValueError(
            f"{int(moved.sum())} of {len(patches)} patches lie on another side than their image: "
            "the split changed since they were drawn. Run `patches` again."
        )
