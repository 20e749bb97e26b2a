"""The ways of combining members that can be chosen: each fitted, and predicted when held out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from mammo_pipeline.mammo.ensembling.combine import combine_logits, stack_members, take_reference
from mammo_pipeline.mammo.ensembling.select import (
    find_best,
    fit_forward,
    score_candidates,
    select_members,
)
from mammo_pipeline.mammo.ensembling.settings import SIMPLEST_FIRST, EnsembleSettings, Method
from mammo_pipeline.mammo.intervals import patient_outcomes
from mammo_pipeline.mammo.units import BREAST, aggregate_breasts

NO_FLIP = ("none",)
# Flips to the tune images, scored with them.
Tables = Mapping[tuple[str, ...], pd.DataFrame]


@dataclass(frozen=True)
class Way:
    """One candidate: how members are combined, over which flips, and whether it may be chosen."""

    method: Method
    flips: tuple[str, ...]
    is_offered: bool = True

    @property
    def names(self) -> dict[str, Any]:
        """Method and flips as a record holds them."""
        return {"method": self.method, "flips": list(self.flips)}


def list_ways(tables: Tables, names: Sequence[str], settings: EnsembleSettings) -> list[Way]:
    """Returns the candidates, simplest first; the best single member without flips is always one.

    One member alone leaves nothing to combine.
    """
    offered = settings.methods if len(names) > 1 else ("best_single",)
    ways = [
        Way(method, flips, method in offered)
        for method in SIMPLEST_FIRST
        for flips in sorted(tables, key=len)
    ]
    return [way for way in ways if way.is_offered or is_baseline(way)]


def is_baseline(way: Way) -> bool:
    """Returns whether a way is what every gain is measured against.

    >>> is_baseline(Way("best_single", ("none",))), is_baseline(Way("greedy", ("none",)))
    (True, False)
    """
    return (way.method, way.flips) == ("best_single", NO_FLIP)


def deal_folds(
    patients: Sequence[Any] | pd.Series, labels: np.ndarray, folds: int, seed: int
) -> np.ndarray:
    """Returns the fold of each row, shape (n,): a patient is in one fold, cancers are spread.

    There are fewer folds where a class has fewer patients than that.

    Raises:
        ValueError: A class has fewer than two patients, so nothing can be held out.

    >>> deal_folds(["a", "b", "c", "d"], np.array([1, 1, 0, 0]), 5, seed=0).max()
    np.int64(1)
    """
    codes, outcomes = patient_outcomes(patients, labels)
    least = int(min(outcomes.sum(), (1 - outcomes).sum()))
    if least < 2:
        raise ValueError(
            f"ways of combining members cannot be compared on tune, n = {len(outcomes)} patients: "
            f"{int(outcomes.sum())} with cancer, {int((1 - outcomes).sum())} without; cross-"
            "validation needs two of each. Tune on a larger set."
        )
    rng = np.random.default_rng(seed)
    fold = np.zeros(len(outcomes), int)
    for outcome in (0.0, 1.0):
        stratum = rng.permutation(np.flatnonzero(outcomes == outcome))
        fold[stratum] = np.arange(len(stratum)) % min(folds, least)
    return fold[codes]


def predict_held(
    tables: Tables,
    names: Sequence[str],
    ways: Sequence[Way],
    folds: np.ndarray,
    settings: EnsembleSettings,
) -> tuple[np.ndarray, dict[Way, str]]:
    """Returns (calibrated logits of each breast when held out, (n, ways); why a way failed).

    The map is Platt's, fitted on the breasts that the way was fitted on, so that the logits of all
    folds are on one scale.
    """
    held = np.zeros((len(folds), len(ways)))
    reasons: dict[Way, str] = {}
    for flips, images in tables.items():
        mine = {place: way for place, way in enumerate(ways) if way.flips == flips}
        row_of = number_breasts(images)
        for number in range(folds.max() + 1):
            learning = images[folds[row_of] != number]
            combined = images[[*BREAST, "patient_id", "view", "cancer"]].assign(
                **{
                    f"way {place}": _try_way(way, learning, images, names, settings, reasons)
                    for place, way in mine.items()
                }
            )
            breasts = aggregate_breasts(combined, [f"way {p}" for p in mine], settings.aggregation)
            logits = breasts[[f"way {place}" for place in mine]].to_numpy(float).T
            inside = folds == number
            slope, intercept = fit_forward(breasts["cancer"][~inside], logits[:, ~inside])
            calibrated = slope[:, None] * logits[:, inside] + intercept[:, None]
            held[np.ix_(inside, list(mine))] = calibrated.T
    return held, reasons


def number_breasts(images: pd.DataFrame) -> np.ndarray:
    """Returns the row of `aggregate_breasts` that each image belongs to, shape (images,)."""
    return images.groupby(BREAST, sort=True, observed=True).ngroup().to_numpy()


def _try_way(
    way: Way,
    learning: pd.DataFrame,
    images: pd.DataFrame,
    names: Sequence[str],
    settings: EnsembleSettings,
    reasons: dict[Way, str],
) -> np.ndarray:
    try:
        members, combination = fit_way(way.method, learning, names, settings)
    except ValueError as error:
        reasons[way] = str(error)
        return np.zeros(len(images))
    logits = images[[member["name"] for member in members]].to_numpy(float)
    return combine_logits(logits, members, combination)


def fit_way(
    method: Method, images: pd.DataFrame, names: Sequence[str], settings: EnsembleSettings
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Returns (members with name and weight > 0, combination), fitted on breasts of these images.

    The best single member is a mean of one.

    Raises:
        ValueError: A class is absent, or no weight is above 0.
    """
    breasts = aggregate_breasts(images, list(names), settings.aggregation)
    labels, logits = breasts["cancer"].to_numpy(float), breasts[list(names)].to_numpy(float)
    weights, intercept = _weigh(method, labels, logits, settings)
    reference = None
    if method == "rank_mean":
        reference = {str(name): take_reference(images[name]) for name in names}
    members = [
        {"name": str(name), "weight": float(weight)}
        for name, weight in zip(names, weights, strict=True)
        if weight > 0
    ]
    stored = "mean_logits" if method == "best_single" else method
    return members, {"method": stored, "intercept": intercept, "reference": reference}


def _weigh(
    method: Method, labels: np.ndarray, logits: np.ndarray, settings: EnsembleSettings
) -> tuple[np.ndarray, float]:
    """Returns (weights, shape (members,), intercept); all but stacked weights sum to 1."""
    if method == "stacked":
        return stack_members(labels, logits)
    counts = np.ones(logits.shape[1])
    if method == "best_single":
        scores = score_candidates(labels, logits, settings.metric)
        counts = np.eye(logits.shape[1])[find_best(scores)]
    if method == "greedy":
        counts, _ = select_members(labels, logits, settings.metric, settings.rounds)
    return counts / counts.sum(), 0.0
