"""What is done with one image in a worker process, on this machine or on a cluster."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mammo_pipeline.datasets.codec import encode_canvas
from mammo_pipeline.mammo.audit.features import (
    GEOMETRY,
    STATISTICS,
    describe_frame,
    describe_image,
    find_air_level,
)
from mammo_pipeline.mammo.audit.lesions_kept import measure_lesions
from mammo_pipeline.mammo.audit.network import extract_features
from mammo_pipeline.mammo.audit.similarity import measure_twins
from mammo_pipeline.mammo.audit.twins import draw_twins
from mammo_pipeline.mammo.dicom.pixels import decode_pixels
from mammo_pipeline.mammo.dicom.presentation import present
from mammo_pipeline.mammo.fates import RefusedError
from mammo_pipeline.mammo.frame import read_frame, stretch_frame
from mammo_pipeline.mammo.intensity import WHITE, find_levels
from mammo_pipeline.mammo.standard import Standard, standardize_file

Facts = dict[str, Any]


def standardize_path(
    path: str, image: Mapping[str, Any], standard: Standard, maps: Mapping[str, Any] | None
) -> tuple[bytes | None, Facts]:
    """Returns the canvas as the store keeps it, None where it was refused, and its facts."""
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        return None, {"code": "unreadable_file", "found": type(error).__name__}
    canvas, facts = standardize_file(content, image, standard, maps)
    return (None if canvas is None else encode_canvas(canvas)), facts


def read_levels(path: str, image: Mapping[str, Any], standard: Standard) -> np.ndarray | None:
    """Returns the grey of a standardized image's tissue at the standard's quantiles."""
    canvas, _ = standardize_file(Path(path).read_bytes(), image, standard)
    if canvas is None:
        return None
    grey = canvas.astype(np.float32) / np.float32(WHITE)
    return find_levels(grey, canvas > 0, standard.grey_quantiles)


def measure_path(
    path: str, image: Mapping[str, Any], canvas: np.ndarray, standard: Standard
) -> Facts:
    """Returns what a probe could go by, before and after: features, curves and a frozen net's view.

    Before is the fixed resize of the whole frame to the canvas that most systems feed their nets.
    An image that can no longer be read returns its `code` alone.
    """
    try:
        frame = read_frame(Path(path).read_bytes(), image, standard.show)
    except (RefusedError, OSError) as error:
        return {"code": getattr(error, "code", "unreadable_file")}
    naive = stretch_frame(frame, standard.shape_px)
    rows, columns = frame.stored.shape
    height_mm, width_mm = rows * frame.spacing_mm[0], columns * frame.spacing_mm[1]
    stretched = height_mm / standard.shape_px[0], width_mm / standard.shape_px[1]
    known = {"before_" + name: value for name, value in describe_frame(image).items()}
    before = _describe("before", naive, find_air_level(naive), stretched)
    after = _describe("after", canvas, 0, (standard.spacing_mm, standard.spacing_mm))
    return {"code": "accepted", **known, **before, **after}


def _describe(
    when: str, picture: np.ndarray, air_level: int, spacing_mm: tuple[float, float]
) -> Facts:
    told = describe_image(picture, air_level, spacing_mm)
    features = {f"{when}_{name}": told.features[name] for name in (*GEOMETRY, *STATISTICS)}
    return features | {
        f"{when}_histogram": told.histogram.tolist(),
        f"{when}_spectrum": told.spectrum.tolist(),
        f"{when}_net": extract_features(picture, air_level).tolist(),
    }


def measure_twin(
    number: int, seed: int, devices: list[str], binning: float, standard: Standard
) -> tuple[list[Facts], list[Facts]]:
    """Returns the rows of `measure_twins` and of `measure_lesions` for one made-up breast."""
    twin = draw_twins(number + 1, seed)[number : number + 1]
    spacing_mm = standard.spacing_mm

    def standardize(content: bytes, image: Facts) -> tuple[np.ndarray | None, Facts]:
        return standardize_file(content, image, standard)

    def show(content: bytes, image: Facts) -> np.ndarray:
        return present(*decode_pixels(content))

    pairs = list(measure_twins(twin, devices, binning, standardize, spacing_mm))
    lesions = list(measure_lesions(twin, devices, binning, standardize, show, spacing_mm))
    return [{**row, "twin": number} for row in pairs], [{**row, "twin": number} for row in lesions]
