"""Which members form the ensemble, with what weight, and what it says of an image."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.special import expit

from mammo_pipeline.mammo.calibration import (
    apply_calibration,
    fit_logistic,
    log_loss,
    platt_targets,
)
from mammo_pipeline.mammo.digest import digest_arrays
from mammo_pipeline.mammo.scoring import aggregate_breasts, auroc, undefined_reason

Metric = Literal["auroc", "log_loss"]


def mean_logits(logits: ArrayLike, weights: ArrayLike) -> np.ndarray:
    """Returns the weighted mean over members (columns) of logits (n, members), shape (n,).

    >>> mean_logits([[0.0, 4.0]], [3, 1]).tolist()
    [1.0]
    """
    weights = np.asarray(weights, float)
    return np.asarray(logits, float) @ (weights / weights.sum())


def select_members(
    labels: ArrayLike, logits: ArrayLike, metric: Metric, rounds: int
) -> tuple[np.ndarray, list[float]]:
    """Returns (how often each member was taken, the score after each round), greedily.

    Selection with replacement (Caruana et al. 2004): each round takes the member that makes the
    mean of the logits best, and the bag of the best round is kept. Equal scores go to the earlier
    member and the earlier round, so that the result is the same every time.

    Args:
        labels: 0 or 1 of each tune breast, shape (n,).
        logits: Shape (n, members).
        metric: auroc, or log_loss after Platt's calibration of the mean.
        rounds: How many takes.

    Raises:
        ValueError: A class is absent.
    """
    if reason := undefined_reason(labels):
        raise ValueError(f"cannot select members on tune: {reason}.")
    logits = np.asarray(logits, float)
    taken: list[int] = []
    path: list[float] = []
    total = np.zeros(len(logits))
    for _ in range(rounds):
        means = (total[:, None] + logits) / (len(taken) + 1)
        scores = score_candidates(labels, means, metric)
        best = _first_best(scores)
        taken.append(best)
        total = total + logits[:, best]
        path.append(float(scores[best]))
    kept = taken[: _first_best(np.array(path)) + 1]
    return np.bincount(kept, minlength=logits.shape[1]), path


def _first_best(scores: np.ndarray) -> int:
    # A gain in the last digits is rounding, not skill.
    return int(np.flatnonzero(scores >= scores.max() - 1e-12)[0])


def score_candidates(labels: ArrayLike, logits: np.ndarray, metric: Metric) -> np.ndarray:
    """Returns the score of each column of logits (n, candidates): higher is better.

    >>> score_candidates([0, 1], np.array([[0.1, 0.9], [0.8, 0.2]]), "auroc").tolist()
    [1.0, 0.0]
    """
    if metric == "auroc":
        return np.array([auroc(labels, column) for column in logits.T])
    slope, intercept = fit_logistic(platt_targets(labels), logits.T)
    calibrated = slope[:, None] * logits.T + intercept[:, None]
    return -log_loss(labels, np.nan_to_num(calibrated))


def read_members(
    ensemble: Mapping[str, Any], readers: Mapping[str, Callable[[], dict[str, np.ndarray]]]
) -> dict[str, dict[str, np.ndarray]]:
    """Returns the arrays of the ensemble's members, read only for those that it has."""
    wanted = [member["name"] for member in ensemble["members"]]
    return {name: readers[name]() for name in wanted if name in readers}


def check_members(ensemble: Mapping[str, Any], members: Mapping[str, Any]) -> None:
    """Refuses members that are not, to the bit, those that the ensemble was frozen with.

    Args:
        ensemble: Its "members" give name and sha256.
        members: Member name to its arrays.

    Raises:
        ValueError: A member is missing, or its digest differs.
    """
    for member in ensemble["members"]:
        name = member["name"]
        if name not in members:
            raise ValueError(
                f"member {name!r} of the ensemble is missing; found {sorted(members)}. "
                "Run the sweep and the ensemble again."
            )
        found = digest_arrays(members[name])
        if found != member["sha256"]:
            raise ValueError(
                f"member {name!r} has digest {found[:12]}, the ensemble was frozen with "
                f"{member['sha256'][:12]}: the weights changed since. Run the ensemble again."
            )


def score_images(
    ensemble: Mapping[str, Any],
    members: Mapping[str, Mapping[str, np.ndarray]],
    pixels: np.ndarray,
    positions: np.ndarray,
    batch: int,
) -> np.ndarray:
    """Returns the ensemble's uncalibrated logit of each image, float64, shape (n,).

    Args:
        ensemble: The frozen ensemble: "members" with name, weight, sha256, and "network".
        members: Member name to its arrays; each is checked against its digest first.
        pixels: Canvas images, uint16, shape (N, rows, columns).
        positions: Which rows of `pixels` to score, shape (n,).
        batch: Images a forward pass.

    Raises:
        ValueError: A member is missing or changed, or a logit is not finite.
    """
    check_members(ensemble, members)
    from mammo_pipeline.mammo.networks.predict import member_logits

    weights = [member["weight"] for member in ensemble["members"]]
    logits = [
        member_logits(ensemble["network"], dict(members[m["name"]]), pixels, positions, batch)
        for m in ensemble["members"]
    ]
    mean = mean_logits(np.stack(logits, axis=1), weights)
    if not np.isfinite(mean).all():
        bad = np.asarray(positions)[~np.isfinite(mean)]
        raise ValueError(f"{bad.size} images got no finite logit, the first at position {bad[0]}.")
    return mean


def score_breasts(images: pd.DataFrame, ensemble: Mapping[str, Any]) -> pd.DataFrame:
    """Returns one row per breast with logit, calibrated_logit, probability and recalled.

    Args:
        images: What `aggregate_breasts` needs, and the ensemble's uncalibrated `logit`.
        ensemble: Its aggregation, calibration and frozen operating point.
    """
    breasts = aggregate_breasts(images, ["logit"], ensemble["aggregation"])
    calibrated = apply_calibration(ensemble["calibration"], breasts["logit"])
    probability = expit(calibrated)
    recalled = probability >= ensemble["operating_point"]["threshold"]
    return breasts.assign(calibrated_logit=calibrated, probability=probability, recalled=recalled)
