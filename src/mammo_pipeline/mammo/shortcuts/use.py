"""Whether a score differs by source among breasts without cancer, and in whose favour."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd


def name_sources(values: pd.Series) -> pd.Series:
    """Returns the sources as text; a missing one is `not stated`.

    >>> name_sources(pd.Series(["A", "", None])).tolist()
    ['A', 'not stated', 'not stated']
    """
    words = values.astype("object").where(values.notna(), "").astype(str)
    return words.where(words != "", "not stated")


def find_use(
    breasts: pd.DataFrame,
    known: pd.DataFrame | None,
    source: str,
    permutations: int,
    rng: np.random.Generator,
) -> dict[str, Any]:
    """Returns whether the score differs by source without cancer, and where it is higher.

    `eta2` is the share of variance between sources (epsilon squared, Kelley 1935: the excess over
    chance) of the scores of breasts without cancer, averaged by woman and source, so that a woman's
    breasts count once. `cramers_v` is the association of outcome and source over the women of train
    and tune (of test where there are none). `lean` is the correlation of those mean scores with the
    log odds of cancer of their source there. Each p is of permutations: of the sources of women's
    scores, and of the women's outcomes; with the plus-one correction (Phipson and Smyth 2010).

    Args:
        breasts: Of test: patient_id, cancer, calibrated_logit, the source.
        known: Of train and tune: patient_id, cancer, the source; or None.
        source: The column.
        permutations: Of each test.
        rng: Where chance comes from.

    Raises:
        ValueError: A logit is not finite.
    """
    if not np.isfinite(breasts["calibrated_logit"].to_numpy(float)).all():
        raise ValueError("a calibrated_logit of the test breasts is not finite.")
    scores, places = _mean_healthy(breasts, source)
    if len(np.unique(places)) < 2 or len(scores) < 4 or np.ptp(scores) == 0:
        return {"reason": f"cannot be estimated, n = {len(scores)} women without cancer"}
    odds, association = measure_confounding(
        breasts if known is None or known.empty else known, source, permutations, rng
    )
    lines = np.array([odds.get(name, np.nan) for name in places])
    lines = np.where(np.isfinite(lines), lines, np.nanmean(lines) if odds else 0.0)
    codes = np.unique(places, return_inverse=True)[1]
    orders = np.argsort(rng.random((permutations, len(scores))), axis=1)
    shuffled = np.vstack([scores, scores[orders]])
    shares = _share_between(shuffled, codes)
    leans = _correlate(shuffled, lines)
    return {
        "eta2": float(shares[0]),
        "eta2_p": _rank_first(shares),
        "lean": float(leans[0]),
        "lean_p": _rank_first(leans),
        "women": len(scores),
        "mean_scores": {str(n): float(scores[places == n].mean()) for n in np.unique(places)},
        "log_odds": {str(name): float(value) for name, value in odds.items()},
        **association,
    }


def _mean_healthy(breasts: pd.DataFrame, source: str) -> tuple[np.ndarray, np.ndarray]:
    """Returns (mean logit, source) of each woman and source, over her breasts without cancer."""
    healthy = breasts[breasts["cancer"].to_numpy(int) == 0]
    names = name_sources(healthy[source])
    means = healthy["calibrated_logit"].astype(float).groupby([healthy["patient_id"], names]).mean()
    return means.to_numpy(float), means.index.get_level_values(1).to_numpy(str)


def measure_confounding(
    known: pd.DataFrame, source: str, permutations: int, rng: np.random.Generator
) -> tuple[dict[str, float], dict[str, Any]]:
    """Returns (log odds of cancer by source, {cramers_v, confounded_p, known_women}).

    A woman counts once at each source; half a woman is added to each cell, so that a source
    without any cancer has finite odds (Haldane 1956).
    """
    names = name_sources(known[source])
    women = known["cancer"].astype(int).groupby([known["patient_id"], names]).max()
    outcomes = women.to_numpy(float)
    labels, codes = np.unique(women.index.get_level_values(1).to_numpy(str), return_inverse=True)
    count, sick = np.bincount(codes), np.bincount(codes, outcomes)
    odds = np.log((sick + 0.5) / (count - sick + 0.5))
    orders = np.argsort(rng.random((permutations, len(outcomes))), axis=1)
    tables = np.vstack([outcomes, outcomes[orders]])
    squares = np.stack([tables[:, codes == code].sum(1) for code in range(len(labels))], axis=1)
    share = outcomes.mean()
    spread = max(share * (1 - share), 1e-12)
    chi2 = ((squares - count * share) ** 2 / (count * spread)).sum(axis=1)
    return dict(zip(map(str, labels), odds, strict=True)), {
        # For an outcome of two values, V is the root of chi squared over n.
        "cramers_v": float(np.sqrt(chi2[0] / len(outcomes))),
        "confounded_p": _rank_first(chi2),
        "known_women": len(outcomes),
    }


def _share_between(rows: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Returns epsilon squared of each row of values, shape (rows,)."""
    n, groups = rows.shape[1], int(codes.max()) + 1
    whole = ((rows - rows.mean(axis=1, keepdims=True)) ** 2).sum(axis=1)
    within = np.zeros(len(rows))
    for code in range(groups):
        own = rows[:, codes == code]
        within += ((own - own.mean(axis=1, keepdims=True)) ** 2).sum(axis=1)
    noise = within / max(n - groups, 1)
    return (whole - within - (groups - 1) * noise) / np.maximum(whole, 1e-12)


def _correlate(rows: np.ndarray, line: np.ndarray) -> np.ndarray:
    centred, along = rows - rows.mean(axis=1, keepdims=True), line - line.mean()
    length = np.sqrt((centred**2).sum(axis=1) * (along**2).sum())
    return np.where(length > 0, centred @ along / np.maximum(length, 1e-12), 0.0)


def _rank_first(values: np.ndarray) -> float:
    """Returns the one-sided p of the first value among the others, which are permutations."""
    # Equal up to rounding counts as equal: a permutation may be the identity.
    return float((1 + (values[1:] >= values[0] - 1e-12).sum()) / len(values))
