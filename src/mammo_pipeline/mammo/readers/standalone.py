"""A model alone against the readers: its area by their mean, its curve by their points."""

from __future__ import annotations

from typing import Any

import numpy as np

from mammo_pipeline.mammo.comparison import bootstrap_p
from mammo_pipeline.mammo.delong import compare_areas, delong_covariance, measure_auroc
from mammo_pipeline.mammo.intervals import bootstrap_by_patient, figure
from mammo_pipeline.mammo.readers.obuchowski_rockette import average_over_readers
from mammo_pipeline.mammo.readers.table import ReaderStudy
from mammo_pipeline.mammo.reasons import NO_WIDTH, explain_few, withhold_interval
from mammo_pipeline.mammo.scoring import roc_points
from mammo_pipeline.mammo.shares import clustered_proportion


def measure_model(study: ReaderStudy, level: float) -> dict[str, Any]:
    """Returns the model's area, and in each modality how far it lies above the readers' mean.

    The differences of the model to each reader are averaged: the model is one fixed reader beside
    random ones (Hillis, Obuchowski and Berbaum 2011; Hupse et al. 2013).

    Raises:
        ValueError: The study has no model.

    Returns:
        auroc: Figure. against: One a modality: {modality, random, fixed, by_reader}, of which
        `random` and `fixed` are records of `average_over_readers` and by_reader lists
        {reader, difference, z, p}.
    """
    if study.model is None:
        raise ValueError("the table has no rows of reader `model`.")
    area = measure_auroc(study.labels, study.model, study.patients, level)
    against = [_subtract_readers(study, number, level) for number in range(len(study.modalities))]
    return {"auroc": area, "against": against}


def _subtract_readers(study: ReaderStudy, number: int, level: float) -> dict[str, Any]:
    own, model = study.scores[number], np.asarray(study.model)
    columns = np.vstack([own, model]).T
    areas, covariance = delong_covariance(study.labels, columns, study.patients)
    turn = np.hstack([-np.eye(len(own)), np.ones((len(own), 1))])
    apart, spread, n = turn @ areas, turn @ covariance @ turn.T, len(study.cases)
    what = f"model's area less a reader's, {study.modalities[number]}"
    by_reader = []
    for name, column in zip(study.readers, own, strict=True):
        pair = np.column_stack([model, column])
        found = compare_areas(study.labels, pair, study.patients, level)
        by_reader.append({"reader": name} | {key: found[key] for key in ("difference", "z", "p")})
    return {
        "modality": study.modalities[number],
        "random": average_over_readers(apart, spread, level, "random", n, what),
        "fixed": average_over_readers(apart, spread, level, "fixed", n, what),
        "by_reader": by_reader,
    }


def place_readers(study: ReaderStudy, threshold: float, level: float) -> list[dict[str, Any]]:
    """Returns each reader's sensitivity and specificity when a score from `threshold` recalls.

    One a reader and modality: {reader, modality, sensitivity, specificity}, Wilson's intervals at
    the effective number of cases, since the cases of one patient are alike.
    """
    positive = study.labels == 1
    found = []
    for modality, table in zip(study.modalities, study.scores, strict=True):
        for reader, scores in zip(study.readers, table, strict=True):
            recalled = scores >= threshold
            sides = (positive, recalled), (~positive, ~recalled)
            shares = [clustered_proportion(h[m], study.patients[m], level) for m, h in sides]
            found.append(
                {
                    "reader": reader,
                    "modality": modality,
                    "sensitivity": shares[0],
                    "specificity": shares[1],
                }
            )
    return found


def compare_points(
    study: ReaderStudy, threshold: float, level: float, repeats: int, rng: np.random.Generator
) -> list[dict[str, Any]]:
    """Returns how far the model's curve lies above each reader's point, at her own specificity.

    The reader's specificity is drawn anew with the cases, and the curve is read there, straight
    between its points: one a reader and modality: {reader, modality, difference, p}.

    Args:
        study: With a model.
        threshold: A reader recalls a case scored from it on.
        level: Of the intervals.
        repeats: Bootstrap replicates of patients.
        rng: Where chance comes from.
    """
    labels = study.labels.astype(float)
    recalled = {
        f"{modality}\n{reader}": scores >= threshold
        for modality, table in zip(study.modalities, study.scores, strict=True)
        for reader, scores in zip(study.readers, table, strict=True)
    }

    def find_gaps(weights: np.ndarray) -> dict[str, np.ndarray]:
        curve = roc_points(labels, np.asarray(study.model), weights)
        return {name: _gap(curve, labels, column, weights) for name, column in recalled.items()}

    values = find_gaps(np.ones((1, len(labels))))
    draws = bootstrap_by_patient(find_gaps, study.patients, labels, repeats, rng)
    how = "model's sensitivity less the reader's, at the reader's specificity"
    found: list[dict[str, Any]] = []
    for name, value in values.items():
        modality, reader = name.split("\n")
        drawn = figure(float(value[0]), draws[name], int(labels.sum()), level, how)
        # A reader who stands on the curve is apart from it by nothing: that needs no variation.
        is_on_curve = abs(value[0]) < NO_WIDTH and not explain_few(labels, study.patients)
        gap = drawn if is_on_curve else withhold_interval(drawn, labels, study.patients)
        p = None if gap["low"] is None else bootstrap_p(draws[name])
        found.append({"reader": reader, "modality": modality, "difference": gap, "p": p})
    return found


def _gap(
    curve: tuple[np.ndarray, np.ndarray],
    labels: np.ndarray,
    recalled: np.ndarray,
    weights: np.ndarray,
) -> np.ndarray:
    with np.errstate(invalid="ignore", divide="ignore"):
        sensitivity = weights @ (labels * recalled) / (weights @ labels)
        false_rate = weights @ ((1 - labels) * recalled) / (weights @ (1 - labels))
    return sensitivity_on_curve(*curve, false_rate) - sensitivity


def sensitivity_on_curve(
    false_rate: np.ndarray, true_rate: np.ndarray, at: np.ndarray
) -> np.ndarray:
    """Returns the sensitivity where each curve reaches 1 - specificity `at`, shape (b,).

    Straight between points; where the curve rises upright, its upper end.

    Args:
        false_rate: 1 - specificity at the corners, shape (b, k).
        true_rate: Sensitivity at the corners, shape (b, k).
        at: Shape (b,).

    >>> curve = np.array([[0.0, 0.0, 0.5, 1.0]]), np.array([[0.0, 0.4, 0.8, 1.0]])
    >>> sensitivity_on_curve(*curve, np.array([0.25])).round(3).tolist()
    [0.6]
    """
    # A count over a count may miss another by one rounding.
    low = (false_rate <= at[:, None] + 1e-12).sum(axis=1) - 1
    pair = np.stack([low, np.minimum(low + 1, false_rate.shape[1] - 1)], axis=1)
    x, y = np.take_along_axis(false_rate, pair, 1), np.take_along_axis(true_rate, pair, 1)
    width = x[:, 1] - x[:, 0]
    share = np.divide(at - x[:, 0], width, out=np.zeros_like(width), where=width > 0)
    return y[:, 0] + np.clip(share, 0, 1) * (y[:, 1] - y[:, 0])
