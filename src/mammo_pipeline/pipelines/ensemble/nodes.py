"""Room `ensemble`: combine on tune, calibrate on tune, freeze the operating point on tune."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit

from mammo_pipeline.closing import closing_block
from mammo_pipeline.datasets.store import StoredImages
from mammo_pipeline.mammo import operating
from mammo_pipeline.mammo.calibration.errors import brier_loss, calibration_error, log_loss
from mammo_pipeline.mammo.digest import digest_arrays, digest_data, refuse_other_data
from mammo_pipeline.mammo.ensembling.combine import combine_table
from mammo_pipeline.mammo.ensembling.freeze import freeze_scores
from mammo_pipeline.mammo.ensembling.score import score_breasts
from mammo_pipeline.mammo.intervals import bootstrap_by_patient, percentile_interval
from mammo_pipeline.mammo.scoring import auroc
from mammo_pipeline.mammo.units import aggregate_breasts
from mammo_pipeline.pipelines.ensemble.parameters import EnsembleParameters

Members = dict[str, Callable[[], dict[str, np.ndarray]]]

log = logging.getLogger(__name__)

NOTE = (
    "Members, their combination, calibration and operating point were all chosen on tune, so every "
    "figure on tune is flattering, and its interval too narrow; only the test set is evidence. The "
    "comparison of ways to combine is cross-validated, and so flatters the way that won alone."
)


def score_tune_flips(
    tune_scores: pd.DataFrame,
    sweep_members: Members,
    store: StoredImages,
    cohort: pd.DataFrame,
    sweep_metrics: dict[str, Any],
    parameters: EnsembleParameters,
) -> pd.DataFrame:
    """Returns `tune_flip_scores`: image_id and each member's logit, the mean over the flips.

    The unflipped logits are those of `tune_scores`. Where no flip is asked for, nothing is scored
    and only image_id is there.

    Raises:
        ValueError: The images or the split changed since the sweep.
    """
    if parameters.flips == ["none"]:
        return tune_scores[["image_id"]]
    from mammo_pipeline.mammo.networks.predict import member_logits

    version = digest_data(cohort, store.index)
    refuse_other_data(sweep_metrics["data_version"], version, "sweep")
    known = store.index.set_index("image_id")["position"]
    positions = known.loc[tune_scores["image_id"]].to_numpy()
    mirrored = [(flip,) for flip in parameters.flips if flip != "none"]
    columns = {}
    for name in list_members(tune_scores, sweep_members):
        arrays, place = sweep_members[name](), (positions, parameters.flip_batch)
        logits = [
            member_logits(sweep_metrics["network"], arrays, store.pixels, *place, flips=flip)
            for flip in mirrored
        ]
        if "none" in parameters.flips:
            logits.insert(0, tune_scores[name].to_numpy(np.float32))
        columns[name] = np.mean(logits, axis=0, dtype=float).astype(np.float32)
    return pd.DataFrame({"image_id": tune_scores["image_id"].to_numpy(), **columns})


def freeze_ensemble(
    tune_scores: pd.DataFrame,
    tune_flip_scores: pd.DataFrame,
    sweep_trials: pd.DataFrame,
    sweep_members: Members,
    sweep_metrics: dict[str, Any],
    cohort: pd.DataFrame,
    parameters: EnsembleParameters,
) -> tuple[dict[str, Any], dict[str, float]]:
    """Returns (the frozen ensemble, its figures on tune).

    Args:
        tune_scores: image_id and one column of image logits a member.
        tune_flip_scores: The same, averaged over the flips; image_id alone where none is offered.
        sweep_trials: One row a trial, for the closing block.
        sweep_members: Member name to a function that reads its arrays.
        sweep_metrics: Its "network" describes the network that all members share, its "patch_loss"
            says how their heatmaps read.
        cohort: The images with their side.
        parameters: The room's parameters.

    Raises:
        ValueError: Members and scores do not fit, tune lacks a class, or the members rank tune no
            better than chance.
    """
    names = list_members(tune_scores, sweep_members)
    images = join_tune(tune_scores, cohort)
    flipped = tune_flip_scores if len(tune_flip_scores.columns) > 1 else None
    frozen = freeze_scores(images, names, parameters.read_settings(), flipped)
    members = [
        member | {"sha256": digest_arrays(sweep_members[member["name"]]())}
        for member in frozen["members"]
    ]
    ensemble = {
        **frozen,
        "members": members,
        # So that a later study can tell a device that this one never saw.
        "devices": sorted(cohort.loc[cohort["side"].eq("train"), "device"].unique()),
        "network": sweep_metrics["network"],
        # Only a sweep from before it was kept does not say, and none of those had another.
        "patch_loss": sweep_metrics.get("patch_loss", "one_against_rest"),
        "note": NOTE,
        "data_version": sweep_metrics["data_version"],
    }
    seen = tune_scores if ensemble["flips"] == ["none"] else tune_flip_scores
    metrics = measure_tune(ensemble, join_tune(seen, cohort), names, parameters)
    log.info(_closing(ensemble, metrics, sweep_trials))
    return ensemble, metrics


def list_members(tune_scores: pd.DataFrame, sweep_members: Members) -> list[str]:
    """Returns the members' names, sorted; refuses scores without weights, and the reverse."""
    scored, stored = set(tune_scores.columns) - {"image_id"}, set(sweep_members)
    if scored != stored or not scored:
        raise ValueError(
            f"tune_scores and sweep_members name different members: only scored "
            f"{sorted(scored - stored)}, only stored {sorted(stored - scored)}, common "
            f"{len(scored & stored)}. Run the sweep again."
        )
    return sorted(scored)


def join_tune(tune_scores: pd.DataFrame, cohort: pd.DataFrame) -> pd.DataFrame:
    """Returns the scores beside the facts of their images; refuses an image that is not on tune."""
    tune = cohort[cohort["side"] == "tune"]
    stray = ~tune_scores["image_id"].isin(tune["image_id"])
    if stray.any():
        raise ValueError(
            f"{int(stray.sum())} of {len(stray)} scored images are not on tune, the first "
            f"{tune_scores.loc[stray, 'image_id'].iloc[0]}: the split changed since the sweep. "
            "Run the sweep again."
        )
    joined = tune.merge(tune_scores, on="image_id", validate="one_to_one")
    return joined[joined["cancer"].notna()]


def measure_tune(
    ensemble: dict[str, Any],
    images: pd.DataFrame,
    names: list[str],
    parameters: EnsembleParameters,
) -> dict[str, float]:
    """Returns the flat figures on tune, which NOTE tells how to read.

    Args:
        ensemble: As frozen.
        images: The tune images with one column a member, over the ensemble's flips.
        names: Every member that was offered.
        parameters: The room's parameters.
    """
    breasts = score_breasts(images.assign(logit=combine_table(images, ensemble)), ensemble)
    singles = aggregate_breasts(images, names, ensemble["aggregation"])[names]
    labels, logits = breasts["cancer"].to_numpy(float), breasts["logit"].to_numpy()
    draws = bootstrap_by_patient(
        lambda weights: {"auroc": auroc(labels, logits, weights)},
        breasts["patient_id"],
        labels,
        parameters.bootstrap_repeats,
        np.random.default_rng(parameters.seed),
    )
    low, high = percentile_interval(draws["auroc"], parameters.level)
    figures = {
        "members": len(ensemble["members"]),
        "members_offered": len(names),
        "flips": len(ensemble["flips"]),
        "tune_breasts": len(breasts),
        "tune_positives": labels.sum(),
        "tune_auroc": auroc(labels, logits),
        "tune_auroc_low": low,
        "tune_auroc_high": high,
        "tune_auroc_best_single": max(auroc(labels, singles[name]) for name in names),
        "threshold": ensemble["operating_point"]["threshold"],
    }
    figures |= measure_gain(ensemble)
    for when, scores in (("before", logits), ("after", breasts["calibrated_logit"].to_numpy())):
        p = expit(scores)
        bins = parameters.calibration_bins
        figures[f"tune_log_loss_{when}"] = log_loss(labels, scores)
        figures[f"tune_brier_loss_{when}"] = brier_loss(labels, p)
        figures[f"tune_calibration_error_{when}"] = calibration_error(labels, p, bins)
    at_point = operating.operating_figures(labels, breasts["recalled"])
    figures |= {f"tune_{name}": value for name, value in at_point.items()}
    # MLflow takes finite numbers only; what is undefined is absent.
    return {k: float(v) for k, v in figures.items() if v is not None and np.isfinite(v)}


def measure_gain(ensemble: dict[str, Any]) -> dict[str, float | None]:
    """Returns the cross-validated gain over the best single member, and its bounds."""
    gain = ensemble["selection"]["gain"]
    ends = {"gain": "value", "gain_low": "low", "gain_high": "high"}
    return {f"cross_validated_{name}": gain[key] for name, key in ends.items()}


def _closing(
    ensemble: dict[str, Any], metrics: dict[str, float], sweep_trials: pd.DataFrame
) -> str:
    from mammo_pipeline.reporting.page import show_figure

    point, selection = ensemble["operating_point"], ensemble["selection"]
    shares = ", ".join(f"{m['name']} {m['weight']:.2f}" for m in ensemble["members"])
    interval = f"({metrics.get('tune_auroc_low', np.nan):.3f} to "
    interval += f"{metrics.get('tune_auroc_high', np.nan):.3f})"
    chosen, calibration = selection["chosen"], ensemble["calibration"]
    rows = {
        "members": f"{len(ensemble['members'])} of {metrics['members_offered']:.0f} offered by "
        f"{len(sweep_trials)} trials: {shares}",
        "combined by": f"{chosen['method'].replace('_', ' ')}, flips {', '.join(chosen['flips'])}",
        "gain": f"{show_figure(selection['gain'])} of {selection['metric'].replace('_', ' ')} over "
        "the best single member, cross-validated",
        "tune AUROC": f"{metrics['tune_auroc']:.3f} {interval}, n = {metrics['tune_breasts']:.0f} "
        "breasts; chosen on the same breasts, so flattering",
        "calibrated by": f"{calibration['method']}, {calibration['scope'].replace('_', ' ')}",
        "log loss": f"{metrics['tune_log_loss_before']:.3f} before calibration, "
        f"{metrics['tune_log_loss_after']:.3f} after",
        "threshold": f"{point['threshold']:.3f} by {point['rule']} {point['target']:g}",
    }
    return closing_block("ensemble", rows, next_command="kedro run --pipelines evaluate")
