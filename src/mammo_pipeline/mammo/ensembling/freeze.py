"""Everything that is decided on tune, frozen as plain numbers, on any table of scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from scipy.special import expit

from mammo_pipeline.mammo.calibration.choose import choose_calibration
from mammo_pipeline.mammo.calibration.maps import apply_calibration
from mammo_pipeline.mammo.calibration.scale import freeze_scale
from mammo_pipeline.mammo.ensembling.choose import choose_ensemble
from mammo_pipeline.mammo.ensembling.combine import combine_table, refuse_unfinite
from mammo_pipeline.mammo.ensembling.diversity import measure_diversity, measure_gains
from mammo_pipeline.mammo.ensembling.flips import check_flips
from mammo_pipeline.mammo.ensembling.select import fit_forward
from mammo_pipeline.mammo.ensembling.settings import EnsembleSettings
from mammo_pipeline.mammo.ensembling.ways import NO_FLIP, Tables
from mammo_pipeline.mammo.operating import freeze_operating_point
from mammo_pipeline.mammo.scoring import auroc, undefined_reason
from mammo_pipeline.mammo.units import aggregate_breasts

NEEDED = ("exam_id", "patient_id", "laterality", "view", "cancer")


def freeze_scores(
    images: pd.DataFrame,
    names: Sequence[str],
    settings: EnsembleSettings,
    flipped: pd.DataFrame | None = None,
) -> dict[str, Any]:
    """Returns the frozen ensemble: everything but the digests of its members.

    {members, combination, flips, aggregation, calibration, operating_point, scale, selection,
    diversity, gains}; members carry name and weight.

    Args:
        images: One row a tune image: image_id, exam_id, patient_id, laterality, view, cancer, one
            column of logits a member, and `device` where calibration by device may be chosen.
        names: The members' columns.
        settings: What may be chosen and by what rule.
        flipped: image_id and one column a member, averaged over settings.flips; None where no flip
            is offered.

    Raises:
        ValueError: Columns, images or a class are missing, a logit is not finite, there are too
            few patients to choose on, or the chosen ensemble ranks no better than chance.
    """
    check_images(images, names)
    tables = join_tables(images, names, settings, flipped)
    chosen = choose_ensemble(tables, names, settings)
    scored = tables[tuple(chosen["flips"])]
    scored = scored.assign(logit=combine_table(scored, chosen))
    breasts = aggregate_breasts(scored, ["logit", *names], settings.aggregation)
    labels = breasts["cancer"].to_numpy(float)
    return {
        **chosen,
        "aggregation": settings.aggregation,
        **freeze_decision(breasts, settings),
        "diversity": measure_diversity(labels, breasts[list(names)], names),
        "gains": measure_gains(scored, chosen, settings),
    }


def check_images(images: pd.DataFrame, names: Sequence[str]) -> None:
    """Refuses a table of which no ensemble can be made, saying why."""
    if not names:
        raise ValueError("no member is named: an ensemble needs at least one column of logits.")
    if absent := [column for column in (*NEEDED, *names) if column not in images]:
        raise ValueError(f"the table of scores has no column {absent}; it has {list(images)}.")
    if not images["cancer"].isin((0, 1)).all():
        raise ValueError("every tune image needs an outcome, 0 or 1, to choose an ensemble on.")
    refuse_unfinite(images, names)
    if reason := undefined_reason(images["cancer"]):
        raise ValueError(f"cannot choose an ensemble on tune: {reason}.")


def join_tables(
    images: pd.DataFrame,
    names: Sequence[str],
    settings: EnsembleSettings,
    flipped: pd.DataFrame | None,
) -> Tables:
    """Returns flips to images: as they are, and with the logits over all flips where offered."""
    flips = check_flips(settings.flips)
    if flipped is None or flips == NO_FLIP:
        return {NO_FLIP: images}
    facts = images.drop(columns=list(names))
    joined = facts.merge(flipped[["image_id", *names]], "left", "image_id", validate="one_to_one")
    refuse_unfinite(joined, names)
    return {NO_FLIP: images, flips: joined}


def freeze_decision(breasts: pd.DataFrame, settings: EnsembleSettings) -> dict[str, Any]:
    """Returns {calibration, operating_point, scale} of tune breasts; all are plain numbers.

    Raises:
        ValueError: The logit ranks no better than chance.
    """
    labels, logits = breasts["cancer"].to_numpy(float), breasts["logit"].to_numpy(float)
    refuse_chance(labels, logits)
    devices = breasts["device"].to_numpy() if "device" in breasts else None
    calibration = choose_calibration(
        *(labels, logits, breasts["patient_id"].to_numpy(), devices),
        methods=settings.calibration_methods,
        scopes=settings.calibration_scopes if devices is not None else ("pooled",),
        folds=settings.calibration_folds,
        seed=settings.seed,
        min_positives=settings.min_positives,
        repeats=settings.repeats,
        level=settings.level,
    )
    calibrated = apply_calibration(calibration, logits, devices)
    point = freeze_operating_point(
        labels, expit(calibrated), settings.rule, settings.target, settings.prevalence
    )
    scale = freeze_scale(calibrated, labels, settings.prevalence)
    return {"calibration": calibration, "operating_point": point, "scale": scale}


def refuse_chance(labels: Any, logits: Any) -> None:
    """Raises ValueError when the logits do not rise with the outcome."""
    slope, _ = fit_forward(labels, logits)
    if slope > 0:
        return
    raise ValueError(
        f"the ensemble ranks the {len(labels)} tune breasts no better than chance (AUROC "
        f"{float(auroc(labels, logits)):.3f}, Platt slope not above 0): there is nothing to "
        "calibrate. Train longer, or look at train_metrics and the sweep."
    )


def describe_combination(ensemble: Mapping[str, Any]) -> str:
    """Returns in words how an image's score comes from its members.

    >>> describe_combination({"members": [{}], "combination": {"method": "mean_logits"},
    ...     "flips": ["none"], "aggregation": "mean"})
    'the logit of one member, mean of the images of a breast'
    """
    words = {
        "mean_logits": "the mean of the members' logits",
        "rank_mean": "the logit of the mean of the members' ranks among the tune images",
        "greedy": "the mean of the members' logits, weighted by greedy selection",
        "stacked": "the intercept and the weighted sum of the members' logits",
    }[ensemble["combination"]["method"]]
    if len(ensemble["members"]) == 1 and ensemble["combination"]["method"] != "stacked":
        words = "the logit of one member"
    flips = [flip.replace("_", " ") for flip in ensemble["flips"]]
    seen = "" if flips == ["none"] else f", each averaged over the flips {', '.join(flips)}"
    rule = ensemble["aggregation"].replace("_", "-")
    return f"{words}{seen}, {rule} of the images of a breast"
