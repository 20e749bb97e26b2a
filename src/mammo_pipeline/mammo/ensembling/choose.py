"""Which way of combining members wins on tune: cross-validated by patient, chosen by a rule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from mammo_pipeline.mammo.calibration.errors import log_loss
from mammo_pipeline.mammo.ensembling.select import Metric, find_best
from mammo_pipeline.mammo.ensembling.settings import SIMPLEST_FIRST, EnsembleSettings
from mammo_pipeline.mammo.ensembling.ways import (
    NO_FLIP,
    Tables,
    Way,
    deal_folds,
    fit_way,
    is_baseline,
    list_ways,
    predict_held,
)
from mammo_pipeline.mammo.intervals import bootstrap_by_patient, figure
from mammo_pipeline.mammo.scoring import auroc
from mammo_pipeline.mammo.units import aggregate_breasts

RULE = (
    "Each way is fitted anew without the patients of a fold and judged on them, by {metric}. The "
    "simplest is taken that lies within one standard error of the best (Breiman et al. 1984); the "
    "standard error is that of the difference to the best, patients drawn with replacement. From "
    "the simplest: {order}; without flips before with them."
)
HOW = {
    "log_loss": "mean negative log-likelihood in nats after Platt's map, cross-validated by "
    "patient; lower is better",
    "auroc": "area under the ROC curve after Platt's map of the fold, cross-validated by patient",
}
GAIN = (
    "improvement of {metric} over the best single member without flips, itself chosen anew in each "
    "fold; above 0 is a gain; same patients"
)
# Where aggregation is not the mean, a weight for breasts is only nearly right for images.
INEXACT = (
    "Weights were fitted on breasts and act on images before {aggregation}: the two agree exactly "
    "for mean only."
)
NOT_OFFERED = "measured for the gain only; the parameters do not offer it"


def choose_ensemble(
    tables: Tables, names: Sequence[str], settings: EnsembleSettings
) -> dict[str, Any]:
    """Returns {members, combination, flips, selection}: the chosen way, fitted on all of tune.

    Args:
        tables: Flips to the tune images scored with them: exam_id, patient_id, laterality, view,
            cancer, and one column of logits a member. Every table has the same images.
        names: The members.
        settings: What may be chosen, and how the ways are compared.

    Raises:
        ValueError: A class has too few patients for two folds, or no way could be fitted.
    """
    ways = list_ways(tables, names, settings)
    breasts = aggregate_breasts(tables[NO_FLIP], list(names), settings.aggregation)
    labels = breasts["cancer"].to_numpy(float)
    folds = deal_folds(breasts["patient_id"], labels, settings.folds, settings.seed)
    held, reasons = predict_held(tables, names, ways, folds, settings)
    if not any(way.is_offered and way not in reasons for way in ways):
        raise ValueError(f"no way of combining members could be fitted: {list(reasons.values())}")
    selection = compare_ways(ways, held, reasons, breasts, int(folds.max()) + 1, settings)
    method, flips = selection["chosen"]["method"], tuple(selection["chosen"]["flips"])
    members, combination = fit_way(method, tables[flips], names, settings)
    note = None
    if settings.aggregation != "mean":
        note = INEXACT.format(aggregation=settings.aggregation.replace("_", "-"))
    return {
        "members": members,
        "combination": combination,
        "flips": list(flips),
        "selection": selection | {"note": note},
    }


def score_ways(
    labels: np.ndarray, logits: np.ndarray, metric: Metric, weights: np.ndarray | None = None
) -> np.ndarray:
    """Returns the score of each calibrated column, higher is better, shape (..., ways)."""
    columns = [
        auroc(labels, column, weights) if metric == "auroc" else -log_loss(labels, column, weights)
        for column in logits.T
    ]
    return np.stack(columns, axis=-1)


def compare_ways(
    ways: Sequence[Way],
    held: np.ndarray,
    reasons: Mapping[Way, str],
    breasts: pd.DataFrame,
    folds: int,
    settings: EnsembleSettings,
) -> dict[str, Any]:
    """Returns the record of the selection: every way with its figure, the chosen one, its gain."""
    labels, metric = breasts["cancer"].to_numpy(float), settings.metric
    scores = score_ways(labels, held, metric)
    scores[[way in reasons for way in ways]] = -np.inf
    may_win = np.array([way.is_offered and way not in reasons for way in ways])
    draws = bootstrap_by_patient(
        lambda weights: {"scores": score_ways(labels, held, metric, weights)},
        *(breasts["patient_id"], labels, settings.repeats),
        np.random.default_rng(settings.seed),
    )["scores"]
    best = find_best(np.where(may_win, scores, -np.inf))
    errors = (draws[:, [best]] - draws).std(axis=0)
    # A tie with the best is a tie, whatever the last digit.
    within = may_win & (scores[best] - scores <= errors + 1e-12)
    chosen = int(np.flatnonzero(within)[0])
    rows = _list_candidates(ways, scores, draws, best, settings, len(labels), reasons)
    return {
        "candidates": [
            row | {"within": bool(near), "chosen": place == chosen}
            for place, (row, near) in enumerate(zip(rows, within, strict=True))
        ],
        "metric": metric,
        "folds": folds,
        "rule": describe_rule(settings),
        "best": ways[best].names,
        "chosen": ways[chosen].names,
        "gain": _measure_gain(ways, scores, draws, chosen, settings, len(labels)),
        "n": len(labels),
        "positives": int(labels.sum()),
        "patients": int(breasts["patient_id"].nunique()),
    }


def _measure_gain(
    ways: Sequence[Way],
    scores: np.ndarray,
    draws: np.ndarray,
    chosen: int,
    settings: EnsembleSettings,
    n: int,
) -> dict[str, Any]:
    single = next(place for place, way in enumerate(ways) if is_baseline(way))
    return figure(
        scores[chosen] - scores[single] if chosen != single else np.nan,
        draws[:, chosen] - draws[:, single],
        *(n, settings.level, GAIN.format(metric=settings.metric.replace("_", " "))),
        "the best single member itself was chosen",
    )


def _list_candidates(
    ways: Sequence[Way],
    scores: np.ndarray,
    draws: np.ndarray,
    best: int,
    settings: EnsembleSettings,
    n: int,
    reasons: Mapping[Way, str],
) -> list[dict[str, Any]]:
    metric, level = settings.metric, settings.level
    sign = -1 if metric == "log_loss" else 1
    behind = scores[best] - scores, draws[:, [best]] - draws
    return [
        {
            **way.names,
            metric: figure(
                *(sign * scores[k], sign * draws[:, k], n, level, HOW[metric], reasons.get(way))
            ),
            "behind": figure(
                *(behind[0][k], behind[1][:, k], n, level, "distance to the best", reasons.get(way))
            ),
            "standard_error": float(behind[1][:, k].std()),
            "reason": reasons.get(way) or (None if way.is_offered else NOT_OFFERED),
        }
        for k, way in enumerate(ways)
    ]


def describe_rule(settings: EnsembleSettings) -> str:
    """Returns the rule of the choice in words."""
    words = ", ".join(name.replace("_", " ") for name in SIMPLEST_FIRST)
    return RULE.format(metric=settings.metric.replace("_", " "), order=words)
