"""What the rules look at: one image with its lesions, checked before anything is drawn."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from mammo_pipeline.mammo.patches.classes import find_label, first_malignant

SAMPLED_SIDES = ("train", "tune")  # the test set is opened once, and not here
BOX = ["row_min", "column_min", "row_max", "column_max"]
WITH_LESION, HEALTHY, UNLOCATED = "with_lesion", "healthy", "unlocated"


@dataclass(frozen=True)
class Scene:
    """An image as the rules see it.

    Attributes:
        image_id: Pseudonym.
        side: train or tune.
        position: Place in the store.
        state: `with_lesion`, `healthy`, or `unlocated`: cancer that no box shows, or an outcome
            that nobody knows; no background is drawn there.
        boxes: row_min, column_min, row_max, column_max of each lesion, half-open, cut to the
            canvas; int64 of shape (k, 4).
        labels: Class of each lesion, of five; int64 of shape (k,).
    """

    image_id: str
    side: str
    position: int
    state: str
    boxes: np.ndarray
    labels: np.ndarray


def list_scenes(
    index: pd.DataFrame,
    cohort: pd.DataFrame,
    lesions: pd.DataFrame,
    shape_px: tuple[int, int],
) -> list[Scene]:
    """Returns the stored images of the sampled sides, in the order of image_id.

    Neither the order of the tables nor what else they hold changes a scene.

    Args:
        index: image_id and position in the store, -1 where refused.
        cohort: image_id, side and cancer.
        lesions: image_id, kind, pathology and box on the canvas, half-open.
        shape_px: Rows and columns of the canvas.

    Raises:
        ValueError: A lesion has no known kind and pathology, is empty or outside the canvas.
    """
    images = cohort.merge(index[["image_id", "position"]], on="image_id", validate="one_to_one")
    images = images[images["side"].isin(SAMPLED_SIDES) & (images["position"] >= 0)]
    names = images["image_id"]
    shown = lesions[lesions["image_id"].isin(names)]
    ordered = shown.sort_values([*BOX, "kind", "pathology"])
    own = {str(name): part for name, part in ordered.groupby("image_id")}
    rows = images.sort_values("image_id").to_dict("records")
    none = shown.iloc[:0]
    return [_make_scene(row, own.get(str(row["image_id"]), none), shape_px) for row in rows]


def _make_scene(image: dict[Any, Any], lesions: pd.DataFrame, shape_px: tuple[int, int]) -> Scene:
    name = str(image["image_id"])
    kinds = zip(lesions["kind"], lesions["pathology"], strict=True)
    labels = [find_label(str(kind), str(pathology), name) for kind, pathology in kinds]
    boxes = [cut_box(box, shape_px, name) for box in lesions[BOX].to_numpy(np.int64)]
    return Scene(
        image_id=name,
        side=str(image["side"]),
        position=int(image["position"]),
        state=tell_state(image["cancer"], labels),
        boxes=np.array(boxes, np.int64).reshape(-1, 4),
        labels=np.array(labels, np.int64),
    )


def tell_state(cancer: Any, labels: Iterable[int]) -> str:
    """Returns whether an image's lesions are marked, whether it has none, or neither is sure.

    Args:
        cancer: Outcome of the breast: 1, 0 or missing.
        labels: Classes of the marked lesions, of five.

    >>> tell_state(1, [4]), tell_state(0, [2]), tell_state(0, []), tell_state(1, [2])
    ('with_lesion', 'with_lesion', 'healthy', 'unlocated')
    """
    marked = list(labels)
    ill = not pd.isna(cancer) and cancer == 1
    if ill and not any(label >= first_malignant(5) for label in marked):
        return UNLOCATED
    if marked:
        return WITH_LESION
    return UNLOCATED if pd.isna(cancer) else HEALTHY


def cut_box(box: np.ndarray, shape_px: tuple[int, int], image_id: str) -> np.ndarray:
    """Returns the part of a lesion's box that lies on the canvas.

    Raises:
        ValueError: There is none; the image is named.
    """
    inside = np.clip(box, 0, [*shape_px, *shape_px])
    if (inside[2:] <= inside[:2]).any():
        raise ValueError(
            f"image {image_id} has a lesion box {np.asarray(box).tolist()} that is empty or "
            f"outside its canvas {tuple(shape_px)}: correct lesion_boxes in the label table, or "
            "the canvas"
        )
    return inside
