"""Room `standardize`: every image on one canvas, and the proof that the device is gone."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import asdict
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from mammo_pipeline.closing import closing_block
from mammo_pipeline.datasets.files import FolderOfFiles
from mammo_pipeline.datasets.store import ImageStream, StoredImages
from mammo_pipeline.engine import run_tasks
from mammo_pipeline.guard import GuardedFailure, Limits
from mammo_pipeline.imports import digest_code
from mammo_pipeline.mammo import standard as trade
from mammo_pipeline.mammo.digest import digest_record
from mammo_pipeline.mammo.exam import BOX_COLUMNS
from mammo_pipeline.mammo.geometry import Transform
from mammo_pipeline.pipelines.ingest.reading import FAILURES
from mammo_pipeline.pipelines.standardize import worker
from mammo_pipeline.pipelines.standardize.parameters import StandardizeParameters

log = logging.getLogger(__name__)

AXES = ("row_scale", "row_offset", "column_scale", "column_offset")
# What a row of `images` says that shapes the canvas, beside the pixels and how they are shown.
SHAPING = [
    *("pixel_sha256", "display_sha256", "photometric", "laterality", "view"),
    *("row_spacing_mm", "column_spacing_mm"),
]
# Refusals that say nothing of the image: it is tried again by the next run.
FLEETING = frozenset({"changed_since_ingest", "unreadable_file", *FAILURES.values()})
Maps = dict[str, Any]


class DeviceLeakError(RuntimeError):
    """A gate of the audit failed: the standardized images tell their device."""


def fit_device_maps(
    cohort: pd.DataFrame, folder: FolderOfFiles, key: bytes, parameters: StandardizeParameters
) -> Maps:
    """Returns a map of grey for each device, fitted on the train side alone; none unless asked for.

    Args:
        cohort: One row an image, with its side.
        folder: The DICOM folder.
        key: The secret of the pseudonyms.
        parameters: The room's parameters.
    """
    from mammo_pipeline.mammo.intensity import fit_device_maps as fit

    train = cohort[cohort["side"] == "train"]
    chosen = sample_by_device(train, parameters.device_map_images, parameters.seed)
    if chosen.empty:
        return fit(np.empty((0, parameters.grey_quantiles)), np.empty(0, str))
    paths = find_paths(chosen, folder, key)
    tasks = (
        (path, row, parameters.standard)
        for path, row in zip(paths, chosen.to_dict("records"), strict=True)
    )
    found = list(run_in_workers(worker.read_levels, tasks, len(chosen), "device maps", parameters))
    seen = np.array([isinstance(levels, np.ndarray) for levels in found], bool)
    if not seen.all():
        log.warning("%d of %d images tell nothing for the maps.", int((~seen).sum()), len(seen))
    levels = np.array([levels for levels in found if isinstance(levels, np.ndarray)])
    return fit(levels, chosen["device"].to_numpy(str)[seen])


def standardize_images(
    images: pd.DataFrame,
    folder: FolderOfFiles,
    key: bytes,
    device_maps: Maps | None,
    parameters: StandardizeParameters,
) -> ImageStream:
    """Returns the stream of standardized images, in the order of the table.

    What the store has already, by the content it was made from and by how, is not made again.

    Args:
        images: One row an image, as `ingest` made it.
        folder: The DICOM folder.
        key: The secret of the pseudonyms: a file is found again by making its pseudonym anew, so
            that no table holds its name.
        device_maps: Maps of grey by device; None where the study made none.
        parameters: The room's parameters.
    """
    maps = device_maps or {"targets": [], "devices": {}}
    rows = images.to_dict("records")
    standard = parameters.standard

    def make(numbers: list[int]) -> Iterator[tuple[int, bytes | None, dict[str, Any]]]:
        paths = find_paths(images.iloc[numbers], folder, key)
        tasks = (
            (path, rows[number], standard, maps)
            for path, number in zip(paths, numbers, strict=True)
        )
        label = "standardize"
        found = run_in_workers(worker.standardize_path, tasks, len(numbers), label, parameters)
        for number, outcome in zip(numbers, found, strict=True):
            yield number, *_settle(outcome)

    keys = [make_key(row, parameters, maps) for row in rows]
    records = [{"image_id": row["image_id"]} for row in rows]
    return ImageStream(parameters.shape_px, keys, records, make, FLEETING)


def make_key(image: dict[str, Any], parameters: StandardizeParameters, maps: Maps) -> str:
    """Returns what a canvas is found by: SHA-256 of all that it is made from and by.

    The pixels and how they are shown, side, view and spacing, the standard, the map of the device,
    and the code. A corrected spacing redoes that image, a map those of its device, a parameter of
    the audit none.
    """
    own = maps["devices"].get(image["device"])
    return digest_record(
        {
            "image": {name: image[name] for name in SHAPING},
            "standard": asdict(parameters.standard),
            "map": [own, maps["targets"]] if own else None,
            "code": _digest_trade(),
        }
    )


@cache
def _digest_trade() -> str:
    return digest_code(trade.__name__)


def _settle(outcome: Any) -> tuple[bytes | None, dict[str, Any]]:
    if isinstance(outcome, GuardedFailure):
        return None, {"code": FAILURES[outcome.kind], "found": outcome.detail}
    return outcome


def run_in_workers(
    function: Any, tasks: Any, total: int, label: str, parameters: StandardizeParameters
) -> Iterator[Any]:
    """Yields what becomes of each task, in order, with a progress bar."""
    limits = Limits(parameters.limits.seconds, parameters.limits.memory_mb)
    work = run_tasks(function, tasks, parameters.engine, limits)
    bar = tqdm(work, total=total, desc=label, unit="image", mininterval=1)
    for _, outcome in bar:
        yield outcome


def find_paths(images: pd.DataFrame, folder: FolderOfFiles, key: bytes) -> list[str]:
    """Returns the path of each image's file, which stays in this process and its workers."""
    ids = images["file_id"].tolist()
    names = folder.find_again(ids, key)
    return [str(folder.path_of(names[file_id])) for file_id in ids]


def sample_by_device(images: pd.DataFrame, most: int, seed: int) -> pd.DataFrame:
    """Returns at most so many images of each device, drawn by chance, in the table's order."""
    rng = np.random.default_rng(seed)
    order = images.iloc[rng.permutation(len(images))]
    return images.loc[order.groupby("device").head(most).index].sort_index()


def move_lesions(
    lesions: pd.DataFrame, store: StoredImages, parameters: StandardizeParameters
) -> pd.DataFrame:
    """Returns the lesions with boxes in canvas pixels, cut to the canvas, whole pixels outward.

    Args:
        lesions: Boxes in pixels of the stored matrix.
        store: The images, whose table holds each one's transform.
        parameters: The room's parameters.
    """
    kept = store.index[store.index["position"] >= 0].set_index("image_id")
    known = lesions[lesions["image_id"].isin(kept.index)]
    rows, columns = parameters.shape_px
    boxes = []
    for lesion in known.to_dict("records"):
        transform = Transform(*(float(kept.loc[lesion["image_id"], axis]) for axis in AXES))
        box = transform.box_to_canvas(tuple(lesion[name] for name in BOX_COLUMNS))
        low = np.clip(np.floor(box[:2]), 0, (rows, columns)).astype(int)
        high = np.clip(np.ceil(box[2:]), 0, (rows, columns)).astype(int)
        boxes.append({**lesion, **dict(zip(BOX_COLUMNS, [*low, *high], strict=True))})
    moved = pd.DataFrame(boxes, columns=lesions.columns)
    whole = moved.astype(dict.fromkeys(BOX_COLUMNS, "int64"))
    inside = (whole["row_max"] > whole["row_min"]) & (whole["column_max"] > whole["column_min"])
    if (~inside).any():
        log.warning("%d of %d lesion boxes lie off the canvas.", int((~inside).sum()), len(inside))
    return whole[inside].reset_index(drop=True)


def close_standardize(device_audit: dict[str, Any], page: dict[str, Any]) -> None:
    """Logs the room's closing block, and fails the run where a gate of the audit failed.

    Raises:
        DeviceLeakError: With each failed gate; the images and the page are there to be looked at.
    """
    probes = device_audit["probes"]
    rows = {
        "images": f"{device_audit['standardized']} of {device_audit['images']} standardized",
        "refused": str(device_audit["refused"] or "none"),
        **{f"{name} probe": say_probe(record) for name, record in probes.items()},
        "off canvas": f"{device_audit['images_with_tissue_lost']} images lose tissue",
        "gates": device_audit["verdict"],
    }
    next_command = None if device_audit["failed"] else "kedro run --pipelines patches"
    log.info(closing_block("standardize", rows, page["page"], next_command))
    if device_audit["failed"]:
        failed = [gate for gate in device_audit["gates"] if gate["state"] == "fail"]
        told = "; ".join(f"{gate['name']}: {gate['reason']}" for gate in failed)
        raise DeviceLeakError(
            f"{len(failed)} gates of the device audit failed: {told}. Open {page['page']}, see "
            "which device and feature leak, and correct the standard or the device's files; the "
            "bounds are standardize.audit.bounds."
        )


def say_probe(record: dict[str, Any]) -> str:
    """Returns a probe's figures before and after, or why there are none."""
    before, after = record["before"], record["after"]
    if after["auc"] is None:
        return f"not probed: {after['reason']}"
    return f"AUC {_word(before)} before, {_word(after)} after; 0.5 is chance"


def _word(figure: dict[str, Any]) -> str:
    if figure["low"] is None:
        return f"{figure['auc']:.3f} (no interval)"
    return f"{figure['auc']:.3f} ({figure['low']:.3f} to {figure['high']:.3f})"
