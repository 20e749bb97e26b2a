"""Where to cut patches: on lesions, and in the breast away from them.

The rule of end2end-all-conv (Shen et al. 2019): a patch shows a lesion when more than a cutoff of
the lesion's box, or of the patch itself, is overlap; the cutoff falls while tries fail. Only
places are drawn here; the pixels stay in the store.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import numpy as np
import pandas as pd
from pydantic import Field

from mammo_pipeline.parameters import Parameters

CLASSES = ("background", "calc benign", "mass benign", "calc malignant", "mass malignant")
# Distortion and asymmetry have no class of their own: they count as mass.
LABELS = {
    ("calcification", "benign"): 1,
    ("mass", "benign"): 2,
    ("distortion", "benign"): 2,
    ("asymmetry", "benign"): 2,
    ("calcification", "malignant"): 3,
    ("mass", "malignant"): 4,
    ("distortion", "malignant"): 4,
    ("asymmetry", "malignant"): 4,
}
SAMPLED_SIDES = ("train", "tune")  # the test set is opened once, and not here
COLUMNS = ["position", "image_id", "side", "row", "column", "size_px", "label"]
BOX = ["row_min", "column_min", "row_max", "column_max"]
FIRST_CUTOFF, CUTOFF_STEP, TRIES_PER_STEP = 0.75, 0.05, 1000


class Sampling(Parameters):
    """How many patches, how large, and which background counts.

    Attributes:
        seed: Of all draws; an image's depend on the seed and its image_id alone.
        size_px: Rows and columns of a patch, in pixels of the canvas.
        per_lesion: Patches on each lesion, and as many of the background of its image.
        per_healthy_image: Background patches in an image without a lesion and without cancer.
        background_overlap: A background patch overlaps no lesion by more, as a share of either.
        breast_coverage: Share of a background patch that is breast, at least.
        background_tries: Places tried in an image before it gives fewer background patches.
    """

    seed: int = Field(ge=0)
    size_px: int = Field(ge=8)
    per_lesion: int = Field(ge=1)
    per_healthy_image: int = Field(ge=0)
    background_overlap: float = Field(ge=0, le=1)
    breast_coverage: float = Field(ge=0, le=1)
    background_tries: int = Field(ge=1)


def sample_patches(
    pixels: np.ndarray,
    index: pd.DataFrame,
    cohort: pd.DataFrame,
    lesions: pd.DataFrame,
    sampling: Sampling,
) -> pd.DataFrame:
    """Returns one row a patch: position, image_id, side, row, column, size_px and label.

    `row` and `column` are the top-left pixel on the canvas, `label` an index of `CLASSES`. Rows
    are in the order of image_id. An image of a breast with cancer but without a box gives no
    background: the lesion may be anywhere in it.

    Args:
        pixels: The store, uint16 (images, rows, columns), 0 is air.
        index: image_id and position in the store, -1 where refused.
        cohort: image_id, side and cancer.
        lesions: image_id, kind, pathology and box on the canvas, half-open.
        sampling: How many, how large, where.

    Raises:
        ValueError: A lesion has no known kind and pathology, or lies outside the canvas; or the
            canvas is smaller than a patch.
    """
    if min(pixels.shape[1:]) < sampling.size_px:
        raise ValueError(
            f"the canvas is {pixels.shape[1:]} px, smaller than a patch of {sampling.size_px}"
        )
    images = cohort.merge(index[["image_id", "position"]], on="image_id", validate="one_to_one")
    images = images[images["side"].isin(SAMPLED_SIDES) & (images["position"] >= 0)]
    boxes = dict(list(lesions.groupby("image_id")))
    found = []
    for image in images.sort_values("image_id").to_dict("records"):
        own = boxes.get(image["image_id"], lesions.iloc[:0])
        found.append(_sample_image(pixels[image["position"]], image, own, sampling))
    rows = [row for rows in found for row in rows]
    return pd.DataFrame(rows, columns=COLUMNS)


def _sample_image(
    picture: np.ndarray, image: Mapping[Any, Any], lesions: pd.DataFrame, sampling: Sampling
) -> list[dict[str, Any]]:
    name = str(image["image_id"])
    rng = np.random.default_rng([sampling.seed, *sha256(name.encode()).digest()])
    boxes = lesions[BOX].to_numpy(np.int64)
    corners, labels = [], []
    for lesion, box in zip(lesions.to_dict("records"), boxes, strict=True):
        label = find_label(str(lesion["kind"]), str(lesion["pathology"]), name)
        corners.append(draw_on_lesion(rng, box, picture.shape, sampling, name))
        labels += [label] * sampling.per_lesion
    wanted = sampling.per_lesion * len(boxes) or (
        sampling.per_healthy_image if image["cancer"] == 0 else 0
    )
    background = draw_background(rng, picture, boxes, wanted, sampling)
    places = np.concatenate([*corners, background])
    common = {key: image[key] for key in ("position", "image_id", "side")}
    return [
        {**common, "row": int(r), "column": int(c), "size_px": sampling.size_px, "label": label}
        for (r, c), label in zip(places, labels + [0] * len(background), strict=True)
    ]


def find_label(kind: str, pathology: str, image_id: str) -> int:
    """Returns the class of a lesion.

    Raises:
        ValueError: The pair is not in `LABELS`; the image is named.
    """
    if (kind, pathology) not in LABELS:
        raise ValueError(
            f"image {image_id} has a lesion that is '{kind}' and '{pathology}', expected one of "
            f"{sorted(LABELS)}: correct lesion_boxes in the label table"
        )
    return LABELS[kind, pathology]


def draw_on_lesion(
    rng: np.random.Generator,
    box: np.ndarray,
    shape_px: tuple[int, ...],
    sampling: Sampling,
    image_id: str,
) -> np.ndarray:
    """Returns the corners of `per_lesion` patches that show the lesion, shape (n, 2).

    Candidates are drawn in blocks that end where the cutoff falls, so that the vectorised draw
    keeps the rule of one try after the other.

    Args:
        rng: Of the draws.
        box: row_min, column_min, row_max, column_max of the lesion, half-open.
        shape_px: Rows and columns of the canvas.
        sampling: Size and number of the patches.
        image_id: Named in the error.

    Raises:
        ValueError: The box is empty or outside the canvas.
    """
    inside = np.clip(box, 0, [*shape_px, *shape_px])
    if (inside[2:] <= inside[:2]).any():
        raise ValueError(
            f"image {image_id} has a lesion box {box.tolist()} outside its canvas {shape_px}: "
            "correct lesion_boxes in the label table, or the canvas"
        )
    size = sampling.size_px
    last = np.asarray(shape_px) - size
    low, high = np.clip(inside[:2] - size + 1, 0, last), np.clip(inside[2:] - 1, 0, last)
    accepted = np.empty((0, 2), np.int64)
    failed = 0
    while len(accepted) < sampling.per_lesion:
        cutoff = FIRST_CUTOFF - CUTOFF_STEP * (failed // TRIES_PER_STEP)
        tries = rng.integers(low, high + 1, (TRIES_PER_STEP - failed % TRIES_PER_STEP, 2))
        good = overlap_shares(tries, inside[np.newaxis], size).max(axis=1) > max(cutoff, 0)
        accepted = np.concatenate([accepted, tries[good]])
        failed += int((~good).sum())
    return accepted[: sampling.per_lesion]


def draw_background(
    rng: np.random.Generator,
    picture: np.ndarray,
    boxes: np.ndarray,
    count: int,
    sampling: Sampling,
) -> np.ndarray:
    """Returns the corners of up to `count` patches of the breast away from its lesions, (n, 2).

    Args:
        rng: Of the draws.
        picture: uint16 (rows, columns), 0 is air.
        boxes: Of all lesions of the image, shape (k, 4).
        count: Patches wanted; fewer come back when the breast has no room for them.
        sampling: What counts as background.
    """
    if not count:
        return np.empty((0, 2), np.int64)
    size = sampling.size_px
    last = np.asarray(picture.shape) - size
    tries = rng.integers(0, last + 1, (sampling.background_tries, 2))
    covered = breast_shares(picture, tries, size) >= sampling.breast_coverage
    overlap = overlap_shares(tries, boxes, size).max(axis=1, initial=0)
    return tries[covered & (overlap <= sampling.background_overlap)][:count]


def overlap_shares(corners: np.ndarray, boxes: np.ndarray, size_px: int) -> np.ndarray:
    """Returns how much of each box, or of the patch if that is more, is overlap; shape (n, k).

    Args:
        corners: Top-left pixels of n square patches, (n, 2).
        boxes: k boxes, half-open, (k, 4).
        size_px: Rows and columns of the patches.

    >>> overlap_shares(np.array([[0, 0]]), np.array([[5, 0, 15, 10]]), size_px=10).tolist()
    [[0.5]]
    """
    top = np.maximum(corners[:, np.newaxis], boxes[np.newaxis, :, :2])
    bottom = np.minimum(corners[:, np.newaxis] + size_px, boxes[np.newaxis, :, 2:])
    overlap = np.clip(bottom - top, 0, None).prod(axis=2)
    smaller = np.minimum((boxes[:, 2:] - boxes[:, :2]).prod(axis=1), size_px**2)
    return overlap / smaller


def breast_shares(picture: np.ndarray, corners: np.ndarray, size_px: int) -> np.ndarray:
    """Returns which share of each patch is breast, shape (n,), by an integral image.

    >>> breast_shares(np.array([[0, 7], [0, 7]], np.uint16), np.array([[0, 0]]), size_px=2).tolist()
    [0.5]
    """
    total = np.pad(np.cumsum(np.cumsum(picture > 0, axis=0), axis=1), ((1, 0), (1, 0)))
    (top, left), (bottom, right) = corners.T, corners.T + size_px
    inside = total[bottom, right] - total[top, right] - total[bottom, left] + total[top, left]
    return inside / size_px**2
