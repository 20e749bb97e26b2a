"""The second round of hard negatives: where a patch net sees lesions that are none."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.ndimage import maximum_filter
from scipy.special import expit, softmax

from mammo_pipeline.mammo.ladder.examples import Examples
from mammo_pipeline.mammo.ladder.settings import Mining
from mammo_pipeline.mammo.ladder.stages import Stage
from mammo_pipeline.mammo.networks.families import Network, heatmap_places
from mammo_pipeline.mammo.patches.hard import place_hard_negatives

if TYPE_CHECKING:
    import keras

BOX = ["row_min", "column_min", "row_max", "column_max"]
MINED_COLUMNS = ["stage", "image_id", "position", "row", "column", "probability"]
# Said aloud, for an empty table knows no types, and a checkpoint takes no Python objects.
NUMBERS = {"position": "int64", "row": "int64", "column": "int64", "probability": "float64"}


def mine_negatives(
    model: keras.Model,
    network: Network,
    stage: Stage,
    loss: str,
    pixels: np.ndarray,
    images: Examples,
    lesions: pd.DataFrame,
) -> pd.DataFrame:
    """Returns where the net takes background for a lesion, one row a patch: `MINED_COLUMNS`.

    The patch net runs over the whole image. A peak of its heatmap counts where the probability of
    any lesion is above the rule's, and the patch there overlaps no known lesion. An image of a
    breast with cancer and without a malignant box gives none: the cancer may be anywhere in it.

    Args:
        model: A patch net with the weights to mine with.
        network: Its description.
        stage: The stage that will learn from them; its `mine` is the rule.
        loss: What the model's logits were trained with.
        pixels: The store, uint16 (images, rows, columns).
        images: Whole images of `train`.
        lesions: image_id, pathology and box on the canvas, half-open.
    """
    rule = stage.mine
    assert rule is not None
    boxes = {str(name): part[BOX].to_numpy(float) for name, part in lesions.groupby("image_id")}
    malignant = lesions[lesions["pathology"] == "malignant"]
    located = set(malignant["image_id"].astype(str))
    rows: list[dict[str, Any]] = []
    for name, position, label in zip(
        images.image_ids, images.positions, images.labels, strict=True
    ):
        if label and str(name) not in located:
            continue
        own = boxes.get(str(name), np.empty((0, 4)))
        heat = _find_lesion_probability(model, pixels[int(position)], loss)
        found = _place(heat, own, network, rule, pixels.shape[1:])
        rows += [
            {"stage": stage.name, "image_id": name, "position": int(position), **place}
            for place in found
        ]
    return pd.DataFrame(rows, columns=MINED_COLUMNS).astype(NUMBERS)


def _find_lesion_probability(model: Any, picture: np.ndarray, loss: str) -> np.ndarray:
    """Returns the probability of any lesion at every position of the heatmap, (rows, columns)."""
    inputs = picture[np.newaxis, ..., np.newaxis].astype(np.float32)
    logits = np.asarray(model.predict_on_batch(inputs))[0].astype(np.float64)
    if loss == "softmax":
        return 1 - softmax(logits, axis=-1)[..., 0]
    return expit(logits[..., 1:].max(axis=-1))


def _place(
    heat: np.ndarray, boxes: np.ndarray, network: Network, rule: Mining, shape_px: tuple[int, ...]
) -> Iterator[dict[str, Any]]:
    """Yields row, column and probability of the patches that the rule takes from one heatmap."""
    places = heatmap_places(network)
    peaks = np.argwhere((heat == maximum_filter(heat, size=3)) & (heat > rule.above))
    centres = peaks * places.stride_px + places.offset_px + places.window_px / 2
    scored = np.column_stack([centres, heat[tuple(peaks.T)]])
    corners, scores = place_hard_negatives(
        scored, boxes, network.patch_px, shape_px, rule.overlap_most, rule.per_image
    )
    for (row, column), score in zip(corners, scores, strict=True):
        yield {"row": int(row), "column": int(column), "probability": float(score)}


def add_negatives(patches: Examples, mined: pd.DataFrame) -> Examples:
    """Returns the patches with the mined ones behind them, as background."""
    count = len(mined)
    return Examples(
        image_ids=np.concatenate([patches.image_ids, mined["image_id"].to_numpy(str)]),
        positions=np.concatenate([patches.positions, mined["position"].to_numpy(np.int64)]),
        corners=np.concatenate([patches.corners, mined[["row", "column"]].to_numpy(np.int64)]),
        shape_px=patches.shape_px,
        labels=np.concatenate([patches.labels, np.zeros(count, np.int64)]),
        units=np.arange(len(patches.labels) + count).astype(str),
    )
