"""Which breasts a reviewer should look at: misses, false alarms, disagreements, typical hits."""

from __future__ import annotations

import numpy as np
import pandas as pd

BREAST = ["exam_id", "laterality"]
NEEDED = [*BREAST, "cancer", "probability", "recalled"]
MEMBER = "member "
# Kinds in the order in which breasts are dealt: a breast is shown once, where it comes first.
MISSES, ALARMS = "lowest with cancer", "highest without cancer"
SPLITS, HITS = "members disagree", "typical hit"
KINDS = [MISSES, ALARMS, SPLITS, HITS]
# (cancer, recalled) in the field's words.
OUTCOMES = {
    (1, True): "cancer, recalled",
    (1, False): "cancer, missed",
    (0, True): "no cancer, recalled",
    (0, False): "no cancer, not recalled",
}


def gather_member_logits(images: pd.DataFrame, breasts: pd.DataFrame) -> pd.DataFrame:
    """Returns the breasts with one column a member: the mean of its logits over their images.

    Args:
        images: One row a scored image: exam_id, laterality and `member <name>` columns.
        breasts: One row a breast: exam_id and laterality.

    >>> images = pd.DataFrame({"exam_id": ["a", "a"], "laterality": "L", "member m": [0.0, 2.0]})
    >>> gather_member_logits(images, images[["exam_id", "laterality"]][:1])["member m"].tolist()
    [1.0]
    """
    names = list_members(images)
    means = images.groupby(BREAST, as_index=False)[names].mean()
    own = breasts.drop(columns=[name for name in names if name in breasts])
    return own.merge(means, on=BREAST, how="left", validate="one_to_one")


def list_members(table: pd.DataFrame) -> list[str]:
    """Returns the columns that hold a member's own logit."""
    return [name for name in table.columns if str(name).startswith(MEMBER)]


def measure_spread(breasts: pd.DataFrame) -> np.ndarray:
    """Returns how far the members' ranks of each breast lie apart, shape (n,); NaN for one member.

    The difference of the highest and the lowest rank over n: 0 where all put a breast at the same
    place, towards 1 where one puts it first and another last. Ranks, since members' logits are on
    scales of their own; ties share their mean rank.

    >>> table = pd.DataFrame({"member a": [1, 2, 3], "member b": [3, 20, 10]})
    >>> measure_spread(table).round(2).tolist()
    [0.0, 0.33, 0.33]
    """
    names = list_members(breasts)
    if len(names) < 2:
        return np.full(len(breasts), np.nan)
    ranks = breasts[names].rank() / max(len(breasts), 1)
    return (ranks.max(axis=1) - ranks.min(axis=1)).to_numpy(float)


def pick_cases(breasts: pd.DataFrame, count: int) -> pd.DataFrame:
    """Returns the breasts to be looked at, at most `count` of each kind, in the order of `KINDS`.

    The cancers of the lowest probability, so the worst misses first; the breasts without cancer of
    the highest, so the worst false alarms first; those on which the members disagree most by
    `measure_spread`; hits nearest the median probability of the recalled cancers. Equal ones go by
    exam and side, so that the choice is the same every time.

    Args:
        breasts: One row a scored breast with an outcome: exam_id, laterality, cancer (0 or 1),
            probability, recalled; any of score, device and `member <name>` is kept.
        count: Of each kind.

    Returns:
        The rows of `breasts`, with kind, outcome (its words) and spread in front.

    Raises:
        ValueError: A column is missing, a probability is not finite, an outcome is not 0 or 1, a
            breast comes twice, or `count` is below 1.
    """
    _refuse_unusable(breasts, count)
    known = breasts.sort_values(BREAST, ignore_index=True)
    outcomes = [
        OUTCOMES[int(cancer), bool(recalled)]
        for cancer, recalled in zip(known["cancer"], known["recalled"], strict=True)
    ]
    known = known.assign(outcome=outcomes, spread=measure_spread(known))
    recalled, cancer = known["recalled"].astype(bool), known["cancer"] == 1
    hits = known.loc[cancer & recalled, "probability"]
    far = (known["probability"] - hits.median()).abs() if len(hits) else known["probability"]
    spread = known["spread"].where(known["spread"] > 0)
    orders = {
        MISSES: known["probability"].where(cancer),
        ALARMS: -known["probability"].where(~cancer),
        SPLITS: -spread,
        HITS: far.where(cancer & recalled),
    }
    return _deal_kinds(known, orders, count)


def _deal_kinds(known: pd.DataFrame, orders: dict[str, pd.Series], count: int) -> pd.DataFrame:
    taken: list[int] = []
    kinds: list[str] = []
    for kind, order in orders.items():
        free = order.drop(index=taken).dropna().sort_values(kind="stable")
        chosen = [int(row) for row in free.index[:count]]
        taken += chosen
        kinds += [kind] * len(chosen)
    cases = known.loc[taken].reset_index(drop=True)
    front = {"kind": kinds, "outcome": cases.pop("outcome"), "spread": cases.pop("spread")}
    return pd.concat([pd.DataFrame(front, index=cases.index), cases], axis=1)


def _refuse_unusable(breasts: pd.DataFrame, count: int) -> None:
    if absent := [name for name in NEEDED if name not in breasts]:
        raise ValueError(f"cases cannot be picked: the breasts lack {absent}.")
    if count < 1:
        raise ValueError(f"{count} cases of each kind; expected at least 1.")
    p = breasts["probability"].to_numpy(float)
    if not np.isfinite(p).all():
        found = f"{(~np.isfinite(p)).sum()} of {p.size} probabilities are not finite"
        raise ValueError(f"cases cannot be picked: {found}.")
    if not breasts["cancer"].isin([0, 1]).all():
        raise ValueError(
            "cases cannot be picked: an outcome is not 0 or 1; leave such breasts out."
        )
    if breasts.duplicated(BREAST).any():
        raise ValueError("cases cannot be picked: a breast of one exam comes twice.")
