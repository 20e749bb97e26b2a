"""What a set enriched with cancers would show in screening, by weighting its outcome classes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import expit

from mammo_pipeline.mammo.calibration.errors import brier_loss, log_loss
from mammo_pipeline.mammo.calibration.prevalence import shift_prevalence
from mammo_pipeline.mammo.intervals import bootstrap_by_patient, figure
from mammo_pipeline.mammo.operating import operating_figures, screening_figures
from mammo_pipeline.mammo.precision import average_precision, probabilistic_f1
from mammo_pipeline.mammo.published import BCSC
from mammo_pipeline.mammo.reasons import (
    RESTS_ON,
    check_breasts,
    explain_undefined,
    withhold_interval,
)
from mammo_pipeline.mammo.shares import clustered_proportion

HOW = {
    "average_precision": "precision at each cancer's score, mean over cancers; chance gives the "
    "prevalence; too high on average where few breasts without cancer score as high as cancers",
    "probabilistic_f1": "F1 with each breast recalled by its probability, as in RSNA 2022",
    "brier_loss": "mean squared distance of probability and outcome",
    "log_loss": "mean negative log-likelihood in nats",
    "sensitivity": "as on the set itself: the weights do not touch it",
    "specificity": "as on the set itself: the weights do not touch it",
    "recall_rate": "prevalence x sensitivity + (1 - prevalence) x (1 - specificity)",
    "ppv": "cancers among the recalled, PPV1",
    "npv": "without cancer among the not recalled",
    "detection_per_1000": "1000 x prevalence x sensitivity",
}
ASSUMPTION = (
    "The {units} with cancer are made to count as {prevalence:.3g} % of all and those without as "
    "the rest; in this set they are {share:.3g} %. That holds if the cancers here are as those "
    "that screening meets, and the {units} without cancer as screening's: the same kinds, ages, "
    "densities and devices within each class. Referred or hard cases break it."
)


def screening_weights(
    labels: ArrayLike, prevalence: float, weights: np.ndarray | None = None
) -> np.ndarray:
    """Returns weights of the same sum under which positives are `prevalence` of it, (..., n).

    A positive counts n * prevalence / n1, a negative n * (1 - prevalence) / n0, as drawn: each
    replicate has the prevalence exactly. NaN where a class is absent.

    Args:
        labels: 0 or 1, shape (n,).
        prevalence: Share of positives wanted, between 0 and 1.
        weights: How often each row was drawn, shape (..., n); one each when None.

    Raises:
        ValueError: The prevalence is out of range.

    >>> screening_weights([1, 0, 0, 0], 0.1).round(2).tolist()
    [0.4, 1.2, 1.2, 1.2]
    """
    if not 0 < prevalence < 1:
        raise ValueError(f"prevalence is {prevalence}; expected a share between 0 and 1.")
    y = np.asarray(labels, float)
    w = np.ones(len(y)) if weights is None else np.asarray(weights, float)
    total, positives = w.sum(-1), w @ y
    with np.errstate(invalid="ignore", divide="ignore"):
        one = prevalence * total / positives
        none = (1 - prevalence) * total / (total - positives)
        scale = np.where(y == 1, one[..., None], none[..., None])
        undefined = (positives <= 0) | (positives >= total)
        return np.where(undefined[..., None], np.nan, w * scale)


def compute_screening(
    breasts: pd.DataFrame, prevalence: float, weights: np.ndarray | None = None
) -> dict[str, np.ndarray]:
    """Returns every figure at a prevalence, shape of weights[..., 0]; NaN where undefined."""
    labels, logits = breasts["cancer"].to_numpy(float), breasts["calibrated_logit"].to_numpy(float)
    p, drawn = (
        breasts["probability"].to_numpy(float),
        screening_weights(labels, prevalence, weights),
    )
    at_point = operating_figures(labels, breasts["recalled"], weights)
    two = {name: at_point[name] for name in ("sensitivity", "specificity")}
    with np.errstate(invalid="ignore"):
        return {
            "average_precision": average_precision(labels, logits, drawn),
            "probabilistic_f1": probabilistic_f1(labels, p, drawn),
            "brier_loss": brier_loss(labels, p, drawn),
            "log_loss": log_loss(labels, logits, drawn),
            **two,
            **screening_figures(two["sensitivity"], two["specificity"], prevalence),
        }


def move_probabilities(
    breasts: pd.DataFrame, fitted_prevalence: float, prevalence: float
) -> pd.DataFrame:
    """Returns the breasts with calibrated logit and probability moved to another prevalence.

    The logit moves by the difference of the prevalences' log odds (Saerens et al. 2002); ranks and
    `recalled` stay.

    >>> breasts = pd.DataFrame({"calibrated_logit": [0.0], "probability": [0.5]})
    >>> move_probabilities(breasts, 0.5, 0.01)["probability"].round(4).tolist()
    [0.01]
    """
    if not 0 < fitted_prevalence < 1:
        raise ValueError(f"fitted_prevalence is {fitted_prevalence}; expected between 0 and 1.")
    moved = shift_prevalence(breasts["calibrated_logit"], fitted_prevalence, prevalence)
    return breasts.assign(calibrated_logit=moved, probability=expit(moved))


def measure_screening(
    breasts: pd.DataFrame,
    prevalence: float,
    repeats: int,
    level: float,
    rng: np.random.Generator,
    fitted_prevalence: float | None = None,
    unit: str = "breast",
) -> dict[str, Any]:
    """Returns the figures that depend on prevalence, as screening of that prevalence would show.

    Args:
        breasts: One row a breast: patient_id, cancer, calibrated_logit, probability, recalled (at
            the frozen operating point).
        prevalence: Share of breasts with cancer in screening.
        repeats: Bootstrap replicates, of patients, stratified by outcome.
        level: Of the intervals.
        rng: Where chance comes from.
        fitted_prevalence: Share with cancer among the breasts that the probabilities were
            calibrated on; given, they are moved from it to `prevalence` before probabilistic F1,
            Brier and log loss, as a site would have to. None takes them as they are.
        unit: What a row is: a breast, or an exam, which is the unit of BCSC's screens.

    Returns:
        {unit, prevalence, n, positives, patients, share, assumption, probabilities, figures: {name:
        figure}, benchmarks: [{name, published, source, here: figure}]}.

    Raises:
        ValueError: A table that cannot be measured, or a prevalence out of range.
    """
    check_breasts(breasts, ["calibrated_logit", "probability", "recalled"], unit)
    labels, patients = breasts["cancer"].to_numpy(float), breasts["patient_id"]
    moved = breasts
    if fitted_prevalence is not None:
        moved = move_probabilities(breasts, fitted_prevalence, prevalence)
    values = compute_screening(moved, prevalence)
    draws = bootstrap_by_patient(
        lambda weights: compute_screening(moved, prevalence, weights),
        *(patients, labels, repeats, rng),
    )
    figures = {
        name: _tell_figure(name, float(value), draws[name], labels, patients, prevalence, level)
        for name, value in values.items()
    }
    figures |= _tell_shares(breasts, prevalence, level)
    share = float(labels.mean())
    told = {"units": f"{unit}s", "prevalence": 100 * prevalence, "share": 100 * share}
    return {
        "unit": unit,
        "prevalence": prevalence,
        **_count_cases(breasts),
        "share": share,
        "assumption": ASSUMPTION.format(**told),
        "probabilities": _tell_probabilities(fitted_prevalence, prevalence),
        "figures": figures,
        "benchmarks": _stand_beside(figures),
    }


def _tell_figure(
    name: str,
    value: float,
    draws: np.ndarray,
    labels: np.ndarray,
    patients: pd.Series,
    prevalence: float,
    level: float,
) -> dict[str, Any]:
    how = f"{HOW[name]}; at a prevalence of {100 * prevalence:.3g} %"
    measured = figure(value, draws, len(labels), level, how, explain_undefined(name, labels))
    # Recall at a set prevalence rests on both classes, unlike the recall rate of the set.
    rests = (0, 1) if name == "recall_rate" else RESTS_ON.get(name, (0, 1))
    return withhold_interval(measured, labels, patients, rests)


def _tell_shares(
    breasts: pd.DataFrame, prevalence: float, level: float
) -> dict[str, dict[str, Any]]:
    """Returns what is a share of one class, with Wilson's interval, which has width at 0 and 1."""
    sick, recalled = (breasts[name].to_numpy(float) == 1 for name in ("cancer", "recalled"))
    patients, found = breasts["patient_id"].to_numpy(), {}
    counted = {
        "sensitivity": (sick, recalled, 1.0),
        "specificity": (~sick, ~recalled, 1.0),
        "detection_per_1000": (sick, recalled, 1000 * prevalence),
    }
    for name, (among, hits, scale) in counted.items():
        share = clustered_proportion(hits[among], patients[among], level)
        ends = {
            end: None if share[end] is None else scale * share[end]
            for end in ("value", "low", "high")
        }
        by = share["how"].partition("; ")[2]
        how = f"{HOW[name]}; at a prevalence of {100 * prevalence:.3g} %; {by}"
        reason = share["reason"] if among.any() else explain_undefined(name, sick)
        found[name] = share | ends | {"how": how, "reason": reason}
        found[name] = withhold_interval(found[name], sick, patients, RESTS_ON[name])
    return found


def _count_cases(breasts: pd.DataFrame) -> dict[str, int]:
    patients, positives = breasts["patient_id"].nunique(), breasts["cancer"].sum()
    return {"n": len(breasts), "positives": int(positives), "patients": int(patients)}


def _stand_beside(figures: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {"name": name, "published": value, "source": "BCSC", "here": figures[name]}
        for name, value in BCSC.items()
    ]


def _tell_probabilities(fitted: float | None, prevalence: float) -> str:
    if fitted is None:
        return "Probabilities are taken as they are, calibrated at the prevalence of tune."
    return (
        f"Probabilities were moved from the prevalence that they were calibrated at, "
        f"{100 * fitted:.3g} %, to {100 * prevalence:.3g} %."
    )
