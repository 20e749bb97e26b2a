"""A screening study as tables, every column stated and every rule of the contract kept."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from mammo_pipeline.mammo.fates import describe_fate
from mammo_pipeline.pipelines.check.parameters import CheckParameters

ROOT = Path(__file__).parents[1]
RULES = yaml.safe_load((ROOT / "conf/base/contract.yml").read_text())
COUNTS = {"labels": 160, "labels_without_image": 0, "cancers_without_image": 0}
UNITS = [
    {
        "device": "Hologic Selenia Dimensions",
        "detector": "DIRECT",
        "rows_px": 3328,
        "columns_px": 2560,
        "row_spacing_mm": 0.07,
        "column_spacing_mm": 0.07,
        "photometric": "MONOCHROME2",
        "transfer_syntax": "Explicit VR Little Endian",
        "oriented": True,
    },
    {
        "device": "Planmed Nuance",
        "detector": "SCINTILLATOR",
        "rows_px": 2812,
        "columns_px": 2012,
        "row_spacing_mm": 0.085,
        "column_spacing_mm": 0.085,
        "photometric": "MONOCHROME1",
        "transfer_syntax": "RLE Lossless",
        "oriented": False,
    },
]
SHARED: dict[str, Any] = {
    "presentation_intent": "FOR PRESENTATION",
    "bits_stored": 12,
    "pixel_representation": 0,
    "stored_min": 60,
    "stored_max": 4000,
    "window_center": 2047.0,
    "window_width": 4096.0,
    "horizontal_flip": "",
    "implant": "no",
    "burned_in": "no",
    "lossy": "no",
    "kvp": 29.0,
    "exposure_mas": 90.0,
    "thickness_mm": 58.0,
    "force_n": 110.0,
}
KINDS = [("mass", "benign"), ("calcification", "benign"), ("mass", "malignant")]
KINDS += [("calcification", "malignant")]


def name(*parts: object) -> str:
    """A pseudonym as `ingest` writes them."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def parameters(**changes: Any) -> CheckParameters:
    """The room's parameters, with small minima."""
    written = yaml.safe_load((ROOT / "conf/base/parameters/check.yml").read_text())["check"]
    small = {"seed": 1, "minimum_patients": 5, "minimum_lesions": 3, "draws": 99}
    return CheckParameters.model_validate(written | small | changes)


def image(patient: int, exam: int, laterality: str, view: str) -> dict[str, Any]:
    """One image; every third patient has cancer in one breast at her last exam."""
    unit = UNITS[patient // 3 % 2]
    last = exam == (patient % 4 == 3)
    side = "left" if laterality == "L" else "right"
    cancer = int(patient % 3 == 0 and laterality == "LR"[patient % 2] and last)
    return {
        **SHARED,
        **{key: value for key, value in unit.items() if key != "oriented"},
        "image_id": name("image", patient, exam, laterality, view),
        "file_id": name("file", patient, exam, laterality, view),
        "exam_id": name("exam", patient, exam),
        "patient_id": name("patient", patient),
        "unit_id": name("unit", unit["device"]),
        "site_id": name("site", patient // 6 % 3),
        "laterality": laterality,
        "view": view,
        "patient_orientation": {"left": "A\\R", "right": "P\\L"}[side] if unit["oriented"] else "",
        "picture_side": side,
        "exam_offset_days": 730 * exam,
        "age": 45.0 + patient % 20 + 2 * exam,
        "density": "ABCD"[patient % 4],
        "cancer": cancer,
        "truth": "pathology" if cancer else "follow_up",
    }


def make_images(patients: int = 72) -> pd.DataFrame:
    """Four images an exam; every fourth patient has two exams."""
    rows = [
        image(patient, exam, laterality, view)
        for patient in range(patients)
        for exam in range(2 if patient % 4 == 3 else 1)
        for laterality in "LR"
        for view in ("CC", "MLO")
    ]
    return pd.DataFrame(rows).astype({"cancer": "Int8"})


def lesion(row: pd.Series, kind: str, pathology: str) -> dict[str, Any]:
    """A box of 14 mm near the chest wall of an image."""
    left = 300 if row["picture_side"] == "left" else int(row["columns_px"]) - 500
    return {
        "image_id": row["image_id"],
        "kind": kind,
        "pathology": pathology,
        "row_min": 1000,
        "row_max": 1200,
        "column_min": left,
        "column_max": left + 200,
        "inside_share": 1.0,
    }


def make_lesions(images: pd.DataFrame) -> pd.DataFrame:
    """A mass and a calcification on every image with cancer, benign ones on some of the rest."""
    healthy = images[images["cancer"].eq(0) & images["laterality"].eq("R")].iloc[::4]
    rows = [lesion(row, *pair) for _, row in healthy.iterrows() for pair in KINDS[:2]]
    ill = images[images["cancer"].eq(1)]
    rows += [lesion(row, *pair) for _, row in ill.iterrows() for pair in KINDS[2:]]
    return pd.DataFrame(rows)


def make_files(images: pd.DataFrame) -> pd.DataFrame:
    """The accepted files, and five that were not used."""
    unused = ["for_processing", "text_seen", "duplicate", "dose_report", "dose_report"]
    rows = [{"file_id": file, **describe_fate("accepted")} for file in images["file_id"]]
    rows += [{"file_id": name("unused", n), **describe_fate(c)} for n, c in enumerate(unused)]
    return pd.DataFrame(rows)


def no_pairs() -> pd.DataFrame:
    """The list of alike pictures, looked for and empty."""
    return pd.DataFrame(columns=["image_id", "other_image_id", "distance_bits", "verdict"])
