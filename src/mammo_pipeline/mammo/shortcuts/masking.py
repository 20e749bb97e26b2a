"""Images with the cancer taken out of sight: what a score still tells of them is no finding."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import ndimage

from mammo_pipeline.mammo.intervals import bootstrap_by_patient, figure
from mammo_pipeline.mammo.scoring import auroc, undefined_reason

# About the middle of a standardized breast's greys (65535 is white); one for all images, since an
# image's own mean would tell its brightness.
BLANK = 26214
# Rim that `border_only` leaves, and side of a corner over the canvas's shorter side: a burned-in
# marker is about 5 mm tall and lies within a tenth of the field's end.
RIM_MM = 8.0
CORNER_SHARE = 0.2

# What each condition leaves, in the words of the page.
CONDITIONS: dict[str, str] = {
    "breast_blanked": "the breast is one grey; its outline and all outside it stay",
    "border_only": f"a rim of {RIM_MM:g} mm inside the skin and all outside it stay; the rest of "
    "the breast is one grey",
    "corners_only": f"four corner squares of {CORNER_SHARE:.0%} of the canvas's shorter side stay; "
    "the rest is 0",
}


def find_breast(canvas: np.ndarray) -> np.ndarray:
    """Returns the largest piece of tissue, bool: a marker beside it is not the breast.

    Args:
        canvas: uint16, rows x columns, 0 is air.

    >>> find_breast(np.array([[9, 9, 0, 5]], np.uint16)).tolist()
    [[True, True, False, False]]
    """
    pieces, count = ndimage.label(canvas > 0)
    if count < 2:
        return pieces > 0
    return pieces == 1 + int(np.argmax(np.bincount(pieces.ravel())[1:]))


def blank_breast(canvas: np.ndarray, spacing_mm: float) -> np.ndarray:
    """Returns the canvas with every pixel of the breast at one grey; the outline stays.

    Args:
        canvas: uint16, rows x columns, 0 is air.
        spacing_mm: Of the canvas; not needed here.

    >>> blank_breast(np.array([[900, 40, 0]], np.uint16), 1.0).tolist()
    [[26214, 26214, 0]]
    """
    return np.where(find_breast(canvas), BLANK, canvas).astype(np.uint16)


def keep_border(canvas: np.ndarray, spacing_mm: float) -> np.ndarray:
    """Returns the canvas with the breast at one grey but for a rim inside the skin line.

    Depth is the distance to the nearest pixel outside the breast; the canvas's own edge, where the
    chest wall is cut, is no skin.

    Args:
        canvas: uint16, rows x columns, 0 is air.
        spacing_mm: Of the canvas.

    >>> keep_border(np.array([[7, 7, 7, 0]], np.uint16), 4.0).tolist()
    [[26214, 7, 7, 0]]
    """
    breast = find_breast(canvas)
    if breast.all():
        return np.full_like(canvas, BLANK)
    depth_mm = ndimage.distance_transform_edt(breast, sampling=spacing_mm)
    return np.where(depth_mm > RIM_MM, BLANK, canvas).astype(np.uint16)


def keep_corners(canvas: np.ndarray, spacing_mm: float) -> np.ndarray:
    """Returns the canvas with nothing but its four corner squares.

    Args:
        canvas: uint16, rows x columns.
        spacing_mm: Of the canvas; not needed here.

    >>> keep_corners(np.full((5, 5), 3, np.uint16), 1.0)[:2].tolist()
    [[3, 0, 0, 0, 3], [0, 0, 0, 0, 0]]
    """
    side = max(1, round(CORNER_SHARE * min(canvas.shape)))
    kept = np.zeros_like(canvas)
    for rows in (slice(0, side), slice(-side, None)):
        for columns in (slice(0, side), slice(-side, None)):
            kept[rows, columns] = canvas[rows, columns]
    return kept


MASKS: dict[str, Callable[[np.ndarray, float], np.ndarray]] = {
    "breast_blanked": blank_breast,
    "border_only": keep_border,
    "corners_only": keep_corners,
}


@dataclass(frozen=True)
class MaskedPixels:
    """A store's pixels seen through a mask, made as they are asked for.

    Attributes:
        pixels: The store, uint16 (images, rows, columns).
        condition: Name in `MASKS`.
        spacing_mm: Of the canvas.
    """

    pixels: Any
    condition: str
    spacing_mm: float

    def __len__(self) -> int:
        """Returns the number of images."""
        return len(self.pixels)

    def __getitem__(self, positions: Any) -> np.ndarray:
        """Returns the masked images at an array of positions, uint16 (n, rows, columns)."""
        canvases = np.asarray(self.pixels[positions])
        mask = MASKS[self.condition]
        if canvases.ndim == 2:
            return mask(canvases, self.spacing_mm)
        return np.stack([mask(canvas, self.spacing_mm) for canvas in canvases])


def mask_pixels(pixels: Any, condition: str, spacing_mm: float) -> MaskedPixels:
    """Returns a view of the store that `predict.member_logits` takes in its place.

    Args:
        pixels: The store, uint16 (images, rows, columns).
        condition: `breast_blanked`, `border_only` or `corners_only`.
        spacing_mm: Of the canvas.

    Raises:
        ValueError: The condition is unknown, or the spacing no length.

    >>> mask_pixels(np.full((2, 1, 2), 9, np.uint16), "breast_blanked", 1.0)[np.array([1])].tolist()
    [[[26214, 26214]]]
    """
    if condition not in MASKS:
        raise ValueError(f"no mask is called {condition!r}; known are {', '.join(MASKS)}.")
    if not (np.isfinite(spacing_mm) and spacing_mm > 0):
        raise ValueError(f"spacing_mm is {spacing_mm}, expected the canvas's spacing above 0.")
    return MaskedPixels(pixels, condition, spacing_mm)


def measure_masking(
    labels: ArrayLike,
    scores: Mapping[str, ArrayLike],
    patients: ArrayLike,
    repeats: int,
    level: float,
    rng: np.random.Generator,
) -> dict[str, Any]:
    """Returns the AUC that a score still has on masked images, by condition, with intervals.

    The outline of a breast may honestly carry some risk (size, density at the rim), so an area
    somewhat above 0.5 is no proof of a shortcut; corners hold no breast at all.

    Args:
        labels: 0 or 1 of each breast, shape (n,).
        scores: Condition to the score of each breast from its masked images, finite; further
            names, such as the score of the whole images, are measured likewise.
        patients: The patient of each breast: the unit that is drawn.
        repeats: Bootstrap replicates.
        level: Of the intervals.
        rng: Where chance comes from.

    Returns:
        {condition: {auc: figure, leaves: text}}, or {reason}.

    Raises:
        ValueError: A score is not finite, or lengths differ.
    """
    if reason := undefined_reason(labels):
        return {"reason": f"cannot be estimated: {reason}"}
    columns = {name: np.asarray(values, float) for name, values in scores.items()}

    def measure(weights: np.ndarray) -> dict[str, np.ndarray]:
        return {name: auroc(labels, values, weights) for name, values in columns.items()}

    n = len(np.asarray(labels))
    whole = measure(np.ones(n))
    draws = bootstrap_by_patient(measure, patients, labels, repeats, rng)
    how = "area under the ROC curve of the score of masked images"
    return {
        name: {
            "auc": figure(float(whole[name]), draws[name], n, level, how),
            "leaves": CONDITIONS.get(name, "the whole image"),
        }
        for name in columns
    }


def picture_masks(canvas: np.ndarray, spacing_mm: float) -> dict[str, np.ndarray]:
    """Returns what each condition leaves of one image, as uint8 pictures for the page.

    Args:
        canvas: uint16, rows x columns, 0 is air.
        spacing_mm: Of the canvas.

    >>> picture_masks(np.full((2, 2), 65535, np.uint16), 1.0)["whole image"].tolist()
    [[255, 255], [255, 255]]
    """
    masked = {name: mask(canvas, spacing_mm) for name, mask in MASKS.items()}
    return {
        name.replace("_", " "): (picture // 257).astype(np.uint8)
        for name, picture in ({"whole image": canvas} | masked).items()
    }
