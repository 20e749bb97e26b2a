"""Room `ingest`: every file of a folder gets a fate, every mammogram its exam and its label."""

from __future__ import annotations

import logging
from typing import Any

import pandas as pd
from tqdm import tqdm

from mammo_pipeline.closing import closing_block
from mammo_pipeline.datasets.files import FolderOfFiles
from mammo_pipeline.mammo import exam
from mammo_pipeline.mammo.fates import RefusedError
from mammo_pipeline.mammo.labels import count_unused_labels, read_labels
from mammo_pipeline.pipelines.ingest.parameters import IngestParameters

log = logging.getLogger(__name__)

PRIVATE_COLUMNS = ["name", "code", "file_id", "image_id", "exam_id", "patient_id"]


def index_labelled_files(
    folder: FolderOfFiles, table: pd.DataFrame, key: bytes, parameters: IngestParameters
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, pd.DataFrame, dict[str, int]]:
    """Returns `images`, `lesions`, `files`, the private table of names and `label_counts`.

    Args:
        folder: The DICOM folder.
        table: The label table, as text.
        key: The secret of the pseudonyms.
        parameters: The room's parameters.

    Raises:
        LabelError: The label table is bad; told before any file is opened where it can be.
        ValueError: The folder is empty or holds no mammogram.
    """
    labels = read_labels(table)
    named = _index(folder, labels, key, parameters)
    tables = exam.table_of_images(named), exam.table_of_lesions(named), exam.table_of_files(named)
    return *tables, named[PRIVATE_COLUMNS], count_unused_labels(named, labels)


def index_files(
    folder: FolderOfFiles, key: bytes, parameters: IngestParameters
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Returns `images`, `files` and the private table of names of a folder without labels.

    Raises:
        ValueError: The folder is empty or holds no mammogram.
    """
    named = _index(folder, None, key, parameters)
    return exam.table_of_images(named), exam.table_of_files(named), named[PRIVATE_COLUMNS]


def report_ingest(files: pd.DataFrame, label_counts: dict[str, int]) -> dict[str, Any]:
    """Returns the flow of files and labels as numbers, and logs the room's closing block."""
    flow = exam.count_flow(files)
    refused = files[files["fate"].isin(["quarantined", "other"])]
    rows = {name: str(count) for name, count in flow.items()}
    rows |= {f"  {reason}": str(n) for reason, n in refused["reason"].value_counts().items()}
    rows["labels"] = (
        f"{label_counts['labels']}, of which {label_counts['labels_without_image']} met no image, "
        f"{label_counts['cancers_without_image']} with cancer"
    )
    if len(refused):
        rows["names"] = "the private table of the room ingest says which file each row is"
    log.info(closing_block("ingest", rows, next_command="kedro run --pipelines check"))
    return flow | label_counts


def _index(
    folder: FolderOfFiles, labels: pd.DataFrame | None, key: bytes, parameters: IngestParameters
) -> pd.DataFrame:
    records = _read_folder(folder, parameters)
    labelled = exam.label_images(exam.mark_duplicates(records), labels)
    return exam.pseudonymize(labelled, key)


def _read_folder(folder: FolderOfFiles, parameters: IngestParameters) -> list[dict[str, Any]]:
    names = folder.names()
    if not names:
        raise ValueError(
            f"The folder {folder.root} is empty. Expected DICOM files of mammograms: put them "
            "there, or name another folder in globals.yml of your environment."
        )
    bar = tqdm(names, desc="ingest", unit="file", mininterval=1)
    records = [_read_file(folder, name, parameters) for name in bar]
    if not any(record["code"] == "accepted" for record in records):
        found = pd.DataFrame([exam.describe_fate(r["code"]) for r in records])
        reasons = "; ".join(f"{n} x {why}" for why, n in found["reason"].value_counts().items())
        raise ValueError(
            f"The folder {folder.root} holds {len(names)} files and no mammogram that can be used: "
            f"{reasons}. Expected two-dimensional digital mammograms FOR PRESENTATION."
        )
    return records


def _read_file(folder: FolderOfFiles, name: str, parameters: IngestParameters) -> dict[str, Any]:
    from mammo_pipeline.mammo.dicom import read

    rules = parameters.spacing_for(name), parameters.minimum_field_mm
    try:
        with folder.open(name) as stream:
            image = read.read_file(stream, folder.size_bytes(name), *rules)
    except RefusedError as refusal:
        return {"name": name, "code": refusal.code, "found": refusal.found}
    except OSError as error:
        return {"name": name, "code": "unreadable_file", "found": type(error).__name__}
    return {"name": name, "code": "accepted", "found": "", **image}
