"""Room `ensemble`: select on tune, calibrate on tune, freeze the operating point on tune."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit

from mammo_pipeline.closing import closing_block
from mammo_pipeline.mammo import calibration, ensembling, operating
from mammo_pipeline.mammo.digest import digest_arrays
from mammo_pipeline.mammo.intervals import bootstrap_by_patient, percentile_interval
from mammo_pipeline.mammo.scoring import aggregate_breasts, auroc
from mammo_pipeline.pipelines.ensemble.parameters import EnsembleParameters

Members = dict[str, Callable[[], dict[str, np.ndarray]]]

log = logging.getLogger(__name__)

NOTE = (
    "Members, calibration and operating point were all chosen on tune, so every figure on tune is "
    "flattering, and its interval too narrow; only the test set is evidence."
)


def freeze_ensemble(
    tune_scores: pd.DataFrame,
    sweep_trials: pd.DataFrame,
    sweep_members: Members,
    sweep_metrics: dict[str, Any],
    cohort: pd.DataFrame,
    parameters: EnsembleParameters,
) -> tuple[dict[str, Any], dict[str, float]]:
    """Returns (the frozen ensemble, its figures on tune).

    Args:
        tune_scores: image_id and one column of image logits a member.
        sweep_trials: One row a trial, for the closing block.
        sweep_members: Member name to a function that reads its arrays.
        sweep_metrics: Its "network" describes the network that all members share.
        cohort: The images with their side.
        parameters: The room's parameters.

    Raises:
        ValueError: Members and scores do not fit, tune lacks a class, or the members rank tune no
            better than chance.
    """
    names = list_members(tune_scores, sweep_members)
    images = join_tune(tune_scores, cohort)
    weights = choose_weights(images, names, parameters)
    images = images.assign(logit=ensembling.mean_logits(images[names], weights))
    breasts = aggregate_breasts(images, ["logit", *names], parameters.aggregation)
    frozen = freeze_decision(breasts, parameters)
    chosen = [(name, int(w)) for name, w in zip(names, weights, strict=True) if w]
    ensemble = {
        "members": [
            {"name": n, "weight": w / sum(weights), "sha256": digest_arrays(sweep_members[n]())}
            for n, w in chosen
        ],
        "aggregation": parameters.aggregation,
        **frozen,
        "network": sweep_metrics["network"],
        "note": NOTE,
        "data_version": sweep_metrics["data_version"],
    }
    metrics = measure_tune(ensemble, images, breasts[names], parameters)
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


def choose_weights(
    images: pd.DataFrame, names: list[str], parameters: EnsembleParameters
) -> np.ndarray:
    """Returns how often each member counts."""
    if parameters.selection == "all":
        return np.ones(len(names), int)
    breasts = aggregate_breasts(images, names, parameters.aggregation)
    labels = breasts["cancer"].to_numpy(float)
    logits = breasts[names].to_numpy()
    weights, _ = ensembling.select_members(labels, logits, parameters.metric, parameters.rounds)
    return weights


def freeze_decision(breasts: pd.DataFrame, parameters: EnsembleParameters) -> dict[str, Any]:
    """Returns {calibration, operating_point} of tune breasts; both are plain numbers."""
    labels = breasts["cancer"].to_numpy(float)
    fitted = calibration.fit_platt(labels, breasts["logit"])
    if fitted["slope"] <= 0:
        raise ValueError(
            f"the ensemble ranks the {fitted['n']} tune breasts no better than chance (AUROC "
            f"{float(auroc(labels, breasts['logit'])):.3f}, Platt slope {fitted['slope']:.3f}): "
            "there is nothing to calibrate. Train longer, or look at train_metrics and the sweep."
        )
    probability = expit(calibration.apply_calibration(fitted, breasts["logit"]))
    rule = parameters.operating_point
    point = operating.freeze_operating_point(labels, probability, rule.rule, rule.target)
    return {"calibration": fitted, "operating_point": point}


def measure_tune(
    ensemble: dict[str, Any],
    images: pd.DataFrame,
    singles: pd.DataFrame,
    parameters: EnsembleParameters,
) -> dict[str, float]:
    """Returns the flat figures on tune, which NOTE tells how to read."""
    breasts = ensembling.score_breasts(images, ensemble)
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
        "members_offered": singles.shape[1],
        "tune_breasts": len(breasts),
        "tune_positives": labels.sum(),
        "tune_auroc": auroc(labels, logits),
        "tune_auroc_low": low,
        "tune_auroc_high": high,
        "tune_auroc_best_single": max(auroc(labels, singles[name]) for name in singles),
        "threshold": ensemble["operating_point"]["threshold"],
    }
    for when, scores in (("before", logits), ("after", breasts["calibrated_logit"].to_numpy())):
        p = expit(scores)
        bins = parameters.calibration_bins
        figures[f"tune_log_loss_{when}"] = calibration.log_loss(labels, scores)
        figures[f"tune_brier_loss_{when}"] = calibration.brier_loss(labels, p)
        figures[f"tune_calibration_error_{when}"] = calibration.calibration_error(labels, p, bins)
    at_point = operating.operating_figures(labels, breasts["recalled"])
    figures |= {f"tune_{name}": value for name, value in at_point.items()}
    # MLflow takes finite numbers only; what is undefined is absent.
    return {k: float(v) for k, v in figures.items() if v is not None and np.isfinite(v)}


def _closing(
    ensemble: dict[str, Any], metrics: dict[str, float], sweep_trials: pd.DataFrame
) -> str:
    point = ensemble["operating_point"]
    shares = ", ".join(f"{m['name']} {m['weight']:.2f}" for m in ensemble["members"])
    interval = f"({metrics.get('tune_auroc_low', np.nan):.3f} to "
    interval += f"{metrics.get('tune_auroc_high', np.nan):.3f})"
    rows = {
        "members": f"{len(ensemble['members'])} of {metrics['members_offered']:.0f} offered by "
        f"{len(sweep_trials)} trials: {shares}",
        "tune AUROC": f"{metrics['tune_auroc']:.3f} {interval}, n = {metrics['tune_breasts']:.0f} "
        "breasts; chosen on the same breasts, so flattering",
        "log loss": f"{metrics['tune_log_loss_before']:.3f} before calibration, "
        f"{metrics['tune_log_loss_after']:.3f} after",
        "threshold": f"{point['threshold']:.3f} by {point['rule']} {point['target']:g}",
    }
    return closing_block("ensemble", rows, next_command="kedro run --pipelines evaluate")
