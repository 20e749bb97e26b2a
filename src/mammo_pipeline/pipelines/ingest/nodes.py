"""Room `ingest`: every file of a folder gets a fate, every mammogram its exam and its label."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd

from mammo_pipeline.closing import closing_block
from mammo_pipeline.datasets.files import Entry, FolderOfFiles
from mammo_pipeline.datasets.ledger import Ledger
from mammo_pipeline.mammo import exam
from mammo_pipeline.mammo.collections import (
    Collection,
    CollectionOptions,
    count_matches,
    index_listing,
    match_files,
    read_collection,
    state_values,
)
from mammo_pipeline.mammo.duplicates import list_used, settle_duplicates, settle_raw
from mammo_pipeline.mammo.fates import describe_fate
from mammo_pipeline.mammo.labels import count_unused_labels
from mammo_pipeline.mammo.links import list_links
from mammo_pipeline.mammo.manifest import render_manifest
from mammo_pipeline.pipelines.ingest import reading
from mammo_pipeline.pipelines.ingest.parameters import IngestParameters
from mammo_pipeline.pipelines.ingest.sums import check_sums, read_sums

log = logging.getLogger(__name__)

PRIVATE_COLUMNS = ["name", "code", "file_id", "image_id", "exam_id", "patient_id"]
PRIVATE_COLUMNS += ["size_bytes", "file_sha256"]
_NEXT = "kedro run --pipelines check"


def index_labelled_files(
    folder: FolderOfFiles,
    tables: Mapping[str, str],
    ledger: Ledger,
    key: bytes,
    parameters: IngestParameters,
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, pd.DataFrame, pd.DataFrame, dict[str, int]]:
    """Returns `images`, `lesions`, `files`, `links`, the private table and `label_counts`.

    Args:
        folder: The DICOM folder.
        tables: The label tables as text, by name.
        ledger: What is known of the files.
        key: The secret of the pseudonyms.
        parameters: The room's parameters.

    Raises:
        LabelError: The label table is bad; told before any pixel is decoded, and before any file
            is opened where it can be.
        ValueError: The folder is empty or holds no mammogram.
    """
    entries = _list_entries(folder)
    options = CollectionOptions(parameters.benign_without_callback, parameters.opinion_as_truth)
    names = [entry.name for entry in entries]
    collection = read_collection(parameters.collection, tables, options, names)
    named, counts = _index(folder, entries, collection, ledger, key, parameters)
    outputs = exam.table_of_images(named), exam.table_of_lesions(named), exam.table_of_files(named)
    links = list_links(exam.table_of_sharers(named))
    return *outputs, links, named[PRIVATE_COLUMNS], counts


def index_files(
    folder: FolderOfFiles, ledger: Ledger, key: bytes, parameters: IngestParameters
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Returns `images`, `files` and the private table of names of a folder without labels.

    Raises:
        ValueError: The folder is empty or holds no mammogram.
    """
    named, _ = _index(folder, _list_entries(folder), None, ledger, key, parameters)
    ledger.finish(folder.root, _digests(named))
    return exam.table_of_images(named), exam.table_of_files(named), named[PRIVATE_COLUMNS]


def _list_entries(folder: FolderOfFiles) -> list[Entry]:
    entries = folder.entries()
    if not entries:
        raise ValueError(
            f"The folder {folder.root} is empty. Expected DICOM files of mammograms: put them "
            "there, or name another folder in globals.yml of your environment."
        )
    return entries


def _index(
    folder: FolderOfFiles,
    entries: list[Entry],
    collection: Collection | None,
    ledger: Ledger,
    key: bytes,
    parameters: IngestParameters,
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Returns one row a file with its names and pseudonyms, and the counts of labels and lists."""
    lists, sums = read_sums(folder, entries)
    state, matched = _state_values(collection)
    found = reading.index_headers(folder, entries, ledger, parameters, state)
    _refuse_without_mammogram(found, folder)
    if collection is None:
        labelled, counts = exam.label_images(found, None), {}
    else:
        strict = collection.strict_patients
        labelled = exam.label_images(found, collection.labels, strict)
        counts = matched()
    examined = reading.read_pixels(labelled, folder, entries, ledger, parameters)
    checked, listed = check_sums(examined, lists, sums)
    settled = settle_raw(settle_duplicates(checked))
    _refuse_without_mammogram(settled, folder)
    if collection is not None:
        # Now, for a label whose images all turned out broken has none either.
        counts |= count_unused_labels(list_used(settled), collection.labels)
    return exam.pseudonymize(settled, key), counts | listed


def _state_values(
    collection: Collection | None,
) -> tuple[reading.State, Callable[[], dict[str, int]]]:
    """Returns what tells what a collection's tables state of files, and what counts the matches."""
    if collection is None or collection.listing.empty:
        return lambda names, _: [{}] * len(names), dict
    index = index_listing(collection)
    rows: list[int] = []

    def state(names: Sequence[str], headers: Sequence[Any]) -> list[dict[str, Any]]:
        matched = match_files(index, names, headers)
        rows.extend(matched)
        return [state_values(index, *pair) for pair in zip(matched, headers, strict=True)]

    def count() -> dict[str, int]:
        counts = count_matches(index, rows)
        return {f"tables_{name}": number for name, number in counts.items()}

    return state, count


def _refuse_without_mammogram(found: pd.DataFrame, folder: FolderOfFiles) -> None:
    """Returns nothing where a mammogram is accepted.

    Raises:
        ValueError: None is; with the reasons.
    """
    if (found["code"] == "accepted").any():
        return
    codes = found["code"].value_counts()
    told = "; ".join(f"{n} x {describe_fate(code)['reason']}" for code, n in codes.items())
    raise ValueError(
        f"The folder {folder.root} holds {len(found)} files and no mammogram that can be used: "
        f"{told}. Expected two-dimensional digital mammograms FOR PRESENTATION. "
        f"For the commonest: {describe_fate(codes.index[0])['remedy']}"
    )


def write_raw_manifest(private: pd.DataFrame, key: bytes) -> str:
    """Returns the text that stands for the raw folder in version control, without its names."""
    rows = private[["file_sha256", "size_bytes", "file_id"]].fillna("").to_numpy().tolist()
    return render_manifest([(sha, int(size), name) for sha, size, name in rows], key)


def compare_with_last(
    folder: FolderOfFiles, ledger: Ledger, private: pd.DataFrame
) -> dict[str, int]:
    """Returns how many files are new, changed, vanished and unchanged since the last ingest."""
    now = _digests(private)
    return exam.compare_files(ledger.recall_finished(folder.root), now)


def close_ingest(
    folder: FolderOfFiles,
    ledger: Ledger,
    files: pd.DataFrame,
    private: pd.DataFrame,
    label_counts: dict[str, int],
    changes: dict[str, int],
) -> dict[str, Any]:
    """Returns the flow of files and labels as numbers, and logs the room's closing block.

    The ledger notes the end of the ingest here, when every table is saved.
    """
    ledger.finish(folder.root, _digests(private))
    flow = exam.count_flow(files)
    log.info(closing_block("ingest", _tell(flow, files, label_counts, changes), None, _NEXT))
    return flow | label_counts


def _digests(private: pd.DataFrame) -> dict[str, str]:
    digests = private["file_sha256"].fillna("")
    return dict(zip(private["name"], digests, strict=True))


def _tell(
    flow: dict[str, int],
    files: pd.DataFrame,
    label_counts: dict[str, int],
    changes: dict[str, int],
) -> dict[str, str]:
    refused = files[files["fate"].isin(["quarantined", "other"])]
    rows = {name: str(count) for name, count in flow.items()}
    rows |= {f"  {reason}": str(n) for reason, n in refused["reason"].value_counts().items()}
    rows["since last"] = ", ".join(f"{n} {name}" for name, n in changes.items())
    rows["labels"] = (
        f"{label_counts['labels']}, of which {label_counts['labels_without_image']} met no image, "
        f"{label_counts['cancers_without_image']} with cancer"
    )
    if label_counts["listed"]:
        rows["SHA-256 list"] = (
            f"{label_counts['listed']} files, of which {label_counts['listed_not_found']} are not "
            f"there and {label_counts['listed_and_changed']} are changed"
        )
    if len(refused):
        rows["names"] = "the private table of the room ingest says which file each row is"
    return rows
