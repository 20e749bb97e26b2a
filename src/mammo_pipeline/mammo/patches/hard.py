"""Hard negatives: patches on what looks like a lesion and is none, the likeliest first."""

from __future__ import annotations

import numpy as np

from mammo_pipeline.mammo.patches.overlap import most_overlap, overlap_shares
from mammo_pipeline.mammo.patches.rules import OverlapWith


def place_hard_negatives(
    peaks: np.ndarray,
    boxes: np.ndarray,
    size_px: int,
    shape_px: tuple[int, ...],
    overlap_most: float,
    per_image: int,
    overlap_with: OverlapWith = "either",
    overlap_among: float = 0.0,
) -> tuple[np.ndarray, np.ndarray]:
    """Returns patches on the highest peaks that are no lesion: corners (n, 2) and scores (n,).

    Patches are centred on their peak, and moved into the canvas where they reach beyond it. The
    highest score is placed first; a peak whose patch overlaps one that is placed is left out. Of
    equal scores the upper, then the left one comes first, so that the order of peaks means nothing.

    Args:
        peaks: Row and column of the centre in pixels, and score, of each peak of one image, (m, 3).
            The first pixel lies from 0 to 1: a patch at row 5 of 10 px has its centre at 10.
        boxes: Of all lesions of the image, half-open, (k, 4).
        size_px: Rows and columns of a patch.
        shape_px: Rows and columns of the canvas.
        overlap_most: Overlaps no lesion by more.
        per_image: At most so many.
        overlap_with: What that is a share of.
        overlap_among: Overlaps no other patch by more, as a share of one; below 1.

    Returns:
        Top-left pixels, int64, and scores, float64; the highest first.

    >>> peaks = np.array([[20.0, 20.0, 0.5], [22.0, 20.0, 0.9], [40.0, 40.0, 0.1]])
    >>> corners, scores = place_hard_negatives(peaks, np.empty((0, 4)), 10, (44, 60), 0.35, 5)
    >>> corners.tolist(), scores.tolist()
    ([[17, 15], [34, 35]], [0.9, 0.1])
    """
    ordered = peaks[np.lexsort((peaks[:, 1], peaks[:, 0], -peaks[:, 2]))]
    corners = centre_patches(ordered[:, :2], size_px, shape_px)
    left = np.flatnonzero(most_overlap(corners, boxes, size_px, overlap_with) <= overlap_most)
    placed: list[int] = []
    while len(left) and len(placed) < per_image:
        first = corners[left[:1]]
        placed.append(int(left[0]))
        own = np.concatenate([first, first + size_px], axis=1)
        left = left[overlap_shares(corners[left], own, size_px, "patch")[:, 0] <= overlap_among]
    return corners[placed], ordered[placed, 2]


def centre_patches(centres: np.ndarray, size_px: int, shape_px: tuple[int, ...]) -> np.ndarray:
    """Returns the corners of patches about their centres, moved into the canvas; int64 (n, 2).

    Args:
        centres: Row and column in pixels, (n, 2).
        size_px: Rows and columns of a patch.
        shape_px: Rows and columns of the canvas.

    >>> centre_patches(np.array([[10.0, 2.0]]), 10, (40, 40)).tolist()
    [[5, 0]]
    """
    corners = np.floor(centres - size_px / 2 + 0.5).astype(np.int64)
    return np.clip(corners, 0, np.asarray(shape_px) - size_px)
