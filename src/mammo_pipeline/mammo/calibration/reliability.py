"""Reliability: predicted beside observed, and every figure of calibration before and after."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import expit

from mammo_pipeline.mammo.calibration.errors import (
    Spacing,
    brier_loss,
    brier_skill,
    calibration_error,
    calibration_in_the_large,
    compute_noise,
    cut_bins,
    log_loss,
    observed_over_expected,
    smooth_calibration_error,
)
from mammo_pipeline.mammo.calibration.logistic import fit_logistic
from mammo_pipeline.mammo.intervals import (
    bootstrap_by_patient,
    error_figure,
    figure,
    patient_outcomes,
    wilson_interval,
)

HISTOGRAM_BINS = 40

HOW = {
    "brier_loss": "mean squared distance of probability and outcome",
    "brier_skill": "1 - Brier loss over that of saying the prevalence to everyone",
    "log_loss": "mean negative log-likelihood in nats",
    "calibration_error": "mean gap over {bins} bins of equal count",
    "calibration_error_equal_width": "mean gap over {bins} bins of equal width",
    "smooth_calibration_error": "Gaussian kernel reflected at 0 and 1, bandwidth by fixed point",
    "calibration_slope": "logistic regression of outcome on logit; 1 is right, below 1 is "
    "overconfident",
    "calibration_intercept": "the same regression; 0 is right",
    "calibration_in_the_large": "the same with the slope held at 1; 0 is right, above 0 too few "
    "cancers are predicted; replicates keep the prevalence, so the chance in the number of cancers "
    "is not in the interval",
    "observed_over_expected": "cancers found over cancers predicted; 1 is right; replicates keep "
    "the prevalence, as above",
}
# Errors that cannot be negative and so are above 0 by chance alone.
GAPS = ("calibration_error", "calibration_error_equal_width", "smooth_calibration_error")
GAP_NOTE = "; above 0 by chance alone, which its interval takes off"
MOVED_NOTE = "; the mean excess of the replicates is taken off"
COMPARED = ("brier_loss", "log_loss", *GAPS)
NO_SLOPE = "the scores part the classes without error, or are all alike, so no finite slope exists"
NEED_BOTH = {"brier_skill", "calibration_slope", "calibration_intercept"}
NEED_BOTH |= {"calibration_in_the_large"}


def reliability_table(
    labels: ArrayLike,
    probabilities: ArrayLike,
    bins: int,
    level: float,
    spacing: Spacing = "equal_count",
) -> pd.DataFrame:
    """Returns one row per bin that holds any: n, positives, predicted, observed, Wilson low, high.

    Args:
        labels: 0 or 1, shape (n,).
        probabilities: Predicted, shape (n,).
        bins: How many at most.
        level: Of the intervals, which take rows as independent.
        spacing: Bins of equal count, or of equal width on [0, 1].
    """
    labels, p = np.asarray(labels, float), np.asarray(probabilities, float)
    codes = cut_bins(p, bins, spacing)
    rows = []
    for code in np.unique(codes):
        inside = codes == code
        n, positives = int(inside.sum()), int(labels[inside].sum())
        low, high = wilson_interval(positives, n, level)
        bar = {"observed": positives / n, "low": low, "high": high}
        rows.append({"n": n, "positives": positives, "predicted": p[inside].mean()} | bar)
    return pd.DataFrame(rows)


def compute_calibration(
    labels: ArrayLike, logits: ArrayLike, bins: int, weights: np.ndarray | None = None
) -> dict[str, np.ndarray]:
    """Returns every figure of calibration, shape of weights[..., 0]; NaN where undefined.

    >>> round(float(compute_calibration([0, 1], [-1.0, 1.0], 2)["observed_over_expected"]), 3)
    1.0
    """
    p = expit(np.asarray(logits, float))
    slope, intercept = fit_logistic(labels, logits, weights)
    return {
        "brier_loss": brier_loss(labels, p, weights),
        "brier_skill": brier_skill(labels, p, weights),
        "log_loss": log_loss(labels, logits, weights),
        "calibration_error": calibration_error(labels, p, bins, weights),
        "calibration_error_equal_width": calibration_error(labels, p, bins, weights, "equal_width"),
        "smooth_calibration_error": smooth_calibration_error(labels, p, weights),
        "calibration_slope": slope,
        "calibration_intercept": intercept,
        "calibration_in_the_large": calibration_in_the_large(labels, logits, weights),
        "observed_over_expected": observed_over_expected(labels, p, weights),
    }


def measure_calibration(
    labels: ArrayLike,
    logits_before: ArrayLike,
    logits_after: ArrayLike,
    patients: ArrayLike,
    bins: int,
    repeats: int,
    level: float,
    rng: np.random.Generator,
) -> dict[str, Any]:
    """Returns the figures of calibration before and after, their change, and what a page draws.

    The record: "before" and "after" (name of `HOW` to figure), "change" (after - before, paired:
    below 0 is better), "reliability_before" and "reliability_after" (rows of `reliability_table`),
    "histogram" ({edges, before, after}: breasts by probability), n, positives, patients, bins,
    level.

    Args:
        labels: 0 or 1 of each breast, shape (n,).
        logits_before: The ensemble's logits as they come, shape (n,).
        logits_after: The calibrated logits, shape (n,).
        patients: The patient of each breast, shape (n,).
        bins: Of the binned errors and of the reliability table.
        repeats: Bootstrap replicates, of patients, stratified by outcome; all figures share them.
        level: Of the intervals.
        rng: Where chance comes from.

    Raises:
        ValueError: Nothing to measure, lengths differ, a label is not 0 or 1, or a logit is not
            finite.
    """
    y = np.asarray(labels, float)
    logits = {
        "before": np.asarray(logits_before, float),
        "after": np.asarray(logits_after, float),
    }
    women = np.asarray(patients).astype(str)
    for when, x in logits.items():
        check_scored(y, x, women, f"logits {when} calibration")
    figures = _measure_figures(y, logits, women, bins, repeats, level, rng)
    parts: dict[str, Any] = {
        when: {name: figures[f"{when} {name}"] for name in HOW} for when in logits
    }
    parts["change"] = {name: figures[f"change {name}"] for name in COMPARED}
    for when, x in logits.items():
        table = reliability_table(y, expit(x), bins, level)
        parts[f"reliability_{when}"] = table.to_dict("records")
    counts = {"n": y.size, "positives": int(y.sum()), "patients": len(np.unique(women))}
    return parts | {"histogram": count_histogram(logits), **counts, "bins": bins, "level": level}


def _measure_figures(
    y: np.ndarray,
    logits: dict[str, np.ndarray],
    women: np.ndarray,
    bins: int,
    repeats: int,
    level: float,
    rng: np.random.Generator,
) -> dict[str, dict[str, Any]]:
    """Returns "before", "after" or "change", a space and a name to its figure."""

    def compute(w: np.ndarray | None) -> dict[str, np.ndarray]:
        return _flatten({when: compute_calibration(y, x, bins, w) for when, x in logits.items()})

    def draw(weights: np.ndarray) -> dict[str, np.ndarray]:
        noise = {
            f"noise {when} {name}": value
            for when, x in logits.items()
            for name, value in compute_noise(y, expit(x), bins, weights).items()
        }
        return compute(weights) | noise

    values = compute(None)
    draws = _centre_changes(bootstrap_by_patient(draw, women, y, repeats, rng), values)
    shared = y, level, bins, explain_no_interval(y, women)
    return {
        key: _frame(key, value, draws[key], draws.get(f"noise {key}"), *shared)
        for key, value in values.items()
    }


def _flatten(parts: dict[str, dict[str, np.ndarray]]) -> dict[str, np.ndarray]:
    flat = {f"{when} {name}": value for when, part in parts.items() for name, value in part.items()}
    change = {f"change {name}": parts["after"][name] - parts["before"][name] for name in COMPARED}
    return flat | change


def _centre_changes(
    draws: dict[str, np.ndarray], values: dict[str, np.ndarray]
) -> dict[str, np.ndarray]:
    """Returns the replicates, those of a change of `GAPS` moved so that their mean is the change.

    Chance makes some of either error, and a replicate holds that chance twice.
    """
    moved = dict(draws)
    for name in GAPS:
        if (key := f"change {name}") in draws:
            moved[key] = draws[key] - (np.nanmean(draws[key]) - float(values[key]))
    return moved


def _frame(
    key: str,
    value: np.ndarray,
    draws: np.ndarray,
    noise: np.ndarray | None,
    labels: np.ndarray,
    level: float,
    bins: int,
    reason: str | None,
) -> dict[str, Any]:
    """Returns the figure of "before", "after" or "change", a space and a name of `HOW`."""
    name, how = key.split(" ")[1], HOW[key.split(" ")[1]].format(bins=bins)
    n, why = labels.size, explain_no_value(name, labels)
    if noise is None:
        how += MOVED_NOTE if name in GAPS else ""
        found = figure(float(value), draws, n, level, how, why)
    else:
        found = error_figure(float(value), draws, noise, n, level, how + GAP_NOTE, why)
    if reason and found["value"] is not None:
        return found | {"low": None, "high": None, "reason": reason}
    return found


def explain_no_value(name: str, labels: np.ndarray) -> str:
    """Returns why a figure of `HOW` has no value on these breasts, with their number.

    >>> explain_no_value("calibration_slope", np.zeros(3))
    'cannot be estimated, n = 3: no cancer'
    """
    n, positives = labels.size, int(labels.sum())
    if name in NEED_BOTH and positives in (0, n):
        missing = "breast without cancer" if positives else "cancer"
        return f"cannot be estimated, n = {n}: no {missing}"
    if name == "observed_over_expected":
        return f"cannot be estimated, n = {n}: no cancer is expected, every probability is 0"
    return f"cannot be estimated, n = {n}: {NO_SLOPE}"


def explain_no_interval(labels: ArrayLike, patients: ArrayLike) -> str | None:
    """Returns why a bootstrap by patient says nothing here, or None when it does.

    A stratum of one woman is drawn the same every time: its share of the chance is missing.

    >>> explain_no_interval([1, 0, 0], ["a", "b", "c"])
    'no interval: only 1 patient with cancer'
    """
    _, outcomes = patient_outcomes(patients, labels)
    counts = {"with": int((outcomes == 1).sum()), "without": int((outcomes == 0).sum())}
    for what, count in counts.items():
        # A class that is absent altogether is the whole set, seen from the other class.
        if count == 1 or (count == 0 and len(outcomes) < 2):
            return f"no interval: only {count} patient{'s' * (count != 1)} {what} cancer"
    return None


def check_scored(
    labels: np.ndarray, logits: np.ndarray, patients: np.ndarray, what: str = "logits"
) -> None:
    """Refuses columns that cannot be measured, saying which and why.

    Raises:
        ValueError: No row, lengths differ, a label is not 0 or 1, or a logit is not finite.
    """
    if labels.size == 0:
        raise ValueError("no breast with an outcome was given; nothing can be measured.")
    if not labels.shape == logits.shape == patients.shape or labels.ndim != 1:
        raise ValueError(
            f"{labels.shape} labels, {logits.shape} {what}, {patients.shape} patients; expected "
            "one each."
        )
    if not np.isin(labels, (0, 1)).all():
        raise ValueError(f"labels must be 0 or 1, found {np.unique(labels)[:5].tolist()}.")
    if not np.isfinite(logits).all():
        bad = np.flatnonzero(~np.isfinite(logits))
        raise ValueError(f"{bad.size} {what} are not finite, the first at row {bad[0]}.")


def count_histogram(logits: dict[str, np.ndarray]) -> dict[str, list[float]]:
    """Returns {edges, before, after}: how many breasts have a probability in each cell of [0, 1].

    >>> count_histogram({"before": np.array([0.0])})["before"].index(1)
    20
    """
    edges = np.linspace(0, 1, HISTOGRAM_BINS + 1)
    counts = {when: np.histogram(expit(x), edges)[0].tolist() for when, x in logits.items()}
    return {"edges": edges.tolist(), **counts}
