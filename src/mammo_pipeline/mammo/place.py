"""Where a breast comes to lie on the canvas."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from mammo_pipeline.mammo import geometry
from mammo_pipeline.mammo.depth import measure_depth_mm
from mammo_pipeline.mammo.fates import RefusedError
from mammo_pipeline.mammo.frame import Frame, Sketch

# Beyond the breast this much of the frame is read, for the filters at its edge.
MARGIN_PX = 20


@dataclass(frozen=True)
class CanvasGrid:
    """The canvas as a grid in mm.

    Attributes:
        spacing_mm: Of the canvas.
        shape_px: Its rows and columns.
        field_mm: Height and width of the field of a frame that is looked at.
    """

    spacing_mm: float
    shape_px: tuple[int, int]
    field_mm: tuple[float, float]


@dataclass(frozen=True)
class Place:
    """Where the sketch lies on the canvas.

    Attributes:
        depth_mm: How deep each cell of the sketch lies within the breast that is looked at.
        first_mm: Where the sketch's first cell begins on the canvas.
        transform: From stored pixels to canvas pixels.
        window: Rows and columns of the canvas that the breast and a margin take.
    """

    depth_mm: np.ndarray
    first_mm: tuple[float, float]
    transform: geometry.Transform
    window: tuple[slice, slice]


def place_sketch(frame: Frame, sketch: Sketch, breast: np.ndarray, grid: CanvasGrid) -> Place:
    """Returns where the breast comes to lie.

    Args:
        frame: The stored picture.
        sketch: It, made small.
        breast: What is looked at of it, bool.
        grid: The canvas.

    Raises:
        RefusedError: `no_breast` where nothing of it lies in the field.
    """
    if not breast.any():
        raise RefusedError("no_breast", "nothing in the field")
    depth_mm = measure_depth_in_field(breast, sketch, grid, frame.view)
    shifts_mm = geometry.place_breast(
        depth_mm, sketch.cell_mm, sketch.starts_mm, grid.shape_px[0] * grid.spacing_mm
    )
    row_mm, column_mm = frame.spacing_mm
    scales = row_mm / grid.spacing_mm, column_mm / grid.spacing_mm
    shifts = shifts_mm[0] / grid.spacing_mm, shifts_mm[1] / grid.spacing_mm
    first_mm = shifts_mm[0] + sketch.starts_mm[0], shifts_mm[1] + sketch.starts_mm[1]
    transform = geometry.trace(frame.stored.shape, sketch.flips, scales, shifts)
    window = cut_to_frame(
        find_window(breast, first_mm, sketch.cell_mm, grid), transform, frame.stored.shape
    )
    return Place(depth_mm, first_mm, transform, window)


def measure_depth_in_field(
    breast: np.ndarray, sketch: Sketch, grid: CanvasGrid, view: str
) -> np.ndarray:
    """Returns how deep each cell lies within the breast, in mm, float32; outside the field below 0.

    The field's edge is as little an outline as the frame's: what it cuts is deep there. Beyond it
    the depth is mirrored below zero, so that it passes through zero at the edge.

    Args:
        breast: What is looked at, bool.
        sketch: The picture that it lies in.
        grid: Says what the field is.
        view: CC or MLO.
    """
    whole = np.ones(breast.shape, bool)
    field = geometry.limit_field(whole, sketch.cell_mm, sketch.starts_mm, grid.field_mm, view)
    rows, columns = np.flatnonzero(field.any(axis=1)), np.flatnonzero(field.any(axis=0))
    part = np.ix_(rows, columns)
    beyond = [
        (int(inside[0]), size - 1 - int(inside[-1]))
        for inside, size in zip((rows, columns), breast.shape, strict=True)
    ]
    depth_mm = np.pad(measure_depth_mm(breast[part], sketch.cell_mm), beyond, mode="edge")
    return np.where(field, depth_mm, -np.abs(depth_mm))


def find_window(
    breast: np.ndarray,
    first_mm: tuple[float, float],
    cell_mm: tuple[float, float],
    grid: CanvasGrid,
) -> tuple[slice, slice]:
    """Returns the rows and columns of the canvas that the breast and a margin take.

    Args:
        breast: On the sketch, bool.
        first_mm: Where the sketch's first cell begins on the canvas.
        cell_mm: Height and width of a cell.
        grid: The canvas.
    """
    parts = []
    for axis in (0, 1):
        cover = np.flatnonzero(breast.any(axis=1 - axis))
        ends_mm = first_mm[axis] + cell_mm[axis] * np.array([cover[0], cover[-1] + 1])
        low, high = ends_mm / grid.spacing_mm + np.array([-MARGIN_PX, MARGIN_PX])
        begin, end = np.clip([np.floor(low), np.ceil(high)], 0, grid.shape_px[axis]).astype(int)
        parts.append(slice(int(begin), int(end)))
    return parts[0], parts[1]


def cut_to_frame(
    window: tuple[slice, slice], transform: geometry.Transform, stored_px: tuple[int, ...]
) -> tuple[slice, slice]:
    """Returns the part of a window whose pixels' middles lie in the frame: beyond it is nothing.

    Args:
        window: Rows and columns of the canvas.
        transform: From stored pixels to canvas pixels.
        stored_px: Rows and columns of the frame.
    """
    low_row, low_column, *high = transform.box_to_canvas((0, 0, stored_px[0], stored_px[1]))
    cut = []
    for part, low, end in zip(window, (low_row, low_column), high, strict=True):
        begin = max(part.start, int(np.ceil(low - 0.5)))
        cut.append(slice(begin, max(begin, min(part.stop, int(np.floor(end + 0.5))))))
    return cut[0], cut[1]
