"""One image from its file to the canvas: the same function for training, drift and serving."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy import ndimage

from mammo_pipeline.mammo import geometry
from mammo_pipeline.mammo.dicom.examine import digest_pixels
from mammo_pipeline.mammo.dicom.pixels import decode_pixels, present
from mammo_pipeline.mammo.fates import RefusedError
from mammo_pipeline.mammo.intensity import WHITE, match_detail, match_tissue, to_stored
from mammo_pipeline.mammo.mask import find_breast
from mammo_pipeline.mammo.probe import describe_image

# Scaling the detail moves the distribution of grey a little, and the other way round; after six
# rounds the ratios hold to a hundredth.
MATCHING_ROUNDS = 6


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
        detail_ratios: Fine detail over middle, middle over coarse; the same for every image.
    """

    spacing_mm: float
    shape_px: tuple[int, int]
    bandwidth_mm: float
    skin_mm: float
    detail_ratios: tuple[float, float]


def standardize_file(
    content: bytes, image: dict[str, Any], standard: Standard
) -> tuple[np.ndarray | None, dict[str, Any]]:
    """Returns the canvas, uint16 of the standard's shape, and the image's record.

    A refused image comes back as None; its record names the reason from the closed list.

    Args:
        content: The DICOM file.
        image: Its row of `images`: image_id, laterality, view, row_spacing_mm, column_spacing_mm,
            photometric, and pixel_sha256, the digest of the pixels that were accepted.
        standard: What it should become.
    """
    blank = {"image_id": image["image_id"], "code": "accepted", "found": ""}
    try:
        dataset, stored = decode_pixels(content)
        if image.get("pixel_sha256", "") not in ("", digest_pixels(stored)):
            raise RefusedError("changed_since_ingest")
        # A collection's table may state it where a picture has no header.
        dataset.PhotometricInterpretation = image["photometric"]
        shown = present(dataset, stored)
        orientation = "\\".join(map(str, dataset.get("PatientOrientation", None) or []))
        flips = geometry.find_flips(shown, image["laterality"], image["view"], orientation)
        canvas, facts = standardize_image(
            shown, flips, (image["row_spacing_mm"], image["column_spacing_mm"]), standard
        )
    except RefusedError as refusal:
        return None, {**blank, "code": refusal.code, "found": refusal.found}
    naive = resize_to_frame(_flip(shown, flips), standard.shape_px)
    before, after = describe_image(naive), describe_image(canvas)
    features = {f"before_{k}": v for k, v in before.items()} | {
        f"after_{k}": v for k, v in after.items()
    }
    return canvas, {**blank, **facts, **features}


def standardize_image(
    shown: np.ndarray,
    flips: tuple[bool, bool],
    spacing_mm: tuple[float, float],
    standard: Standard,
) -> tuple[np.ndarray, dict[str, Any]]:
    """Returns the canvas and where it came from: the transform and the tissue left out in mm2.

    Args:
        shown: Presentation values in [0, 1], float32, rows x columns.
        flips: Whether to flip rows and columns.
        spacing_mm: Between rows and between columns, at the breast.
        standard: What the image should become.

    Raises:
        RefusedError: `no_breast`.
    """
    scales = tuple(mm / standard.spacing_mm for mm in spacing_mm)
    coarse = geometry.resample(_flip(shown, flips), *scales)
    mask = take_off_skin(find_breast(coarse), standard)
    grey = match_bandwidth(coarse, spacing_mm, standard)
    for _ in range(MATCHING_ROUNDS):
        grey = match_detail(match_tissue(grey, mask), mask, standard.detail_ratios)
    grey = match_tissue(grey, mask)
    canvas, down, across, lost_px = geometry.place_on_canvas(grey, mask, standard.shape_px)
    transform = trace(shown.shape, flips, scales, (down, across))
    facts = {
        **asdict(transform),
        "breast_mm2": float(mask.sum()) * standard.spacing_mm**2,
        "lost_mm2": lost_px * standard.spacing_mm**2,
    }
    return to_stored(canvas, canvas > 0), facts


def take_off_skin(mask: np.ndarray, standard: Standard) -> np.ndarray:
    """Returns the breast without its rim, the chest wall's side kept; bool, same shape.

    Raises:
        RefusedError: `no_breast` when nothing is left.
    """
    steps = round(standard.skin_mm / standard.spacing_mm)
    inner = ndimage.binary_erosion(mask, iterations=steps, border_value=1) if steps else mask
    if not inner.any():
        raise RefusedError("no_breast", "nothing within the skin")
    return inner


def match_bandwidth(
    coarse: np.ndarray, spacing_mm: tuple[float, float], standard: Standard
) -> np.ndarray:
    """Returns the image blurred to the standard's bandwidth, float32, same shape.

    A Gaussian of what is missing: variances of blurs add up. The image's own blur is that of
    one stored pixel, spacing / sqrt(12) for a square aperture.
    """
    own = [mm / np.sqrt(12) for mm in spacing_mm]
    missing = [np.sqrt(max(standard.bandwidth_mm**2 - mm**2, 0.0)) for mm in own]
    return ndimage.gaussian_filter(coarse, [mm / standard.spacing_mm for mm in missing])


def trace(
    stored_px: tuple[int, ...],
    flips: tuple[bool, bool],
    scales: tuple[float, ...],
    shifts: tuple[int, int],
) -> geometry.Transform:
    """Returns the map from stored pixels to canvas pixels that the steps amount to.

    >>> trace((100, 80), (False, True), (0.5, 0.5), (3, 0))
    Transform(row_scale=0.5, row_offset=3, column_scale=-0.5, column_offset=40.0)
    """
    parts: list[float] = []
    for size, flip, scale, shift in zip(stored_px, flips, scales, shifts, strict=True):
        parts += [-scale, scale * size + shift] if flip else [scale, shift]
    return geometry.Transform(*parts)


def resize_to_frame(shown: np.ndarray, shape_px: tuple[int, int]) -> np.ndarray:
    """Returns the image as a fixed resize gives it: the frame of the device, stretched; uint16.

    This is what most published systems feed their nets; it is kept for the comparison alone.
    """
    scales = shape_px[0] / shown.shape[0], shape_px[1] / shown.shape[1]
    return np.rint(np.clip(geometry.resample(shown, *scales), 0, 1) * WHITE).astype(np.uint16)


def _flip(image: np.ndarray, flips: tuple[bool, bool]) -> np.ndarray:
    return image[:: -1 if flips[0] else 1, :: -1 if flips[1] else 1]
