"""The same breast through every device: how far its images differ after standardization.

The measure of "no difference" is the device itself: two exposures of one breast on one unit differ
by their noise, and two units should differ by no more. Nothing is aligned before comparing, so a
breast that was placed elsewhere counts as different.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from io import BytesIO
from typing import Any

import numpy as np

from mammo_pipeline.mammo.dicom.examine import examine_pixels
from mammo_pipeline.mammo.dicom.header import parse_header
from mammo_pipeline.mammo.dicom.read import describe_header
from mammo_pipeline.mammo.dicom.write import write_mammogram
from mammo_pipeline.mammo.geometry import Transform
from mammo_pipeline.mammo.phantom.anatomy import ViewAnatomy, draw_anatomy
from mammo_pipeline.mammo.phantom.devices import find_device
from mammo_pipeline.mammo.phantom.header import describe_view
from mammo_pipeline.mammo.phantom.lesions import Lesion
from mammo_pipeline.mammo.phantom.render import LesionMark, choose_pitch, place_field, render_view
from mammo_pipeline.mammo.phantom.shape import ViewShape
from mammo_pipeline.mammo.phantom.study import StudyDesign, Woman, draw_woman, place_lesions

Standardize = Callable[[bytes, dict[str, Any]], tuple[np.ndarray | None, dict[str, Any]]]

_AXES = ("row_scale", "row_offset", "column_scale", "column_offset")


@dataclass(frozen=True)
class Twin:
    """One view of one breast, to be imaged on several devices."""

    woman: Woman
    laterality: str
    view: str


@dataclass(frozen=True)
class TwinFile:
    """One exposure of a twin.

    Attributes:
        device: Name of the profile.
        content: The DICOM file.
        image: Its row, as ingest describes it.
        marks: The lesions' truth on the stored matrix.
        wall_px: (row, column) of the chest wall at the nipple's level on the stored matrix,
            counted from the outer edge of the first pixel.
        pitch_mm: What a stored pixel truly covers at the breast, whatever the header says.
    """

    device: str
    content: bytes
    image: dict[str, Any]
    marks: tuple[LesionMark, ...]
    wall_px: tuple[float, float]
    pitch_mm: float


@dataclass(frozen=True)
class PlacedTwin:
    """One exposure on the canvas.

    Attributes:
        grey: float32 in [0, 1], 0 for air.
        lesions_mm: Centres of the lesions from the canvas's corner, shape (lesions, 2).
        wall_mm: The chest wall at the nipple's level, likewise, shape (2,).
        scales: Millimetres of the canvas that a true one takes, down and across, shape (2,).
    """

    grey: np.ndarray
    lesions_mm: np.ndarray
    wall_mm: np.ndarray
    scales: np.ndarray


def draw_twins(count: int, seed: int, lesion_contrast: float = 0.8) -> tuple[Twin, ...]:
    """Returns breasts with one lesion or two each; views, sides and densities A to D take turns.

    Args:
        count: How many.
        seed: The first twins of a larger count are the same.
        lesion_contrast: See `StudyDesign`.
    """
    design = StudyDesign(0.0, 1.0, 1.0, {"hologic_dimensions": 1.0}, lesion_contrast, name="twins")
    women = (
        draw_woman(number, child, design)
        for number, child in enumerate(np.random.SeedSequence(seed).spawn(count))
    )
    return tuple(
        Twin(replace(woman, density="ABCD"[n // 2 % 4]), "LRRL"[n % 4], ("CC", "MLO")[n % 2])
        for n, woman in enumerate(women)
    )


def list_lesions(twin: Twin) -> tuple[Lesion, ...]:
    """Returns the lesions of the breast as its view shows them, one at least."""
    breast = twin.woman.breasts[twin.laterality]
    return place_lesions(breast, twin.woman.exams[-1].lesions[twin.laterality], twin.view)


def draw_twin_anatomy(
    twin: Twin, binning: float, lesions: tuple[Lesion, ...] | None = None
) -> ViewAnatomy:
    """Returns what is imaged; with other lesions it is the same breast to the last strand.

    Args:
        twin: Which breast.
        binning: 1 is the devices' full matrix; it decides the anatomy's pixel.
        lesions: What stands in the place of the twin's own lesions; None leaves them.
    """
    breast = twin.woman.breasts[twin.laterality]
    return draw_anatomy(
        np.random.default_rng(breast.texture_seeds[twin.view]),
        breast.shapes[twin.view],
        twin.woman.density,
        list_lesions(twin) if lesions is None else lesions,
        choose_pitch(binning),
    )


def expose_twin(
    twin: Twin, anatomy: ViewAnatomy, device: str, draw: int, binning: float
) -> TwinFile:
    """Returns the file that one device makes of the breast; a draw is one exposure and its noise.

    Args:
        twin: Which breast; its header is written as the archive's are.
        anatomy: What `draw_twin_anatomy` returned.
        device: Name of the profile.
        draw: Number of the exposure: the same breast, device and number give the same noise.
        binning: 1 is the device's full matrix.
    """
    exam = replace(twin.woman.exams[-1], device=device)
    seed = exam.noise_seeds[twin.laterality, twin.view]
    rng = np.random.default_rng([seed, draw, *device.encode()])
    profile = find_device(device)
    rendered = render_view(anatomy, profile, binning, rng, twin.laterality)
    tags = describe_view(twin.woman, exam, twin.laterality, twin.view, binning)
    content = write_mammogram(rendered.pixels, tags, profile.transfer_syntax)
    wall_px = find_on_matrix(anatomy.shape, device, binning, twin.laterality, (0.0, 0.0))
    pitch_mm = place_field(anatomy.shape, profile, binning).pitch_mm
    return TwinFile(device, content, describe_twin(content), rendered.marks, wall_px, pitch_mm)


def find_on_matrix(
    shape: ViewShape, device: str, binning: float, laterality: str, place_mm: tuple[float, float]
) -> tuple[float, float]:
    """Returns (row, column) on the stored matrix, from the outer edge of its first pixel.

    Args:
        shape: Outline that was imaged.
        device: Name of the profile.
        binning: 1 is the device's full matrix.
        laterality: L or R.
        place_mm: Below the nipple's level, and from the chest wall.
    """
    profile = find_device(device)
    field = place_field(shape, profile, binning)
    row = (place_mm[0] - field.top_mm) / field.pitch_mm
    column = place_mm[1] / field.pitch_mm
    mirrored = laterality == "R" and profile.lay != "chest_left"
    turned = mirrored and profile.lay == "turned"
    return (field.rows - row if turned else row), (field.columns - column if mirrored else column)


def describe_twin(content: bytes) -> dict[str, Any]:
    """Returns the file's row of `images`, by the same readers as ingest's.

    Raises:
        RefusedError: As `describe_header` and `examine_pixels`.
    """
    header = parse_header(BytesIO(content))
    described = describe_header(header.values, has_pixels=header.pixels_at is not None)
    facts, _ = examine_pixels(content, header.values, second_decoder=False)
    return {"image_id": described["sop_instance"], **described, **facts}


def place_twin(
    file: TwinFile, canvas: np.ndarray, record: Mapping[str, Any], spacing_mm: float
) -> PlacedTwin:
    """Returns the canvas with the truth moved onto it by the transform that its record states.

    Args:
        file: The exposure.
        canvas: uint16, 0 for air.
        record: Holds the four numbers of `Transform`.
        spacing_mm: Of the canvas.
    """
    transform = read_transform(record)
    centres = [find_centre(mark) for mark in file.marks]
    places = move_points(np.array([file.wall_px, *centres]), transform) * spacing_mm
    scales = np.abs([transform.row_scale, transform.column_scale]) * spacing_mm / file.pitch_mm
    return PlacedTwin(canvas.astype(np.float32) / 65535, places[1:], places[0], scales)


def read_transform(record: Mapping[str, Any]) -> Transform:
    """Returns the map from stored pixels to canvas pixels that a record of an image states."""
    return Transform(*(float(record[axis]) for axis in _AXES))


def find_centre(mark: LesionMark) -> tuple[float, float]:
    """Returns (row, column) of the mask's centroid, from the outer edge of the first pixel.

    >>> find_centre(LesionMark("mass", "benign", 10, 20, np.ones((2, 4), bool)))
    (11.0, 22.0)
    """
    rows, columns = np.nonzero(mark.mask)
    return float(mark.row + rows.mean() + 0.5), float(mark.column + columns.mean() + 0.5)


def move_points(points_px: np.ndarray, transform: Transform) -> np.ndarray:
    """Returns points of the stored matrix in canvas pixels; shape (n, 2), row first.

    >>> move_points(np.array([[10.0, 20.0]]), Transform(0.5, 0, -0.5, 100)).tolist()
    [[5.0, 90.0]]
    """
    scale = np.array([transform.row_scale, transform.column_scale])
    return points_px * scale + np.array([transform.row_offset, transform.column_offset])
