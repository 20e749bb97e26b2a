"""Every figure of an evaluation, each with its interval, its n and how it was computed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from mammo_pipeline.mammo.calibration import (
    brier_loss,
    calibration_error,
    fit_logistic,
    log_loss,
)
from mammo_pipeline.mammo.intervals import bootstrap_by_patient, figure, take_off_excess
from mammo_pipeline.mammo.operating import operating_figures
from mammo_pipeline.mammo.scoring import ranking_figures, undefined_reason

HOW = {
    "auroc": "area under the ROC curve, ties half",
    "pauc": "specificity integrated over sensitivity {sensitivity:g} to 1, uncorrected",
    "specificity_at_sensitivity": "ROC curve, straight between points, at sensitivity "
    "{sensitivity:g}",
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
}


def compute_figures(
    breasts: pd.DataFrame, sensitivity: float, bins: int, weights: np.ndarray | None = None
) -> dict[str, np.ndarray]:
    """Returns every figure's value, shape of weights[..., 0]; NaN where the cases define none."""
    labels = breasts["cancer"].to_numpy(float)
    logits, p = breasts["calibrated_logit"].to_numpy(), breasts["probability"].to_numpy()
    slope, intercept = fit_logistic(labels, logits, weights)
    return {
        **ranking_figures(labels, logits, sensitivity, weights),
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
        ValueError: There is no breast to measure.
    """
    if breasts.empty:
        raise ValueError("no breast with an outcome was scored; nothing can be measured.")
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
        name: figure(
            float(value),
            draws[name],
            n.get(name, len(breasts)),
            level,
            HOW[name].format(sensitivity=sensitivity, bins=bins),
            undefined_reason(labels) or _explain_undefined(name),
        )
        for name, value in values.items()
    }


def count_divisors(breasts: pd.DataFrame) -> dict[str, int]:
    """Returns how many breasts each share is a share of; every other figure rests on all."""
    positives = int(breasts["cancer"].sum())
    return {
        "sensitivity": positives,
        "specificity": len(breasts) - positives,
        "ppv": int(breasts["recalled"].sum()),
    }


def _explain_undefined(name: str) -> str:
    if name.startswith("calibration"):
        return "the scores part the classes without error, so no finite slope exists"
    return "nobody was recalled" if name == "ppv" else "undefined on these cases"
