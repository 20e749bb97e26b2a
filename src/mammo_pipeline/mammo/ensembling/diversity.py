"""How unlike the members err, and what each one adds to the ensemble."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import expit
from scipy.stats import rankdata

from mammo_pipeline.mammo.ensembling.choose import score_ways
from mammo_pipeline.mammo.ensembling.combine import combine_logits
from mammo_pipeline.mammo.ensembling.select import fit_forward
from mammo_pipeline.mammo.ensembling.settings import EnsembleSettings
from mammo_pipeline.mammo.ensembling.ways import fit_way
from mammo_pipeline.mammo.intervals import bootstrap_by_patient, figure
from mammo_pipeline.mammo.units import aggregate_breasts

ERRORS = "Pearson correlation of outcome - probability, each member calibrated by Platt's map"
RANKS = (
    "Pearson correlation of ranks within an outcome class, both classes together: what two members "
    "share beyond the outcome itself"
)
GAIN = (
    "{metric} with the member less without it, the rest as before, Platt's map fitted anew; on the "
    "breasts that the ensemble was chosen on, so flattering; above 0 the member helps"
)


def measure_diversity(labels: ArrayLike, logits: ArrayLike, names: Sequence[str]) -> dict[str, Any]:
    """Returns {names, errors, ranks, mean_errors, mean_ranks, n, how}: matrices (members, members).

    Members that err together gain nothing from each other (Krogh and Vedelsby 1995): 1 is the same
    member twice, 0 independent errors. A member that gives every breast the same logit has no
    correlation of ranks: None.

    Args:
        labels: 0 or 1 of each breast, shape (n,).
        logits: Shape (n, members).
        names: Of the members.

    >>> found = measure_diversity([0, 0, 1, 1], [[0, 0], [1, 2], [2, 1], [3, 3]], ["a", "b"])
    >>> round(found["ranks"][0][1], 3), found["n"]
    (1.0, 4)
    """
    y, x = np.asarray(labels, float), np.asarray(logits, float)
    slope, intercept = fit_forward(y, x.T)
    errors = y[:, None] - expit(x * slope + intercept)
    ranks = np.zeros_like(x)
    for outcome in (0, 1):
        inside = y == outcome
        placed = rankdata(x[inside], axis=0)
        ranks[inside] = (placed - placed.mean(0)) / max(int(inside.sum()), 1)
    matrices = {"errors": _correlate(errors), "ranks": _correlate(ranks)}
    return {
        "names": [str(name) for name in names],
        **{key: _plain(matrix) for key, matrix in matrices.items()},
        **{f"mean_{key}": mean_pairwise(matrix) for key, matrix in matrices.items()},
        "n": len(y),
        "how": {"errors": ERRORS, "ranks": RANKS},
    }


def _correlate(columns: np.ndarray) -> np.ndarray:
    centred = columns - columns.mean(0)
    size = np.sqrt((centred**2).sum(0))
    # Less than rounding makes of a constant column is no spread.
    size = np.where(size > 1e-12, size, np.nan)
    return np.clip(centred.T @ centred / np.outer(size, size), -1, 1)


def _plain(matrix: np.ndarray) -> list[list[float | None]]:
    return [[float(v) if np.isfinite(v) else None for v in row] for row in matrix]


def mean_pairwise(matrix: np.ndarray) -> float | None:
    """Returns the mean over pairs of different members, None where there is no pair.

    >>> mean_pairwise(np.array([[1.0, 0.2], [0.2, 1.0]]))
    0.2
    """
    pairs = matrix[np.triu_indices(len(matrix), 1)]
    known = pairs[np.isfinite(pairs)]
    return float(known.mean()) if known.size else None


def measure_gains(
    images: pd.DataFrame, ensemble: Mapping[str, Any], settings: EnsembleSettings
) -> list[dict[str, Any]]:
    """Returns one row a member of the ensemble: name, weight and gain, a figure.

    Args:
        images: The tune images with one column of logits a member, over the ensemble's flips.
        ensemble: members and combination.
        settings: Metric, aggregation, replicates and level.
    """
    members = ensemble["members"]
    how = GAIN.format(metric=_better(settings.metric))
    if len(members) == 1:
        alone = "it is the only member"
        only = figure(np.nan, np.array([]), images.shape[0], settings.level, how, alone)
        return [{"name": members[0]["name"], "weight": members[0]["weight"], "gain": only}]
    columns = {"whole": combine_columns(images, members, ensemble["combination"])}
    for member in members:
        rest, combination = leave_out(images, ensemble, member["name"], settings)
        columns[f"without {member['name']}"] = combine_columns(images, rest, combination)
    breasts = aggregate_breasts(images.assign(**columns), list(columns), settings.aggregation)
    labels, logits = breasts["cancer"].to_numpy(float), breasts[list(columns)].to_numpy(float)
    slope, intercept = fit_forward(labels, logits.T)
    calibrated = logits * slope + intercept
    scores = score_ways(labels, calibrated, settings.metric)
    draws = bootstrap_by_patient(
        lambda weights: {"scores": score_ways(labels, calibrated, settings.metric, weights)},
        *(breasts["patient_id"], labels, settings.repeats),
        np.random.default_rng(settings.seed),
    )["scores"]
    gains, drawn = scores[0] - scores[1:], draws[:, [0]] - draws[:, 1:]
    return [
        {
            "name": member["name"],
            "weight": member["weight"],
            "gain": figure(gain, apart, len(labels), settings.level, how),
        }
        for member, gain, apart in zip(members, gains, drawn.T, strict=True)
    ]


def _better(metric: str) -> str:
    return "AUROC" if metric == "auroc" else "negative log loss"


def combine_columns(
    images: pd.DataFrame, members: Sequence[Mapping[str, Any]], combination: Mapping[str, Any]
) -> np.ndarray:
    """Returns the combined logit of each image, shape (n,)."""
    names = [member["name"] for member in members]
    return combine_logits(images[names].to_numpy(float), members, combination)


def leave_out(
    images: pd.DataFrame, ensemble: Mapping[str, Any], name: str, settings: EnsembleSettings
) -> tuple[list[dict[str, Any]], Mapping[str, Any]]:
    """Returns (members, combination) without one member.

    The weights of a mean are scaled to sum to 1 again; stacked weights are fitted again, since each
    rests on the others. Where stacking then has no member left that helps, the rest keep theirs.
    """
    rest = [member for member in ensemble["members"] if member["name"] != name]
    if ensemble["combination"]["method"] == "stacked":
        try:
            return fit_way("stacked", images, [member["name"] for member in rest], settings)
        except ValueError:
            return rest, ensemble["combination"]
    total = sum(member["weight"] for member in rest)
    scaled = [dict(member) | {"weight": member["weight"] / total} for member in rest]
    return scaled, ensemble["combination"]
