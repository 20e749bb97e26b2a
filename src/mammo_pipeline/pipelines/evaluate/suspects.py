"""The model under suspicion: beside an earlier one, and asked what else than cancer it follows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from mammo_pipeline.mammo.audit.probe import ProbeRule
from mammo_pipeline.mammo.calibration.maps import apply_calibration
from mammo_pipeline.mammo.comparison import compare_models
from mammo_pipeline.mammo.shortcuts.columns import COLUMNS, gather_metadata
from mammo_pipeline.mammo.shortcuts.embedding import SourceRule, measure_embedding
from mammo_pipeline.mammo.shortcuts.injection import measure_injection
from mammo_pipeline.mammo.shortcuts.masking import CONDITIONS, measure_masking
from mammo_pipeline.mammo.shortcuts.metadata import MetadataRule, measure_metadata
from mammo_pipeline.mammo.shortcuts.pairs import InjectionRule, part_pairs
from mammo_pipeline.mammo.shortcuts.verdict import ShortcutBounds, judge_shortcuts
from mammo_pipeline.mammo.units import BREAST, Aggregation, aggregate_breasts
from mammo_pipeline.pipelines.evaluate.parameters import EvaluateParameters

Record = dict[str, Any]
NOW, EARLIER = "this ensemble", "earlier model"


def score_earlier(
    images: pd.DataFrame, earlier_scores: pd.DataFrame, earlier_model: Record
) -> pd.DataFrame:
    """Returns one row a breast with the earlier model's calibrated logit, as `logit`.

    Args:
        images: The scored images with their outcome; their own logit is set aside.
        earlier_scores: image_id and the earlier model's uncalibrated logit.
        earlier_model: Its aggregation and calibration.
    """
    own = images.drop(columns=["logit", "probability"])
    joined = own.merge(earlier_scores, on="image_id", validate="one_to_one")
    breasts = aggregate_breasts(joined, ["logit"], earlier_model["aggregation"])
    calibration = earlier_model["calibration"]
    logits = apply_calibration(calibration, breasts["logit"], breasts["device"])
    return breasts[BREAST].assign(logit=logits)


def compare_earlier(
    breasts: pd.DataFrame,
    images: pd.DataFrame,
    earlier_scores: pd.DataFrame,
    earlier_model: Record,
    ensemble: Record,
    parameters: EvaluateParameters,
    rng: np.random.Generator,
) -> Record:
    """Returns the paired comparison with the earlier model, or {reason}.

    AUC and operating point, each at its own frozen threshold, on the same breasts.
    """
    if reason := earlier_model.get("reason"):
        return {"reason": reason}
    other = score_earlier(images, earlier_scores, earlier_model)
    both = breasts[[*BREAST, "patient_id", "cancer", "calibrated_logit"]].merge(other, on=BREAST)
    both = both.rename(columns={"calibrated_logit": NOW, "logit": EARLIER})
    thresholds = {
        name: _as_logit(record["operating_point"]["threshold"])
        for name, record in ((NOW, ensemble), (EARLIER, earlier_model))
    }
    sizes = (parameters.bootstrap_repeats, parameters.level, rng)
    found = compare_models(both, NOW, EARLIER, thresholds, *sizes)
    return found | {"model": {name: earlier_model[name] for name in ("name", "version", "alias")}}


def _as_logit(threshold: float) -> float:
    # At 0 everybody is recalled and at 1 nobody: thresholds stand there, too.
    with np.errstate(divide="ignore"):
        return float(np.log(threshold) - np.log1p(-threshold))


def suspect_shortcuts(
    breasts: pd.DataFrame,
    images: pd.DataFrame,
    cohort: pd.DataFrame,
    embeddings: pd.DataFrame,
    masked: pd.DataFrame,
    earlier_scores: pd.DataFrame,
    earlier_model: Record,
    ensemble: Record,
    parameters: EvaluateParameters,
) -> Record:
    """Returns what the score follows beside the cancer, with an alarm where it should not.

    The model of metadata learns on train and tune; the test side is only asked.
    """
    rule, rng = parameters.shortcuts, np.random.default_rng(parameters.seed)
    known = cohort[cohort["side"].isin(["train", "tune"]) & cohort["cancer"].notna()]
    logits = breasts["calibrated_logit"].to_numpy()
    sizes = (parameters.bootstrap_repeats, parameters.level)
    facts = gather_metadata(attach_facts(images, cohort), COLUMNS)
    facts = breasts[BREAST].merge(facts, on=BREAST, how="left", validate="one_to_one")
    how = MetadataRule(COLUMNS, rule.folds, *sizes, parameters.seed)
    learnt = gather_metadata(known, COLUMNS)
    metadata = measure_metadata(facts, learnt, logits, how, rng)
    probe = ProbeRule(rule.folds, *sizes, parameters.seed)
    limits = (rule.readable, rule.differing, rule.confounded, rule.p, rule.permutations)
    order = images[["image_id"]].merge(embeddings, on="image_id", how="left")
    rows = order.drop(columns="image_id").to_numpy(np.float64)
    probes: dict[str, Record] = {
        source: measure_embedding(
            rows, images, breasts, learnt, source, SourceRule(probe, *limits), rng
        )
        for source in rule.sources
        if source in images and source in learnt
    }
    masking = measure_masked(breasts, images, masked, ensemble["aggregation"], parameters, rng)
    pairs = measure_pairs(breasts, images, earlier_scores, earlier_model, parameters, rng)
    bounds = ShortcutBounds(
        rule.metadata_auc, rule.metadata_lean, rule.masked_auc, rule.between_gap
    )
    return judge_shortcuts(metadata, probes, masking, pairs, bounds)


def attach_facts(images: pd.DataFrame, cohort: pd.DataFrame) -> pd.DataFrame:
    """Returns the images with every column of metadata that the cohort states of them."""
    more = [name for name in COLUMNS if name in cohort and name not in images]
    return images.merge(cohort[["image_id", *more]], on="image_id", validate="one_to_one")


def measure_masked(
    breasts: pd.DataFrame,
    images: pd.DataFrame,
    masked: pd.DataFrame,
    aggregation: Aggregation,
    parameters: EvaluateParameters,
    rng: np.random.Generator,
) -> Record:
    """Returns what the score is still worth where the cancer is out of sight.

    Masked images make a breast's score as whole ones do, by the ensemble's `aggregation`.
    """
    facts = [*BREAST, "image_id", "view", "cancer"]
    joined = images[facts].merge(masked, on="image_id", validate="one_to_one")
    scored = aggregate_breasts(joined, list(CONDITIONS), aggregation)
    scored = breasts[[*BREAST, "patient_id", "calibrated_logit"]].merge(scored, on=BREAST)
    scores = {name: scored[name].to_numpy() for name in CONDITIONS}
    scores["whole"] = scored["calibrated_logit"].to_numpy()
    return measure_masking(
        scored["cancer"].to_numpy(int),
        scores,
        scored["patient_id"].to_numpy(),
        *(parameters.bootstrap_repeats, parameters.level, rng),
    )


def measure_pairs(
    breasts: pd.DataFrame,
    images: pd.DataFrame,
    earlier_scores: pd.DataFrame,
    earlier_model: Record,
    parameters: EvaluateParameters,
    rng: np.random.Generator,
) -> Record:
    """Returns {parted, added}: AUC within and between sources, and what was gained where."""
    rule = InjectionRule(
        parameters.shortcuts.min_gain, parameters.bootstrap_repeats, parameters.level
    )
    source = parameters.shortcuts.sources[0]
    labels, sources = breasts["cancer"].to_numpy(int), breasts[source].to_numpy()
    patients, now = breasts["patient_id"].to_numpy(), breasts["calibrated_logit"].to_numpy()
    parted = part_pairs(labels, now, sources, patients, rule, rng)
    if reason := earlier_model.get("reason"):
        return {"parted": parted, "added": {"reason": reason}}
    other = score_earlier(images, earlier_scores, earlier_model)
    before = breasts[BREAST].merge(other, on=BREAST, validate="one_to_one")["logit"].to_numpy()
    # Devices that the earlier model never learnt from; None where it does not say.
    learnt = earlier_model.get("devices")
    is_new = source == "device" and learnt is not None and not set(sources) <= set(learnt)
    added = measure_injection(labels, before, now, sources, patients, rule, rng, is_new)
    return {"parted": parted, "added": added}
