"""How the members' logits of an image become one: an equation with plain numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.optimize import minimize
from scipy.special import expit, logit

from mammo_pipeline.mammo.calibration.fit import platt_targets
from mammo_pipeline.mammo.scoring import undefined_reason

# Of a member's logits on the tune images: 0 %, 1 %, ... 100 %.
QUANTILES = np.linspace(0, 1, 101)
# Half a step from either end, so that the logit of a rank is finite.
LEAST_RANK = 1 / 202
# What draws stacked weights together weighs as much as this many breasts (a choice): enough to
# decide between members that say the same, too little to hide one that knows more.
STACK_BREASTS = 10.0


def mean_logits(logits: ArrayLike, weights: ArrayLike) -> np.ndarray:
    """Returns the weighted mean over members (columns) of logits (n, members), shape (n,).

    >>> mean_logits([[0.0, 4.0]], [3, 1]).tolist()
    [1.0]
    """
    weights = np.asarray(weights, float)
    return np.asarray(logits, float) @ (weights / weights.sum())


def combine_logits(
    logits: ArrayLike, members: Sequence[Mapping[str, Any]], combination: Mapping[str, Any]
) -> np.ndarray:
    """Returns the ensemble's uncalibrated logit of each row, float64, shape (n,).

    Without reference: intercept + sum of weight times logit. With it: the logit of the weighted
    mean of the members' ranks within their reference, each clipped to [1/202, 1 - 1/202].

    Args:
        logits: Shape (n, members), columns in the order of `members`.
        members: Each with name and weight; weights of means sum to 1.
        combination: method, intercept, and reference: None, or member name to 101 ascending logits.

    Raises:
        ValueError: Another number of columns than of members.

    >>> members = [{"name": "a", "weight": 0.75}, {"name": "b", "weight": 0.25}]
    >>> plain = {"method": "mean_logits", "intercept": 0.5, "reference": None}
    >>> combine_logits([[0.0, 4.0]], members, plain).tolist()
    [1.5]
    """
    x = np.asarray(logits, float)
    weights = np.array([member["weight"] for member in members], float)
    if x.ndim != 2 or x.shape[1] != len(weights):
        raise ValueError(f"logits have shape {x.shape}; expected one column for {len(weights)}.")
    reference = combination["reference"]
    if reference is None:
        return combination["intercept"] + x @ weights
    known = [reference[member["name"]] for member in members]
    ranks = [rank_logits(column, levels) for column, levels in zip(x.T, known, strict=True)]
    return logit(mean_logits(np.stack(ranks, axis=1), weights))


def rank_logits(logits: ArrayLike, reference: ArrayLike) -> np.ndarray:
    """Returns the share of the reference below each logit, within [1/202, 1 - 1/202].

    Beyond the reference a rank says no more: all larger logits share the highest rank.

    >>> rank_logits([-9.0, 50.0], np.arange(101.0)).round(3).tolist()
    [0.005, 0.5]
    """
    ranks = np.interp(np.asarray(logits, float), np.asarray(reference, float), QUANTILES)
    return np.clip(ranks, LEAST_RANK, 1 - LEAST_RANK)


def combine_table(table: pd.DataFrame, ensemble: Mapping[str, Any]) -> np.ndarray:
    """Returns the ensemble's uncalibrated logit of each row of a table with a column a member.

    Raises:
        ValueError: A member has no column, or a logit is not finite.
    """
    names = [member["name"] for member in ensemble["members"]]
    if absent := [name for name in names if name not in table]:
        raise ValueError(f"the table has no column for members {absent}; it has {list(table)}.")
    refuse_unfinite(table, names)
    return combine_logits(table[names].to_numpy(), ensemble["members"], ensemble["combination"])


def refuse_unfinite(table: pd.DataFrame, names: Sequence[str]) -> None:
    """Raises ValueError, naming member and row, when a logit is NaN or infinite."""
    wrong = ~np.isfinite(table[list(names)].to_numpy(float))
    if not wrong.any():
        return
    row, column = np.argwhere(wrong)[0]
    which = table["image_id"].iloc[row] if "image_id" in table else f"row {row}"
    raise ValueError(
        f"{int(wrong.sum())} logits of {wrong.any(axis=0).sum()} members are not finite, the first "
        f"of member {names[column]!r} for {which}. Score these images again or leave them out."
    )


def take_reference(logits: ArrayLike) -> list[float]:
    """Returns the 101 quantiles, 0 % to 100 %, that a member's rank is read from.

    >>> take_reference(np.arange(201.0))[:3]
    [0.0, 2.0, 4.0]
    """
    return [float(level) for level in np.quantile(np.asarray(logits, float), QUANTILES)]


def stack_members(labels: ArrayLike, logits: ArrayLike) -> tuple[np.ndarray, float]:
    """Returns (weights >= 0 of shape (members,), intercept) of stacked logistic regression.

    Breiman 1996: the outcome is regressed on the members' predictions with coefficients that are
    not negative. Targets are Platt's, so weights stay finite where the classes part without error;
    a small penalty, `STACK_BREASTS`, draws the weights towards their own mean, so equal members
    share.

    Args:
        labels: 0 or 1 of each breast, shape (n,).
        logits: Shape (n, members).

    Raises:
        ValueError: A class is absent, or no member helps: every weight is 0.
    """
    if reason := undefined_reason(labels):
        raise ValueError(f"cannot stack members on tune: {reason}.")
    x, targets = np.asarray(logits, float), platt_targets(labels)
    centre, spread = x.mean(0), float(x.std(0).mean()) or 1.0
    z = (x - centre) / spread
    start = np.append(np.full(z.shape[1], 1 / z.shape[1]), logit(targets.mean()))
    bounds = [(0.0, None)] * z.shape[1] + [(None, None)]
    precise = {"ftol": 1e-14, "gtol": 1e-10, "maxiter": 2000, "maxfun": 20000}
    # A breast tells of a weight in proportion to p (1 - p): rare cancers must not let it prevail.
    share = targets.mean()
    arguments = (z, targets, STACK_BREASTS / len(z) * share * (1 - share))
    found = minimize(
        _stack_loss, start, arguments, "L-BFGS-B", True, bounds=bounds, options=precise
    )
    weights = np.where(found.x[:-1] > 1e-6, found.x[:-1], 0.0) / spread
    if not weights.any():
        raise ValueError("stacking gave every member weight 0: none ranks better than chance.")
    return weights, float(found.x[-1] - weights @ centre)


def _stack_loss(
    parameters: np.ndarray, z: np.ndarray, targets: np.ndarray, penalty: float
) -> tuple[float, np.ndarray]:
    """Returns (mean negative log-likelihood + penalty, gradient)."""
    weights, level = parameters[:-1], parameters[-1]
    total = z @ weights + level
    apart = weights - weights.mean()
    loss = np.mean(np.logaddexp(0, total) - targets * total) + penalty * apart @ apart / 2
    error = (expit(total) - targets) / len(targets)
    return float(loss), np.append(z.T @ error + penalty * apart, error.sum())
