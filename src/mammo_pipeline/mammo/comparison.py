"""Two models on the same breasts: which ranks better, and which recalls better."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.stats import binomtest

from mammo_pipeline.mammo.delong import compare_areas
from mammo_pipeline.mammo.intervals import figure, patient_outcomes
from mammo_pipeline.mammo.operating import operating_figures
from mammo_pipeline.mammo.reasons import withhold_interval
from mammo_pipeline.mammo.resampling import auroc_draws

COLUMNS = ("patient_id", "cancer")
# Figure of the operating point: whose recalls it counts, those with cancer, without, or all.
AMONG = {"sensitivity": 1, "specificity": 0, "recall_rate": None}
HOW = {
    "auroc": "area under the ROC curve, ties half",
    "sensitivity": "recalled cancers over cancers, at each model's own frozen threshold",
    "specificity": "not recalled over breasts without cancer, at each model's own frozen threshold",
    "recall_rate": "recalled over all breasts, at each model's own frozen threshold",
}


def compare_models(
    breasts: pd.DataFrame,
    first: str,
    second: str,
    thresholds: Mapping[str, float] | None,
    repeats: int,
    level: float,
    rng: np.random.Generator,
) -> dict[str, Any]:
    """Returns the paired comparison of two models, first less second, as plain numbers.

    Args:
        breasts: One row a breast: patient_id, cancer, and a score column of each model's name.
        first: Name of the first model's column.
        second: Name of the second's.
        thresholds: Model name to its frozen threshold: a breast is recalled from it on. None
            leaves the operating points out.
        repeats: Bootstrap replicates, of patients, stratified by outcome, the same for both.
        level: Of the intervals.
        rng: Where chance comes from.

    Returns:
        first, second: Names. count: {breasts, positives, patients}. auroc: {first, second,
        difference, p} by bootstrap, and `delong`: see `delong.compare_areas`. operating: name to
        {first, second, difference, p, mcnemar}; {} without thresholds. thresholds, repeats, level.

    Raises:
        ValueError: A column is missing, holds nothing, or there is no breast.
    """
    check_breasts(breasts, first, second, thresholds)
    labels, patients = breasts["cancer"].to_numpy(float), breasts["patient_id"].to_numpy()
    scores = breasts[[first, second]].to_numpy(float)
    by_delong = compare_areas(labels, scores, patients, level)
    draws = auroc_draws(labels, scores, patients, repeats, rng)
    areas = [by_delong[side]["value"] for side in ("first", "second")]
    found: dict[str, Any] = {
        "first": first,
        "second": second,
        "count": count_cases(labels, patients),
        "auroc": _withhold_pair(
            _pair(areas, draws, labels.size, level, "auroc", by_delong["first"]["reason"]),
            labels,
            patients,
            (0, 1),
            bool((scores[:, 0] == scores[:, 1]).all()),
        )
        | {"delong": by_delong},
        "operating": {},
        "thresholds": None,
        "repeats": repeats,
        "level": level,
    }
    if thresholds is None:
        return found
    cuts = np.array([thresholds[first], thresholds[second]], float)
    found["thresholds"] = {first: float(cuts[0]), second: float(cuts[1])}
    return found | {
        "operating": compare_recalls(labels, scores >= cuts, patients, repeats, level, rng)
    }


def check_breasts(
    breasts: pd.DataFrame, first: str, second: str, thresholds: Mapping[str, float] | None
) -> None:
    """Refuses a table that two models cannot be compared on, saying what is missing."""
    needed = [*COLUMNS, first, second]
    if missing := [name for name in needed if name not in breasts]:
        raise ValueError(f"no column {missing}; found {sorted(map(str, breasts.columns))}.")
    if breasts.empty:
        raise ValueError(f"no breast was scored by both {first} and {second}: nothing to compare.")
    gaps = breasts[needed].isna().sum()
    if gaps.any():
        text = ", ".join(f"{count} of {name}" for name, count in gaps[gaps > 0].items())
        raise ValueError(f"values are missing ({text}): both models must score the same breasts.")
    if thresholds is not None and (unknown := {first, second} - set(thresholds)):
        raise ValueError(f"no threshold for {sorted(unknown)}; found {sorted(thresholds)}.")


def count_cases(labels: np.ndarray, patients: np.ndarray) -> dict[str, int]:
    """Returns {breasts, positives, patients}."""
    people = len(pd.unique(patients))
    return {"breasts": labels.size, "positives": int(labels.sum()), "patients": people}


def compare_recalls(
    labels: np.ndarray,
    recalled: np.ndarray,
    patients: np.ndarray,
    repeats: int,
    level: float,
    rng: np.random.Generator,
) -> dict[str, dict[str, Any]]:
    """Returns sensitivity, specificity and recall rate of both models and their differences.

    Args:
        labels: 0 or 1 of each breast, shape (n,).
        recalled: By the first and the second model, bool, shape (n, 2).
        patients: The patient of each breast, shape (n,).
        repeats: Bootstrap replicates of patients.
        level: Of the intervals.
        rng: Where chance comes from.
    """
    values = [operating_figures(labels, column) for column in recalled.T]
    tallies = tally_recalls(labels, recalled, patients)
    outcomes = patient_outcomes(patients, labels)[1]
    sums = draw_tallies(tallies, outcomes, repeats, rng)
    with np.errstate(invalid="ignore", divide="ignore"):
        draws = {
            "sensitivity": sums[:, [1, 2]] / sums[:, [0]],
            "specificity": 1 - sums[:, [4, 5]] / sums[:, [3]],
            "recall_rate": (sums[:, [1, 2]] + sums[:, [4, 5]]) / (sums[:, [0]] + sums[:, [3]]),
        }
    found, is_same = {}, bool((recalled[:, 0] == recalled[:, 1]).all())
    for name, outcome in AMONG.items():
        among = np.full(labels.shape, True) if outcome is None else labels == outcome
        n = int(among.sum())
        reason = (
            None if n else f"nothing to count: no breast {'with' if outcome else 'without'} cancer"
        )
        pair = [float(value[name]) for value in values]
        mcnemar = exact_mcnemar(recalled[among, 0], recalled[among, 1])
        made = _pair(pair, draws[name], n, level, name, reason)
        rests = () if outcome is None else (outcome,)
        found[name] = _withhold_pair(made, labels, patients, rests, is_same) | {"mcnemar": mcnemar}
    return found


def tally_recalls(labels: np.ndarray, recalled: np.ndarray, patients: np.ndarray) -> np.ndarray:
    """Returns a patient's breasts with cancer (all, recalled by each), and without; (patients, 6).

    >>> tally_recalls(np.array([1, 0]), np.array([[1, 0], [1, 1]]), np.array(["a", "a"])).tolist()
    [[1.0, 1.0, 0.0, 1.0, 1.0, 1.0]]
    """
    codes, outcomes = patient_outcomes(patients, labels)
    rows = np.column_stack([np.ones(len(labels)), recalled])
    parts = np.column_stack([rows * (labels == 1)[:, None], rows * (labels == 0)[:, None]])
    return np.column_stack([np.bincount(codes, part, len(outcomes)) for part in parts.T])


def draw_tallies(
    tallies: np.ndarray, outcomes: np.ndarray, repeats: int, rng: np.random.Generator
) -> np.ndarray:
    """Returns the sums of the drawn patients' tallies, shape (repeats, columns).

    Patients of one outcome with the same tally are alike, so that how many of each kind are drawn
    is multinomial: as `intervals.draw_patient_counts` draws, without drawing every patient.

    >>> tallies, outcomes = np.array([[1.0], [1.0], [5.0]]), np.array([0.0, 0.0, 1.0])
    >>> draw_tallies(tallies, outcomes, 2, np.random.default_rng(0)).tolist()
    [[7.0], [7.0]]
    """
    total = np.zeros((repeats, tallies.shape[1]))
    for outcome in np.unique(outcomes):
        kinds, counts = np.unique(tallies[outcomes == outcome], axis=0, return_counts=True)
        total += rng.multinomial(counts.sum(), counts / counts.sum(), repeats) @ kinds
    return total


def exact_mcnemar(first: ArrayLike, second: ArrayLike) -> dict[str, Any]:
    """Returns {first_only, second_only, p}: the exact test of McNemar (1947), two-sided.

    Only breasts on which the models disagree count; they are taken as independent, so the bootstrap
    by patient is the one to go by where patients have several.

    >>> exact_mcnemar([1, 1, 1, 1, 0], [0, 0, 0, 1, 0])
    {'first_only': 3, 'second_only': 0, 'p': 0.25}
    """
    one, other = np.asarray(first, bool), np.asarray(second, bool)
    counts = int((one & ~other).sum()), int((other & ~one).sum())
    p = float(binomtest(counts[0], sum(counts)).pvalue) if sum(counts) else None
    return {"first_only": counts[0], "second_only": counts[1], "p": p}


def bootstrap_p(draws: np.ndarray) -> float | None:
    """Returns the two-sided p of "no difference": twice the rarer sign's share, plus one each.

    The plus one keeps it above 0 (Davison and Hinkley 1997, section 4.2); None where fewer than
    half of the replicates are defined.

    >>> bootstrap_p(np.array([1.0, 2.0, 3.0]))
    0.5
    """
    known = draws[np.isfinite(draws)]
    if known.size == 0 or known.size < draws.size / 2:
        return None
    rarer = min((known <= 0).sum(), (known >= 0).sum())
    return float(min(1.0, 2 * (rarer + 1) / (known.size + 1)))


def _pair(
    values: Sequence[float | None],
    draws: np.ndarray,
    n: int,
    level: float,
    name: str,
    reason: str | None,
) -> dict[str, Any]:
    """Returns {first, second, difference, p} from values (2,) and paired draws (repeats, 2)."""
    known = [np.nan if value is None else float(value) for value in values]
    apart, drawn = known[0] - known[1], draws[:, 0] - draws[:, 1]
    return {
        "first": figure(known[0], draws[:, 0], n, level, HOW[name], reason),
        "second": figure(known[1], draws[:, 1], n, level, HOW[name], reason),
        "difference": figure(apart, drawn, n, level, f"first less second; {HOW[name]}", reason),
        "p": None if np.isnan(apart) else bootstrap_p(drawn),
    }


def _withhold_pair(
    found: dict[str, Any],
    labels: np.ndarray,
    patients: np.ndarray,
    outcomes: tuple[int, ...],
    is_same: bool,
) -> dict[str, Any]:
    """Returns a pair without the intervals and the p that too few patients, or no variation, make.

    Where every replicate says the same, its p is the least that the number of replicates allows,
    however few the patients are. Only a model beside itself is known to differ by nothing.
    """
    sides = {
        side: withhold_interval(found[side], labels, patients, outcomes)
        for side in ("first", "second", "difference")
    }
    if is_same and found["difference"]["value"] is not None:
        return found | sides | {"difference": found["difference"]}
    return found | sides | {"p": None if sides["difference"]["low"] is None else found["p"]}
