"""The frames that speed is measured on: one phantom breast of 4096x3328, 12 bits in 16.

Its air is stored once as 0 and once as noise, which no encoder and no threshold likes; a marker is
burned in. The true outline comes with it, and a file of it in any transfer syntax.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.uid import JPEGLosslessSV1

from mammo_pipeline.mammo.dicom.examine import checksum_pixels, digest_pixels
from mammo_pipeline.mammo.dicom.write import write_mammogram
from mammo_pipeline.mammo.phantom.anatomy import draw_anatomy
from mammo_pipeline.mammo.phantom.archive import draw_women
from mammo_pipeline.mammo.phantom.devices import find_device
from mammo_pipeline.mammo.phantom.render import choose_pitch, place_field, render_view
from mammo_pipeline.mammo.phantom.shape import measure_skin_distance
from mammo_pipeline.mammo.phantom.study import StudyDesign

SHAPE_PX, SPACING_MM, BITS, VIEW = (4096, 3328), 0.065, 12, "MLO"
# Stored value of air and its standard deviation, of 4096, on the noisy background.
AIR, AIR_NOISE = 60, 8


@dataclass(frozen=True)
class SpeedFrame:
    """A left MLO, chest wall left and superior up.

    Attributes:
        pixels: uint16.
        depth_mm: True distance to the skin, positive within the breast, float32, same shape.
        spacing_mm: Between pixels, at the breast.
    """

    pixels: np.ndarray
    depth_mm: np.ndarray
    spacing_mm: float


def draw_frames(binning: float = 1.0) -> dict[str, SpeedFrame]:
    """Returns one breast on a clean and on a noisy background.

    Args:
        binning: 1 for the full matrix, 8 for one with pixels eight times as wide.
    """
    device = replace(
        find_device("hologic_dimensions"), rows=SHAPE_PX[0], columns=SHAPE_PX[1],
        spacing_mm=SPACING_MM, magnification=1.0,
    )  # fmt: skip
    design = StudyDesign(0.0, 0.5, 0.5, {"hologic_dimensions": 1.0}, 0.55)
    woman = draw_women(1, 7, design)[0]
    breast = woman.breasts["L"]
    rng, shape = np.random.default_rng(breast.texture_seeds[VIEW]), breast.shapes[VIEW]
    anatomy = draw_anatomy(rng, shape, woman.density, (), choose_pitch(binning))
    clean = render_view(anatomy, device, binning, np.random.default_rng(3)).pixels
    field = place_field(shape, device, binning)
    depth_mm = measure_skin_distance(shape, field.x_mm[None, :], field.y_mm[:, None])
    noise = np.random.default_rng(5).standard_normal(clean.shape, dtype=np.float32)
    air = np.clip(np.rint(AIR + AIR_NOISE * noise), 0, 2**BITS - 1).astype(np.uint16)
    noisy = np.where(clean == 0, air, clean)
    return {
        name: SpeedFrame(pixels, depth_mm.astype(np.float32), field.pitch_mm)
        for name, pixels in (("clean", clean), ("noisy", noisy))
    }


def write_file(pixels: np.ndarray, syntax: str, flips: tuple[bool, bool] = (False, False)) -> bytes:
    """Returns the DICOM file, its PatientOrientation (0020,0020) as the flips leave it."""
    tags: dict[str, Any] = {
        "PatientID": "SPEED", "SOPInstanceUID": "1.2.826.0.1.3680043.8.498.1",
        "ImageLaterality": "L", "ViewPosition": VIEW,
        "PatientOrientation": ["P" if flips[1] else "A", "HL" if flips[0] else "FR"],
        "Manufacturer": "HOLOGIC, Inc.", "ManufacturerModelName": "Selenia Dimensions",
        "ImagerPixelSpacing": [SPACING_MM, SPACING_MM], "BitsStored": BITS,
        "PhotometricInterpretation": "MONOCHROME2", "WindowCenter": 2047, "WindowWidth": 4096,
    }  # fmt: skip
    if syntax != JPEGLosslessSV1:
        return write_mammogram(pixels, tags, syntax)
    return transcode_by_gdcm(write_mammogram(pixels, tags, "1.2.840.10008.1.2.1"))


def transcode_by_gdcm(content: bytes) -> bytes:
    """Returns the file in JPEG lossless, process 14, predictor 1."""
    import gdcm

    with tempfile.TemporaryDirectory() as folder:
        source, target = (str(Path(folder) / name) for name in ("native.dcm", "jpeg.dcm"))
        Path(source).write_bytes(content)
        reader, change = gdcm.ImageReader(), gdcm.ImageChangeTransferSyntax()
        reader.SetFileName(source)
        reader.Read()
        change.SetTransferSyntax(gdcm.TransferSyntax(gdcm.TransferSyntax.JPEGLosslessProcess14_1))
        change.SetInput(reader.GetImage())
        change.Change()
        writer = gdcm.ImageWriter()
        writer.SetFileName(target)
        writer.SetFile(reader.GetFile())
        writer.SetImage(change.GetOutput())
        if not writer.Write():
            raise ValueError("GDCM could not write JPEG lossless")
        return Path(target).read_bytes()


def describe_file(content: bytes, pixels: np.ndarray, spacing_mm: float) -> dict[str, Any]:
    """Returns the row of `images` that ingest would leave."""
    dataset = pydicom.dcmread(BytesIO(content), stop_before_pixels=True)
    return {
        "image_id": "speed", "laterality": "L", "view": VIEW, "photometric": "MONOCHROME2",
        "row_spacing_mm": spacing_mm, "column_spacing_mm": spacing_mm,
        "stored_min": int(pixels.min()), "stored_max": int(pixels.max()),
        "pixel_xxh3": checksum_pixels(pixels), "pixel_sha256": digest_pixels(pixels),
        "manufacturer": str(dataset.Manufacturer), "model": str(dataset.ManufacturerModelName),
    }  # fmt: skip
