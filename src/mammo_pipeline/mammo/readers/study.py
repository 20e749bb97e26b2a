"""What a reader study says: by reader, on the mean, between modalities, beside a model."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np

from mammo_pipeline.mammo.delong import compare_areas, state_area
from mammo_pipeline.mammo.readers.obuchowski_rockette import (
    average_over_readers,
    compare_all_modalities,
    measure_readers,
    subtract,
)
from mammo_pipeline.mammo.readers.standalone import compare_points, measure_model, place_readers
from mammo_pipeline.mammo.readers.table import ReaderStudy


def analyze_study(
    study: ReaderStudy,
    threshold: float | None,
    level: float,
    repeats: int,
    rng: np.random.Generator,
) -> dict[str, Any]:
    """Returns the record of a study: plain numbers, every figure with its interval, n and how.

    Args:
        study: As `table.arrange_study` makes it.
        threshold: A reader recalls a case scored from it on; None leaves the points out.
        level: Of the intervals.
        repeats: Bootstrap replicates, for the points beside a model's curve.
        rng: Where chance comes from.

    Returns:
        count; readers, modalities; areas: by reader and modality; means: by modality, with random
        and with fixed readers; differences: of each pair of modalities, the later less the
        earlier; tests: that all modalities are equal; points; model, None without one.
    """
    areas, covariance = measure_readers(study)
    record: dict[str, Any] = {
        "count": {
            "cases": len(study.cases),
            "positives": int(study.labels.sum()),
            "patients": len(set(study.patients)),
            "readers": len(study.readers),
        },
        "readers": study.readers,
        "modalities": study.modalities,
        "level": level,
        "threshold": threshold,
        "areas": list_areas(study, areas, covariance, level),
        "means": [_average(study, areas, covariance, at, level) for at in range(len(areas))],
        "differences": [
            subtract_modalities(study, areas, covariance, pair, level)
            for pair in combinations(range(len(areas)), 2)
        ],
        "tests": {
            kind: compare_all_modalities(areas, covariance, kind) for kind in ("random", "fixed")
        },
        "points": [] if threshold is None else place_readers(study, threshold, level),
        "model": None,
    }
    if study.model is None:
        return record
    gaps = [] if threshold is None else compare_points(study, threshold, level, repeats, rng)
    return record | {"model": measure_model(study, level) | {"points": gaps}}


def list_areas(
    study: ReaderStudy, areas: np.ndarray, covariance: np.ndarray, level: float
) -> list[dict[str, Any]]:
    """Returns {reader, modality, auroc} of each reader and modality."""
    clustered = len(set(study.patients)) < len(study.cases)
    return [
        {
            "reader": reader,
            "modality": modality,
            "auroc": state_area(
                float(areas[m, r]), float(covariance[m, r, m, r]), study.labels, clustered, level,
                "logit",
            ),
        }
        for m, modality in enumerate(study.modalities)
        for r, reader in enumerate(study.readers)
    ]  # fmt: skip


def _average(
    study: ReaderStudy, areas: np.ndarray, covariance: np.ndarray, at: int, level: float
) -> dict[str, Any]:
    found: dict[str, Any] = {"modality": study.modalities[at]}
    what = "area under the ROC curve, ties half"
    for kind in ("random", "fixed"):
        mean = average_over_readers(
            areas[at], covariance[at, :, at], level, kind, len(study.cases), what
        )
        # That an area is not 0 needs no test.
        found[kind] = {key: mean[key] for key in ("figure", "error", "df")}
    return found


def subtract_modalities(
    study: ReaderStudy,
    areas: np.ndarray,
    covariance: np.ndarray,
    pair: tuple[int, int],
    level: float,
) -> dict[str, Any]:
    """Returns the later modality less the earlier: of the mean, and of each reader by DeLong.

    Args:
        study: As arranged.
        areas: Shape (t, r).
        covariance: Shape (t, r, t, r).
        pair: Numbers of the earlier and the later modality.
        level: Of the intervals.
    """
    before, after = pair
    name = f"{study.modalities[after]} less {study.modalities[before]}"
    apart, spread = areas[after] - areas[before], subtract(covariance, after, before)
    found: dict[str, Any] = {"name": name, "first": study.modalities[after]}
    found["second"] = study.modalities[before]
    for kind in ("random", "fixed"):
        found[kind] = average_over_readers(
            apart, spread, level, kind, len(study.cases), f"area, {name}"
        )
    found["by_reader"] = []
    for number, reader in enumerate(study.readers):
        scores = study.scores[[after, before], number].T
        one = compare_areas(study.labels, scores, study.patients, level)
        found["by_reader"].append(
            {"reader": reader, "difference": one["difference"], "z": one["z"], "p": one["p"]}
        )
    return found
