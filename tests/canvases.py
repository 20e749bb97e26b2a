"""What the tests of the room's trade share: the demo's standard, rows of `images`, one phantom."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from mammo_pipeline.mammo.audit.twins import (
    TwinFile,
    draw_twin_anatomy,
    draw_twins,
    expose_twin,
)
from mammo_pipeline.mammo.dicom.examine import checksum_pixels
from mammo_pipeline.mammo.dicom.pixels import decode_pixels
from mammo_pipeline.mammo.dicom.presentation import ShowRule
from mammo_pipeline.mammo.frame import lay_on_grid, read_between, read_frame, sketch_frame
from mammo_pipeline.mammo.geometry import Transform
from mammo_pipeline.mammo.mask import find_parts
from mammo_pipeline.mammo.standard import Standard, place_sketch

STANDARD = Standard(
    spacing_mm=0.8,
    shape_px=(288, 224),
    bandwidth_mm=0.6,
    skin_mm=2.4,
    detail_ratios=(1.15, 0.68, 0.63),
    grey_quantiles=129,
    field_mm=(216.0, 166.0),
    show=ShowRule(),
)


def describe_file(content: bytes, **changes: Any) -> dict[str, Any]:
    """Returns a file's row of `images`: what its header says, and the sums of its pixels."""
    dataset, stored = decode_pixels(content)
    row_mm, column_mm = dataset.get("ImagerPixelSpacing", None) or (0.6, 0.6)
    row = {
        "device": str(dataset.get("ManufacturerModelName", "")),
        "laterality": str(dataset.get("ImageLaterality", "")),
        "view": str(dataset.get("ViewPosition", "")),
        "row_spacing_mm": float(row_mm),
        "column_spacing_mm": float(column_mm),
        "photometric": dataset.PhotometricInterpretation,
        "stored_min": int(stored.min()),
        "stored_max": int(stored.max()),
        "pixel_xxh3": checksum_pixels(stored),
    }
    return row | changes


def read_map(record: dict[str, Any]) -> Transform:
    """Returns the transform that a record states."""
    axes = ("row_scale", "row_offset", "column_scale", "column_offset")
    return Transform(*(record[axis] for axis in axes))


@cache
def expose_phantom(number: int, device: str) -> TwinFile:
    """Returns one exposure; even numbers are CC, odd ones MLO, 1 and 2 are right breasts."""
    twin = draw_twins(4, 0)[number]
    return expose_twin(twin, draw_twin_anatomy(twin, 4), device, 0, 4)


@cache
def lay_phantom(number: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Returns grey on the canvas's grid before any matching, and the depth in mm below the skin."""
    file = expose_phantom(number, "hologic_dimensions")
    frame = read_frame(file.content, file.image, STANDARD.show)
    sketch = sketch_frame(frame)
    breast = find_parts(sketch.picture, sketch.cell_mm, frame.view).mask
    place = place_sketch(frame, sketch, breast, STANDARD.grid)
    depth_mm = read_between(
        place.depth_mm, place.first_mm, sketch.cell_mm, (place.window, STANDARD.spacing_mm)
    )
    return lay_on_grid(frame, place.transform, place.window), depth_mm
