"""The audit of the room `standardize`: measured before and after, and judged."""

from __future__ import annotations

import logging
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from mammo_pipeline.datasets.files import FolderOfFiles
from mammo_pipeline.datasets.store import StoredImages
from mammo_pipeline.engine import run_tasks
from mammo_pipeline.guard import GuardedFailure, Limits
from mammo_pipeline.pipelines.standardize import worker
from mammo_pipeline.pipelines.standardize.nodes import (
    find_paths,
    run_in_workers,
    sample_by_device,
)
from mammo_pipeline.pipelines.standardize.parameters import StandardizeParameters

log = logging.getLogger(__name__)

LEVEL = 0.95
# Features whose distribution over all devices must have one mode, and the step under which a
# difference means nothing. `pixel_mm` is the height of a pixel of the net's picture, `aspect` the
# frame's: "device 1 -> 3600x2400, device 2 -> 3600x3600" shows in these two.
MODE_FEATURES = {"pixel_mm": 0.0, "aspect": 0.0, "tissue_share": 0.0, "height_share": 0.005}
MODE_FEATURES |= {"q50": 0.004, "band_4": 0.0}
SIZES = ("breast_mm2", "breast_height_mm", "breast_width_mm")
# Seconds and memory for one made-up breast at full size, through every device.
TWIN_LIMITS = Limits(3600, 8192)


def measure_images(
    images: pd.DataFrame,
    folder: FolderOfFiles,
    key: bytes,
    store: StoredImages,
    parameters: StandardizeParameters,
) -> pd.DataFrame:
    """Returns what a probe could go by, before and after, one row an image that was measured.

    Columns `before_` and `after_` hold the features, a histogram, a spectrum and a frozen net's
    view. Of a study larger than `audit.images` an even share of each device is drawn.

    Args:
        images: One row an image, as `ingest` made it.
        folder: The DICOM folder.
        key: The secret of the pseudonyms.
        store: The standardized images.
        parameters: The room's parameters.
    """
    positions = store.index.set_index("image_id")["position"]
    known = images[images["image_id"].map(positions).fillna(-1) >= 0]
    most = parameters.audit.images
    if len(known) > most:
        most = max(1, most // known["device"].nunique())
    chosen = sample_by_device(known, most, parameters.seed)
    rows = chosen.to_dict("records")
    tasks = (
        (path, row, store.pixels[int(positions[row["image_id"]])], parameters.standard)
        for path, row in zip(find_paths(chosen, folder, key), rows, strict=True)
    )
    found = run_in_workers(worker.measure_path, tasks, len(rows), "audit", parameters)
    measured = [
        {"image_id": row["image_id"], **outcome}
        for row, outcome in zip(rows, found, strict=True)
        if not isinstance(outcome, GuardedFailure) and outcome["code"] == "accepted"
    ]
    if len(measured) < len(rows):
        log.warning("%d of %d images could not be measured.", len(rows) - len(measured), len(rows))
    if not measured:
        return pd.DataFrame({"image_id": pd.Series(dtype="str")})
    return pd.DataFrame(measured).drop(columns="code")


def draw_twins(parameters: StandardizeParameters) -> dict[str, Any]:
    """Returns what becomes of the same made-up breasts through every device; {} where left out."""
    from mammo_pipeline.mammo.audit.lesions_kept import tabulate_lesions
    from mammo_pipeline.mammo.audit.similarity import tabulate_twins
    from mammo_pipeline.mammo.phantom.devices import DEVICES

    rule = parameters.audit.twins
    if not rule.breasts:
        return {}
    tasks = [
        (number, parameters.seed, list(DEVICES), rule.binning, parameters.standard)
        for number in range(rule.breasts)
    ]
    outcomes = [
        rows for _, rows in run_tasks(worker.measure_twin, tasks, parameters.engine, TWIN_LIMITS)
    ]
    found = [rows for rows in outcomes if not isinstance(rows, GuardedFailure)]
    if len(found) < len(outcomes):
        log.warning("%d of %d made-up breasts failed.", len(outcomes) - len(found), len(outcomes))
    if not found:
        return {}
    pairs, lesions = ([row for rows in part for row in rows] for part in zip(*found, strict=True))
    draws, seed = parameters.audit.draws, parameters.seed
    return {
        "binning": rule.binning,
        **tabulate_twins(pairs, draws, np.random.default_rng(seed), LEVEL),
        "lesions_kept": tabulate_lesions(lesions, draws, np.random.default_rng(seed), LEVEL),
    }


def audit_devices(
    cohort: pd.DataFrame,
    store: StoredImages,
    image_features: pd.DataFrame,
    twins: dict[str, Any],
    parameters: StandardizeParameters,
) -> dict[str, Any]:
    """Returns the record of the audit: what became of every image, each measurement, each gate."""
    from mammo_pipeline.mammo.audit.gates import judge_audit

    index = store.index.merge(cohort, on="image_id", suffixes=("", "_ingest"))
    used = index[index["position"] >= 0]
    record = {
        "standard": asdict(parameters.standard),
        "images": len(index),
        "standardized": len(used),
        "measured": len(image_features),
        "refused": index.loc[index["position"] < 0, "code"].value_counts().to_dict(),
        "meanings": used["meaning"].value_counts().to_dict() if len(used) else {},
        **_sum_up_losses(used),
        **_probe(cohort, image_features, parameters),
        "scales": _estimate_scales(used, parameters),
        **_count_modes(cohort, image_features, parameters),
        "twins": twins,
    }
    gates = judge_audit(record, parameters.audit.audit_bounds)
    states = [gate["state"] for gate in gates]
    counts = {state: states.count(state) for state in ("pass", "fail", "not judged")}
    verdict = ", ".join(f"{n} {state}" for state, n in counts.items())
    return {**record, "gates": gates, "failed": counts["fail"], "verdict": verdict}


def _sum_up_losses(used: pd.DataFrame) -> dict[str, Any]:
    return {
        "lost_mm2_median": float(used["lost_mm2"].median()) if len(used) else None,
        "images_with_tissue_lost": int((used["lost_mm2"] > 0).sum()) if len(used) else 0,
        "images_beyond_field": int((used["beyond_field_mm2"] > 0).sum()) if len(used) else 0,
        "beyond_field_share": float(
            used["beyond_field_mm2"].sum()
            / max((used["beyond_field_mm2"] + used["breast_mm2"]).sum(), 1.0)
        )
        if len(used)
        else None,
    }


def _probe(
    cohort: pd.DataFrame, image_features: pd.DataFrame, parameters: StandardizeParameters
) -> dict[str, Any]:
    """Returns the three probes before and after, under weights that level the populations."""
    from mammo_pipeline.mammo.audit.confounders import weigh_images
    from mammo_pipeline.mammo.audit.probe import ProbeRule, hinder_probe, probe_devices

    rule = parameters.audit
    table, rare = leave_out_rare(_join(cohort, image_features), rule.folds)
    devices, women = table["device"], table["patient_id"]
    hindrance = hinder_probe(devices, women, rule.folds) if len(table) else "no image was measured"
    if hindrance:
        blank = {"auc": None, "low": None, "high": None, "reason": hindrance}
        names = ("geometry", "statistics", "network")
        blanks = {name: {"before": blank, "after": blank} for name in names}
        return {"probes": blanks, "devices_not_probed": rare}
    weights, confounding = weigh_images(table, devices, rule.trim)
    how = ProbeRule(rule.folds, rule.draws, LEVEL, parameters.seed)
    probes: dict[str, Any] = {}
    for when in ("before", "after"):
        for name, features in collect_families(table, when).items():
            told = probe_devices(features, devices, women, weights, how)
            probes.setdefault(name, {})[when] = told
    found = {"probes": probes, "confounding": confounding, "leading": _rank(table, weights)}
    return {**found, "devices_not_probed": rare}


def leave_out_rare(images: pd.DataFrame, folds: int) -> tuple[pd.DataFrame, dict[str, int]]:
    """Returns the images of devices with enough women, and how many women each other device has.

    A device with fewer women than folds would keep all the others from being probed.
    """
    women = images.groupby("device")["patient_id"].nunique()
    rare = women[women < folds]
    kept = images[~images["device"].isin(rare.index)].reset_index(drop=True)
    return kept, {str(device): int(count) for device, count in rare.items()}


def collect_families(table: pd.DataFrame, when: str) -> dict[str, np.ndarray]:
    """Returns what each probe looks at: geometry, statistics and the frozen net's view.

    Args:
        table: One row an image, with the columns of `measure_images`.
        when: `before` or `after`.
    """
    from mammo_pipeline.mammo.audit.features import FRAME, GEOMETRY, STATISTICS

    geometry = (*FRAME, *GEOMETRY) if when == "before" else GEOMETRY
    return {
        "geometry": table[[f"{when}_{name}" for name in geometry]].to_numpy(float),
        "statistics": table[[f"{when}_{name}" for name in STATISTICS]].to_numpy(float),
        "network": np.stack(table[f"{when}_net"].to_list()),
    }


def _rank(table: pd.DataFrame, weights: np.ndarray) -> list[dict[str, Any]]:
    """Returns the features that tell most of a device after standardization, one by one."""
    from mammo_pipeline.mammo.audit.features import GEOMETRY, STATISTICS
    from mammo_pipeline.mammo.audit.probe import rank_features

    features = table[[f"after_{name}" for name in (*GEOMETRY, *STATISTICS)]]
    return rank_features(features, table["device"], weights).head(12).to_dict("records")


def _estimate_scales(used: pd.DataFrame, parameters: StandardizeParameters) -> dict[str, Any]:
    from mammo_pipeline.mammo.audit.same_woman import estimate_scales

    columns = ["patient_id", "laterality", "view", "device", *SIZES]
    if used.empty:
        return {}
    return estimate_scales(used[columns], parameters.audit.draws, LEVEL, parameters.seed)


def _count_modes(
    cohort: pd.DataFrame, image_features: pd.DataFrame, parameters: StandardizeParameters
) -> dict[str, Any]:
    """Returns the modes of a few features before and after, pooled over devices."""
    from mammo_pipeline.mammo.audit.modes import count_modes_by_feature

    table, rule = _join(cohort, image_features), parameters.audit
    # With one device its women may be of two kinds, and that tells nothing of devices.
    if table["device"].nunique() < 2:
        return {"modes_before": {}, "modes": {}}
    found = {}
    rows, columns = parameters.shape_px
    frames = {
        "before": (table["before_field_height_mm"] / rows, table["before_aspect"]),
        "after": (parameters.spacing_mm, rows / columns),
    }
    for when, (pixel_mm, aspect) in frames.items():
        shared = {n: table[f"{when}_{n}"] for n in list(MODE_FEATURES)[2:]}
        features = pd.DataFrame({"pixel_mm": pixel_mm, "aspect": aspect, **shared})
        found[when] = count_modes_by_feature(
            features, table, rule.mode_draws, rule.mode_level, parameters.seed, MODE_FEATURES
        )
    return {"modes_before": found["before"], "modes": found["after"]}


def _join(cohort: pd.DataFrame, image_features: pd.DataFrame) -> pd.DataFrame:
    if image_features.empty:
        return cohort.iloc[:0]
    return cohort.merge(image_features, on="image_id").reset_index(drop=True)
