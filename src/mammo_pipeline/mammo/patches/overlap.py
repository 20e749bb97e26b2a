"""How much of a patch is lesion, and how much of it is breast."""

from __future__ import annotations

import numpy as np

from mammo_pipeline.mammo.patches.rules import OverlapWith


def overlap_shares(
    corners: np.ndarray, boxes: np.ndarray, size_px: int, overlap_with: OverlapWith = "either"
) -> np.ndarray:
    """Returns the overlap of each patch with each box as a share, float64 of shape (n, k).

    Args:
        corners: Top-left pixels of n square patches, (n, 2).
        boxes: row_min, column_min, row_max, column_max of k boxes, half-open, (k, 4).
        size_px: Rows and columns of the patches.
        overlap_with: A share of the box (`roi`), of the `patch`, or of `either`, whichever is more.

    >>> corners, boxes = np.array([[0, 0]]), np.array([[5, 0, 15, 10], [0, 0, 5, 5]])
    >>> overlap_shares(corners, boxes, size_px=10, overlap_with="roi").tolist()
    [[0.5, 1.0]]
    >>> overlap_shares(corners, boxes, size_px=10, overlap_with="patch").tolist()
    [[0.5, 0.25]]
    """
    (top, left), (low, near, high, far) = corners.T[..., np.newaxis], boxes.T
    # One axis after the other: a third of the time of both at once on arrays that end in 2.
    rows = np.minimum(top + size_px, high) - np.maximum(top, low)
    columns = np.minimum(left + size_px, far) - np.maximum(left, near)
    overlap = np.maximum(rows, 0) * np.maximum(columns, 0)
    areas = {"roi": (high - low) * (far - near), "patch": size_px**2}
    areas["either"] = np.minimum(areas["roi"], areas["patch"])
    return overlap / areas[overlap_with]


def most_overlap(
    corners: np.ndarray, boxes: np.ndarray, size_px: int, overlap_with: OverlapWith
) -> np.ndarray:
    """Returns each patch's largest overlap with any box, 0 where there is none; shape (n,)."""
    return overlap_shares(corners, boxes, size_px, overlap_with).max(axis=1, initial=0.0)


def sum_breast(picture: np.ndarray) -> np.ndarray:
    """Returns the integral image of the breast: pixels above and left of each corner of pixels.

    Args:
        picture: uint16 (rows, columns), 0 is air.

    Returns:
        int32 (rows + 1, columns + 1).
    """
    rows, columns = picture.shape
    total = np.zeros((rows + 1, columns + 1), np.int32)
    inside = total[1:, 1:]
    # Downwards first: whole rows are added at once there.
    np.cumsum(picture > 0, axis=0, dtype=np.int32, out=inside)
    np.cumsum(inside, axis=1, out=inside)
    return total


def breast_shares(total: np.ndarray, corners: np.ndarray, size_px: int) -> np.ndarray:
    """Returns which share of each patch is breast, float64 of shape (n,).

    Args:
        total: What `sum_breast` returned.
        corners: Top-left pixels of n patches, (n, 2).
        size_px: Rows and columns of the patches.

    >>> total = sum_breast(np.array([[0, 7], [0, 7]], np.uint16))
    >>> breast_shares(total, np.array([[0, 0]]), size_px=2).tolist()
    [0.5]
    """
    (top, left), (bottom, right) = corners.T, corners.T + size_px
    inside = total[bottom, right] - total[top, right] - total[bottom, left] + total[top, left]
    return inside / size_px**2
