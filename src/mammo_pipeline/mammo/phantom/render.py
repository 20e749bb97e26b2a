"""One anatomy through one device: stored pixels, and the truth on the same matrix."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

from .anatomy import ViewAnatomy
from .devices import Device
from .grid import Grid, resample_image
from .lesions import Lesion, mark_lesion
from .shape import ViewShape

_FAT_SIGNAL = 0.26  # absorption of fat as a share of gland's, at 28 kV


@dataclass(frozen=True)
class LesionMark:
    """The truth of one lesion on the stored matrix.

    Attributes:
        kind: mass, calcification, distortion or asymmetry.
        pathology: benign or malignant.
        row: First row of `mask` on the stored matrix.
        column: First column of `mask` on the stored matrix.
        mask: bool, cut to the lesion, so that its first and last row and column hold a pixel.
    """

    kind: str
    pathology: str
    row: int
    column: int
    mask: np.ndarray

    @property
    def box(self) -> tuple[int, int, int, int]:
        """Returns row_min, column_min, row_max, column_max; the maxima are half open."""
        rows, columns = self.mask.shape
        return self.row, self.column, self.row + rows, self.column + columns


@dataclass(frozen=True)
class RenderedView:
    """Pixels as a device stores them, and the lesions on the same matrix.

    Attributes:
        pixels: uint16, or uint8 where the device stores 8 bits, shape (rows, columns).
        marks: One per lesion that reaches the matrix, in the order of the anatomy.
    """

    pixels: np.ndarray
    marks: tuple[LesionMark, ...]


def choose_pitch(binning: float) -> float:
    """Returns the anatomy's pixel in mm: the finest stored spacing, but not below 0.1 mm.

    >>> choose_pitch(1), choose_pitch(8)
    (0.1, 0.4)
    """
    return max(0.1, 0.05 * binning)


def place_field(shape: ViewShape, device: Device, binning: float) -> Grid:
    """Returns the stored matrix as a grid of the breast's frame, before any flip.

    The breast lies closer to the tube than the detector: a pixel covers its spacing divided by the
    magnification factor.
    """
    rows, columns = round(device.rows / binning), round(device.columns / binning)
    pitch_mm = device.spacing_mm * binning / device.magnification
    if shape.view == "MLO":
        return Grid(rows, columns, pitch_mm, shape.top_mm)
    middle_mm = 0.5 * (shape.below_mm - shape.above_mm) + shape.shift_mm
    return Grid(rows, columns, pitch_mm, middle_mm - 0.5 * rows * pitch_mm)


def lay_image(image: np.ndarray, laterality: str, device: Device) -> np.ndarray:
    """Returns a view of the image, flipped as the device stores that breast."""
    if device.lay == "chest_left" or laterality == "L":
        return image
    return image[:, ::-1] if device.lay == "anatomic" else image[::-1, ::-1]


def render_view(
    anatomy: ViewAnatomy,
    device: Device,
    binning: float,
    rng: np.random.Generator,
    laterality: str = "L",
) -> RenderedView:
    """Returns the view as the device would store it.

    Args:
        anatomy: What to image.
        device: Profile of the unit.
        binning: 1 is the device's full matrix; 8 has pixels eight times as wide.
        rng: Source of the noise.
        laterality: L or R; it decides the flip and the marker.
    """
    field = place_field(anatomy.shape, device, binning)
    stored = np.zeros(
        (field.rows, field.columns), np.uint16 if device.bits_stored > 8 else np.uint8
    )
    breast, first_row = expose_breast(anatomy, device, field, rng)
    stored[first_row : first_row + breast.shape[0], : breast.shape[1]] = breast
    stored = lay_image(stored, laterality, device)
    stored = burn_marker(stored, device, laterality, anatomy.shape.view, field.pitch_mm)
    if device.photometric == "MONOCHROME1":
        stored = (2**device.bits_stored - 1) - stored
    marks = mark_lesions(anatomy.shape, anatomy.lesions, device, binning, laterality)
    return RenderedView(np.ascontiguousarray(stored), marks)


def expose_breast(
    anatomy: ViewAnatomy, device: Device, field: Grid, rng: np.random.Generator
) -> tuple[np.ndarray, int]:
    """Returns stored values of the part of the field that holds the breast, and its first row.

    signal = thickness^(1 - equalization) * (fat + (1 - fat) * tissue), sharpened, blurred, plus
    noise; then the gray curve offset + span * signal^gamma.
    """
    thin = anatomy.thickness ** np.float32(1 - device.equalization)
    signal = thin * (np.float32(_FAT_SIGNAL) + np.float32(1 - _FAT_SIGNAL) * anatomy.tissue)
    signal = sharpen(signal, anatomy.grid.pitch_mm, device.enhancement)
    image, first_row = resample_image(signal, anatomy.grid, field, device.blur_mm)
    air = image < 0.02
    # Exposure control and processing never meet the same level twice.
    image *= np.float32(rng.uniform(0.92, 1.08))
    noise = rng.standard_normal(image.shape, dtype=np.float32)
    image += noise * np.float32(device.noise_mm / field.pitch_mm)
    np.maximum(image, 0, out=image)
    values = np.float32(device.offset) + np.float32(device.span) * image ** np.float32(device.gamma)
    values[air] = 0
    return np.clip(np.rint(values), 0, 2**device.bits_stored - 1).astype(np.uint16), first_row


def sharpen(signal: np.ndarray, pitch_mm: float, enhancement: float) -> np.ndarray:
    """Returns the signal with what is finer than about 2 mm raised, as processing for display does.

    signal + enhancement * (signal - mean of its surroundings), after unsharp masking.
    """
    size = max(3, 2 * round(0.8 / pitch_mm) + 1)
    surround = ndimage.uniform_filter(ndimage.uniform_filter(signal, size), size)
    return signal + np.float32(enhancement) * (signal - surround)


def burn_marker(
    stored: np.ndarray, device: Device, laterality: str, view: str, pitch_mm: float
) -> np.ndarray:
    """Returns the image with the laterality and view written into the air, 5 mm tall.

    The marker lies away from the chest wall on the side of the axilla, and reads from left to right
    whatever the flip, except where a device stores every breast the same way: there the lead
    letters of a right breast are mirrored, as in an archive.
    """
    text = device.marker.format(side=laterality, view=view)
    font = ImageFont.load_default(size=max(6.0, 5.0 / pitch_mm))
    canvas = ImageDraw.Draw(Image.new("L", (1, 1)))
    left, top, right, bottom = canvas.multiline_textbbox((0, 0), text, font=font)
    letters = Image.new("L", (int(right - left) + 2, int(bottom - top) + 2))
    ImageDraw.Draw(letters).multiline_text((1 - left, 1 - top), text, fill=255, font=font)
    ink = np.asarray(letters) > 110
    mirrored = device.lay == "chest_left" and laterality == "R"
    ink = ink[:, ::-1] if mirrored else ink
    # Laid twice: a flip is its own inverse, so the marker's place follows the breast's.
    row, column = (
        int(share * size) for share, size in zip(device.marker_place, stored.shape, strict=True)
    )
    frame = lay_image(stored.copy(), laterality, device)
    row, column = row - ink.shape[0] // 2, column - ink.shape[1] // 2
    target = frame[row : row + ink.shape[0], column : column + ink.shape[1]]
    upright = lay_image(ink, laterality, device)[: target.shape[0], : target.shape[1]]
    target[upright] = 2**device.bits_stored - 1
    return lay_image(frame, laterality, device)


def mark_lesions(
    shape: ViewShape, lesions: Sequence[Lesion], device: Device, binning: float, laterality: str
) -> tuple[LesionMark, ...]:
    """Returns the lesions' masks on the stored matrix; it needs no pixels, so it is cheap."""
    field = place_field(shape, device, binning)
    marks = []
    for lesion in lesions:
        window, mask = mark_lesion(lesion, field)
        rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        if rows.size == 0:
            continue
        mask = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        row, column = int(window[0].start + rows[0]), int(window[1].start + columns[0])
        if laterality == "R" and device.lay != "chest_left":
            column = field.columns - column - mask.shape[1]
            if device.lay == "turned":
                row = field.rows - row - mask.shape[0]
        mask = np.ascontiguousarray(lay_image(mask, laterality, device))
        marks.append(LesionMark(lesion.kind, lesion.pathology, row, column, mask))
    return tuple(marks)
