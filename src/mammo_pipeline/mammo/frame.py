"""One stored picture with all that is needed to lay it on a canvas, and its small sketch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit

from mammo_pipeline.mammo.area import average_area, shrink_frame
from mammo_pipeline.mammo.dicom.presentation import ShowRule, make_presentation
from mammo_pipeline.mammo.dicom.verified import read_verified
from mammo_pipeline.mammo.geometry import Transform, find_flips

# The breast is sought on a picture of about this spacing: fine enough for a skin line that is read
# between cells, coarse enough to cost milliseconds.
SKETCH_MM = 0.56


@dataclass(frozen=True)
class Frame:
    """A stored picture, what its values mean, and which way it lies.

    Attributes:
        stored: Stored values, uint16, rows x columns.
        table: Presentation value of each stored value from `lowest` on, float32.
        lowest: Stored value that the table begins with.
        meaning: What the table makes of a value, in the words of `Presentation.meaning`.
        spacing_mm: Between rows and between columns, at the breast.
        laterality: L or R.
        view: CC or MLO.
        orientation: PatientOrientation (0020,0020) as written.
    """

    stored: np.ndarray
    table: np.ndarray
    lowest: int
    meaning: str
    spacing_mm: tuple[float, float]
    laterality: str
    view: str
    orientation: str


@dataclass(frozen=True)
class Sketch:
    """The frame made small and turned: chest wall left, superior or lateral up.

    Attributes:
        picture: Presentation values, float32, rows x columns.
        cell_mm: Height and width of one cell.
        flips: Whether the frame's rows and columns were turned over.
        starts_mm: What of the turned frame lies before the first cell, for a frame is seldom a
            whole number of cells.
    """

    picture: np.ndarray
    cell_mm: tuple[float, float]
    flips: tuple[bool, bool]
    starts_mm: tuple[float, float]


def read_frame(content: bytes, image: Mapping[str, Any], rule: ShowRule) -> Frame:
    """Returns the picture of a file, as the row of `images` describes it.

    Args:
        content: The file.
        image: Its row: laterality, view, row_spacing_mm, column_spacing_mm, photometric, and
            the sums of the pixels that were accepted.
        rule: Which of the displays that the image offers is taken.

    Raises:
        RefusedError: As `read_verified` and `make_presentation`.
    """
    dataset, stored = read_verified(content, image)
    # A collection's table may state it where a picture has no header.
    dataset.PhotometricInterpretation = image["photometric"]
    # Read anew: with ends that are not the frame's, the compiled code would read beyond the table.
    ends = int(stored.min()), int(stored.max())
    shown = make_presentation(dataset, *ends, stored.dtype, rule)
    return Frame(
        stored.astype(np.uint16, copy=False),
        shown.table,
        shown.lowest,
        shown.meaning,
        (float(image["row_spacing_mm"]), float(image["column_spacing_mm"])),
        image["laterality"],
        image["view"],
        "\\".join(map(str, dataset.get("PatientOrientation", None) or [])),
    )


def sketch_frame(frame: Frame) -> Sketch:
    """Returns the frame made small and turned."""
    cell_px = max(1, round(SKETCH_MM / max(frame.spacing_mm)))
    small = shrink_frame(frame.stored, frame.table, frame.lowest, cell_px)
    flips = find_flips(small, frame.laterality, frame.view, frame.orientation)
    turned = np.ascontiguousarray(small[:: -1 if flips[0] else 1, :: -1 if flips[1] else 1])
    rows, columns = (
        mm * (size % cell_px) if flip else 0.0
        for mm, size, flip in zip(frame.spacing_mm, frame.stored.shape, flips, strict=True)
    )
    row_mm, column_mm = frame.spacing_mm
    return Sketch(turned, (cell_px * row_mm, cell_px * column_mm), flips, (rows, columns))


def lay_on_grid(frame: Frame, transform: Transform, window: tuple[slice, slice]) -> np.ndarray:
    """Returns presentation values on a part of the canvas, float32, by averages over areas.

    Args:
        frame: The stored picture.
        transform: From its pixels to the canvas's.
        window: Rows and columns of the canvas.
    """
    rows, columns = (
        ((part.start - offset) / scale, 1 / scale, part.stop - part.start)
        for scale, offset, part in (
            (transform.row_scale, transform.row_offset, window[0]),
            (transform.column_scale, transform.column_offset, window[1]),
        )
    )
    return average_area(frame.stored, frame.table, frame.lowest, rows, columns)


def stretch_frame(frame: Frame, shape_px: tuple[int, int]) -> np.ndarray:
    """Returns the turned frame as a fixed resize gives it: the field, stretched; uint16.

    This is what most published systems feed their nets; it is kept for the comparison alone.

    Args:
        frame: The stored picture.
        shape_px: Rows and columns that are wanted.
    """
    flips = sketch_frame(frame).flips
    rows, columns = (
        (float(size), -size / count, count) if flip else (0.0, size / count, count)
        for size, count, flip in zip(frame.stored.shape, shape_px, flips, strict=True)
    )
    shown = average_area(frame.stored, frame.table, frame.lowest, rows, columns)
    return np.rint(np.clip(shown, 0, 1) * 65535).astype(np.uint16)


def read_between(
    picture: np.ndarray,
    first_mm: tuple[float, float],
    cell_mm: tuple[float, float],
    grid: tuple[tuple[slice, slice], float],
) -> np.ndarray:
    """Returns a picture of cells on a part of the canvas by linear interpolation, float32.

    Beyond the middles of the outermost cells their values are repeated.

    Args:
        picture: float32, one value a cell.
        first_mm: Where the first cell begins on the canvas.
        cell_mm: Height and width of a cell.
        grid: Rows and columns of the canvas, and the canvas's spacing in mm.
    """
    window, spacing_mm = grid
    rows, columns = (
        (((np.arange(part.start, part.stop) + 0.5) * spacing_mm - first) / cell - 0.5)
        for part, first, cell in zip(window, first_mm, cell_mm, strict=True)
    )
    return _interpolate(picture, rows.astype(np.float32), columns.astype(np.float32))


@njit(cache=True, nogil=True)
def _interpolate(picture, rows, columns):  # type: ignore[no-untyped-def]
    last_row, last_column = picture.shape[0] - 1, picture.shape[1] - 1
    read = np.empty((len(rows), len(columns)), np.float32)
    line = np.empty(picture.shape[1], np.float32)
    for i in range(len(rows)):
        row = min(max(rows[i], np.float32(0.0)), np.float32(last_row))
        above = int(row)
        below = min(above + 1, last_row)
        down = row - np.float32(above)
        for column in range(picture.shape[1]):
            upper = picture[above, column]
            line[column] = upper + down * (picture[below, column] - upper)
        for j in range(len(columns)):
            place = min(max(columns[j], np.float32(0.0)), np.float32(last_column))
            left = int(place)
            across = place - np.float32(left)
            read[i, j] = line[left] + across * (line[min(left + 1, last_column)] - line[left])
    return read
