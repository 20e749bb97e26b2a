"""The source-injection alarm: what a new source of data adds within sources, and only between them.

When a source of data is added to what a model learns from, a gain in AUC may be skill, or the model
may have learnt to tell the source. Skill shows in pairs of breasts of one source; telling the
source can only show in pairs of two.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from mammo_pipeline.mammo.intervals import bootstrap_by_patient
from mammo_pipeline.mammo.shortcuts.pairs import (
    KINDS,
    PARTS,
    InjectionRule,
    areas_by_pair,
    describe_pairs,
    hinder_parting,
    make_figures,
    refuse_bad,
)


def measure_injection(
    labels: ArrayLike,
    before: ArrayLike,
    after: ArrayLike,
    sources: ArrayLike,
    patients: ArrayLike,
    rule: InjectionRule,
    rng: np.random.Generator,
    is_new: bool = False,
) -> dict[str, Any]:
    """Returns what adding a source gained within and between sources, and whether that alarms.

    Args:
        labels: 0 or 1 of each breast, shape (n,).
        before: Scores of the model that had not seen the added source, of the same breasts.
        after: Scores of the model that had.
        sources: Device or site of each breast.
        patients: The patient of each breast: drawn whole, the same in all figures.
        rule: When it alarms.
        rng: Where chance comes from.
        is_new: Whether the model had never seen an added source before. Where it then puts that
            source against the others is an accident of greys, high or low; so the gain between is
            counted from its AUC within, which is what skill alone gives between sources too.

    Returns:
        {before, after, gain: {within, between, whole: figures}, excess: figure of the gain between
        minus that within, gap: figure of AUC between minus within afterwards, alarmed, verdict,
        words, sources, pairs}, or {reason}.

    Raises:
        ValueError: A score is not finite, or lengths differ.
    """
    scores = {"before": np.asarray(before, float), "after": np.asarray(after, float)}
    for values in scores.values():
        refuse_bad(labels, values, sources, patients)
    if reason := hinder_parting(labels, sources):
        return {"reason": reason}

    def measure(weights: np.ndarray) -> dict[str, np.ndarray]:
        areas = {at: areas_by_pair(labels, scores[at], sources, weights) for at in scores}
        return compare_areas(areas["before"], areas["after"], is_new)

    draws = bootstrap_by_patient(measure, patients, labels, rule.repeats, rng)
    flat = make_figures(measure, draws, _word_figures(is_new), len(scores["after"]), rule.level)
    record: dict[str, Any] = {
        at: {part: flat[f"{at} {part}"] for part in PARTS} for at in ("before", "after", "gain")
    }
    record |= {"excess": flat["excess"], "gap": flat["gap"]}
    return record | judge_gains(record, rule.min_gain) | describe_pairs(labels, sources)


def compare_areas(
    before: dict[str, np.ndarray], after: dict[str, np.ndarray], is_new: bool
) -> dict[str, np.ndarray]:
    """Returns the areas before and after, their gains, the excess between, and the gap afterwards.

    >>> before = {"within": 0.6, "between": 0.9, "whole": 0.5}
    >>> after = {"within": 0.7, "between": 0.95, "whole": 0.5}
    >>> {name: round(compare_areas(before, after, name)["excess"], 2) for name in (False, True)}
    {False: -0.05, True: 0.25}
    """
    found = {f"before {part}": before[part] for part in PARTS}
    found |= {f"after {part}": after[part] for part in PARTS}
    found |= {f"gain {part}": after[part] - before[part] for part in PARTS}
    if is_new:
        found["gain between"] = after["between"] - before["within"]
    found["excess"] = found["gain between"] - found["gain within"]
    return found | {"gap": after["between"] - after["within"]}


def _word_figures(is_new: bool) -> dict[str, str]:
    how = {f"{at} {part}": KINDS[part] for at in ("before", "after") for part in PARTS}
    how |= {f"gain {part}": f"after minus before; {KINDS[part]}" for part in PARTS}
    if is_new:
        how["gain between"] = "AUC between sources after, minus AUC within sources before"
    how["excess"] = "gain between sources minus gain within"
    how["gap"] = "after: AUC between sources minus AUC within"
    return how


def judge_gains(record: dict[str, Any], min_gain: float) -> dict[str, Any]:
    """Returns {alarmed, verdict, words}, read from the table `VERDICTS`.

    Args:
        record: With the figures gain, excess and gap.
        min_gain: What the gain between sources must exceed.
    """
    rises = _above(record["gain"]["between"], min_gain)
    # Between above within afterwards too: a source that was ranked wrongly before, for its
    # greys alone, and is ranked rightly now, gains between sources without any shortcut.
    leads = _above(record["excess"], 0.0) and _above(record["gap"], 0.0)
    skilled = _above(record["gain"]["within"], 0.0)
    verdict, alarmed, words = VERDICTS[rises, leads, skilled]
    return {"verdict": verdict, "alarmed": alarmed, "words": words, "min_gain": min_gain}


_NONE = (
    "No gain that shows only between sources. A model may have ranked a source that it never saw "
    "high by accident before; whether it tells sources now is the question of the gap."
)
_EQUAL = "A gain between sources, but no larger there than within: what skill would give."
_PART = (
    "The gain between sources exceeds the gain within, though the model also ranks better within: "
    "part of the gain is telling the source. Report the AUC within sources."
)
_ALL = (
    "AUC rises between sources and not within: the model learnt which source a breast came from, "
    "and sources differ in their share of cancers. The gain is a shortcut."
)
# (gain between above the bound, more between than within, gain within above 0).
VERDICTS: dict[tuple[bool, bool, bool], tuple[str, bool, str]] = {
    (False, False, False): ("no gain", False, _NONE),
    (False, False, True): ("no gain between", False, _NONE),
    (False, True, False): ("no gain", False, _NONE),
    (False, True, True): ("no gain between", False, _NONE),
    (True, False, False): ("equal", False, _EQUAL),
    (True, False, True): ("equal", False, _EQUAL),
    (True, True, False): ("shortcut", True, _ALL),
    (True, True, True): ("partly a shortcut", True, _PART),
}


def _above(found: dict[str, Any], bound: float) -> bool:
    return found["low"] is not None and found["low"] > bound
