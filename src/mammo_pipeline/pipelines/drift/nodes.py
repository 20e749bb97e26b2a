"""Room `drift`: score the later cohort, compare it feature by feature, show what moved."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from mammo_pipeline.closing import closing_block
from mammo_pipeline.datasets.store import StoredImages
from mammo_pipeline.mammo.calibration.maps import apply_calibration
from mammo_pipeline.mammo.digest import digest_data, refuse_other_data
from mammo_pipeline.mammo.drift import (
    VERDICTS,
    Feature,
    Thresholds,
    compare_features,
    summarise_drift,
)
from mammo_pipeline.mammo.ensembling.combine import combine_table
from mammo_pipeline.mammo.ensembling.score import read_members, score_images
from mammo_pipeline.mammo.fates import describe_fate
from mammo_pipeline.pipelines.drift.parameters import DriftParameters

# Columns of features that hold many numbers each, which only the audit of devices looks at.
CURVES = ("_histogram", "_spectrum", "_net")
Members = dict[str, Callable[[], dict[str, np.ndarray]]]

log = logging.getLogger(__name__)


def score_current_images(
    ensemble: dict[str, Any],
    sweep_members: Members,
    current_store: StoredImages,
    parameters: DriftParameters,
) -> pd.DataFrame:
    """Returns image_id and the ensemble's uncalibrated logit of each standardized current image."""
    ready = current_store.index[current_store.index["position"] >= 0]
    logits = score_images(
        ensemble,
        read_members(ensemble, sweep_members),
        current_store.pixels,
        ready["position"].to_numpy(),
        parameters.batch,
    )
    return ready[["image_id"]].assign(logit=logits).reset_index(drop=True)


def compare_cohorts(
    cohort: pd.DataFrame,
    store: StoredImages,
    image_features: pd.DataFrame,
    current_images: pd.DataFrame,
    current_files: pd.DataFrame,
    current_store: StoredImages,
    current_features: pd.DataFrame,
    ensemble: dict[str, Any],
    tune_scores: pd.DataFrame,
    tune_flip_scores: pd.DataFrame,
    current_scores: pd.DataFrame,
    parameters: DriftParameters,
) -> dict[str, Any]:
    """Returns the record of drift: one entry a feature, the verdict of each group and overall.

    The reference is train and tune. Scores exist on tune only, of the reference, and are compared
    with tune alone. Of a large cohort the pixels of a part were measured, an even share of each
    device; all else is compared on every standardized image. The test set is not looked at.
    """
    refuse_other_data(ensemble["data_version"], digest_data(cohort, store.index), "sweep")
    reference = list_standardized(cohort[cohort["side"] != "test"], store)
    current = list_standardized(current_images, current_store)
    settings = collect_settings(parameters)
    features = compare_features(reference, current, list_columns(reference, parameters), **settings)
    measured = join_features(reference, image_features), join_features(current, current_features)
    features += compare_features(*measured, list_pixels(measured[0]), **settings)
    tune = add_scores(cohort, score_tune(ensemble, tune_scores, tune_flip_scores, cohort))
    scored = add_scores(current_images, calibrate(ensemble, current_scores, current_images))
    scores = [Feature("calibrated logit", "numeric", "score")]
    features += compare_features(tune, scored, scores, **settings)
    groups = summarise_drift(features)
    return {
        "verdict": max((g["verdict"] for g in groups.values()), key=VERDICTS.index),
        "groups": groups,
        "count": count_cohorts(reference, current, current_images, current_files),
        "current_fates": count_fates(current_files, current_store),
        "device_mix": count_devices(reference, current),
        "thresholds": {"watch": parameters.watch_psi, "drift": parameters.drift_psi},
        "how": describe_method(parameters),
        "features": features,
    }


def collect_settings(parameters: DriftParameters) -> dict[str, Any]:
    """Returns the settings that every comparison shares, the source of chance among them."""
    return {
        "thresholds": Thresholds(parameters.watch_psi, parameters.drift_psi),
        "bins": parameters.bins,
        "repeats": parameters.repeats,
        "level": parameters.level,
        "rng": np.random.default_rng(parameters.seed),
    }


def add_scores(images: pd.DataFrame, scores: pd.DataFrame) -> pd.DataFrame:
    """Returns image_id, patient_id and score of the images that have one."""
    return images[["image_id", "patient_id"]].merge(scores, on="image_id")


def list_standardized(images: pd.DataFrame, store: StoredImages) -> pd.DataFrame:
    """Returns the images that are in the store."""
    ready = store.index.loc[store.index["position"] >= 0, "image_id"]
    return images[images["image_id"].isin(ready)]


def join_features(images: pd.DataFrame, features: pd.DataFrame) -> pd.DataFrame:
    """Returns the measured images with the features of their pixels before and after."""
    single = [column for column in features if not str(column).endswith(CURVES)]
    return images.merge(features[single], on="image_id")


def list_columns(reference: pd.DataFrame, parameters: DriftParameters) -> list[Feature]:
    """Returns the columns that the parameters name.

    Raises:
        ValueError: A named column does not exist.
    """
    known = [str(column) for column in reference]
    absent = [c.name for c in parameters.columns if c.name not in known]
    if absent:
        raise ValueError(
            f"drift.columns names {absent}, which the images do not have; they have "
            f"{sorted(known)}."
        )
    return [Feature(c.name, c.kind, c.group) for c in parameters.columns]


def list_pixels(measured: pd.DataFrame) -> list[Feature]:
    """Returns every feature of the pixels, before standardization and after."""
    return [
        Feature(str(column), "numeric", group)
        for group in ("before", "after")
        for column in measured
        if str(column).startswith(f"{group}_")
    ]


def score_tune(
    ensemble: dict[str, Any],
    tune_scores: pd.DataFrame,
    tune_flip_scores: pd.DataFrame,
    cohort: pd.DataFrame,
) -> pd.DataFrame:
    """Returns image_id and the frozen ensemble's calibrated logit of each tune image.

    The members' logits are those over the flips that the ensemble was frozen with.
    """
    seen = tune_scores if list(ensemble["flips"]) == ["none"] else tune_flip_scores
    scores = seen[["image_id"]].assign(logit=combine_table(seen, ensemble))
    return calibrate(ensemble, scores, cohort)


def calibrate(ensemble: dict[str, Any], scores: pd.DataFrame, images: pd.DataFrame) -> pd.DataFrame:
    """Returns image_id and the calibrated logit, by the map of the image's device where it has one.

    A device that tune never saw has the pooled map.
    """
    devices = scores[["image_id"]].merge(images[["image_id", "device"]], "left", "image_id")
    calibrated = apply_calibration(ensemble["calibration"], scores["logit"], devices["device"])
    return scores[["image_id"]].assign(**{"calibrated logit": calibrated})


def count_cohorts(
    reference: pd.DataFrame,
    current: pd.DataFrame,
    current_images: pd.DataFrame,
    current_files: pd.DataFrame,
) -> dict[str, int]:
    """Returns images and patients of both sides, and the current images that were refused."""
    return {
        "current_files": len(current_files),
        "current_files_not_used": int((current_files["fate"] != "accepted").sum()),
        "reference_images": len(reference),
        "reference_patients": int(reference["patient_id"].nunique()),
        "current_images": len(current),
        "current_patients": int(current["patient_id"].nunique()),
        "current_refused": len(current_images) - len(current),
    }


def count_fates(files: pd.DataFrame, store: StoredImages) -> list[list[Any]]:
    """Returns fate, reason and number of the current files, those refused for their pixels too."""
    refused = store.index.loc[store.index["position"] < 0, "code"]
    later = pd.DataFrame([describe_fate(str(code)) for code in refused])
    at_first = files[files["fate"] != "accepted"]
    table = pd.concat([at_first, later])
    used = len(files) - len(table)
    counts = table.groupby(["fate", "reason"]).size().items() if len(table) else ()
    return [["compared", "", used], *([*map(str, which), int(n)] for which, n in counts)]


def count_devices(reference: pd.DataFrame, current: pd.DataFrame) -> dict[str, dict[str, int]]:
    """Returns how many images of each device are on each side."""
    counts = [table["device"].value_counts() for table in (reference, current)]
    names = sorted(set(counts[0].index) | set(counts[1].index))
    return {
        str(name): {
            "reference": int(counts[0].get(name, 0)),
            "current": int(counts[1].get(name, 0)),
        }
        for name in names
    }


def describe_method(parameters: DriftParameters) -> str:
    """Returns how the figures were computed, for the page and the record."""
    share = f"{parameters.level:.0%}"
    return (
        f"PSI over {parameters.bins} bins of equal count of the reference (a category is a bin; "
        "values beyond the reference and missing ones have their own), half a case added to each. "
        f"Interval: bootstrap by patient, {parameters.repeats} draws, {share}; resampling raises a "
        f"PSI, so the interval may lie above its value. Chance: the {share} quantile of the PSI "
        "when all patients are dealt anew to both sides; a PSI within it is called stable. "
        "Kolmogorov-Smirnov on patient means, chi-square on one value a patient."
    )


def write_drift_page(
    drift: dict[str, Any],
    ensemble: dict[str, Any],
    tune_scores: pd.DataFrame,
    tune_flip_scores: pd.DataFrame,
    current_scores: pd.DataFrame,
    cohort: pd.DataFrame,
    current_images: pd.DataFrame,
) -> dict[str, Any]:
    """Returns the drift page as a report."""
    from mammo_pipeline.pipelines.drift import page

    tables = {
        "reference (tune)": score_tune(ensemble, tune_scores, tune_flip_scores, cohort),
        "current": calibrate(ensemble, current_scores, current_images),
    }
    scores = {name: table["calibrated logit"] for name, table in tables.items()}
    return {
        "title": "Drift of the current cohort",
        "subtitle": "Each feature of the current cohort against train and tune.",
        "verdict": {
            "state": "passed" if drift["verdict"] == "stable" else "info",
            "text": page.state_result(drift),
        },
        "facts": {name.replace("_", " "): n for name, n in drift["count"].items()},
        "sections": [
            page.show_groups(drift),
            page.show_fates(drift),
            page.show_devices(drift),
            page.show_pixels(drift),
            page.show_features(drift),
            page.show_scores(drift, scores),
            page.show_method(drift),
        ],
        "footer": {"reference data version": ensemble["data_version"]},
    }


def close_drift(drift: dict[str, Any], drift_page: dict[str, Any]) -> None:
    """Logs the block with which the room ends; the page is loaded, so it has been written."""
    count = drift["count"]
    rows = {
        "reference": f"{count['reference_images']} images of {count['reference_patients']} "
        "patients, train and tune",
        "current": f"{count['current_images']} images of {count['current_patients']} patients, "
        f"{count['current_refused']} refused",
    }
    rows |= {
        name: f"{group['verdict']}: {group['drift']} drifted and {group['watch']} to watch of "
        f"{group['features']} features"
        for name, group in drift["groups"].items()
    }
    log.info(closing_block("drift", rows, drift_page["page"]))
