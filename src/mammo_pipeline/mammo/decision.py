"""The decision curve: what recalling by a threshold is worth, against recalling all or none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit

from mammo_pipeline.mammo.calibration.prevalence import ASSUMPTION, shift_prevalence
from mammo_pipeline.mammo.calibration.reliability import check_scored, explain_no_interval
from mammo_pipeline.mammo.intervals import bootstrap_by_patient, figure

HOW = "net benefit a breast, in cancers found"
OVER = f"{HOW}, above the better of recalling all and none"

MEANING = (
    "Net benefit is the share of breasts with cancer that are recalled, less the share of breasts "
    "without cancer that are recalled times t / (1 - t), the harm of a false recall against a "
    "missed cancer that a reader accepts who recalls from probability t on (Vickers and Elkin "
    "2006). A model is worth using at t where it lies above both recalling all and recalling none."
    " The band takes the share with cancer as known: chance in that share is not in it."
)


def net_benefit(
    labels: ArrayLike,
    probabilities: ArrayLike,
    thresholds: ArrayLike,
    weights: np.ndarray | None = None,
    prevalence: float | None = None,
) -> np.ndarray:
    """Returns the net benefit of recalling at each threshold, shape (..., t).

    prevalence x sensitivity - (1 - prevalence) x (1 - specificity) x t / (1 - t) (Vickers and Elkin
    2006); NaN where a class is absent.

    Args:
        labels: 0 or 1, shape (n,).
        probabilities: At the prevalence in question, shape (n,); recalled when >= t.
        thresholds: Between 0 and 1, shape (t,).
        weights: How often each row counts, shape (..., n).
        prevalence: Share of breasts with cancer; that of the weighted rows when None.

    Raises:
        ValueError: A threshold is not between 0 and 1.

    >>> net_benefit([1, 0, 0, 0], [0.9, 0.8, 0.1, 0.1], [0.5]).tolist()
    [0.0]
    """
    y, p = np.asarray(labels, float), np.asarray(probabilities, float)
    t = _check_thresholds(thresholds)
    w = np.ones(y.size) if weights is None else np.asarray(weights, float)
    recalled = (p[:, None] >= t).astype(float)
    cancers, others = (w @ y)[..., None], (w @ (1 - y))[..., None]
    with np.errstate(invalid="ignore", divide="ignore"):
        true_rate = (w @ (recalled * y[:, None])) / cancers
        false_rate = (w @ (recalled * (1 - y)[:, None])) / others
    share = cancers / (cancers + others) if prevalence is None else prevalence
    return share * true_rate - (1 - share) * false_rate * t / (1 - t)


def benefit_of_all(prevalence: ArrayLike, thresholds: ArrayLike) -> np.ndarray:
    """Returns the net benefit of recalling everyone, shape (..., t); recalling nobody has 0.

    >>> benefit_of_all(0.2, [0.1, 0.5]).round(3).tolist()
    [0.111, -0.6]
    """
    t, share = _check_thresholds(thresholds), np.asarray(prevalence, float)[..., None]
    return share - (1 - share) * t / (1 - t)


def _check_thresholds(thresholds: ArrayLike) -> np.ndarray:
    t = np.asarray(thresholds, float)
    if t.ndim != 1 or t.size == 0 or not ((t > 0) & (t < 1)).all():
        raise ValueError(f"thresholds must lie between 0 and 1, found {t.tolist()}.")
    return t


def explain_no_curve(labels: ArrayLike) -> str | None:
    """Returns why there is no decision curve, or None when there is one.

    >>> explain_no_curve([0, 0])
    'cannot be estimated, n = 2: no cancer'
    """
    y = np.asarray(labels, float)
    if 0 < y.sum() < y.size:
        return None
    missing = "breast without cancer" if y.sum() else "cancer"
    return f"cannot be estimated, n = {y.size}: no {missing}"


def measure_decision(
    labels: ArrayLike,
    calibrated_logits: ArrayLike,
    patients: ArrayLike,
    thresholds: Sequence[float],
    repeats: int,
    level: float,
    rng: np.random.Generator,
    prevalence: float | None = None,
    from_prevalence: float | None = None,
) -> dict[str, Any]:
    """Returns the decision curve with its band, at this set's prevalence or at a stated one.

    The record: thresholds, model and advantage (a figure a threshold; advantage: above the better
    of all and none), treat_all and treat_none (a number a threshold), prevalence, n, positives,
    meaning, assumption (None at this set's prevalence), reason (why there is no curve, or None).

    Args:
        labels: 0 or 1 of each breast, shape (n,).
        calibrated_logits: Shape (n,).
        patients: The patient of each breast, drawn by the bootstrap, stratified by outcome.
        thresholds: Of probability, between 0 and 1.
        repeats: Bootstrap replicates.
        level: Of the band, pointwise.
        rng: Where chance comes from.
        prevalence: For example that of screening. Sensitivity and specificity are weighted by it,
            and the probabilities are moved to it.
        from_prevalence: Where the logits were calibrated; needed with `prevalence`.

    Raises:
        ValueError: Nothing to measure, a label or logit is unusable, a threshold is out of range,
            or a prevalence is stated without the one that it is moved from.
    """
    y, x = np.asarray(labels, float), np.asarray(calibrated_logits, float)
    women, t = np.asarray(patients).astype(str), _check_thresholds(thresholds)
    check_scored(y, x, women)
    p = expit(_move(x, prevalence, from_prevalence))
    share = float(y.mean()) if prevalence is None else float(prevalence)
    reference = benefit_of_all(share, t)
    hindrance = explain_no_curve(y)
    draws = {"model": np.full((0, t.size), np.nan), "all": np.zeros((0, t.size))}
    if hindrance is None:
        draws = _draw_curves(y, p, t, women, repeats, rng, prevalence)
    held = hindrance or explain_no_interval(y, women)
    values = net_benefit(y, p, t, None, prevalence)
    gain, gains = values - np.maximum(reference, 0), draws["model"] - np.maximum(draws["all"], 0)
    return {
        "thresholds": t.tolist(),
        "model": _frame(HOW, values, draws["model"], y.size, level, held),
        "advantage": _frame(OVER, gain, gains, y.size, level, held),
        "treat_all": reference.tolist(),
        "treat_none": [0.0] * t.size,
        "prevalence": share,
        "n": int(y.size),
        "positives": int(y.sum()),
        "level": level,
        "meaning": MEANING,
        "assumption": None if prevalence is None else ASSUMPTION,
        "reason": hindrance,
    }


def _frame(
    how: str, values: np.ndarray, draws: np.ndarray, n: int, level: float, held: str | None
) -> list[dict[str, Any]]:
    """Returns a figure for each threshold; without its interval where something holds that back."""
    figures = [
        figure(float(value), draws[:, k], n, level, how, held) for k, value in enumerate(values)
    ]
    return [f | {"low": None, "high": None, "reason": held} if held else f for f in figures]


def _move(x: np.ndarray, prevalence: float | None, from_prevalence: float | None) -> np.ndarray:
    if prevalence is None:
        return x
    if from_prevalence is None:
        raise ValueError(
            f"a decision curve at prevalence {prevalence} needs from_prevalence, where the logits "
            "were calibrated: the share of tune breasts with cancer."
        )
    return shift_prevalence(x, from_prevalence, prevalence)


def _draw_curves(
    y: np.ndarray,
    p: np.ndarray,
    t: np.ndarray,
    women: np.ndarray,
    repeats: int,
    rng: np.random.Generator,
    prevalence: float | None,
) -> dict[str, np.ndarray]:
    """Returns the net benefit of the model and of recalling all over the replicates."""

    def draw(weights: np.ndarray) -> dict[str, np.ndarray]:
        share = (weights @ y) / weights.sum(-1) if prevalence is None else prevalence
        everyone = np.broadcast_to(benefit_of_all(share, t), (len(weights), t.size))
        return {"model": net_benefit(y, p, t, weights, prevalence), "all": everyone}

    return bootstrap_by_patient(draw, women, y, repeats, rng)
