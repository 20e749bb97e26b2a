"""How far a subgroup lies from everyone else, and which gaps hold when so many are looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
from scipy.stats import false_discovery_control, norm

from mammo_pipeline.mammo.bias.figures import Figure, blank_figure, state_figure
from mammo_pipeline.mammo.bias.groups import Cell

Control = Literal["benjamini_hochberg", "holm"]
GAPS = ("auroc", "sensitivity", "recall_rate", "in_the_large")
NAMES = {
    "auroc": "AUROC",
    "sensitivity": "sensitivity",
    "recall_rate": "recall rate",
    "in_the_large": "calibration in the large",
}
CONTROLS = {
    "benjamini_hochberg": "Benjamini and Hochberg (1995) holds the share of false alarms among "
    "the gaps that it names",
    "holm": "Holm (1979) holds the chance of any false alarm",
}


def measure_gaps(
    breasts: pd.DataFrame,
    cell: Cell,
    values: Mapping[str, np.ndarray],
    draws: Mapping[str, np.ndarray],
    level: float,
    refused: Mapping[str, str],
) -> dict[str, Figure]:
    """Returns the gap of each figure of `GAPS`, group less everyone else of its axis, with p.

    The spread of a gap is that of its replicates, which hold the likeness of one woman's breasts,
    but never below `pooled_spreads`: five cancers that were all found vary in no replicate. From
    it come the normal interval and p. `p_plus_one` is the replicates' own two-sided p (Davison and
    Hinkley 1997, section 4.2.3): it cannot fall below 2 / (repeats + 1), which a family of a
    hundred gaps would need, and is far too small in small cells; it decides nothing.

    Args:
        breasts: One row a breast: cancer, calibrated_logit, probability, and `recalled`.
        cell: The subgroup and its rest.
        values: Figure to its value in group and rest, shape (2,).
        draws: Figure to its replicates in both, shape (2, repeats).
        level: Of the intervals.
        refused: Figure to why it has no gap here.

    Returns:
        Figure name to {value, low, high, n, how, reason, p, p_plus_one}; without a value both are
        None.
    """
    sizes, floors = count_sides(breasts, cell), pooled_spreads(breasts, cell)
    found = {}
    for name in GAPS:
        n = sizes["positives" if name == "sensitivity" else "n"][0]
        why = refused.get(name) or _explain_undefined(name, sizes, values[name], draws[name])
        how = f"{NAMES[name]}: group less everyone else of the axis"
        if why:
            blank = blank_figure(n, how, why)
            found[name] = blank | {"p": None, "p_plus_one": None}
            continue
        gap, drawn = float(values[name][0] - values[name][1]), draws[name][0] - draws[name][1]
        found[name] = _test_gap(gap, drawn[np.isfinite(drawn)], floors[name], n, level, how)
    return found


def count_sides(breasts: pd.DataFrame, cell: Cell) -> dict[str, tuple[int, int]]:
    """Returns how many breasts, with cancer and without, stand in the group and in its rest."""
    cancer = breasts["cancer"].to_numpy() == 1
    sides = (cell.inside, cell.rest)
    positives = int(cancer[sides[0]].sum()), int(cancer[sides[1]].sum())
    n = int(sides[0].sum()), int(sides[1].sum())
    return {"n": n, "positives": positives, "negatives": (n[0] - positives[0], n[1] - positives[1])}


def _explain_undefined(
    name: str, sizes: Mapping[str, tuple[int, int]], values: np.ndarray, draws: np.ndarray
) -> str | None:
    """Returns why there is no gap, or None when there is one."""
    needed = {"auroc": ("positives", "negatives"), "sensitivity": ("positives",)}
    for what in needed.get(name, ("n",)):
        for side, count in zip(("group", "rest"), sizes[what], strict=True):
            if count == 0:
                kind = {"positives": "with cancer", "negatives": "without cancer", "n": ""}[what]
                empty = f"no breast {kind}".strip()
                return f"cannot be estimated, n = {sizes['n'][0]}: {empty} in the {side}"
    defined = np.isfinite(draws).all(axis=0).mean()
    if defined < 0.5 or not np.isfinite(values).all():
        return f"cannot be estimated, n = {sizes['n'][0]}: undefined in most replicates"
    return None


def _test_gap(
    gap: float, draws: np.ndarray, floor: float, n: int, level: float, how: str
) -> dict[str, Any]:
    spread = max(float(draws.std(ddof=1)), floor)
    p = float(2 * norm.sf(abs(gap) / spread)) if spread > 0 else float(gap == 0)
    half = float(norm.ppf((1 + level) / 2)) * spread
    how = f"{how}; normal {level:.0%}, spread of {draws.size} patient replicates, at least pooled"
    beyond = min(int((draws <= 0).sum()), int((draws >= 0).sum()))
    low, high = max(gap - half, -1.0), min(gap + half, 1.0)
    own = {"p": p, "p_plus_one": min(1.0, 2 * (beyond + 1) / (draws.size + 1))}
    return state_figure(gap, low, high, n, how) | own


def pooled_spreads(breasts: pd.DataFrame, cell: Cell) -> dict[str, float]:
    """Returns the standard error of each gap if both sides were drawn from the same breasts.

    Shares: sqrt(p (1 - p) (1/n1 + 1/n2)) with the pooled p. AUROC: DeLong's (1988) two components
    of the pooled breasts, each over the counts of both sides; on a lesion axis the healthy are the
    same on both sides and add nothing. 0 where the same breasts stand on both sides, which the
    replicates pair and this could not.

    Args:
        breasts: One row a breast: cancer, calibrated_logit, probability, recalled.
        cell: The subgroup and its rest.
    """
    if cell.is_paired:
        return dict.fromkeys(GAPS, 0.0)
    sizes = count_sides(breasts, cell)
    across = {name: sum(1 / max(count, 1) for count in pair) for name, pair in sizes.items()}
    pooled = breasts[cell.inside | cell.rest]
    cancer = pooled["cancer"].to_numpy() == 1
    recalled = pooled["recalled"].to_numpy(float)
    scores = pooled["calibrated_logit"].to_numpy(float)
    excess = cancer - pooled["probability"].to_numpy(float)
    ill, healthy = place_scores(scores[cancer], scores[~cancer])
    shared = bool((cell.inside & cell.rest).any())
    area = ill.var() * across["positives"] + healthy.var() * across["negatives"] * (not shared)
    found = {
        "auroc": area,
        "sensitivity": recalled[cancer].var() * across["positives"] if cancer.any() else 0.0,
        "recall_rate": recalled.var() * across["n"],
        "in_the_large": excess.var() * across["n"],
    }
    return {name: float(np.sqrt(variance)) for name, variance in found.items()}


def place_scores(positives: np.ndarray, negatives: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns DeLong's placements: share of negatives below each positive, and the other way round.

    A tie counts half; the mean of either is the AUROC.

    >>> [part.tolist() for part in place_scores(np.array([2.0, 1.0]), np.array([1.0, 0.0]))]
    [[1.0, 0.75], [0.75, 1.0]]
    """
    if not positives.size or not negatives.size:
        return np.zeros(1), np.zeros(1)
    ordered, others = np.sort(negatives), np.sort(positives)
    below = [np.searchsorted(ordered, positives, side) for side in ("left", "right")]
    under = [np.searchsorted(others, negatives, side) for side in ("left", "right")]
    above = 1 - (under[0] + under[1]) / 2 / positives.size
    return (below[0] + below[1]) / 2 / negatives.size, above


def adjust_gaps(
    records: Sequence[Mapping[str, Any]],
    mirrors: Sequence[str | None],
    control: Control,
    alpha: float,
) -> list[dict[str, Any]]:
    """Returns the records with p_adjusted, significant, counted and the family in every gap.

    The family is every gap that has a p, over all axes, cells and figures, small cells included.
    The two cells of an axis of two are one question and enter once: only one of them is `counted`.

    Args:
        records: Each with `gaps`, as `measure_gaps` gives them.
        mirrors: The group of the same axis that a record is the turned round one of; else None.
        control: How the family is held.
        alpha: Significant when p_adjusted <= alpha.

    Raises:
        ValueError: The control is unknown.

    >>> pair = [{"axis": "side", "group": g, "gaps": {"auroc": {"p": 0.02}}} for g in "LR"]
    >>> adjust_gaps(pair, [None, "L"], "holm", 0.05)[1]["gaps"]["auroc"]["p_adjusted"]
    0.02
    """
    if control not in CONTROLS:
        raise ValueError(f"control {control!r} of gaps; expected one of {sorted(CONTROLS)}.")
    asked = [
        r["group"] if other is None else other for r, other in zip(records, mirrors, strict=True)
    ]
    tests = {
        (record["axis"], group, name): gap["p"]
        for record, group in zip(records, asked, strict=True)
        if record["group"] == group
        for name, gap in record["gaps"].items()
        if gap["p"] is not None
    }
    adjusted = dict(zip(tests, adjust_p(np.array(list(tests.values())), control), strict=True))
    family = {"control": control, "alpha": alpha, "family": len(tests)}
    return [
        dict(record)
        | {
            "gaps": {
                name: gap
                | _judge(adjusted.get((record["axis"], group, name)), alpha)
                | {"counted": (record["axis"], record["group"], name) in tests}
                | family
                for name, gap in record["gaps"].items()
            }
        }
        for record, group in zip(records, asked, strict=True)
    ]


def _judge(p: float | None, alpha: float) -> dict[str, Any]:
    if p is None:
        return {"p_adjusted": None, "significant": False}
    return {"p_adjusted": float(p), "significant": bool(p <= alpha)}


def adjust_p(p: np.ndarray, control: Control) -> np.ndarray:
    """Returns p adjusted for their number, in their order.

    >>> adjust_p(np.array([0.01, 0.04, 0.03]), "holm").round(3).tolist()
    [0.03, 0.06, 0.06]
    >>> adjust_p(np.array([0.01, 0.04, 0.03]), "benjamini_hochberg").round(3).tolist()
    [0.03, 0.04, 0.04]
    """
    if p.size == 0 or control == "benjamini_hochberg":
        return false_discovery_control(p, method="bh") if p.size else p
    order = np.argsort(p, kind="stable")
    steps = np.maximum.accumulate(p[order] * np.arange(p.size, 0, -1))
    adjusted = np.empty(p.size)
    adjusted[order] = np.minimum(steps, 1.0)
    return adjusted


def summarize_gaps(records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Returns {tested, significant, undefined, control, alpha, text}: how many gaps hold.

    Args:
        records: What `measure_subgroups` returned.

    >>> summarize_gaps([])["text"]
    'No gap could be tested.'
    """
    gaps = [(r, name, gap) for r in records for name, gap in r["gaps"].items()]
    tested = [entry for entry in gaps if entry[2]["counted"]]
    held = [entry for entry in tested if entry[2]["significant"]]
    undefined = sum(entry[2]["p"] is None for entry in gaps)
    head = {"tested": 0, "significant": 0, "undefined": undefined, "control": None, "alpha": None}
    if not tested:
        return head | {"text": "No gap could be tested."}
    first = tested[0][2]
    axes = {(r["axis"], n) for r, n, _ in held}
    told = ", ".join(f"{NAMES[n]} by {axis.replace('_', ' ')}" for axis, n in sorted(axes))
    alone = sum(entry[2]["p"] <= first["alpha"] for entry in tested)
    text = (
        f"{first['family']} gaps were tested; {_count(len(held), 'holds', 'hold')} at "
        f"{first['alpha']:.0%} after control for their number"
        f"{f' ({told})' if told else ''}, {alone} would alone. {CONTROLS[first['control']]}. "
        f"Small cells are in the family; {undefined} gaps that cannot be estimated are not, and "
        "the two sides of an axis of two groups are one question."
    )
    return head | {
        "tested": first["family"],
        "significant": len(held),
        "control": first["control"],
        "alpha": first["alpha"],
        "text": text,
    }


def _count(number: int, one: str, many: str) -> str:
    return f"{number or 'none'} {one if number == 1 else many}"
