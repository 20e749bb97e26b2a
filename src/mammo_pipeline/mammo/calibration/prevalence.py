"""A probability carried to a place where cancer is rarer or more frequent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit, logit

from mammo_pipeline.mammo.intervals import CELLS, figure

EM_STEPS = 20_000
# A move of the prevalence below a millionth of itself.
EM_DONE = 1e-6
# A score that says nothing leaves the prevalence where it began; what follows is then no estimate.
LITTLE_SPREAD = 1e-9

ASSUMPTION = (
    "Only the share of women with cancer differs: among those with cancer the scores are "
    "distributed there as here, and so among those without (label shift). Other devices, other "
    "ages, smaller or earlier cancers break this, and then the probabilities must be calibrated "
    "again on outcomes from there."
)


def shift_prevalence(
    calibrated_logits: ArrayLike, from_prevalence: float, to_prevalence: float
) -> np.ndarray:
    """Returns the calibrated logits at another prevalence: all moved by the same log-odds.

    logit + logit(to) - logit(from) (Elkan 2001, theorem 2; Saerens et al. 2002), which rests on
    `ASSUMPTION`. The order of breasts stays.

    Args:
        calibrated_logits: Calibrated where cancer has the share `from_prevalence`.
        from_prevalence: Share of breasts with cancer there, between 0 and 1.
        to_prevalence: Share where the probability is to hold.

    Raises:
        ValueError: A prevalence is not between 0 and 1.

    >>> float(expit(shift_prevalence(0.0, 0.5, 0.005))).__round__(6)
    0.005
    """
    for share in (from_prevalence, to_prevalence):
        if not 0 < share < 1:
            raise ValueError(f"a prevalence must lie between 0 and 1, found {share}.")
    return np.asarray(calibrated_logits, float) + logit(to_prevalence) - logit(from_prevalence)


def estimate_prevalence(
    calibrated_logits: ArrayLike, from_prevalence: float, weights: np.ndarray | None = None
) -> np.ndarray:
    """Returns the share of cancer among breasts without outcomes, from their scores, shape (...,).

    Expectation and maximization in turn (Saerens et al. 2002): the mean probability at
    the present share becomes the next share, until it stays. A helper for a site that has scores
    and no outcomes yet; it rests on `ASSUMPTION`.

    Args:
        calibrated_logits: Calibrated where cancer has the share `from_prevalence`, shape (n,).
        from_prevalence: That share, between 0 and 1.
        weights: How often each row counts, shape (..., n).

    Raises:
        ValueError: No score, one that is not finite, a prevalence out of range, or scores that are
            all alike and say nothing of a share.

    >>> scores = logit([0.9] * 3 + [0.1] * 7)
    >>> round(float(estimate_prevalence(scores, 0.5)), 3)
    0.25
    """
    x = shift_prevalence(calibrated_logits, from_prevalence, 0.5)
    if x.ndim != 1 or x.size == 0 or not np.isfinite(x).all():
        raise ValueError(f"expected finite scores of shape (n,), found {x.shape}.")
    if np.ptp(x) < LITTLE_SPREAD:
        raise ValueError("all scores are alike: no prevalence can be read from them.")
    w = np.ones(x.size) if weights is None else np.asarray(weights, float)
    total = w.sum(-1)
    share = np.full(w.shape[:-1], float(from_prevalence))
    for _ in range(EM_STEPS):
        with np.errstate(divide="ignore"):
            p = expit(x + logit(share)[..., None])
        following = (w * p).sum(-1) / total
        moved = np.abs(following - share) > EM_DONE * share
        share = following
        if not moved.any():
            break
    return share


def measure_prevalence(
    calibrated_logits: ArrayLike,
    from_prevalence: float,
    patients: ArrayLike,
    repeats: int,
    level: float,
    rng: np.random.Generator,
) -> dict[str, Any]:
    """Returns `estimate_prevalence` as a figure, its interval by bootstrap of patients.

    Without outcomes patients are drawn in one stratum. The interval does not hold what the
    assumption or the calibration may lack.
    """
    x = np.asarray(calibrated_logits, float)
    _, codes = np.unique(np.asarray(patients).astype(str), return_inverse=True)
    if codes.shape != x.shape:
        raise ValueError(f"{codes.shape} patients for {x.shape} scores; expected one each.")
    value = float(estimate_prevalence(x, from_prevalence))
    women = int(codes.max()) + 1
    how = f"expectation-maximization on {x.size} scores without outcomes (Saerens et al. 2002)"
    if women < 2:
        found = figure(value, np.array([]), x.size, level, how)
        return found | {"reason": "no interval: only 1 patient"}
    batch = max(1, CELLS // x.size)
    draws = []
    for start in range(0, repeats, batch):
        size = min(batch, repeats - start)
        drawn = rng.multinomial(women, np.full(women, 1 / women), size)
        draws.append(estimate_prevalence(x, from_prevalence, drawn[:, codes].astype(float)))
    return figure(value, np.concatenate(draws), x.size, level, how)


def tabulate_shift(
    calibrated_logits: ArrayLike,
    from_prevalence: float,
    to_prevalences: Sequence[float],
    probabilities: Sequence[float] = (0.01, 0.05, 0.1, 0.2, 0.5, 0.8, 0.95),
) -> dict[str, Any]:
    """Returns what a probability becomes at other prevalences, and the assumption behind it.

    The record: from_prevalence, to_prevalences, rows ({probability, shifted: one a prevalence,
    share_below: of the given breasts}), assumption, n.

    Args:
        calibrated_logits: Of the breasts at hand, which tell how frequent a probability is.
        from_prevalence: Where the probabilities hold.
        to_prevalences: Where they are wanted.
        probabilities: The rows.

    >>> tabulate_shift([0.0], 0.5, [0.005], [0.5])["rows"][0]["shifted"][0].__round__(4)
    0.005
    """
    p = expit(np.asarray(calibrated_logits, float))
    rows = [
        {
            "probability": float(given),
            "shifted": [
                float(expit(shift_prevalence(logit(given), from_prevalence, to)))
                for to in to_prevalences
            ],
            "share_below": float((p < given).mean()) if p.size else None,
        }
        for given in probabilities
    ]
    return {
        "from_prevalence": float(from_prevalence),
        "to_prevalences": [float(to) for to in to_prevalences],
        "rows": rows,
        "assumption": ASSUMPTION,
        "n": int(p.size),
    }
