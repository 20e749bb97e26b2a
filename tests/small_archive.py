"""A handful of small DICOM mammograms, made in the test that asks for them."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from mammo_pipeline.mammo.dicom.write import write_mammogram
from mammo_pipeline.pipelines.ingest.parameters import IngestParameters
from mammo_pipeline.pipelines.standardize.parameters import StandardizeParameters


def draw_breast(
    shape_px: tuple[int, int] = (300, 240), wall: str = "left", seed: int = 0
) -> np.ndarray:
    """Half an ellipse of textured tissue on air, uint16 of 12 bits."""
    rows, columns = np.mgrid[: shape_px[0], : shape_px[1]]
    across = columns if wall == "left" else shape_px[1] - 1 - columns
    inside = ((rows - shape_px[0] / 2) / (0.4 * shape_px[0])) ** 2 + (
        across / (0.7 * shape_px[1])
    ) ** 2 < 1
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=shape_px)
    texture = 1500 + 300 * noise + 2 * (shape_px[1] - across)
    return np.where(inside, np.clip(texture, 200, 4000), 20).astype(np.uint16)


def expose(breast: np.ndarray) -> np.ndarray:
    """The breast as a detector counts the X-rays behind it: uint16 of 14 bits, air the largest."""
    return np.rint(16000 * 10.0 ** (breast / -2000)).astype(np.uint16)


def make_raw(content: bytes) -> bytes:
    """The file as an image FOR PROCESSING."""
    dataset = pydicom.dcmread(BytesIO(content))
    dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.1.2.1"
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    dataset.SOPInstanceUID = f"{dataset.SOPInstanceUID}.1"[-64:].lstrip(".0")
    dataset.PresentationIntentType = "FOR PROCESSING"
    dataset.PixelIntensityRelationship, dataset.PixelIntensityRelationshipSign = "LIN", 1
    out = BytesIO()
    dataset.save_as(out)
    return out.getvalue()


def mammogram(
    patient: str = "P1",
    laterality: str = "L",
    view: str = "CC",
    date: str = "20200101",
    pixels: np.ndarray | None = None,
    syntax: str = ExplicitVRLittleEndian,
    **tags: Any,
) -> bytes:
    """One mammogram as a file's content; a tag given as None is left out."""
    pixels = (
        draw_breast(wall="left" if laterality == "L" else "right") if pixels is None else pixels
    )
    values: dict[str, Any] = {
        "PatientID": patient,
        "PatientName": f"Doe^{patient}",
        "StudyDate": date,
        "SOPInstanceUID": generate_uid(entropy_srcs=[patient, laterality, view, date]),
        "ImageLaterality": laterality,
        "ViewPosition": view,
        "PatientOrientation": ["A", "R"] if laterality == "L" else ["P", "L"],
        "Manufacturer": "HOLOGIC, Inc.",
        "ManufacturerModelName": "Selenia Dimensions",
        "ImagerPixelSpacing": [0.6, 0.6],
        "PhotometricInterpretation": "MONOCHROME2",
        "BitsStored": 12,
        "PatientAge": "055Y",
        **tags,
    }
    kept = {name: value for name, value in values.items() if value is not None}
    return write_mammogram(pixels, kept, syntax)


def ingest_rules(**changes: Any) -> IngestParameters:
    """The parameters of the room ingest as a test wants them: one worker, small fields."""
    rules: dict[str, Any] = {
        "collection": "generic",
        "benign_without_callback": "benign",
        "opinion_as_truth": False,
        "minimum_field_mm": 50,
        "stated_spacing_mm": {},
        "for_processing": "refuse",
        "look_for_text": True,
        "second_decoder": True,
        "jobs": 1,
        "limits": {"seconds": 10, "memory_mb": 2048, "file_mb": 64, "megapixels": 60},
    }
    return IngestParameters.model_validate(rules | changes)


def write_folder(root: Path, files: dict[str, bytes]) -> Path:
    """Writes the files below the root and returns it."""
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content)
    return root


def standardize_rules(**changes: Any) -> StandardizeParameters:
    """The parameters of the room standardize as a test wants them: one worker, a coarse canvas."""
    rules: dict[str, Any] = {
        "spacing_mm": 0.8,
        "shape_px": (288, 224),
        "field_mm": (216, 166),
        "bandwidth_mm": 0.6,
        "skin_mm": 2.4,
        "detail_ratios": (1.15, 0.68, 0.63),
        "grey_quantiles": 129,
        "device_map_images": 0,
        "show": {
            "prefer": ("NORMAL",),
            "order": "table_first",
            "for_processing": "refuse",
        },
        "engine": {"kind": "local", "jobs": 1},
        "limits": {"seconds": 60, "memory_mb": 4096},
        "seed": 1,
        "audit": {
            "images": 1000,
            "folds": 2,
            "draws": 100,
            "mode_draws": 100,
            "mode_level": 0.01,
            "trim": 10,
            "twins": {"breasts": 0, "binning": 8},
            "bounds": {
                "geometry_high": 0.95,
                "statistics_high": 0.95,
                "network_high": 0.95,
                "scale_percent": 1,
                "most_modes": 1,
            },
        },
    }
    return StandardizeParameters.model_validate(rules | changes)
