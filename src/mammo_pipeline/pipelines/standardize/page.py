"""The page of the room `standardize`: whether the images still tell their device, and the proof."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from mammo_pipeline.datasets.store import StoredImages

AREAS = ["breast_mm2", "lost_mm2", "beyond_field_mm2", "muscle_mm2"]


def write_standardize_page(
    store: StoredImages,
    cohort: pd.DataFrame,
    image_features: pd.DataFrame,
    device_audit: dict[str, Any],
) -> dict[str, Any]:
    """Returns the page: the verdict and its gates first, then what they rest on.

    Args:
        store: The standardized images.
        cohort: One row an image, as `ingest` made it.
        image_features: What `measure_images` measured; empty where no image was.
        device_audit: What `audit_devices` recorded.
    """
    from mammo_pipeline.pipelines.standardize import (
        contact_sheets,
        device_figures,
        image_facts,
        probe_figures,
        twin_figures,
    )

    used = join_used(store.index, cohort)
    measured = join_measured(cohort, image_features)
    return {
        "title": "Standardization",
        "subtitle": "Whether the images still tell their device.",
        "verdict": state_verdict(device_audit),
        "facts": list_facts(used, device_audit),
        "sections": [
            image_facts.show_gates(device_audit["gates"]),
            image_facts.show_images(used, device_audit),
            probe_figures.show_probes(device_audit, measured),
            device_figures.show_medians(used, measured, device_audit["standard"]),
            *device_figures.show_overlays(measured),
            probe_figures.show_modes(device_audit),
            probe_figures.show_scales(device_audit["scales"]),
            *twin_figures.show_twins(device_audit["twins"]),
            *contact_sheets.show_sheets(store, used, measured),
        ],
    }


def join_used(index: pd.DataFrame, cohort: pd.DataFrame) -> pd.DataFrame:
    """Returns the standardized images with what ingest knows of them, one row an image.

    Where every image was refused the columns of the areas are there, and empty.
    """
    joined = index.merge(cohort, on="image_id", suffixes=("", "_ingest"))
    used = joined[joined["position"] >= 0].reset_index(drop=True)
    return used.reindex(columns=[*used.columns.union([*AREAS, "muscle_edge", "meaning"])])


def join_measured(cohort: pd.DataFrame, image_features: pd.DataFrame) -> pd.DataFrame:
    """Returns the measured images with what ingest knows of them, one row an image."""
    if image_features.empty:
        return cohort.iloc[:0]
    return cohort.merge(image_features, on="image_id").reset_index(drop=True)


def state_verdict(device_audit: Mapping[str, Any]) -> dict[str, str]:
    """Returns the verdict on top of the page; that nothing was judged is no pass."""
    states = [gate["state"] for gate in device_audit["gates"]]
    failed, passed = states.count("fail"), states.count("pass")
    counts = f"Of {len(states)} gates {passed} passed, {failed} failed and "
    counts += f"{states.count('not judged')} could not be judged."
    if failed:
        words = "The images still tell their device, or are not to scale: the run ends here."
        return {"state": "failed", "text": f"{words} {counts}"}
    if not passed:
        words = "Nothing could be judged: this page proves nothing of these images."
        return {"state": "info", "text": f"{words} {counts}"}
    return {"state": "passed", "text": f"Every gate that could be judged holds. {counts}"}


def list_facts(used: pd.DataFrame, device_audit: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the figures on top of the page."""
    from mammo_pipeline.pipelines.standardize.image_facts import measure_share

    images, standardized = device_audit["images"], device_audit["standardized"]
    return {
        "images found": images,
        "images standardized": standardized,
        "images refused": images - standardized,
        "images measured for this page": device_audit["measured"],
        "devices": int(used["device"].nunique()),
        "too rare to be probed": _say_rare(device_audit.get("devices_not_probed", {})),
        "tissue off the canvas, %": measure_share(used, "lost_mm2", ["breast_mm2"]),
        "tissue beyond the field, %": measure_share(
            used, "beyond_field_mm2", ["breast_mm2", "beyond_field_mm2"]
        ),
    }


def _say_rare(rare: Mapping[str, int]) -> str:
    return "; ".join(f"{device} ({women} women)" for device, women in rare.items()) or "none"
