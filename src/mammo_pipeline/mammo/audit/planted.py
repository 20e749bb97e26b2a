"""Leaks planted on purpose: an audit that does not find them proves nothing by finding none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

WHITE = 65535
# Everything in a row of `images` or of an index that is a length or an area in millimetres.
_LENGTHS = ("row_spacing_mm", "column_spacing_mm", "breast_height_mm", "breast_width_mm")
_AREAS = ("breast_mm2",)


def plant_corner_mark(canvas: np.ndarray, level: int, size_px: int) -> np.ndarray:
    """Returns the canvas with a faint square in the corner that is farthest from the breast.

    The corner away from the chest wall, at the top: a burned-in laterality letter's usual place.

    Args:
        canvas: uint16, rows x columns, chest wall left, 0 is air.
        level: Grey of the mark; 655 is a hundredth of white.
        size_px: Side of the square.

    >>> plant_corner_mark(np.zeros((4, 4), np.uint16), 655, 1)[0].tolist()
    [0, 0, 0, 655]
    """
    marked = canvas.copy()
    marked[:size_px, canvas.shape[1] - size_px :] = level
    return marked


def plant_brightness(canvas: np.ndarray, share: float) -> np.ndarray:
    """Returns the canvas with its tissue brighter by a share of white; air stays 0.

    Args:
        canvas: uint16, rows x columns, 0 is air.
        share: 0.01 is one per cent of white; tissue stays between 1 and white.

    >>> plant_brightness(np.array([[0, 1000, 65000]], np.uint16), 0.01).tolist()
    [[0, 1655, 65535]]
    """
    brighter = np.clip(canvas.astype(np.int64) + round(share * WHITE), 1, WHITE)
    return np.where(canvas > 0, brighter, 0).astype(np.uint16)


def plant_scale(row: Mapping[str, Any], factor: float) -> dict[str, Any]:
    """Returns the row of a device that misstates its spacing: all that is in mm is so much larger.

    Nothing is resampled here, so no sharpness gives the plant away: an image standardized from the
    row is larger, and a row of facts that is there already holds the sizes it would have had.

    Args:
        row: Of `images` (row_spacing_mm, column_spacing_mm) or of facts (breast_mm2,
            breast_height_mm, breast_width_mm); what it lacks is left out.
        factor: 1.02 draws everything two per cent too large.

    >>> plant_scale({"row_spacing_mm": 0.5, "breast_mm2": 100.0, "view": "CC"}, 1.5)
    {'row_spacing_mm': 0.75, 'breast_mm2': 225.0, 'view': 'CC'}
    """
    planted = dict(row)
    for names, power in ((_LENGTHS, 1), (_AREAS, 2)):
        planted |= {name: float(row[name]) * factor**power for name in names if name in row}
    return planted
