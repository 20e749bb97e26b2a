"""Room `standardize`: every image on one canvas, and the proof that the device is gone."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from mammo_pipeline.closing import closing_block
from mammo_pipeline.datasets.files import FolderOfFiles
from mammo_pipeline.datasets.store import ImageStream, StoredImages
from mammo_pipeline.mammo.exam import BOX_COLUMNS
from mammo_pipeline.mammo.fates import describe_fate
from mammo_pipeline.mammo.geometry import Transform
from mammo_pipeline.mammo.standard import Standard, standardize_file
from mammo_pipeline.pipelines.standardize.parameters import StandardizeParameters

log = logging.getLogger(__name__)

AXES = ("row_scale", "row_offset", "column_scale", "column_offset")
SHOWN_FEATURES = {
    "q50": "median grey of the tissue",
    "spread": "standard deviation of the grey of the tissue",
    "high_frequency": "standard deviation of the finest detail",
    "tissue_share": "tissue's share of the frame",
}


def standardize_images(
    images: pd.DataFrame, folder: FolderOfFiles, key: bytes, parameters: StandardizeParameters
) -> ImageStream:
    """Returns the stream of standardized images, in the order of the table.

    Args:
        images: One row an image, as `ingest` made it.
        folder: The DICOM folder.
        key: The secret of the pseudonyms: a file is found again by making its pseudonym anew, so
            that no table holds its name.
        parameters: The room's parameters.
    """
    return ImageStream(parameters.shape_px, _standardize(images, folder, key, parameters))


def _standardize(
    images: pd.DataFrame, folder: FolderOfFiles, key: bytes, parameters: StandardizeParameters
) -> Iterator[tuple[np.ndarray | None, dict[str, Any]]]:
    from joblib import Parallel, delayed

    rows = images.to_dict("records")
    names = folder.find_again([row["file_id"] for row in rows], key)
    work = Parallel(n_jobs=parameters.jobs, return_as="generator")(
        delayed(_standardize_one)(folder, names[row["file_id"]], row, parameters.standard)
        for row in rows
    )
    yield from tqdm(work, total=len(rows), desc="standardize", unit="image", mininterval=1)


def _standardize_one(
    folder: FolderOfFiles, name: str, row: dict[str, Any], standard: Standard
) -> tuple[np.ndarray | None, dict[str, Any]]:
    with folder.open(name) as stream:
        return standardize_file(stream.read(), row, standard)


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


def probe_standard(
    store: StoredImages, images: pd.DataFrame, parameters: StandardizeParameters
) -> dict[str, Any]:
    """Returns the device probe before and after, and what became of every image.

    Before means the fixed resize of the whole frame that most systems feed their nets; after
    means the canvas. With a single device there is nothing to tell apart, and the values are null.
    """
    from mammo_pipeline.mammo.probe import FEATURES, device_auc, probe_devices

    table = store.index.merge(images[["image_id", "device", "patient_id"]], on="image_id")
    used = table[table["position"] >= 0].head(parameters.probe_images).reset_index(drop=True)
    rng = np.random.default_rng(parameters.seed)
    flow = {
        "standard": asdict(parameters.standard),
        "images": len(table),
        "standardized": int((table["position"] >= 0).sum()),
        "refused": table.loc[table["position"] < 0, "code"].value_counts().to_dict(),
        "lost_mm2_median": float(used["lost_mm2"].median()) if len(used) else None,
        "images_with_tissue_lost": int((used["lost_mm2"] > 0).sum()) if len(used) else 0,
    }
    hindrance = _hinder_probe(used, parameters.probe_folds)
    if hindrance:
        blank = {"auc": None, "low": None, "high": None, "reason": hindrance}
        return {**flow, "before": blank, "after": blank}
    probes = {}
    for when in ("before", "after"):
        features = used[[f"{when}_{name}" for name in FEATURES]]
        who = used["device"], used["patient_id"]
        chances = probe_devices(features, *who, parameters.probe_folds, parameters.seed)
        probes[when] = device_auc(chances, *who, parameters.probe_draws, rng)
    return {**flow, **probes}


def _hinder_probe(used: pd.DataFrame, folds: int) -> str:
    """Returns why the devices cannot be probed, or an empty text."""
    if used["device"].nunique() < 2:
        return "only one device"
    fewest = int(used.groupby("device")["patient_id"].nunique().min())
    return f"a device with {fewest} patients for {folds} folds" if fewest < folds else ""


def write_standardize_page(
    store: StoredImages, images: pd.DataFrame, probe: dict[str, Any]
) -> dict[str, Any]:
    """Returns the page: the probe, features by device before and after, examples, refusals."""
    table = store.index.merge(images[["image_id", "device"]], on="image_id")
    used = table[table["position"] >= 0]
    return {
        "title": "Standardization",
        "subtitle": "Whether a classifier can tell the devices apart, before and after.",
        "verdict": {"state": "info", "text": _say_probe(probe)},
        "facts": {"images": str(len(table)), "standardized": str(len(used))},
        "sections": [
            _probe_section(probe),
            *_feature_sections(used),
            _example_section(store, used),
            _refusal_section(table),
        ],
    }


def _say_probe(probe: dict[str, Any]) -> str:
    if probe["before"]["auc"] is None:
        return f"Not probed: {probe['before']['reason']}."
    return (
        f"Device-probe AUC {_interval(probe['before'])} before, {_interval(probe['after'])} after."
    )


def _interval(figure: dict[str, Any]) -> str:
    return f"{figure['auc']:.3f} ({figure['low']:.3f} to {figure['high']:.3f})"


def _probe_section(probe: dict[str, Any]) -> dict[str, Any]:
    rows = []
    for when, name in (("before", "fixed resize of the frame"), ("after", "standardized canvas")):
        figure = probe[when]
        if figure["auc"] is not None:
            rows.append([name, _interval(figure), figure["images"], figure["patients"]])
            rows += [[f"- {d}", f"{v:.3f}", "", ""] for d, v in figure["by_device"].items()]
    return {
        "title": "Device probe",
        "text": "AUC of telling one device from the rest; 0.5 is chance. "
        + str(probe["after"].get("how", "")),
        "table": {
            "columns": ["Images", "AUC (95 % interval)", "n images", "n patients"],
            "rows": rows,
            "note": "Lines with a dash are single devices against the rest; they have no interval.",
        },
    }


def _feature_sections(used: pd.DataFrame) -> list[dict[str, Any]]:
    from mammo_pipeline.reporting.charts import histogram_by_group

    return [
        {
            "title": f"{words[0].upper()}{words[1:]}, {when}",
            "chart": histogram_by_group(
                used[f"{when}_{name}"].to_numpy(), used["device"].to_numpy(), words
            ),
            "caption": f"By device, {when} standardization; n = {len(used)} images.",
        }
        for name, words in SHOWN_FEATURES.items()
        for when in ("before", "after")
    ]


def _example_section(store: StoredImages, used: pd.DataFrame) -> dict[str, Any]:
    from mammo_pipeline.reporting.charts import image_grid

    if used.empty:
        return {"title": "What the net sees", "text": "Nothing: every image was refused."}
    first = used.groupby("device").head(2).sort_values("device")
    pictures = [(store.pixels[p] >> 8).astype(np.uint8) for p in first["position"]]
    return {
        "title": "What the net sees",
        "image": image_grid(pictures, list(first["device"])),
        "caption": "The first two images of every device, on the canvas.",
    }


def _refusal_section(table: pd.DataFrame) -> dict[str, Any]:
    refused = table[table["position"] < 0]
    rows = [
        [code, describe_fate(code)["reason"], describe_fate(code)["remedy"], int(n)]
        for code, n in refused["code"].value_counts().items()
    ]
    return {
        "title": "Images refused for their pixels",
        "text": f"{len(refused)} of {len(table)} images.",
        "table": {"columns": ["Code", "Reason", "Remedy", "Images"], "rows": rows},
    }


def close_standardize(probe: dict[str, Any], page: dict[str, Any]) -> None:
    """Logs the room's closing block."""
    rows = {
        "images": f"{probe['standardized']} of {probe['images']} standardized",
        "refused": str(probe["refused"] or "none"),
        "device probe": _say_probe(probe),
        "off canvas": f"{probe['images_with_tissue_lost']} images lose tissue",
    }
    next_command = "kedro run --pipelines patches"
    log.info(closing_block("standardize", rows, page["page"], next_command))
