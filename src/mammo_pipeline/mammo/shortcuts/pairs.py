"""Pairs of one breast with cancer and one without: of one source, and of two.

A score that depends on nothing but the outcome ranks both kinds of pair equally well, in
expectation, whatever the share of cancers in each source. Telling the source can only show in pairs
of two.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from mammo_pipeline.mammo.intervals import bootstrap_by_patient, figure

PARTS = ("within", "between", "whole")
# Pairs of one kind below which an area says nothing.
LEAST_PAIRS = 20
KINDS: dict[str, str] = {
    "within": "pairs of breasts of one source, added over the sources",
    "between": "pairs of breasts of two sources",
    "whole": "all pairs: the usual AUC",
}


@dataclass(frozen=True)
class InjectionRule:
    """When a gain is named a shortcut.

    Attributes:
        min_gain: The between-source gain's interval must lie above it.
        repeats: Bootstrap replicates.
        level: Of the intervals.
    """

    min_gain: float
    repeats: int
    level: float


def count_pairs(
    labels: ArrayLike, scores: ArrayLike, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Returns (pairs won, pairs), of one breast with cancer and one without; a tie is half won.

    Both have the shape of weights[..., 0]; they come from one sort, never from a list of pairs.

    Args:
        labels: 0 or 1, shape (n,).
        scores: Higher is more suspicious, finite, shape (n,).
        weights: How often each row counts, shape (..., n).

    >>> [float(part) for part in count_pairs([1, 1, 0, 0], [3, 1, 1, 0], np.ones(4))]
    [3.5, 4.0]
    """
    labels, scores = np.asarray(labels, float), np.asarray(scores, float)
    order = np.argsort(scores, kind="stable")
    drawn, truth = weights[..., order], labels[order]
    if len(order) == 0:
        return np.zeros(weights.shape[:-1]), np.zeros(weights.shape[:-1])
    starts = np.flatnonzero(np.diff(scores[order], prepend=-np.inf))
    positive = np.add.reduceat(drawn * truth, starts, axis=-1)
    negative = np.add.reduceat(drawn * (1 - truth), starts, axis=-1)
    below = np.cumsum(negative, axis=-1) - negative / 2
    return (positive * below).sum(-1), positive.sum(-1) * negative.sum(-1)


def areas_by_pair(
    labels: ArrayLike, scores: ArrayLike, sources: ArrayLike, weights: np.ndarray
) -> dict[str, np.ndarray]:
    """Returns the AUC over pairs `within` sources, `between` them and over the `whole`.

    NaN where there is no such pair; each has the shape of weights[..., 0].

    Args:
        labels: 0 or 1, shape (n,).
        scores: Higher is more suspicious, finite, shape (n,).
        sources: Device or site of each breast, shape (n,).
        weights: How often each row counts, shape (..., n).

    >>> areas = areas_by_pair([1, 0, 0, 0], [2, 3, 1, 1], ["a", "a", "b", "b"], np.ones(4))
    >>> {name: round(float(area), 3) for name, area in areas.items()}
    {'within': 0.0, 'between': 1.0, 'whole': 0.667}
    """
    labels, scores = np.asarray(labels), np.asarray(scores, float)
    names, codes = np.unique(np.asarray(sources).astype(str), return_inverse=True)
    won, pairs = count_pairs(labels, scores, weights)
    inner, held = np.zeros_like(won), np.zeros_like(pairs)
    for code in range(len(names)):
        own = codes == code
        a, b = count_pairs(labels[own], scores[own], weights[..., own])
        inner, held = inner + a, held + b
    with np.errstate(invalid="ignore", divide="ignore"):
        return {
            "within": np.where(held > 0, inner / held, np.nan),
            # A difference of large sums: counts are whole or half numbers, so it is exact.
            "between": np.where(pairs - held > 0, (won - inner) / (pairs - held), np.nan),
            "whole": np.where(pairs > 0, won / pairs, np.nan),
        }


def part_pairs(
    labels: ArrayLike,
    scores: ArrayLike,
    sources: ArrayLike,
    patients: ArrayLike,
    rule: InjectionRule,
    rng: np.random.Generator,
) -> dict[str, Any]:
    """Returns the AUC of one model within and between sources, and the gap, each with interval.

    Args:
        labels: 0 or 1 of each breast, shape (n,).
        scores: Higher is more suspicious, finite, shape (n,).
        sources: Device or site of each breast.
        patients: The patient of each breast: the unit that is drawn.
        rule: Replicates and level.
        rng: Where chance comes from.

    Returns:
        {within, between, whole, gap: figures, sources, pairs: {within, between}} or {reason}.

    Raises:
        ValueError: A score is not finite, or lengths differ.
    """
    scores = np.asarray(scores, float)
    refuse_bad(labels, scores, sources, patients)
    reason = hinder_parting(labels, sources)
    if reason:
        return {"reason": reason}

    def measure(weights: np.ndarray) -> dict[str, np.ndarray]:
        areas = areas_by_pair(labels, scores, sources, weights)
        return areas | {"gap": areas["between"] - areas["within"]}

    draws = bootstrap_by_patient(measure, patients, labels, rule.repeats, rng)
    how = KINDS | {"gap": "AUC between sources minus AUC within"}
    return make_figures(measure, draws, how, len(scores), rule.level) | describe_pairs(
        labels, sources
    )


def hinder_parting(labels: ArrayLike, sources: ArrayLike) -> str:
    """Returns why pairs cannot be parted by source, or an empty text.

    >>> hinder_parting([0, 1], ["a", "a"])
    'only one source: no pair of two'
    """
    labels = np.asarray(labels)
    if len(labels) == 0:
        return "cannot be estimated, n = 0"
    if len(np.unique(np.asarray(sources).astype(str))) < 2:
        return "only one source: no pair of two"
    pairs = describe_pairs(labels, sources)["pairs"]
    for kind, count in pairs.items():
        if count < LEAST_PAIRS:
            return f"cannot be estimated, n = {len(labels)}: {count} pairs {kind} sources"
    return ""


def describe_pairs(labels: ArrayLike, sources: ArrayLike) -> dict[str, Any]:
    """Returns {sources: rows of source, n, positives, pairs: {within, between}}.

    >>> describe_pairs([1, 0, 0], ["a", "a", "b"])["pairs"]
    {'within': 1, 'between': 1}
    """
    labels, sources = np.asarray(labels, int), np.asarray(sources).astype(str)
    names, codes = np.unique(sources, return_inverse=True)
    count, positive = np.bincount(codes), np.bincount(codes, labels).astype(int)
    rows = [
        {"source": str(name), "n": int(n), "positives": int(sick)}
        for name, n, sick in zip(names, count, positive, strict=True)
    ]
    within = int((positive * (count - positive)).sum())
    total = int(labels.sum()) * int((1 - labels).sum())
    return {"sources": rows, "pairs": {"within": within, "between": total - within}}


def make_figures(
    measure: Any, draws: dict[str, np.ndarray], how: dict[str, str], n: int, level: float
) -> dict[str, Any]:
    """Returns the figure of each statistic, its value with one weight a breast."""
    whole = measure(np.ones(n))
    return {name: figure(float(whole[name]), draws[name], n, level, how[name]) for name in how}


def refuse_bad(labels: ArrayLike, scores: np.ndarray, sources: Any, patients: Any) -> None:
    """Raises ValueError where rows do not match, a label is none or a score is not finite."""
    lengths = {len(np.asarray(part)) for part in (labels, scores, sources, patients)}
    if len(lengths) > 1:
        raise ValueError(f"labels, scores, sources and patients differ in length: {lengths}.")
    if not np.isin(np.asarray(labels), (0, 1)).all():
        raise ValueError("labels must be 0 or 1.")
    wrong = np.flatnonzero(~np.isfinite(scores))
    if len(wrong):
        raise ValueError(f"{len(wrong)} scores are not finite, the first at row {wrong[0]}.")
