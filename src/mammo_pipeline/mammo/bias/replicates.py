"""The same drawn women for every subgroup: each replicate is one walk over each side of a cell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
from numba import njit

from mammo_pipeline.mammo.bias.groups import Cell
from mammo_pipeline.mammo.bins import assign_bins, equal_count_edges
from mammo_pipeline.mammo.intervals import draw_row_weights


@dataclass(frozen=True)
class Sides:
    """Both sides of every cell, each with its rows by rising score: cell 0, its rest, cell 1, ...

    Attributes:
        rows: Row numbers of one side after another.
        ends: Whether the next row of the side has another score.
        codes: Bin of the calibration error of each row, by the side's own probabilities.
        starts: Where each side begins, shape (sides + 1,).
    """

    rows: np.ndarray
    ends: np.ndarray
    codes: np.ndarray
    starts: np.ndarray


def arrange_sides(
    scores: np.ndarray, probabilities: np.ndarray, cells: Sequence[Cell], bins: int
) -> Sides:
    """Returns the rows of both sides of each cell, sorted once for all replicates."""
    order = np.argsort(scores, kind="stable")
    sides = [mask for cell in cells for mask in (cell.inside, cell.rest)]
    rows = [order[mask[order]] for mask in sides]
    ends = [np.diff(scores[part], append=np.inf) > 0 for part in rows]
    codes = [_assign(probabilities[part], bins) for part in rows]
    starts = np.cumsum([0, *(part.size for part in rows)])
    parts = [np.concatenate([np.zeros(0, int), *found]) for found in (rows, ends, codes)]
    return Sides(
        parts[0].astype(np.int32), parts[1].astype(bool), parts[2].astype(np.uint8), starts
    )


def _assign(values: np.ndarray, bins: int) -> np.ndarray:
    return assign_bins(values, equal_count_edges(values, bins)) if values.size else values


def draw_figures(
    breasts: pd.DataFrame,
    cells: Sequence[Cell],
    threshold: float,
    bins: int,
    repeats: int,
    rng: np.random.Generator,
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Returns (figures, their replicates) of each cell and of its rest, NaN where undefined.

    Shapes are (cells, 2) and (cells, 2, repeats). All share the same drawn patients, stratified by
    outcome, so that the difference of two is that of two figures of the same women.

    Args:
        breasts: One row a breast: patient_id, cancer, calibrated_logit, probability.
        cells: Of one axis or several.
        threshold: Recalled when probability >= threshold.
        bins: Of the calibration error, at most 255.
        repeats: Number of replicates.
        rng: Where chance comes from.
    """
    labels, p = breasts["cancer"].to_numpy(float), breasts["probability"].to_numpy(float)
    sides = arrange_sides(breasts["calibrated_logit"].to_numpy(float), p, cells, bins)
    facts = np.stack([labels, p >= threshold, labels - p]), sides, bins
    base = sum_bins(facts[0][2], sides, bins)
    whole = _count(np.ones((1, len(breasts))), *facts, base)[0]
    drawn = [
        _count(weights, *facts, base)
        for weights in draw_row_weights(breasts["patient_id"], labels, repeats, rng)
    ]
    replicates = np.moveaxis(np.concatenate(drawn), 0, 2)
    return _divide(whole), _divide(replicates)


def sum_bins(excess: np.ndarray, sides: Sides, bins: int) -> np.ndarray:
    """Returns each bin's sum of label - p over the rows of its side, shape (sides, bins)."""
    parts = [slice(*pair) for pair in pairwise(sides.starts)]
    sums = [
        np.bincount(sides.codes[part], excess[sides.rows[part]], bins)
        / max(sides.rows[part].size, 1)
        for part in parts
    ]
    return np.stack(sums)


def _count(
    weights: np.ndarray, facts: np.ndarray, sides: Sides, bins: int, base: np.ndarray
) -> np.ndarray:
    """Returns the sums of each replicate, shape (repeats, cells, 2, 8)."""
    labels, recalled, excess = facts
    rows = sides.rows, sides.ends, sides.codes, sides.starts
    walked: np.ndarray = _walk(weights, labels, recalled, excess, *rows, base)
    return walked.reshape(len(weights), -1, 2, 8)


def _divide(sums: np.ndarray) -> dict[str, np.ndarray]:
    area, positives, negatives, hits, recalled, excess, error, noise = np.moveaxis(sums, -1, 0)
    n = positives + negatives
    with np.errstate(invalid="ignore", divide="ignore"):
        return {
            "auroc": area / (positives * negatives),
            "sensitivity": hits / positives,
            "recall_rate": recalled / n,
            "in_the_large": excess / n,
            "calibration_error": error / n,
            "calibration_noise": noise / n,
        }


@njit(cache=True, nogil=True)
def _walk(weights, labels, recalled, excess, rows, ends, codes, starts, base):  # type: ignore[no-untyped-def]
    sums = np.empty((weights.shape[0], starts.size - 1, 8))
    part = np.empty(base.shape[1])
    for repeat in range(weights.shape[0]):
        for side in range(starts.size - 1):
            own = slice(starts[side], starts[side + 1])
            sums[repeat, side] = _walk_side(
                weights[repeat],
                labels,
                recalled,
                excess,
                rows[own],
                ends[own],
                codes[own],
                base[side],
                part,
            )
    return sums


@njit(cache=True, nogil=True)
def _walk_side(weights, labels, recalled, excess, rows, ends, codes, base, part):  # type: ignore[no-untyped-def]
    """The Mann-Whitney area with ties half, its two class sizes, and the sums of the shares."""
    area, positives, negatives, new_positives, new_negatives = 0.0, 0.0, 0.0, 0.0, 0.0
    hits, calls, total = 0.0, 0.0, 0.0
    part[:] = 0
    for place in range(rows.size):
        row = rows[place]
        weight = weights[row]
        positive, off = weight * labels[row], weight * excess[row]
        new_positives += positive
        new_negatives += weight - positive
        hits += positive * recalled[row]
        calls += weight * recalled[row]
        total += off
        part[codes[place]] += off
        if ends[place]:
            area += new_positives * (negatives + 0.5 * new_negatives)
            positives += new_positives
            negatives += new_negatives
            new_positives, new_negatives = 0.0, 0.0
    noise = np.abs(part - (positives + negatives) * base).sum()
    return area, positives, negatives, hits, calls, total, np.abs(part).sum(), noise
