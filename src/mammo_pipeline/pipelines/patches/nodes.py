"""Room `patches`: where to cut patches for the first stage of training."""

from __future__ import annotations

import logging

import pandas as pd

from mammo_pipeline.closing import closing_block
from mammo_pipeline.datasets.store import StoredImages
from mammo_pipeline.mammo.patches import CLASSES, SAMPLED_SIDES, sample_patches
from mammo_pipeline.pipelines.patches.parameters import PatchesParameters

log = logging.getLogger(__name__)


def draw_patches(
    store: StoredImages,
    cohort: pd.DataFrame,
    canvas_lesions: pd.DataFrame,
    parameters: PatchesParameters,
) -> pd.DataFrame:
    """Returns `patches`: one row a patch with its place in the store, its side and its class."""
    patches = sample_patches(store.pixels, store.index, cohort, canvas_lesions, parameters)
    log.info(_closing(patches))
    return patches


def _closing(patches: pd.DataFrame) -> str:
    rows = {}
    for side in SAMPLED_SIDES:
        part = patches[patches["side"] == side]
        counts = part["label"].value_counts()
        named = ", ".join(f"{counts.get(i, 0)} {name}" for i, name in enumerate(CLASSES))
        rows[side] = f"{len(part)} patches of {part['image_id'].nunique()} images: {named}"
    return closing_block("patches", rows, next_command="kedro run --pipelines train")
