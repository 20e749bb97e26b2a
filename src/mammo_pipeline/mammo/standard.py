"""One image from its file to the canvas: the same function for training, drift and serving."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from mammo_pipeline.mammo import detail, geometry, intensity, rim
from mammo_pipeline.mammo.dicom.presentation import ShowRule
from mammo_pipeline.mammo.digest import digest_record
from mammo_pipeline.mammo.fates import RefusedError
from mammo_pipeline.mammo.frame import (
    Frame,
    Sketch,
    lay_on_grid,
    read_between,
    read_frame,
    sketch_frame,
)
from mammo_pipeline.mammo.mask import BreastParts, find_parts
from mammo_pipeline.mammo.muscle import trace_muscle
from mammo_pipeline.mammo.place import CanvasGrid, place_sketch

# Scaling the detail moves the distribution of grey a little, and the other way round.
MATCHING_ROUNDS = 3
# Bands of detail are measured this far within the rim.
CORE_PX = 4


@dataclass(frozen=True)
class Standard:
    """What every image becomes.

    Attributes:
        spacing_mm: Of the canvas.
        shape_px: Rows and columns of the canvas.
        bandwidth_mm: Standard deviation of the blur that every image ends with, so that a sharp
            detector's image carries no more detail than the coarsest one's.
        skin_mm: Rim of the breast that is taken off. Detectors and their edge processing draw the
            skin line each in their own way, and a net reads it.
        detail_ratios: Size of each band of detail over that of the next, the finest first; the same
            for every image.
        grey_quantiles: Quantiles of an image's grey that are laid on the reference: 129 give every
            image the same distribution, 3 only the same extremes and median.
        field_mm: Height and width of the field that is looked at, however large the detector is:
            that of the smallest of the accepted devices, so that none is told by what it cuts.
        show: Which of the displays that an image offers is taken.
    """

    spacing_mm: float
    shape_px: tuple[int, int]
    bandwidth_mm: float
    skin_mm: float
    detail_ratios: tuple[float, float, float]
    grey_quantiles: int
    field_mm: tuple[float, float]
    show: ShowRule

    @property
    def grid(self) -> CanvasGrid:
        """The canvas alone."""
        return CanvasGrid(self.spacing_mm, self.shape_px, self.field_mm)


def describe_standard(standard: Standard, maps: Mapping[str, Any] | None) -> dict[str, Any]:
    """Returns the standard and the digest of the maps of grey as JSON holds them.

    A model goes with it: images of another standard are not those that it was made for.

    Args:
        standard: What every image became.
        maps: Maps of grey by device; None, or one without devices, for none.
    """
    own = digest_record(maps) if maps and maps["devices"] else ""
    return {**json.loads(json.dumps(asdict(standard))), "device_maps": own}


def standardize_file(
    content: bytes,
    image: Mapping[str, Any],
    standard: Standard,
    maps: Mapping[str, Any] | None = None,
) -> tuple[np.ndarray | None, dict[str, Any]]:
    """Returns the canvas, uint16 of the standard's shape, and the image's record.

    A refused image comes back as None; its record names the reason from the closed list.

    Args:
        content: The DICOM file.
        image: Its row of `images`: device, laterality, view, row_spacing_mm, column_spacing_mm,
            photometric, and the sums of the pixels that were accepted.
        standard: What it should become.
        maps: Maps of grey by device, of `intensity.fit_device_maps`; None for none.
    """
    try:
        canvas, facts = standardize_frame(read_frame(content, image, standard.show), standard)
    except RefusedError as refusal:
        return None, {"code": refusal.code, "found": refusal.found}
    canvas = intensity.map_device(canvas, image.get("device", ""), maps)
    return canvas, {"code": "accepted", "found": "", **facts}


def standardize_frame(frame: Frame, standard: Standard) -> tuple[np.ndarray, dict[str, Any]]:
    """Returns the canvas, and where it came from: transform, areas in mm2, muscle, meaning of grey.

    Raises:
        RefusedError: `no_breast`.
    """
    sketch = sketch_frame(frame)
    parts = find_parts(sketch.picture, sketch.cell_mm, frame.view)
    seen = geometry.limit_field(
        parts.mask, sketch.cell_mm, sketch.starts_mm, standard.field_mm, frame.view
    )
    place = place_sketch(frame, sketch, seen, standard.grid)
    depth_mm = read_between(
        place.depth_mm, place.first_mm, sketch.cell_mm, (place.window, standard.spacing_mm)
    )
    tissue = depth_mm > standard.skin_mm
    if not tissue.any():
        raise RefusedError("no_breast", "nothing within the skin")
    grey = lay_on_grid(frame, place.transform, place.window)
    canvas = np.zeros(standard.shape_px, np.uint16)
    matched = match_image(grey, depth_mm, frame.spacing_mm, standard)
    canvas[place.window] = intensity.to_stored(matched, tissue)
    facts = {
        **asdict(place.transform),
        **measure_areas(parts, seen, place.first_mm, sketch, standard),
        "muscle_edge": trace_muscle(
            parts.muscle, place.first_mm, sketch.cell_mm, standard.spacing_mm
        ),
        "meaning": frame.meaning,
    }
    return canvas, facts


def measure_areas(
    parts: BreastParts,
    seen: np.ndarray,
    first_mm: tuple[float, float],
    sketch: Sketch,
    standard: Standard,
) -> dict[str, float]:
    """Returns areas in mm2 and the breast's extent in mm, as the sketch shows them.

    `breast_mm2`, `breast_height_mm` and `breast_width_mm` of what is looked at; `beyond_field_mm2`
    of the breast outside the field; `lost_mm2` of what does not fit on the canvas; `muscle_mm2`;
    and what was taken for no breast, by kind: `removed_border_mm2` and so on.
    """
    on_canvas = []
    for axis in (0, 1):
        middles = first_mm[axis] + sketch.cell_mm[axis] * (np.arange(seen.shape[axis]) + 0.5)
        on_canvas.append((middles > 0) & (middles < standard.shape_px[axis] * standard.spacing_mm))
    cell_mm2 = sketch.cell_mm[0] * sketch.cell_mm[1]
    whole, kept = int(seen.sum()), int(seen[np.ix_(*on_canvas)].sum())
    return {
        "breast_mm2": whole * cell_mm2,
        "breast_height_mm": int(seen.any(axis=1).sum()) * sketch.cell_mm[0],
        "breast_width_mm": int(seen.any(axis=0).sum()) * sketch.cell_mm[1],
        "beyond_field_mm2": (int(parts.mask.sum()) - whole) * cell_mm2,
        "lost_mm2": (whole - kept) * cell_mm2,
        "muscle_mm2": int((parts.muscle & seen).sum()) * cell_mm2,
        **{f"removed_{kind}_mm2": float(mm2) for kind, mm2 in parts.removed_mm2.items()},
    }


def match_image(
    grey: np.ndarray, depth_mm: np.ndarray, spacing_mm: tuple[float, float], standard: Standard
) -> np.ndarray:
    """Returns the grey with the standard's bandwidth, distribution and detail, float32.

    Args:
        grey: Presentation values on the canvas's grid, float32.
        depth_mm: How deep each pixel lies within the breast, float32, same shape.
        spacing_mm: Of the stored pixels.
        standard: What the image should become.
    """
    tissue = depth_mm > standard.skin_mm
    core = depth_mm > standard.skin_mm + CORE_PX * standard.spacing_mm
    count = standard.grey_quantiles
    targets = intensity.list_targets(count)
    grey = match_bandwidth(grey, spacing_mm, standard)
    for _ in range(MATCHING_ROUNDS):
        grey = intensity.map_grey(grey, intensity.find_levels(grey, tissue, count), targets)
        grey = detail.match_detail(grey, core, standard.detail_ratios)
        grey = rim.level_rim(grey, depth_mm, standard.skin_mm)
    return intensity.map_grey(grey, intensity.find_levels(grey, tissue, count), targets)


def match_bandwidth(
    grey: np.ndarray, spacing_mm: tuple[float, float], standard: Standard
) -> np.ndarray:
    """Returns the image blurred to the standard's bandwidth, float32, same shape.

    A Gaussian of what is missing: variances of blurs add up. The image's own blur is that of one
    stored pixel and of one pixel of the canvas, each spacing / sqrt(12) for a square aperture.
    """
    own = [(mm**2 + standard.spacing_mm**2) / 12 for mm in spacing_mm]
    rows, columns = (max(standard.bandwidth_mm**2 - mm2, 0.0) ** 0.5 for mm2 in own)
    return detail.blur_image(grey, (rows / standard.spacing_mm, columns / standard.spacing_mm))
