"""Every figure of an evaluation, each with its interval, its n and how it was computed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from mammo_pipeline.mammo.calibration.errors import (
    brier_loss,
    calibration_error,
    calibration_noise,
    log_loss,
)
from mammo_pipeline.mammo.calibration.logistic import fit_logistic
from mammo_pipeline.mammo.intervals import bootstrap_by_patient, error_figure, figure
from mammo_pipeline.mammo.operating import operating_figures
from mammo_pipeline.mammo.precision import average_precision, probabilistic_f1
from mammo_pipeline.mammo.reasons import (
    RESTS_ON,
    check_breasts,
    explain_undefined,
    withhold_interval,
)
from mammo_pipeline.mammo.scoring import ranking_figures
from mammo_pipeline.mammo.shares import clustered_proportion
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
    "calibration_error": "mean gap over {bins} bins of equal count; above 0 by chance alone, which "
    "its interval takes off",
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
    """Returns figure name to {value, low, high, n, how, reason}.

    Shares have Wilson's interval; the others come from the same replicates.

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
    labels, patients = breasts["cancer"].to_numpy(float), breasts["patient_id"]
    p = breasts["probability"].to_numpy(float)
    values = compute_figures(breasts, sensitivity, bins)
    draws = bootstrap_by_patient(
        lambda weights: (
            compute_figures(breasts, sensitivity, bins, weights)
            | {"noise": calibration_noise(labels, p, bins, weights)}
        ),
        patients,
        labels,
        repeats,
        rng,
    )
    shares = measure_shares(breasts, level)
    found = {}
    for name, value in values.items():
        how = HOW[name].format(sensitivity=sensitivity, bins=bins)
        if name in shares:
            found[name] = shares[name]
            continue
        size = len(labels), level, how, explain_undefined(name, labels)
        if name == "calibration_error":
            measured = error_figure(float(value), draws[name], draws["noise"], *size)
        else:
            measured = figure(float(value), draws[name], *size)
        found[name] = withhold_interval(measured, labels, patients)
    return found


def measure_shares(breasts: pd.DataFrame, level: float) -> dict[str, dict[str, Any]]:
    """Returns the figures of the operating point, each with Wilson's interval by patient.

    A bootstrap has no width where all cancers were recalled, just where a few more could have been
    missed; Wilson's has.

    Args:
        breasts: One row a breast: patient_id, cancer, recalled.
        level: Of the intervals.
    """
    sick, recalled = (breasts[name].to_numpy(float) == 1 for name in ("cancer", "recalled"))
    counted = {
        "sensitivity": (sick, recalled),
        "specificity": (~sick, ~recalled),
        "recall_rate": (sick | True, recalled),
        "ppv": (recalled, sick),
        "npv": (~recalled, ~sick),
    }
    patients, found = breasts["patient_id"].to_numpy(), {}
    for name, (among, hits) in counted.items():
        share = clustered_proportion(hits[among], patients[among], level)
        how = f"{HOW[name]}; {share['how'].partition('; ')[2]}"
        reason = share["reason"] if among.any() else explain_undefined(name, sick)
        found[name] = share | {"how": how, "reason": reason}
        if name in RESTS_ON:
            found[name] = withhold_interval(found[name], sick, patients, RESTS_ON[name])
    return found


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
