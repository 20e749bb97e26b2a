"""How well the kept weights of a stage do on the tune side, with an interval."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from mammo_pipeline.mammo.intervals import bootstrap_by_patient, percentile_interval
from mammo_pipeline.mammo.ladder.examples import Examples, read_windows
from mammo_pipeline.mammo.ladder.judge import malignancy_scores, mean_by_unit
from mammo_pipeline.mammo.networks.predict import predict_batches
from mammo_pipeline.mammo.patches.classes import first_malignant
from mammo_pipeline.mammo.scoring import auroc, undefined_reason

if TYPE_CHECKING:
    from mammo_pipeline.mammo.ladder.course import Course

Scores = dict[str, np.ndarray]


def score_tune(course: Course) -> Scores:
    """Returns the scores of a stage's tune side by the weights that its net holds.

    Args:
        course: The stage; its net is called, not changed.

    Returns:
        labels (n,), 1 for malignant; scores (n,), higher is more so; groups (n,), numbers of what
        is drawn together for an interval. A row is a breast, its group the exam; or it is a patch,
        its group the image.
    """
    stage, tune = course.stage, course.tune
    batch = max(1, stage.batch // stage.accumulate)
    outputs = predict_batches(
        course.net.model,
        lambda rows: read_windows(course.pixels, tune, rows),
        len(tune.labels),
        batch,
    )
    if stage.data == "patches":
        logits = outputs.reshape(len(tune.labels), -1)
        labels = (tune.labels >= first_malignant(logits.shape[1])).astype(np.int64)
        return _name(labels, malignancy_scores(logits, stage.loss), tune.image_ids)
    labels, scores = mean_by_unit(tune, outputs.reshape(-1))
    return _name(labels, scores, find_exams(tune))


def find_exams(examples: Examples) -> np.ndarray:
    """Returns the exam of every breast, in the order of the breasts' names."""
    return np.array([unit.rpartition("|")[0] for unit in np.unique(examples.units)])


def _name(labels: np.ndarray, scores: np.ndarray, groups: np.ndarray) -> Scores:
    _, numbers = np.unique(groups, return_inverse=True)
    return {"labels": labels, "scores": scores.astype(np.float32), "groups": numbers}


def measure_standing(
    scores: Mapping[str, np.ndarray], seed: int, repeats: int, level: float
) -> Any:
    """Returns the area under the ROC curve as a figure: value, low, high, n, how, reason.

    Also positives and groups: how many of the n are malignant, and of how many groups they are.

    Args:
        scores: What `score_tune` returned.
        seed: Of the bootstrap.
        repeats: Its replicates.
        level: Of the interval.
    """
    labels, values = scores["labels"].astype(float), scores["scores"].astype(float)
    groups = scores["groups"]
    found = {
        "n": len(labels),
        "positives": int(labels.sum()),
        "groups": len(np.unique(groups)),
        "how": f"bootstrap, {repeats} replicates, {level:.0%}",
    }
    reason = undefined_reason(labels) if np.isfinite(values).all() else "an answer is not finite"
    if reason:
        return {"value": None, "low": None, "high": None, **found, "reason": reason}
    draws = bootstrap_by_patient(
        lambda weights: {"auc": auroc(labels, values, weights)},
        *(groups, labels, repeats, np.random.default_rng(seed)),
    )["auc"]
    low, high = percentile_interval(draws, level)
    value = float(auroc(labels, values))
    return {"value": value, "low": low, "high": high, **found, "reason": None}
