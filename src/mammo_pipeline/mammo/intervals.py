"""Intervals that a figure comes with: by patient bootstrap, or Wilson's for a proportion."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import norm

Statistics = Callable[[np.ndarray], dict[str, np.ndarray]]

# Cells of one batch of weights, 16 MB: large enough to amortise a call, small enough for a laptop.
CELLS = 2_000_000


def patient_outcomes(patients: ArrayLike, labels: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Returns (patient number of each row, outcome of each patient: 1 if any of her rows is 1).

    >>> [part.tolist() for part in patient_outcomes(["b", "a", "b"], [0, 0, 1])]
    [[1, 0, 1], [0.0, 1.0]]
    """
    names, codes = np.unique(np.asarray(patients).astype(str), return_inverse=True)
    outcomes = np.zeros(len(names))
    np.maximum.at(outcomes, codes, np.asarray(labels, float))
    return codes, outcomes


def draw_patient_counts(outcomes: np.ndarray, repeats: int, rng: np.random.Generator) -> np.ndarray:
    """Returns how often each patient is drawn, shape (repeats, patients), stratified by outcome.

    Each stratum is drawn with replacement to its own size, so that prevalence is kept, and a
    patient drawn twice counts twice (Efron and Tibshirani 1993, chapter 6).

    >>> counts = draw_patient_counts(np.array([0, 0, 1]), 4, np.random.default_rng(0))
    >>> counts.sum(axis=1).tolist(), counts[:, 2].tolist()
    ([3.0, 3.0, 3.0, 3.0], [1.0, 1.0, 1.0, 1.0])
    """
    counts = np.zeros((repeats, len(outcomes)))
    for outcome in np.unique(outcomes):
        members = np.flatnonzero(outcomes == outcome)
        drawn = rng.integers(0, len(members), (repeats, len(members)))
        flat = drawn + np.arange(repeats)[:, None] * len(members)
        tally = np.bincount(flat.ravel(), minlength=repeats * len(members))
        counts[:, members] = tally.reshape(repeats, -1)
    return counts


def draw_row_weights(
    patients: ArrayLike, labels: ArrayLike, repeats: int, rng: np.random.Generator
) -> Iterator[np.ndarray]:
    """Yields batches of shape (b, n): how often each row counts; the batches sum to `repeats`."""
    codes, outcomes = patient_outcomes(patients, labels)
    batch = max(1, CELLS // max(len(codes), 1))
    for start in range(0, repeats, batch):
        counts = draw_patient_counts(outcomes, min(batch, repeats - start), rng)
        yield counts[:, codes]


def bootstrap_by_patient(
    statistics: Statistics,
    patients: ArrayLike,
    labels: ArrayLike,
    repeats: int,
    rng: np.random.Generator,
) -> dict[str, np.ndarray]:
    """Returns each statistic over the replicates, shape (repeats,): all share the same patients.

    Args:
        statistics: Takes weights (b, n), gives name -> (b,).
        patients: The patient of each row, shape (n,): the unit that is drawn.
        labels: 0 or 1 of each row; a patient is positive when any of her rows is.
        repeats: Number of replicates.
        rng: Where chance comes from.
    """
    batches = [statistics(weights) for weights in draw_row_weights(patients, labels, repeats, rng)]
    return {name: np.concatenate([batch[name] for batch in batches]) for name in batches[0]}


def error_interval(
    value: float, draws: np.ndarray, noise: np.ndarray, level: float
) -> tuple[float, float]:
    """Returns (low, high) of an error that cannot be negative and that chance alone makes.

    The percentiles of its replicates do not serve: they hold that chance twice and never reach 0
    (Efron and Tibshirani 1993, section 10.2). Low: the value less what chance adds at most in
    (1 + level) / 2 of the replicates; 0 where chance alone could make it. High: that quantile of
    the replicates less their mean excess over the value.

    Args:
        value: Of the error.
        draws: Of the replicates, shape (repeats,).
        noise: How far each replicate lies from the rows, shape (repeats,): the true error is no
            further from the value than that is from 0.
        level: Of the interval.

    >>> draws, noise = np.array([0.1, 0.2, 0.3]), np.array([0.05, 0.05, 0.05])
    >>> [round(end, 3) for end in error_interval(0.15, draws, noise, 0.95)]
    [0.1, 0.245]
    """
    most = (1 + level) / 2
    low = max(value - float(np.nanquantile(noise, most)), 0.0)
    return low, value + float(np.nanquantile(draws, most) - np.nanmean(draws))


def percentile_interval(draws: np.ndarray, level: float) -> tuple[float | None, float | None]:
    """Returns (low, high) of the central `level` of the defined replicates; None if under half are.

    >>> percentile_interval(np.arange(101.0), 0.5)
    (25.0, 75.0)
    """
    defined = draws[np.isfinite(draws)]
    if defined.size == 0 or defined.size < draws.size / 2:
        return None, None
    low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def wilson_interval(successes: float, n: float, level: float) -> tuple[float | None, float | None]:
    """Returns Wilson's (low, high) of a proportion, None for n = 0 (Wilson 1927).

    >>> [round(bound, 3) for bound in wilson_interval(8, 10, 0.95)]
    [0.49, 0.943]
    """
    if n == 0:
        return None, None
    z = float(norm.ppf((1 + level) / 2))
    centre = (successes + z**2 / 2) / (n + z**2)
    half = z * np.sqrt(successes * (n - successes) / n + z**2 / 4) / (n + z**2)
    # Rounding must not leave the value itself outside.
    share = successes / n
    return float(np.clip(centre - half, 0, share)), float(np.clip(centre + half, share, 1))


def proportion(successes: float, n: float, level: float) -> dict[str, Any]:
    """Returns a proportion as a figure with Wilson's interval; null with the reason when n is 0.

    >>> proportion(0, 0, 0.95)["reason"]
    'nothing to count: n is 0'
    """
    low, high = wilson_interval(successes, n, level)
    return {
        "value": float(successes / n) if n else None,
        "low": low,
        "high": high,
        "n": int(n),
        "how": f"count over n; Wilson {level:.0%}",
        "reason": None if n else "nothing to count: n is 0",
    }


def figure(
    value: float, draws: np.ndarray, n: int, level: float, how: str, reason: str | None = None
) -> dict[str, Any]:
    """Returns {value, low, high, n, how, reason}; what is undefined is None and has its reason.

    A value without an interval stays, and its reason says that there is none.

    >>> figure(float("nan"), np.array([]), 0, 0.95, "area", "no positive")["value"] is None
    True
    >>> figure(0.7, np.full(4, np.nan), 3, 0.95, "area")["reason"]
    'no interval: defined in 0 of 4 replicates'
    """
    if not np.isfinite(value):
        undefined = reason or "undefined on these data"
        return {"value": None, "low": None, "high": None, "n": n, "how": how, "reason": undefined}
    low, high = percentile_interval(draws, level)
    defined = int(np.isfinite(draws).sum())
    some = "" if low is None or defined == draws.size else f" of which {defined} define it"
    how = f"{how}; patient bootstrap, {draws.size} replicates{some}, {level:.0%}"
    why = (
        None if low is not None else f"no interval: defined in {defined} of {draws.size} replicates"
    )
    return {"value": float(value), "low": low, "high": high, "n": n, "how": how, "reason": why}


def error_figure(
    value: float,
    draws: np.ndarray,
    noise: np.ndarray,
    n: int,
    level: float,
    how: str,
    reason: str | None = None,
) -> dict[str, Any]:
    """Returns `figure` with the interval of `error_interval`."""
    found = figure(value, draws, n, level, how, reason)
    if found["low"] is None:
        return found
    low, high = error_interval(value, draws, noise, level)
    return found | {"low": low, "high": high}
