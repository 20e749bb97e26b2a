"""A lesion from the mask that a collection ships beside the image."""

from __future__ import annotations

import numpy as np


def box_of_mask(mask: np.ndarray, shape_px: tuple[int, int]) -> tuple[int, int, int, int] | None:
    """Returns the box of a mask in pixels of its image, or None where the picture is no mask.

    CBIS-DDSM names crop and mask of a finding alike: the mask has the matrix of the image and two
    values, the crop has neither.

    Args:
        mask: Stored pixels of the file, rows x columns.
        shape_px: Rows and columns of the image that the file belongs to.

    Returns:
        Row and column of the first pixel, and those after the last.

    >>> mask = np.zeros((9, 9), np.uint8); mask[2:4, 5:8] = 255
    >>> box_of_mask(mask, (9, 9))
    (2, 5, 4, 8)
    """
    low, high = (int(mask.min()), int(mask.max())) if mask.size else (0, 0)
    if mask.shape != shape_px or low == high or bool(((mask != low) & (mask != high)).any()):
        return None
    rows, columns = np.nonzero((mask == high).any(axis=1))[0], np.nonzero((mask == high).any(0))[0]
    return int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1
