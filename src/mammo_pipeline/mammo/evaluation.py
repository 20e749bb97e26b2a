"""Every figure of an evaluation, each with its interval, its n and how it was computed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from mammo_pipeline.mammo.calibration.errors import brier_loss, calibration_error, log_loss
from mammo_pipeline.mammo.calibration.fit import fit_logistic
from mammo_pipeline.mammo.intervals import bootstrap_by_patient, figure, take_off_excess
from mammo_pipeline.mammo.operating import operating_figures
from mammo_pipeline.mammo.precision import average_precision, probabilistic_f1
from mammo_pipeline.mammo.reasons import (
    RESTS_ON,
    check_breasts,
    explain_undefined,
    withhold_interval,
)
from mammo_pipeline.mammo.scoring import ranking_figures
from mammo_pipeline.mammo.units import count_missing_views

HOW = {
    "auroc": "area under the ROC curve, ties half",
    "pauc": "specificity integrated over sensitivity {sensitivity:g} to 1, uncorrected",
    "specificity_at_sensitivity": "ROC curve, straight between points, at sensitivity "
    "{sensitivity:g}",
    "average_precision": "precision at each cancer's score, mean over cancers, stepwise; chance "
    "gives this set's share of cancer",
    "probabilistic_f1": "F1 with each breast recalled by its probability, as in RSNA 2022; follows "
    "this set's prevalence",
    "brier_loss": "mean squared distance of probability and outcome",
    "log_loss": "mean negative log-likelihood in nats",
    "calibration_error": "mean gap over {bins} bins of equal count; above 0 by chance alone, and "
    "replicates add chance of their own, so their mean excess is taken off the interval",
    "calibration_slope": "logistic regression of outcome on calibrated logit; 1 is right, below 1 "
    "is overconfident",
    "calibration_intercept": "the same regression; 0 is right",
    "sensitivity": "recalled cancers over cancers, at the frozen operating point",
    "specificity": "not recalled over breasts without cancer, at the frozen operating point",
    "recall_rate": "recalled over all breasts, at the frozen operating point",
    "ppv": "cancers over recalled, at the frozen operating point; follows this set's prevalence",
    "npv": "without cancer over not recalled, at the frozen operating point; follows this set's "
    "prevalence",
}
RANKING = ("auroc", "pauc", "specificity_at_sensitivity", "average_precision")


def compute_figures(
    breasts: pd.DataFrame, sensitivity: float, bins: int, weights: np.ndarray | None = None
) -> dict[str, np.ndarray]:
    """Returns every figure's value, shape of weights[..., 0]; NaN where the cases define none."""
    labels = breasts["cancer"].to_numpy(float)
    logits = breasts["calibrated_logit"].to_numpy(float)
    p = breasts["probability"].to_numpy(float)
    slope, intercept = fit_logistic(labels, logits, weights)
    return {
        **ranking_figures(labels, logits, sensitivity, weights),
        "average_precision": average_precision(labels, logits, weights),
        "probabilistic_f1": probabilistic_f1(labels, p, weights),
        "brier_loss": brier_loss(labels, p, weights),
        "log_loss": log_loss(labels, logits, weights),
        "calibration_error": calibration_error(labels, p, bins, weights),
        "calibration_slope": slope,
        "calibration_intercept": intercept,
        **operating_figures(labels, breasts["recalled"], weights),
    }


def measure_breasts(
    breasts: pd.DataFrame,
    sensitivity: float,
    bins: int,
    repeats: int,
    level: float,
    rng: np.random.Generator,
) -> dict[str, dict[str, Any]]:
    """Returns figure name to {value, low, high, n, how, reason}, all from the same replicates.

    Args:
        breasts: One row a breast: patient_id, cancer, calibrated_logit, probability, recalled.
        sensitivity: Where specificity is read, and where the partial area begins.
        bins: Of the calibration error.
        repeats: Bootstrap replicates, of patients, stratified by outcome.
        level: Of the intervals.
        rng: Where chance comes from.

    Raises:
        ValueError: There is no breast to measure, a column is missing, or a value is not finite.
    """
    check_breasts(breasts, ["calibrated_logit", "probability", "recalled"])
    labels = breasts["cancer"].to_numpy(float)
    values = compute_figures(breasts, sensitivity, bins)
    n = count_divisors(breasts)
    draws = bootstrap_by_patient(
        lambda weights: compute_figures(breasts, sensitivity, bins, weights),
        breasts["patient_id"],
        labels,
        repeats,
        rng,
    )
    draws["calibration_error"] = take_off_excess(
        draws["calibration_error"], float(values["calibration_error"])
    )
    return {
        name: withhold_interval(
            figure(
                float(value),
                draws[name],
                n.get(name, len(breasts)),
                level,
                HOW[name].format(sensitivity=sensitivity, bins=bins),
                explain_undefined(name, labels),
            ),
            labels,
            breasts["patient_id"],
            RESTS_ON.get(name, (0, 1)),
        )
        for name, value in values.items()
    }


def count_divisors(breasts: pd.DataFrame) -> dict[str, int]:
    """Returns how many breasts each share is a share of; every other figure rests on all."""
    positives, recalled = int(breasts["cancer"].sum()), int(breasts["recalled"].sum())
    return {
        "sensitivity": positives,
        "specificity": len(breasts) - positives,
        "ppv": recalled,
        "npv": len(breasts) - recalled,
    }


def measure_units(
    images: pd.DataFrame,
    breasts: pd.DataFrame,
    exams: pd.DataFrame,
    sensitivity: float,
    repeats: int,
    level: float,
    rng: np.random.Generator,
    expected: pd.DataFrame | None = None,
) -> dict[str, Any]:
    """Returns the ranking figures per image, breast and exam side by side, and missing views.

    The share with cancer falls from image to exam or rises with it, so average precision does not
    compare across units as the areas do. The units share patients: differences have no interval.

    Args:
        images: One row an image: patient_id, cancer (of its breast), calibrated_logit, or
            probability where that is absent.
        breasts: What `aggregate_breasts` gives, calibrated.
        exams: What `aggregate_exams` gives.
        sensitivity: Where specificity is read, and where the partial area begins.
        repeats: Bootstrap replicates, of patients, stratified by outcome.
        level: Of the intervals.
        rng: Where chance comes from.
        expected: What should have been scored, as `count_missing_views` takes it.

    Returns:
        {units: [{unit, n, positives, patients, auroc, pauc, specificity_at_sensitivity,
        average_precision}], sensitivity, missing_views}.

    Raises:
        ValueError: A table is empty, lacks a column, or holds a value that is not finite.
    """
    tables = {"image": images, "breast": breasts, "exam": exams}
    return {
        "units": [
            {"unit": unit} | _measure_ranking(table, unit, sensitivity, repeats, level, rng)
            for unit, table in tables.items()
        ],
        "sensitivity": sensitivity,
        "missing_views": count_missing_views(breasts, expected),
    }


def _measure_ranking(
    table: pd.DataFrame,
    unit: str,
    sensitivity: float,
    repeats: int,
    level: float,
    rng: np.random.Generator,
) -> dict[str, Any]:
    column = "calibrated_logit" if "calibrated_logit" in table else "probability"
    check_breasts(table, [column], unit)
    labels, scores = table["cancer"].to_numpy(float), table[column].to_numpy(float)
    patients = table["patient_id"]

    def rank(weights: np.ndarray | None = None) -> dict[str, np.ndarray]:
        figures = ranking_figures(labels, scores, sensitivity, weights)
        return figures | {"average_precision": average_precision(labels, scores, weights)}

    values, draws = rank(), bootstrap_by_patient(rank, patients, labels, repeats, rng)
    found: dict[str, Any] = {
        "n": len(table),
        "positives": int(labels.sum()),
        "patients": int(patients.nunique()),
    }
    for name in RANKING:
        how, why = HOW[name].format(sensitivity=sensitivity), explain_undefined(name, labels)
        measured = figure(float(values[name]), draws[name], len(table), level, how, why)
        found[name] = withhold_interval(measured, labels, patients)
    return found
