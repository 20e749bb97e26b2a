"""Room `evaluate`: score the test images once, measure breasts, write the audit page."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit

from mammo_pipeline.closing import closing_block
from mammo_pipeline.datasets.store import StoredImages
from mammo_pipeline.mammo import bias, calibration, ensembling
from mammo_pipeline.mammo.digest import (
    digest_data,
    digest_record,
    digest_table,
    refuse_other_data,
)
from mammo_pipeline.mammo.evaluation import HOW, measure_breasts
from mammo_pipeline.mammo.flow import count_cohort_flow
from mammo_pipeline.mammo.sealed import open_truth
from mammo_pipeline.pipelines.evaluate.parameters import EvaluateParameters

Members = dict[str, Callable[[], dict[str, np.ndarray]]]
FACTS = ["image_id", "exam_id", "patient_id", "laterality", "view", "device"]

log = logging.getLogger(__name__)


def score_test_images(
    ensemble: dict[str, Any],
    sweep_members: Members,
    store: StoredImages,
    cohort: pd.DataFrame,
    parameters: EvaluateParameters,
) -> pd.DataFrame:
    """Returns `test_scores`: one row a standardized test image, uncalibrated logit, probability.

    No label is read: the seal is opened when every score is written.

    Raises:
        ValueError: A member is not the one that was frozen, the split or the images changed since
            the members learnt, or there is no test image.
    """
    refuse_other_data(ensemble["data_version"], digest_data(cohort, store.index), "sweep")
    test = cohort[cohort["side"] == "test"].merge(store.index[["image_id", "position"]])
    test = test[test["position"] >= 0].sort_values("position")
    if test.empty:
        raise ValueError("no standardized image is on the test side: check the split's shares.")
    logits = ensembling.score_images(
        ensemble,
        ensembling.read_members(ensemble, sweep_members),
        store.pixels,
        test["position"].to_numpy(),
        parameters.batch,
    )
    probability = expit(calibration.apply_calibration(ensemble["calibration"], logits))
    return test[FACTS].assign(logit=logits, probability=probability).reset_index(drop=True)


def measure_test_scores(
    test_scores: pd.DataFrame,
    test_truth: pd.DataFrame,
    ensemble: dict[str, Any],
    cohort: pd.DataFrame,
    store: StoredImages,
    canvas_test_lesions: pd.DataFrame,
    files: pd.DataFrame,
    parameters: EvaluateParameters,
) -> tuple[dict[str, Any], dict[str, float]]:
    """Returns (`evaluation`, its figures as a flat record for tracking).

    Raises:
        ValueError: The cohort's flow does not add up, the labels are those of another split, or no
            scored breast has an outcome.
    """
    opened = open_truth(test_scores, test_truth)
    breasts = gather_breasts(opened, ensemble, cohort, canvas_test_lesions, parameters)
    rng = np.random.default_rng(parameters.seed)
    sizes = (parameters.bootstrap_repeats, parameters.level)
    figures = measure_breasts(
        breasts, parameters.sensitivity, parameters.calibration_bins, *sizes, rng
    )
    labels, p = breasts["cancer"].to_numpy(float), breasts["probability"].to_numpy()
    table = calibration.reliability_table(labels, p, parameters.calibration_bins, parameters.level)
    threshold = ensemble["operating_point"]["threshold"]
    evaluation = {
        "unit": "breast of one exam",
        "data_version": ensemble["data_version"],
        "test_truth_version": digest_table(test_truth, ["image_id", "cancer"]),
        "ensemble_sha256": digest_record(ensemble),
        "count": count_cases(opened, breasts),
        **figures,
        "operating_point": ensemble["operating_point"],
        "reliability": table.to_dict("records"),
        "subgroups": bias.measure_subgroups(
            breasts, parameters.axes, threshold, *sizes, parameters.small_class, rng
        ),
        "flow": count_cohort_flow(files, cohort, store.index, test_scores),
    }
    return evaluation, flatten_figures(evaluation)


def gather_breasts(
    opened: pd.DataFrame,
    ensemble: dict[str, Any],
    cohort: pd.DataFrame,
    canvas_test_lesions: pd.DataFrame,
    parameters: EvaluateParameters,
) -> pd.DataFrame:
    """Returns the scored breasts with an outcome, and the columns that subgroups are made by."""
    known = opened[opened["cancer"].notna()]
    images = known.merge(cohort[["image_id", "age", "density"]], on="image_id")
    breasts = ensembling.score_breasts(images.drop(columns="probability"), ensemble)
    return breasts.assign(
        age_band=bias.age_bands(breasts["age"], parameters.age_edges_years),
        lesion_kind=bias.lesion_kinds(breasts, canvas_test_lesions, images).to_numpy(),
    )


def count_cases(opened: pd.DataFrame, breasts: pd.DataFrame) -> dict[str, int]:
    """Returns how many images, breasts, patients and cancers the figures rest on."""
    return {
        "images": len(opened),
        "images_without_outcome": int(opened["cancer"].isna().sum()),
        "breasts": len(breasts),
        "patients": int(breasts["patient_id"].nunique()),
        "positives": int(breasts["cancer"].sum()),
    }


def flatten_figures(evaluation: dict[str, Any]) -> dict[str, float]:
    """Returns the figures with their bounds and counts by one flat name; undefined ones are absent.

    >>> flatten_figures({"auroc": {"value": 0.8, "low": 0.7, "high": None}, "count": {"n": 9}})
    {'auroc': 0.8, 'auroc_low': 0.7, 'n': 9.0}
    """
    flat: dict[str, float | None] = {}
    for name in HOW.keys() & evaluation.keys():
        found = evaluation[name]
        bounds = {f"{name}_low": found["low"], f"{name}_high": found["high"]}
        flat |= {name: found["value"], **bounds}
    flat |= evaluation["count"]
    return {name: float(flat[name]) for name in sorted(flat) if flat[name] is not None}  # type: ignore[arg-type]


def write_audit_page(
    evaluation: dict[str, Any],
    test_scores: pd.DataFrame,
    test_truth: pd.DataFrame,
    ensemble: dict[str, Any],
    contract: dict[str, Any],
    device_audit: dict[str, Any],
    ensemble_metrics: dict[str, float],
    train_metrics: dict[str, Any],
) -> dict[str, Any]:
    """Returns the audit page as a report: what was measured, on whom, and how."""
    from mammo_pipeline.pipelines.evaluate import background, page

    opened = open_truth(test_scores, test_truth)
    breasts = ensembling.score_breasts(opened[opened["cancer"].notna()], ensemble)
    return {
        "title": "Audit of the ensemble on the test set",
        "subtitle": "Unit: the breast of one exam. Intervals: bootstrap by patient. "
        "The test set was opened once, after everything was frozen on tune.",
        "verdict": {"state": "info", "text": page.state_result(evaluation)},
        "facts": page.list_facts(evaluation),
        "sections": [
            page.show_figures(evaluation),
            page.show_ranking(evaluation, breasts),
            page.show_calibration(evaluation, breasts),
            page.show_subgroups(evaluation),
            background.show_flow(evaluation["flow"]),
            background.show_contract(contract),
            background.show_devices(device_audit),
            background.show_making(ensemble, ensemble_metrics, train_metrics),
            background.show_benchmarks(evaluation),
            background.show_limits(evaluation, ensemble),
        ],
        "footer": {
            "data version": evaluation["data_version"],
            "test labels": evaluation["test_truth_version"],
        },
    }


def close_evaluation(evaluation: dict[str, Any], audit_page: dict[str, Any]) -> None:
    """Logs the block with which the room ends; the page is loaded, so it has been written."""
    from mammo_pipeline.reporting.page import show_figure

    count = evaluation["count"]
    names = ["auroc", "specificity_at_sensitivity", "calibration_error", "sensitivity"]
    rows = {
        "test": f"{count['breasts']} breasts of {count['patients']} patients, "
        f"{count['positives']} with cancer, {count['images']} images"
    }
    rows |= {name.replace("_", " "): show_figure(evaluation[name]) for name in names}
    small = sum(group["small"] for group in evaluation["subgroups"])
    rows["subgroups"] = f"{len(evaluation['subgroups'])}, of which {small} small"
    page = audit_page["page"]
    log.info(closing_block("evaluate", rows, page, "kedro run --pipelines release"))
