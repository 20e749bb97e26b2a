"""Whether probabilities hold inside a subgroup: too high, too low, too sure."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import expit
from scipy.stats import norm

from mammo_pipeline.mammo.bias.figures import Figure, blank_figure, state_figure
from mammo_pipeline.mammo.calibration.logistic import fit_logistic
from mammo_pipeline.mammo.intervals import error_figure
from mammo_pipeline.mammo.shares import clustered_proportion

# Condition of the information matrix beyond which its inverse has no digit left.
FLAT = 1e12
HOW = {
    "observed_expected": "cancers seen over the sum of probabilities; 1 is right",
    "in_the_large": "share with cancer less mean probability; 0 is right",
    "slope": "logistic regression of outcome on calibrated logit; 1 is right, below 1 is "
    "overconfident",
    "error": "mean gap over {bins} bins of equal count; above 0 by chance alone, which its "
    "interval takes off",
}


def measure_agreement(
    group: pd.DataFrame,
    error: float,
    error_draws: np.ndarray,
    noise_draws: np.ndarray,
    bins: int,
    level: float,
    refused: dict[str, str],
) -> dict[str, Figure]:
    """Returns observed_expected, in_the_large, slope and error of one subgroup, each a figure.

    Args:
        group: One row a breast: patient_id, cancer, calibrated_logit, probability.
        error: Expected calibration error.
        error_draws: The same of each replicate, (repeats,).
        noise_draws: How far each replicate's gaps lie from the group's, (repeats,).
        bins: Of the calibration error.
        level: Of the intervals.
        refused: Figure to why it is not measured here, such as of a lesion kind.
    """
    how = HOW | {"error": HOW["error"].format(bins=bins)}
    made = {
        "observed_expected": lambda: compare_totals(group, level)[0],
        "in_the_large": lambda: compare_totals(group, level)[1],
        "slope": lambda: fit_slope(group, level),
        "error": lambda: error_figure(
            float(error), error_draws, noise_draws, len(group), level, how["error"]
        ),
    }
    return {
        name: blank_figure(len(group), how[name], refused[name]) if name in refused else make()
        for name, make in made.items()
    }


def compare_totals(group: pd.DataFrame, level: float) -> tuple[Figure, Figure]:
    """Returns (observed over expected cancers, observed share less mean probability).

    The probabilities are taken as given; chance is in who has cancer, so both intervals come from
    that of the share with cancer.

    >>> group = pd.DataFrame({"patient_id": list("abcd"), "cancer": [1, 0, 0, 0],
    ...     "probability": 0.125})
    >>> ratio, difference = compare_totals(group, 0.95)
    >>> ratio["value"], difference["value"]
    (2.0, 0.125)
    """
    share = clustered_proportion(group["cancer"], group["patient_id"], level)
    mean, n = float(group["probability"].mean()), len(group)
    interval = share["how"].partition("; ")[2]
    # One patient alone gives a share without an interval.
    ends = ("value", "low", "high")
    seen = [None if share[end] is None else float(share[end]) for end in ends]
    moved = {end: None if v is None else v - mean for end, v in zip(ends, seen, strict=True)}
    difference = share | moved | {"how": f"{HOW['in_the_large']}; {interval}"}
    how = f"{HOW['observed_expected']}; {interval}"
    if mean == 0:
        return blank_figure(n, how, "no cancer is expected: every probability is 0"), difference
    scaled = {end: None if v is None else v / mean for end, v in zip(ends, seen, strict=True)}
    return share | scaled | {"how": how}, difference


def fit_slope(group: pd.DataFrame, level: float) -> Figure:
    """Returns the calibration slope, with the sandwich interval by patient (Liang and Zeger 1986).

    Args:
        group: One row a breast: patient_id, cancer, calibrated_logit.
        level: Of the interval.
    """
    y, x = group["cancer"].to_numpy(float), group["calibrated_logit"].to_numpy(float)
    how = f"{HOW['slope']}; sandwich by patient, {level:.0%}"
    slope, intercept = (float(found) for found in fit_logistic(y, x))
    p = expit(slope * x + intercept)
    design = np.stack([x, np.ones_like(x)], axis=1)
    curve = design.T @ (design * (p * (1 - p))[:, None])
    # Where a threshold parts the classes the slope runs off until the curve is flat.
    if not np.isfinite(curve).all() or np.linalg.cond(curve) > FLAT:
        why = "the scores part the classes without error, or are all alike: no finite slope exists"
        return blank_figure(len(group), how, why)
    bread = np.linalg.inv(curve)
    _, codes = np.unique(group["patient_id"].astype(str), return_inverse=True)
    women = int(codes.max()) + 1
    sums = np.stack([np.bincount(codes, (y - p) * column) for column in design.T], axis=1)
    meat = sums.T @ sums * women / max(women - 1, 1)
    spread = float(np.sqrt((bread @ meat @ bread)[0, 0]))
    half = float(norm.ppf((1 + level) / 2)) * spread
    return state_figure(slope, slope - half, slope + half, len(group), how)
