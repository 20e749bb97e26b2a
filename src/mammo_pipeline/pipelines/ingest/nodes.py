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
from mammo_pipeline.mammo.labels import read_labels
from mammo_pipeline.pipelines.ingest.parameters import IngestParameters

log = logging.getLogger(__name__)


def index_labelled_files(
    folder: FolderOfFiles, table: pd.DataFrame, key: bytes, parameters: IngestParameters
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Returns `images`, `lesions`, `files` and the private table of names, with labels joined.

    Args:
        folder: The DICOM folder.
        table: The label table, as text.
        key: The secret of the pseudonyms.
        parameters: The room's parameters.

    Raises:
        LabelError: The label table is bad; told before any file is opened where it can be.
        ValueError: The folder is empty or holds no mammogram.
    """
    return _index(folder, read_labels(table), key, parameters)


def index_files(
    folder: FolderOfFiles, key: bytes, parameters: IngestParameters
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Returns `images`, `files` and the private table of names of a folder without labels.

    Raises:
        ValueError: The folder is empty or holds no mammogram.
    """
    images, _, files, private = _index(folder, None, key, parameters)
    return images, files, private


def report_ingest(files: pd.DataFrame) -> dict[str, Any]:
    """Returns the flow of the files as numbers, and logs the room's closing block."""
    flow = exam.count_flow(files)
    refused = files[files["fate"].isin(["quarantined", "other"])]
    rows = {name: str(count) for name, count in flow.items()}
    rows |= {f"  {reason}": str(n) for reason, n in refused["reason"].value_counts().items()}
    if len(refused):
        rows["names"] = "the private table of the room ingest says which file each row is"
    log.info(closing_block("ingest", rows, next_command="kedro run --pipelines check"))
    return flow


def _index(
    folder: FolderOfFiles, labels: pd.DataFrame | None, key: bytes, parameters: IngestParameters
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    records = _read_folder(folder, parameters)
    labelled = exam.label_images(exam.mark_duplicates(records), labels)
    named = exam.pseudonymize(labelled, key)
    private = named[["name", "code", "file_id", "image_id", "exam_id", "patient_id"]]
    lesions = exam.table_of_lesions(named)
    return exam.table_of_images(named), lesions, exam.table_of_files(named), private


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

    try:
        with folder.open(name) as stream:
            header = read.read_header(stream)
            read.refuse_other_objects(header)
            identity = read.read_identity(header)
            image = read.read_mammogram(
                stream,
                header,
                folder.size_bytes(name),
                parameters.spacing_for(name),
                parameters.minimum_field_mm,
            )
    except RefusedError as refusal:
        return {"name": name, "code": refusal.code, "found": refusal.found}
    return {"name": name, "code": "accepted", "found": "", **identity, **image}
