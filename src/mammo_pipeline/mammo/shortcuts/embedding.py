"""Whether a net's embedding tells the source of an image, and whether its score makes use of it.

That a net can see the device is no fault: it may see and not use it. Three things together are a
shortcut: the source is readable from the embedding of images without cancer, the score differs by
source among breasts without cancer, and it differs in the direction that pays: higher where cancers
were more common in the data that the net learnt from.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from mammo_pipeline.mammo.audit.confounders import CONFOUNDERS, weigh_images
from mammo_pipeline.mammo.audit.probe import ProbeRule, probe_devices
from mammo_pipeline.mammo.shortcuts.use import find_use, name_sources

TRIM = 10.0  # Largest weight of an image, in medians of its source, as in the room standardize
POOLED = "other sources"


@dataclass(frozen=True)
class SourceRule:
    """When a source that can be seen counts as used.

    Attributes:
        probe: Folds, draws, level and seed of the probe.
        readable: The probe's AUC on images without cancer must lie above it with its interval.
        differing: Least share of the score's variance between sources, among those without cancer.
        confounded: Least association of outcome and source in the data learnt from (Cramer's V).
        p: Below it a difference is taken as there.
        permutations: Of each test.
    """

    probe: ProbeRule
    readable: float
    differing: float
    confounded: float
    p: float
    permutations: int


def measure_embedding(
    embedding: np.ndarray,
    images: pd.DataFrame,
    breasts: pd.DataFrame,
    known: pd.DataFrame | None,
    source: str,
    rule: SourceRule,
    rng: np.random.Generator,
) -> dict[str, Any]:
    """Returns whether the net's embedding tells a source, and whether the score uses it.

    Args:
        embedding: Images x features, finite, as `networks.embedding.embed_images` gives it.
        images: Test images in the same order: patient_id, cancer, the source, and the
            confounders age, density, view, laterality where known.
        breasts: Test breasts: patient_id, cancer, calibrated_logit, the source.
        known: Breasts of train and tune: patient_id, cancer, the source; None where there are none.
        source: The column: `device` or `site_id`.
        rule: How, and when it counts.
        rng: Where chance comes from.

    Returns:
        {source, probe: {all, without_cancer}, use: what `find_use` returns, readable, differs,
        follows, alarmed, verdict, words, bound}, or {source, reason}.

    Raises:
        ValueError: The embedding has another length or is not finite.
    """
    if len(embedding) != len(images) or not np.isfinite(embedding).all():
        raise ValueError(
            f"{len(embedding)} embeddings, {int(np.isfinite(embedding).all(axis=-1).sum())} of "
            f"them finite, for {len(images)} images; expected one finite row each."
        )
    if reason := hinder_sources(images, source):
        return {"source": source, "reason": reason}
    healthy = images["cancer"].to_numpy(int) == 0
    probes = {
        name: probe_source(embedding[rows], images[rows], source, rule.probe)
        for name, rows in (("all", healthy | True), ("without_cancer", healthy))
    }
    use = find_use(breasts, known, source, rule.permutations, rng)
    return {"source": source, "probe": probes, "use": use} | judge_source(probes, use, rule)


def hinder_sources(images: pd.DataFrame, source: str) -> str:
    """Returns why a source cannot be asked about, or an empty text.

    >>> hinder_sources(pd.DataFrame({"device": ["A", "A"]}), "site_id")
    'the images have no column site_id'
    """
    if source not in images:
        return f"the images have no column {source}"
    if images.empty:
        return "cannot be estimated, n = 0"
    if name_sources(images[source]).nunique() < 2:
        return f"only one {source}: nothing to tell apart"
    return ""


def pool_rare(sources: pd.Series, patients: pd.Series, least: int) -> pd.Series:
    """Returns the sources, those of fewer than `least` patients pooled into one.

    Where the pool itself stays too small, it joins the rarest of the others.

    >>> pool_rare(pd.Series(["A", "A", "B", "C"]), pd.Series(["1", "2", "3", "4"]), 2).tolist()
    ['A', 'A', 'other sources', 'other sources']
    """
    women = patients.groupby(sources).nunique()
    pooled = sources.where(sources.map(women) >= least, POOLED)
    women = patients.groupby(pooled).nunique()
    others = women.drop(POOLED, errors="ignore")
    if POOLED in women and women[POOLED] < least and len(others):
        pooled = pooled.replace(POOLED, str(others.idxmin()))
    return pooled


def probe_source(
    embedding: np.ndarray, images: pd.DataFrame, source: str, rule: ProbeRule
) -> dict[str, Any]:
    """Returns the record of `audit.probe.probe_devices` on an embedding, and what was weighted.

    Age, density, view and laterality are weighted away where all four are known, so that a source
    that images older women is not found for their breasts. Features that never vary are left out,
    and the others scaled.
    """
    if not len(images):
        return {"auc": None, "low": None, "high": None, "reason": "cannot be estimated, n = 0"}
    varying = embedding[:, embedding.std(axis=0) > 1e-7]
    features = (varying - varying.mean(axis=0)) / varying.std(axis=0)
    sources = pool_rare(name_sources(images[source]), images["patient_id"], rule.folds)
    hindrance = "" if features.shape[1] else "the embedding never varies"
    hindrance = hindrance or ("" if len(set(sources)) > 1 else "too few patients a source")
    if hindrance:
        return {"auc": None, "low": None, "high": None, "reason": hindrance}
    weights, weighted = np.ones(len(images)), False
    if set(CONFOUNDERS) <= set(images):
        weights, weighted = weigh_images(images, sources, TRIM)[0], True
    record = probe_devices(features, sources, images["patient_id"], weights, rule)
    return record | {"features": int(features.shape[1]), "weighted": weighted}


def judge_source(probes: dict[str, Any], use: dict[str, Any], rule: SourceRule) -> dict[str, Any]:
    """Returns what the table `VERDICTS` says: alarmed, verdict, words; and what it was asked."""
    low = probes["without_cancer"]["low"]
    readable = low is not None and low > rule.readable
    differs = follows = False
    if "reason" not in use:
        differs = use["eta2"] > rule.differing and use["eta2_p"] < rule.p
        confounded = use["cramers_v"] > rule.confounded and use["confounded_p"] < rule.p
        follows = confounded and use["lean"] > 0 and use["lean_p"] < rule.p
    verdict, alarmed, words = VERDICTS[readable, differs, follows]
    found = {"readable": readable, "differs": differs, "follows": follows}
    return found | {
        "alarmed": alarmed,
        "verdict": verdict,
        "words": words,
        "bound": rule.readable,
    }


_UNREAD = "The embedding does not tell the source beyond the bound."
_SEEN = (
    "The embedding tells the source, but the score of breasts without cancer does not differ by "
    "it: the net can see the source and was not found to use it."
)
_SHIFTED = (
    "The embedding tells the source and the score differs by it, but not towards where cancers "
    "were more common: a shift of the score by source, to be judged under subgroups, no shortcut."
)
_USED = (
    "The embedding tells the source, and breasts without cancer score higher where cancers were "
    "more common in the data learnt from: the net uses the source as a sign of cancer."
)
_SCORED = (
    "The score differs by source though the probe does not tell it from the embedding: see the "
    "score and metadata."
)
# (readable in the embedding, score differs without cancer, score follows the confounding).
VERDICTS: dict[tuple[bool, bool, bool], tuple[str, bool, str]] = {
    (False, False, False): ("not readable", False, _UNREAD),
    (False, False, True): ("not readable", False, _UNREAD),
    (False, True, False): ("not readable, score differs", False, _SCORED),
    (False, True, True): ("not readable, score differs", False, _SCORED),
    (True, False, False): ("seen, not used", False, _SEEN),
    (True, False, True): ("seen, not used", False, _SEEN),
    (True, True, False): ("seen, score differs", False, _SHIFTED),
    (True, True, True): ("used", True, _USED),
}
