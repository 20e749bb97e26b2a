"""Room `score`: what the released ensemble says of a folder, and a picture of what it saw."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pandas as pd

from mammo_pipeline.closing import closing_block
from mammo_pipeline.datasets.store import StoredImages
from mammo_pipeline.mammo import exam
from mammo_pipeline.mammo.fates import describe_fate
from mammo_pipeline.mammo.standard import describe_standard
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
    """Returns one row an image with its calibrated probability, and which model gave it.

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
    probability = pd.Series(np.nan, index=table.index)
    for start in range(0, len(seen), parameters.batch):
        part = seen.iloc[start : start + parameters.batch]
        canvases = np.asarray(store.pixels[part["position"].to_numpy()])[..., None]
        probability[part.index] = np.asarray(released.model.predict(canvases), float).ravel()
    kept = ["image_id", "exam_id", "patient_id", "laterality", "view", "device", "position", "code"]
    model = {
        "name": released.name,
        "version": released.version,
        "alias": released.alias,
        "aggregation": released.config["aggregation"],
    }
    return table[kept].assign(probability=probability), model


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

    A breast's score is the model's aggregate of its images' logits; an exam's is the higher of its
    two breasts'. Missing views are named, and a breast without any image has no row.
    """
    scored = image_scores.dropna(subset=["probability"])
    odds = scored["probability"].clip(1e-12, 1 - 1e-12)
    logits = scored.assign(logit=np.log(odds / (1 - odds)))
    breasts = (
        logits.groupby(["exam_id", "patient_id", "laterality"])
        .agg(
            logit=("logit", model["aggregation"]),
            images=("image_id", "size"),
            views=("view", lambda views: " ".join(sorted(set(views)))),
        )
        .reset_index()
    )
    breasts["missing"] = [
        " ".join(sorted({"CC", "MLO"} - set(views.split()))) for views in breasts["views"]
    ]
    breasts["score"] = 1 / (1 + np.exp(-breasts["logit"]))
    exams = (
        breasts.groupby(["exam_id", "patient_id"])
        .agg(
            score=("score", "max"),
            breasts=("laterality", lambda sides: " ".join(sorted(sides))),
            images=("images", "sum"),
        )
        .reset_index()
    )
    return breasts.drop(columns="logit"), exams


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
            "images scored": str(_count_scored(image_scores)),
        },
        "sections": [
            _contact_sheet(image_scores, breasts, store, parameters.pictures),
            _breast_section(breasts, model),
            _exam_section(exams),
            _fates(image_scores, files),
        ],
    }


def _breast_section(breasts: pd.DataFrame, model: dict[str, Any]) -> dict[str, Any]:
    return {
        "title": "Breasts",
        "text": f"Score: {model['aggregation']} of the images' logits, as a calibrated probability "
        "of cancer at the prevalence of the set that the model was tuned on.",
        "table": {
            "columns": ["Exam", "Breast", "Score", "Views", "Missing", "Images"],
            "rows": [
                [b.exam_id, b.laterality, f"{b.score:.3f}", b.views, b.missing, b.images]
                for b in breasts.itertuples()
            ],
        },
    }


def _exam_section(exams: pd.DataFrame) -> dict[str, Any]:
    return {
        "title": "Exams",
        "text": "Score: the higher of the two breasts'.",
        "table": {
            "columns": ["Exam", "Score", "Breasts", "Images"],
            "rows": [
                [e.exam_id, f"{e.score:.3f}", e.breasts, e.images] for e in exams.itertuples()
            ],
        },
    }


def _contact_sheet(
    image_scores: pd.DataFrame, breasts: pd.DataFrame, store: StoredImages, most: int
) -> dict[str, Any]:
    from mammo_pipeline.reporting.charts import image_grid

    seen = image_scores[image_scores["position"] >= 0].head(most)
    if seen.empty:
        return {"title": "What the net saw", "text": "Nothing: every image was refused."}
    pictures = [(store.pixels[place] >> 8).astype(np.uint8) for place in seen["position"]]
    captions = [
        f"{r.exam_id[:6]} {r.laterality} {r.view} {r.probability:.3f}" for r in seen.itertuples()
    ]
    return {
        "title": "What the net saw",
        "image": image_grid(pictures, captions),
        "caption": f"{len(seen)} of {len(image_scores)} images on the canvas, chest wall left; "
        "exam, breast, view, probability of the image.",
    }


def _fates(image_scores: pd.DataFrame, files: pd.DataFrame) -> dict[str, Any]:
    later = [{"file_id": "", **describe_fate(code)} for code in _refused_later(image_scores)]
    table = pd.concat([files[files["fate"] != "accepted"], pd.DataFrame(later)])
    keys = ["fate", "reason", "found", "tag", "remedy"]
    counts = table.groupby(keys, dropna=False).size() if len(table) else {}
    scored = _count_scored(image_scores)
    if scored + len(table) != len(files):
        raise ValueError(
            f"{scored} files scored and {len(table)} refused, {len(files)} found: tables of "
            "different runs were mixed. Run `score` again."
        )
    rows = [[scored, "scored", "", "", "", ""]]
    rows += [[int(n), *map(str, which)] for which, n in counts.items()]
    return {
        "title": "Fate of every file",
        "table": {
            "columns": ["Files", "Fate", "Reason", "Found", "Attribute", "Remedy"],
            "rows": rows,
            "note": f"The counts add up to {len(files)} files found. The private table of names "
            "beside the scores tells which file each row is.",
        },
    }


def _refused_later(image_scores: pd.DataFrame) -> list[str]:
    return image_scores.loc[image_scores["position"] < 0, "code"].tolist()


def _count_scored(image_scores: pd.DataFrame) -> int:
    return int(image_scores["probability"].notna().sum())


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
        "images": f"{_count_scored(image_scores)} scored of {len(image_scores)} accepted",
        "exams": str(len(exams)),
    }
    later = pd.Series([describe_fate(c)["reason"] for c in _refused_later(image_scores)], dtype=str)
    reasons = pd.concat([files.loc[files["fate"] != "accepted", "reason"], later])
    for reason, n in reasons.value_counts().items():
        rows[f"  {reason}"] = str(n)
    log.info(closing_block("score", rows, page["page"]))
