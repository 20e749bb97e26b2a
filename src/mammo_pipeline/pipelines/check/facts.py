"""The tables of facts that the rules are held against, made before Great Expectations sees them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from mammo_pipeline.mammo.contract.completeness import (
    describe_breasts,
    describe_exams,
    describe_patients,
)
from mammo_pipeline.mammo.contract.detectors import Detector, find_detector, find_modes, match_modes
from mammo_pipeline.mammo.contract.plausibility import describe_images, describe_lesions
from mammo_pipeline.mammo.contract.summary import (
    associate_factors,
    count,
    count_classes,
    summarize_files,
    summarize_patients,
)
from mammo_pipeline.mammo.fates import FATES
from mammo_pipeline.mammo.likeness import UNREVIEWED
from mammo_pipeline.pipelines.check.parameters import CheckParameters

# What `ingest` may state of an image; a column that it did not write is told as not checked.
IMAGE_COLUMNS = [
    "image_id", "file_id", "exam_id", "patient_id", "laterality", "view", "device", "detector",
    "unit_id", "site_id", "software", "rows_px", "columns_px", "row_spacing_mm",
    "column_spacing_mm", "spacing_source", "photometric", "presentation_intent", "bits_allocated",
    "bits_stored",
    "high_bit", "pixel_representation", "transfer_syntax", "size_bytes", "window_count",
    "window_center", "window_width", "window_names", "voi_function", "lut_count", "lut_names",
    "patient_orientation", "horizontal_flip", "implant", "burned_in", "lossy", "kvp",
    "exposure_mas", "target", "filter", "thickness_mm", "force_n", "exam_offset_days", "age",
    "density", "birads", "cancer", "truth", "pixel_sha256", "stored_min", "stored_max",
    "picture_side", "image_hash",
]  # fmt: skip
LESION_COLUMNS = [
    "image_id", "kind", "pathology", "row_min", "column_min", "row_max", "column_max",
    "inside_share",
]  # fmt: skip
FILE_COLUMNS = ["file_id", "fate", "code", "reason", "tag", "found", "remedy"]


@dataclass(frozen=True)
class Facts:
    """What the rules and the page are made of.

    Attributes:
        tables: Name to table, without the columns that nobody wrote.
        columns: Name to every column that a rule may speak of.
        figures: The study in figures, by name; the one row of the table `study`.
        associations: Attribute to how strongly it goes with the outcome.
        modes: One row a resolution mode of a device.
        classes: One row a class of the patch net.
    """

    tables: dict[str, pd.DataFrame]
    columns: dict[str, list[str]]
    figures: dict[str, dict[str, Any]]
    associations: dict[str, dict[str, Any]]
    modes: pd.DataFrame
    classes: pd.DataFrame


def gather_facts(
    images: pd.DataFrame,
    files: pd.DataFrame,
    lesions: pd.DataFrame,
    label_counts: Mapping[str, int],
    parameters: CheckParameters,
    near_duplicates: pd.DataFrame | None = None,
) -> Facts:
    """Returns every fact that the contract speaks of.

    Args:
        images: One row an accepted image.
        files: One row a file found.
        lesions: One row a drawn box.
        label_counts: Rows of the label table, and of those that met no image.
        parameters: Of the room.
        near_duplicates: Pairs of alike pictures, with the verdict of who looked at them; None if
            none were looked for.
    """
    seen = complete_columns(images, IMAGE_COLUMNS)
    drawn = complete_columns(lesions, LESION_COLUMNS)
    listed = complete_columns(files, FILE_COLUMNS)
    more = [Detector(**entry.model_dump()) for entry in parameters.detectors]
    modes, classes = find_modes(seen, more), count_classes(drawn, seen)
    tables = {
        "images": seen.join(describe_images(seen)).join(match_modes(seen, modes)),
        "exams": describe_exams(seen),
        "breasts": describe_breasts(seen),
        "patients": describe_patients(seen),
        "devices": describe_devices(seen, modes, more),
        "lesions": describe_lesions(drawn, seen),
        "files": listed.assign(code_known=know_codes(listed["code"])),
    }
    level, rng = parameters.level, np.random.default_rng(parameters.seed)
    associations = associate_factors(seen, level, parameters.draws, rng)
    figures = {
        **count_cohort(tables),
        **summarize_patients(tables["breasts"], tables["patients"], level),
        **summarize_files(listed, len(seen), label_counts, level),
        **{f"{name}_association": figure for name, figure in associations.items()},
        **count_rest(classes, len(drawn), near_duplicates),
    }
    tables["study"] = lay_out(figures)
    columns = {name: list(table.columns) for name, table in tables.items()}
    absent = {"images": images, "lesions": lesions, "files": files}
    tables |= {name: drop_absent(tables[name], columns_of(name), t) for name, t in absent.items()}
    return Facts(tables, columns, figures, associations, modes, classes)


def columns_of(table: str) -> list[str]:
    """Returns the columns that `ingest` may write into one of its three tables."""
    return {"images": IMAGE_COLUMNS, "lesions": LESION_COLUMNS, "files": FILE_COLUMNS}[table]


def complete_columns(table: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """Returns a copy that has every column, empty where nobody wrote it; empty text is missing."""
    whole = table.reindex(columns=[*columns, *(c for c in table if c not in columns)])
    texts = [c for c in whole if not pd.api.types.is_numeric_dtype(whole[c])]
    plain = whole.reset_index(drop=True).astype(dict.fromkeys(texts, object))
    stated = {c: plain[c].where(plain[c].notna() & plain[c].ne(""), None) for c in texts}
    return plain.assign(**stated)


def drop_absent(table: pd.DataFrame, columns: list[str], written: pd.DataFrame) -> pd.DataFrame:
    """Returns the table without the columns that `ingest` may write and did not."""
    return table.drop(columns=[name for name in columns if name not in written])


def know_codes(codes: pd.Series) -> np.ndarray:
    """Returns "yes" where the code of a fate is on the closed list, else "no"."""
    return np.where(codes.isin(["accepted", *FATES]), "yes", "no")


def describe_devices(
    images: pd.DataFrame, modes: pd.DataFrame, more: list[Detector]
) -> pd.DataFrame:
    """Returns one row a device: its patients, modes, photometrics, and whether it is listed."""
    devices = images.groupby("device").agg(
        images=("image_id", "size"),
        patients=("patient_id", "nunique"),
        photometrics=("photometric", "nunique"),
        bit_depths=("bits_stored", "nunique"),
    )
    devices["resolution_modes"] = modes.groupby("device").size()
    devices = devices.reset_index()
    listed = [find_detector(str(name), more) is not None for name in devices["device"]]
    return devices.assign(listed=np.where(listed, "yes", "no"))


def count_cohort(tables: Mapping[str, pd.DataFrame]) -> dict[str, dict[str, Any]]:
    """Returns how many images, exams and breasts there are, each a figure."""
    return {
        name: count(len(tables[name]), f"rows of the table of {name}")
        for name in ("images", "exams", "breasts")
    }


def count_rest(
    classes: pd.DataFrame, lesions: int, near_duplicates: pd.DataFrame | None
) -> dict[str, dict[str, Any]]:
    """Returns the figures of what not every study has: lesion boxes, a list of alike pictures."""
    fewest = count(int(classes["boxes"].min()), "boxes of the rarest class of the patch net")
    pairs = absent_figure("not looked for")
    if near_duplicates is not None:
        waiting = int(near_duplicates["verdict"].eq(UNREVIEWED).sum())
        pairs = count(
            waiting, f"of {len(near_duplicates)} pairs of alike pictures, without verdict"
        )
    return {
        "smallest_patch_class": fewest if lesions else absent_figure("no lesion is drawn"),
        "near_duplicates": pairs,
    }


def absent_figure(reason: str) -> dict[str, Any]:
    """Returns a figure without a value, and why."""
    return dict.fromkeys(["value", "low", "high", "how"]) | {"n": 0, "reason": reason}


def lay_out(figures: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    """Returns the figures as one row: NAME, NAME_low and NAME_high each a column of floats.

    >>> lay_out({"share": {"value": 0.5, "low": None, "high": 0.9}}).iloc[0].tolist()
    [0.5, nan, 0.9]
    """
    row = {}
    for name, figure in figures.items():
        for end, key in (("", "value"), ("_low", "low"), ("_high", "high")):
            row[f"{name}{end}"] = np.nan if figure[key] is None else float(figure[key])
    return pd.DataFrame([row])
