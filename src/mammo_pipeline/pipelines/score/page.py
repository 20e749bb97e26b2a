"""The sections of the score page: each takes tables, returns one section."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from mammo_pipeline.datasets.store import StoredImages
from mammo_pipeline.mammo.fates import describe_fate

Section = dict[str, Any]


def show_breasts(breasts: pd.DataFrame, model: dict[str, Any]) -> Section:
    """Returns the table of breasts, and how to read its columns."""
    return {
        "title": "Breasts",
        "text": f"Probability: {model['aggregation'].replace('_', '-')} of the images' logits, "
        "calibrated: of cancer, at the prevalence of the set that the model was tuned on. "
        f"{_describe_scale(model)}",
        "table": {
            "columns": [
                *("Exam", "Breast", "Probability", "Score", "Recalled"),
                *("Views", "Missing", "Images"),
            ],
            "rows": [
                [
                    *(b.exam_id, b.laterality, f"{b.probability:.3f}"),
                    *_show_judgement(b.score, b.recalled),
                    *(b.views, b.missing, b.images),
                ]
                for b in breasts.itertuples()
            ],
        },
    }


def _describe_scale(model: dict[str, Any]) -> str:
    if not model["scale"] or not model["operating_point"]:
        return "This model was released without a scale of 1 to 10 and without operating point."
    point = model["operating_point"]
    return (
        "Score: 1 to 10, the tenth of the reference screening population that the breast falls "
        f"into. Recalled: at the point frozen on tune, probability at least "
        f"{point['threshold']:.3f} ({point['rule'].replace('_', ' ')} {point['target']:g}); "
        "research only, no recall of a woman."
    )


def _show_judgement(score: Any, recalled: Any) -> list[str | None]:
    return [
        None if pd.isna(score) else str(score),
        None if pd.isna(recalled) else ("yes" if recalled else "no"),
    ]


def show_exams(exams: pd.DataFrame) -> Section:
    """Returns the table of exams."""
    return {
        "title": "Exams",
        "text": "Each figure is the higher of the two breasts'; an exam is recalled when one is.",
        "table": {
            "columns": ["Exam", "Probability", "Score", "Recalled", "Breasts", "Images"],
            "rows": [
                [
                    *(e.exam_id, f"{e.probability:.3f}"),
                    *_show_judgement(e.score, e.recalled),
                    *(e.breasts, e.images),
                ]
                for e in exams.itertuples()
            ],
        },
    }


def show_images(
    image_scores: pd.DataFrame, breasts: pd.DataFrame, store: StoredImages, most: int
) -> Section:
    """Returns the contact sheet of what the net saw."""
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


def show_fates(image_scores: pd.DataFrame, files: pd.DataFrame) -> Section:
    """Returns how many files ended how; the counts add up to all files."""
    later = [{"file_id": "", **describe_fate(code)} for code in list_refused(image_scores)]
    table = pd.concat([files[files["fate"] != "accepted"], pd.DataFrame(later)])
    keys = ["fate", "reason", "found", "tag", "remedy"]
    counts = table.groupby(keys, dropna=False).size() if len(table) else {}
    scored = count_scored(image_scores)
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


def list_refused(image_scores: pd.DataFrame) -> list[str]:
    """Returns the codes of the images that were refused for their pixels."""
    return image_scores.loc[image_scores["position"] < 0, "code"].tolist()


def count_scored(image_scores: pd.DataFrame) -> int:
    """Returns how many images have a score."""
    return int(image_scores["probability"].notna().sum())
