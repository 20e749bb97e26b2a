"""How far a later cohort stands from the one that the model was made on, feature by feature.

Images of one patient are not independent, so every draw is a draw of patients: the interval of
the PSI, and the PSI that chance alone would give at these sizes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.stats import chi2_contingency, ks_2samp

from mammo_pipeline.mammo.bins import assign_bins, equal_count_edges
from mammo_pipeline.mammo.intervals import CELLS, draw_patient_counts

Kind = Literal["numeric", "categorical"]
NOT_COMPARED = "not compared"
VERDICTS = [NOT_COMPARED, "stable", "watch", "drift"]


@dataclass(frozen=True)
class Feature:
    """A column to compare, how to compare it, and the group that it is shown in."""

    name: str
    kind: Kind
    group: str


@dataclass(frozen=True)
class Thresholds:
    """From which PSI on a feature is watched, and from which it has drifted."""

    watch: float
    drift: float


def psi(reference: ArrayLike, current: ArrayLike) -> np.ndarray:
    """Returns the population stability index of two sets of bin counts (..., bins).

    sum (c - r) ln(c / r) over shares, after half a case was added to each bin: an empty bin then
    gives a large but finite figure. Below 0.1 is customarily called stable, above 0.25 drifted
    (Siddiqi 2006).

    >>> round(float(psi([50, 50], [50, 50])), 3), round(float(psi([500, 500], [800, 200])), 2)
    (0.0, 0.41)
    """
    shares = []
    for counts in (np.asarray(reference, float), np.asarray(current, float)):
        shares.append((counts + 0.5) / (counts + 0.5).sum(-1, keepdims=True))
    r, c = shares
    return ((c - r) * np.log(c / r)).sum(-1)


def code_feature(
    reference: pd.Series, current: pd.Series, kind: Kind, bins: int
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the bin of each row on both sides.

    Numeric bins hold equal counts of the reference. Values below and above its whole range have
    bins of their own, so that a new detector's spacing cannot hide in the outer bin, and so have
    missing values. A category is a bin.

    >>> a, b = pd.Series([1.0, 2, 3, 4]), pd.Series([0.0, 9.0, None])
    >>> [codes.tolist() for codes in code_feature(a, b, "numeric", 2)]
    [[1, 1, 2, 2], [0, 3, 4]]
    """
    both = pd.concat([reference, current], ignore_index=True)
    if kind == "numeric":
        values = pd.to_numeric(both).to_numpy(float, na_value=np.nan)
        missing = ~np.isfinite(values)
        known = values[: len(reference)][~missing[: len(reference)]]
        edges = np.array([])
        if known.size:
            ends = known.min(), np.nextafter(known.max(), np.inf)
            edges = np.array([ends[0], *equal_count_edges(known, bins), ends[1]])
        codes = np.where(missing, len(edges) + 1, assign_bins(values, edges))
    else:
        codes, names = pd.factorize(both, sort=True)
        codes = np.where(codes < 0, len(names), codes)
    return codes[: len(reference)], codes[len(reference) :]


def count_by_patient(patients: pd.Series, codes: list[np.ndarray], sizes: list[int]) -> np.ndarray:
    """Returns how many images of each patient are in each bin, shape (patients, sum of sizes)."""
    rows, names = pd.factorize(patients, sort=True)
    parts = []
    for code, size in zip(codes, sizes, strict=True):
        flat = np.bincount(rows * size + code, minlength=len(names) * size)
        parts.append(flat.reshape(len(names), size))
    return np.concatenate(parts, axis=1).astype(float)


def draw_psi(
    reference: np.ndarray,
    current: np.ndarray,
    sizes: list[int],
    repeats: int,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Returns (bootstrap, chance) PSI of each feature, each of shape (repeats, features).

    The bootstrap draws patients within each side; chance deals all patients anew to both sides.

    Args:
        reference: Bin counts by patient, shape (patients, bins of all features).
        current: The same of the other side.
        sizes: Bins of each feature, in order.
        repeats: Number of draws of each sort.
        rng: Where chance comes from.
    """
    pool, n = np.concatenate([reference, current]), len(reference)
    cuts = np.cumsum(sizes)[:-1]
    batch = max(1, CELLS // len(pool))
    bootstrap, chance = [], []
    for start in range(0, repeats, batch):
        b = min(batch, repeats - start)
        first = draw_patient_counts(np.zeros(n), b, rng) @ reference
        second = draw_patient_counts(np.zeros(len(current)), b, rng) @ current
        bootstrap.append(_psi_by_feature(first, second, cuts))
        order = np.argsort(rng.random((b, len(pool))), axis=1)
        dealt = (order < n).astype(float) @ pool
        chance.append(_psi_by_feature(dealt, pool.sum(0) - dealt, cuts))
    return np.concatenate(bootstrap), np.concatenate(chance)


def _psi_by_feature(reference: np.ndarray, current: np.ndarray, cuts: np.ndarray) -> np.ndarray:
    pairs = zip(np.split(reference, cuts, -1), np.split(current, cuts, -1), strict=True)
    return np.stack([psi(r, c) for r, c in pairs], axis=-1)


def contrast_feature(
    reference: pd.DataFrame, current: pd.DataFrame, feature: Feature
) -> dict[str, float | None]:
    """Returns {ks, chi2, p}: Kolmogorov-Smirnov on patient means, or chi-square on her first value.

    One value a patient keeps the cases independent, as both tests ask. A test that does not apply
    is None.
    """
    sides = []
    for table in (reference, current):
        values = table.dropna(subset=[feature.name]).groupby("patient_id")[feature.name]
        sides.append(values.mean() if feature.kind == "numeric" else values.first())
    if not all(len(side) for side in sides):
        return {"ks": None, "chi2": None, "p": None}
    if feature.kind == "numeric":
        found = ks_2samp(*(side.to_numpy(float) for side in sides))
        return {"ks": float(found.statistic), "chi2": None, "p": float(found.pvalue)}
    where = np.repeat([0, 1], [len(side) for side in sides])
    table = pd.crosstab(where, pd.concat(sides).astype(str).to_numpy())
    found = chi2_contingency(table, correction=False)
    return {"ks": None, "chi2": float(found.statistic), "p": float(found.pvalue)}


def judge_psi(value: float, chance: float, thresholds: Thresholds) -> str:
    """Returns stable, watch or drift; a PSI that chance alone reaches at these sizes is stable.

    >>> limits = Thresholds(watch=0.1, drift=0.25)
    >>> judge_psi(0.3, 0.05, limits), judge_psi(0.3, 0.4, limits)
    ('drift', 'stable')
    """
    if value <= chance or value < thresholds.watch:
        return "stable"
    return "drift" if value >= thresholds.drift else "watch"


def compare_features(
    reference: pd.DataFrame,
    current: pd.DataFrame,
    features: list[Feature],
    thresholds: Thresholds,
    bins: int,
    repeats: int,
    level: float,
    rng: np.random.Generator,
) -> list[dict[str, Any]]:
    """Returns one record per feature, in the order given.

    Args:
        reference: One row an image: patient_id and the features.
        current: The same of the later cohort.
        features: What to compare.
        thresholds: Where the verdict turns.
        bins: Bins of a numeric feature.
        repeats: Draws for the interval and for chance.
        level: Of the interval, and the quantile of chance.
        rng: Where chance comes from.

    Returns:
        {feature, kind, group, psi, psi_low, psi_high, psi_chance, ks, chi2, p, n_reference,
        n_current, missing_reference, missing_current, verdict, reason}. A feature that one side
        never states is not compared.
    """
    for side, table in (("reference", reference), ("current", current)):
        if table.empty:
            raise ValueError(f"the {side} cohort has no image; nothing to compare.")
    compared = [f for f in features if _has_values(reference, f) and _has_values(current, f)]
    coded = [code_feature(reference[f.name], current[f.name], f.kind, bins) for f in compared]
    sizes = [int(max(a.max(), b.max())) + 1 for a, b in coded]
    if not compared:
        return [describe_feature(reference, current, f) for f in features]
    before = count_by_patient(reference["patient_id"], [a for a, _ in coded], sizes)
    after = count_by_patient(current["patient_id"], [b for _, b in coded], sizes)
    value = _psi_by_feature(before.sum(0), after.sum(0), np.cumsum(sizes)[:-1])
    bootstrap, chance = draw_psi(before, after, sizes, repeats, rng)
    low, high = np.quantile(bootstrap, [(1 - level) / 2, (1 + level) / 2], axis=0)
    reach = np.quantile(chance, level, axis=0)
    found: dict[str, dict[str, Any]] = {
        f.name: {"psi": float(value[i]), "psi_low": float(low[i]), "psi_high": float(high[i])}
        | {"psi_chance": float(reach[i])}
        | contrast_feature(reference, current, f)
        | {"verdict": judge_psi(float(value[i]), float(reach[i]), thresholds), "reason": None}
        for i, f in enumerate(compared)
    }
    return [describe_feature(reference, current, f) | found.get(f.name, {}) for f in features]


def _has_values(table: pd.DataFrame, feature: Feature) -> bool:
    return bool(table[feature.name].notna().any())


def describe_feature(
    reference: pd.DataFrame, current: pd.DataFrame, feature: Feature
) -> dict[str, Any]:
    """Returns a feature's counts, every comparison null: a side never states it."""
    blank = dict.fromkeys(["psi", "psi_low", "psi_high", "psi_chance", "ks", "chi2", "p"])
    side = "current" if _has_values(reference, feature) else "reference"
    return {
        "feature": feature.name,
        "kind": feature.kind,
        "group": feature.group,
        **blank,
        "n_reference": len(reference),
        "n_current": len(current),
        "missing_reference": int(reference[feature.name].isna().sum()),
        "missing_current": int(current[feature.name].isna().sum()),
        "verdict": NOT_COMPARED,
        "reason": f"the {side} cohort states no value",
    }


def summarise_drift(records: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Returns group to {features, count of each verdict, verdict}: the worst in it.

    >>> summarise_drift([{"group": "patient", "verdict": "watch"}])["patient"]["verdict"]
    'watch'
    """
    groups: dict[str, dict[str, Any]] = {}
    for record in records:
        group = groups.setdefault(record["group"], {"features": 0} | dict.fromkeys(VERDICTS, 0))
        group["features"] += 1
        group[record["verdict"]] += 1
    for group in groups.values():
        group["verdict"] = max((v for v in VERDICTS if group[v]), key=VERDICTS.index)
    return groups
