"""Room `score`: what the released ensemble says of a folder, and a picture of what it saw."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit

from mammo_pipeline.closing import closing_block
from mammo_pipeline.datasets.store import StoredImages
from mammo_pipeline.mammo import exam
from mammo_pipeline.mammo.calibration.maps import apply_calibration
from mammo_pipeline.mammo.calibration.scale import score_on_scale
from mammo_pipeline.mammo.fates import describe_fate
from mammo_pipeline.mammo.standard import describe_standard
from mammo_pipeline.mammo.units import aggregate_breasts
from mammo_pipeline.pipelines.score.page import (
    count_scored,
    list_refused,
    show_breasts,
    show_exams,
    show_fates,
    show_images,
)
from mammo_pipeline.pipelines.score.parameters import ScoreParameters
from mammo_pipeline.pipelines.standardize.parameters import StandardizeParameters

log = logging.getLogger(__name__)


def score_folder(
    images: pd.DataFrame,
    store: StoredImages,
    device_maps: dict[str, Any] | None,
    standardize: StandardizeParameters,
    parameters: ScoreParameters,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Returns one row an image with its logit and probability, and which model gave it.

    Args:
        images: As `ingest` made them, without labels.
        store: The same images, standardized.
        device_maps: Maps of grey by device that they went through; None for none.
        standardize: How they were standardized; it must be how the model's images were.
        parameters: The room's parameters.

    Raises:
        PromotionError: No model is released.
        ValueError: The model was made for images of another standard.
    """
    from mammo_pipeline.tracking.released import load_released

    released = load_released()
    current = describe_standard(standardize.standard, device_maps)
    refuse_other_standard(released.config["standard"], current)
    table = images.merge(store.index[["image_id", "position", "code"]], on="image_id")
    seen = table[table["position"] >= 0]
    model = read_frozen(released.config)
    logit = pd.Series(np.nan, index=table.index)
    for start in range(0, len(seen), parameters.batch):
        part = seen.iloc[start : start + parameters.batch]
        canvases = np.asarray(store.pixels[part["position"].to_numpy()])[..., None]
        logit[part.index] = ask_logits(released.model, canvases, released.config)
    kept = ["image_id", "exam_id", "patient_id", "laterality", "view", "device", "position", "code"]
    probability = expit(apply_calibration(model["calibration"], logit, table["device"]))
    named = {"name": released.name, "version": released.version, "alias": released.alias}
    return table[kept].assign(logit=logit, probability=probability), named | model


def read_frozen(config: dict[str, Any]) -> dict[str, Any]:
    """Returns what was frozen with a model: aggregation, calibration, operating_point, scale.

    A model released before these were stored with it holds the two numbers of Platt's map, and
    neither scale nor operating point: None.

    >>> older = {"aggregation": "mean", "slope": 2.0, "intercept": 0.5}
    >>> read_frozen(older)["calibration"]["pooled"]
    {'method': 'platt', 'slope': 2.0, 'intercept': 0.5}
    """
    calibration = config.get("calibration")
    if calibration is None:
        platt = {"method": "platt", "slope": config["slope"], "intercept": config["intercept"]}
        calibration = {"scope": "pooled", "pooled": platt, "by_device": {}}
    return {
        "aggregation": config["aggregation"],
        "calibration": calibration,
        "operating_point": config.get("operating_point"),
        "scale": config.get("scale"),
    }


def ask_logits(served: Any, canvases: np.ndarray, config: dict[str, Any]) -> np.ndarray:
    """Returns the ensemble's uncalibrated logits, float64 (n,).

    A model released before it could be asked for them gives probabilities, and its map is undone.
    """
    if "calibration" in config:
        return np.asarray(served.predict(canvases, params={"output": "logit"}), float).ravel()
    p = np.asarray(served.predict(canvases), float).ravel().clip(1e-12, 1 - 1e-12)
    return (np.log(p) - np.log1p(-p) - config["intercept"]) / config["slope"]


def refuse_other_standard(stated: dict[str, Any], current: dict[str, Any]) -> None:
    """Returns nothing when the model's images and these were standardized alike.

    Raises:
        ValueError: They were not, with what differs.
    """
    differ = [n for n in sorted({*stated, *current}) if stated.get(n) != current.get(n)]
    if differ:
        told = "; ".join(f"{n}: model {stated.get(n)}, here {current.get(n)}" for n in differ)
        raise ValueError(
            f"The released model was made for images of another standard ({told}). Score with the "
            "environment that the model was trained in: kedro run --env <env> --pipelines score."
        )


def aggregate_scores(
    image_scores: pd.DataFrame, model: dict[str, Any]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Returns one row a breast and one row an exam, each with its score and what it rests on.

    A breast's logit is the model's aggregate of its images' uncalibrated logits, calibrated
    afterwards, as on tune; an exam's figures are the higher of its two breasts'. Missing views are
    named, and a breast without any image has no row. `score` is 1 to 10 on the frozen scale;
    `score` and `recalled` stay empty where the model carries no scale or operating point.
    """
    scored = image_scores.dropna(subset=["logit"])
    aggregated = aggregate_breasts(scored.assign(cancer=0), ["logit"], model["aggregation"])
    names = ["exam_id", "patient_id", "laterality"]
    views = scored.groupby(names)["view"].agg(lambda found: " ".join(sorted(set(found))))
    breasts = aggregated[[*names, "device", "logit", "images"]].merge(
        views.rename("views").reset_index(), on=names
    )
    breasts["missing"] = [
        " ".join(sorted({"CC", "MLO"} - set(found.split()))) for found in breasts["views"]
    ]
    breasts = judge_scores(breasts, model)
    exams = (
        breasts.groupby(["exam_id", "patient_id"])
        .agg(
            probability=("probability", "max"),
            score=("score", "max"),
            recalled=("recalled", "max"),
            breasts=("laterality", lambda sides: " ".join(sorted(sides))),
            images=("images", "sum"),
        )
        .reset_index()
    )
    return breasts.drop(columns=["logit", "device"]), exams


def judge_scores(breasts: pd.DataFrame, model: dict[str, Any]) -> pd.DataFrame:
    """Returns the breasts with probability, score and recalled, by what was frozen."""
    logits, devices = breasts["logit"], breasts["device"]
    calibrated = apply_calibration(model["calibration"], logits, devices)
    probability = expit(calibrated)
    score = pd.array([pd.NA] * len(breasts), dtype="Int64")
    recalled = pd.array([pd.NA] * len(breasts), dtype="boolean")
    if model["scale"]:
        score = pd.array(score_on_scale(calibrated, model["scale"]), dtype="Int64")
    if model["operating_point"]:
        above = probability >= model["operating_point"]["threshold"]
        recalled = pd.array(above, dtype="boolean")
    return breasts.assign(probability=probability, score=score, recalled=recalled)


def write_score_page(
    image_scores: pd.DataFrame,
    breasts: pd.DataFrame,
    exams: pd.DataFrame,
    files: pd.DataFrame,
    store: StoredImages,
    model: dict[str, Any],
    parameters: ScoreParameters,
) -> dict[str, Any]:
    """Returns the page: scores, the contact sheet of what the net saw, the fate of every file."""
    return {
        "title": "Scores of a folder",
        "subtitle": "Research use only: not a diagnosis, not for any decision about a patient.",
        "verdict": {
            "state": "info",
            "text": f"{len(exams)} exams scored by {model['name']} version {model['version']} "
            f"({model['alias']}).",
        },
        "facts": {
            "files found": str(len(files)),
            "images scored": str(count_scored(image_scores)),
        },
        "sections": [
            show_images(image_scores, breasts, store, parameters.pictures),
            show_breasts(breasts, model),
            show_exams(exams),
            show_fates(image_scores, files),
        ],
    }


def close_score(
    image_scores: pd.DataFrame,
    exams: pd.DataFrame,
    files: pd.DataFrame,
    model: dict[str, Any],
    page: dict[str, Any],
) -> None:
    """Logs the room's closing block."""
    flow = exam.count_flow(files)
    rows = {
        "model": f"{model['name']} version {model['version']} ({model['alias']})",
        "files": ", ".join(f"{n} {name}" for name, n in flow.items()),
        "images": f"{count_scored(image_scores)} scored of {len(image_scores)} accepted",
        "exams": str(len(exams)),
    }
    later = pd.Series([describe_fate(c)["reason"] for c in list_refused(image_scores)], dtype=str)
    reasons = pd.concat([files.loc[files["fate"] != "accepted", "reason"], later])
    for reason, n in reasons.value_counts().items():
        rows[f"  {reason}"] = str(n)
    log.info(closing_block("score", rows, page["page"]))
