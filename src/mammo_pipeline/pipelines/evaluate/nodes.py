"""Room `evaluate`: score the test images once, and measure them from every side."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit

from mammo_pipeline.closing import closing_block
from mammo_pipeline.datasets.appended import Appended
from mammo_pipeline.datasets.store import StoredImages
from mammo_pipeline.mammo.bias.axes import describe_breasts
from mammo_pipeline.mammo.calibration.maps import apply_calibration
from mammo_pipeline.mammo.detection.lesions import measure_lesions
from mammo_pipeline.mammo.detection.marks import find_reach
from mammo_pipeline.mammo.digest import (
    digest_data,
    digest_record,
    digest_table,
    refuse_other_data,
)
from mammo_pipeline.mammo.ensembling import score as ensembling
from mammo_pipeline.mammo.ensembling.combine import combine_logits
from mammo_pipeline.mammo.evaluation import HOW
from mammo_pipeline.mammo.flow import count_cohort_flow
from mammo_pipeline.mammo.sealed import open_truth
from mammo_pipeline.pipelines.evaluate import measure, page, suspects
from mammo_pipeline.pipelines.evaluate.closer import Members
from mammo_pipeline.pipelines.evaluate.parameters import EvaluateParameters
from mammo_pipeline.pipelines.standardize.parameters import StandardizeParameters

FACTS = ["image_id", "exam_id", "patient_id", "laterality", "view", "device"]
# What subgroups, months and the model of metadata ask of an image beside the facts.
STATED = ["age", "density", "implant", "site_id", "unit_id", "exam_offset_days", "size_bytes"]

log = logging.getLogger(__name__)


def score_test_images(
    ensemble: dict[str, Any],
    sweep_members: Members,
    store: StoredImages,
    cohort: pd.DataFrame,
    parameters: EvaluateParameters,
) -> pd.DataFrame:
    """Returns `test_scores`: one row a standardized test image, uncalibrated logit, probability.

    A column `member <name>` holds each member's own logit. No label is read: the seal is opened
    when every score is written.

    Raises:
        ValueError: A member is not the one that was frozen, the split or the images changed since
            the members learnt, or there is no test image.
    """
    refuse_other_data(ensemble["data_version"], digest_data(cohort, store.index), "sweep")
    test = cohort[cohort["side"] == "test"].merge(store.index[["image_id", "position"]])
    test = test[test["position"] >= 0].sort_values("position")
    if test.empty:
        raise ValueError("no standardized image is on the test side: check the split's shares.")
    members = ensembling.read_members(ensemble, sweep_members)
    positions = test["position"].to_numpy()
    each = ensembling.score_members(ensemble, members, store.pixels, positions, parameters.batch)
    logits = combine_logits(each, ensemble["members"], ensemble["combination"])
    devices = test["device"].to_numpy()
    probability = expit(apply_calibration(ensemble["calibration"], logits, devices))
    names = [f"member {member['name']}" for member in ensemble["members"]]
    scored = test[FACTS].assign(logit=logits, probability=probability)
    return scored.assign(**dict(zip(names, each.T, strict=True))).reset_index(drop=True)


def measure_test_scores(
    test_scores: pd.DataFrame,
    test_truth: pd.DataFrame,
    ensemble: dict[str, Any],
    cohort: pd.DataFrame,
    store: StoredImages,
    canvas_test_lesions: pd.DataFrame,
    test_marks: pd.DataFrame,
    test_embeddings: pd.DataFrame,
    test_masked_scores: pd.DataFrame,
    earlier_scores: pd.DataFrame,
    earlier_model: dict[str, Any],
    files: pd.DataFrame,
    standardize: StandardizeParameters,
    parameters: EvaluateParameters,
) -> tuple[dict[str, Any], dict[str, float], pd.DataFrame]:
    """Returns (`evaluation`, its figures as a flat record for tracking, the measured breasts).

    Raises:
        ValueError: The cohort's flow does not add up, the labels are those of another split, or no
            scored breast has an outcome.
    """
    opened = open_truth(test_scores, test_truth)
    images = gather_images(opened, cohort)
    breasts = gather_breasts(images, ensemble, canvas_test_lesions, standardize, parameters)
    rng, earlier = np.random.default_rng(parameters.seed), (earlier_scores, earlier_model)
    expected = cohort[cohort["side"] == "test"][["exam_id", "laterality"]]
    looked_at = (breasts, images, cohort, test_embeddings, test_masked_scores)
    marked = (test_marks, canvas_test_lesions, images, ensemble, standardize)
    evaluation = {
        **describe_unit(ensemble, test_truth),
        "count": count_cases(opened, breasts),
        **measure.measure_scored(images, breasts, ensemble, parameters, rng, expected),
        "lesions": find_lesions(*marked, parameters, rng),
        "comparison": suspects.compare_earlier(
            breasts, images, *earlier, ensemble, parameters, rng
        ),
        "shortcuts": suspects.suspect_shortcuts(*looked_at, *earlier, ensemble, parameters),
        "flow": count_cohort_flow(files, cohort, store.index, test_scores),
    }
    return evaluation, flatten_figures(evaluation), breasts


def describe_unit(ensemble: dict[str, Any], test_truth: pd.DataFrame) -> dict[str, str]:
    """Returns the unit of the figures, and the versions of what they rest on."""
    return {
        "unit": "breast of one exam",
        "data_version": ensemble["data_version"],
        "test_truth_version": digest_table(test_truth, ["image_id", "cancer"]),
        "ensemble_sha256": digest_record(ensemble),
    }


def gather_images(opened: pd.DataFrame, cohort: pd.DataFrame) -> pd.DataFrame:
    """Returns the scored images with an outcome, and what their files and tables state."""
    known = opened[opened["cancer"].notna()]
    stated = [name for name in STATED if name in cohort]
    return known.merge(cohort[["image_id", *stated]], on="image_id", validate="one_to_one")


def gather_breasts(
    images: pd.DataFrame,
    ensemble: dict[str, Any],
    canvas_test_lesions: pd.DataFrame,
    standardize: StandardizeParameters,
    parameters: EvaluateParameters,
) -> pd.DataFrame:
    """Returns the scored breasts with an outcome, and the columns that subgroups are made by."""
    if images.empty:
        raise ValueError("no breast with an outcome was scored; nothing can be measured.")
    members = [name for name in images if str(name).startswith("member ")]
    breasts = ensembling.score_breasts(images.drop(columns=["probability", *members]), ensemble)
    chosen = parameters.subgroups
    return describe_breasts(
        breasts,
        images,
        canvas_test_lesions,
        chosen.age_edges_years,
        chosen.size_edges_mm,
        standardize.spacing_mm,
    )


def find_lesions(
    marks: pd.DataFrame,
    lesions: pd.DataFrame,
    images: pd.DataFrame,
    ensemble: dict[str, Any],
    standardize: StandardizeParameters,
    parameters: EvaluateParameters,
    rng: np.random.Generator,
) -> dict[str, Any]:
    """Returns how well the heatmaps find the lesions that were drawn, or why that is unknown."""
    from mammo_pipeline.mammo.networks.families import heatmap_places, read_network
    from mammo_pipeline.mammo.networks.heat import explain_no_heatmap, find_map_shape

    network = ensemble["network"]
    if reason := explain_no_heatmap(network):
        return {"reason": reason}
    reach_px = find_reach(heatmap_places(read_network(network)), find_map_shape(network))
    spacing_mm = (standardize.spacing_mm, standardize.spacing_mm)
    known = marks[marks["image_id"].isin(images["image_id"])]
    return measure_lesions(
        *(known, lesions, images, spacing_mm, tuple(network["image_shape"])),
        *(parameters.lesions, parameters.bootstrap_repeats, parameters.level, rng, reach_px),
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
    flat["shortcut_alarms"] = evaluation.get("shortcuts", {}).get("alarmed")
    return {name: float(flat[name]) for name in sorted(flat) if flat[name] is not None}  # type: ignore[arg-type]


def close_evaluation(
    evaluation: dict[str, Any],
    ensemble: dict[str, Any],
    release_gates: list[dict[str, Any]],
    evaluation_history: Appended,
    audit_page: dict[str, Any],
) -> None:
    """Logs the block with which the room ends, and keeps the evaluation in its history.

    The page is loaded, so it has been written; it was compared with the history before this one.
    """
    from mammo_pipeline.reporting.page import show_figure

    made = audit_page["footer"]["made"]
    evaluation_history.append(page.summarize(evaluation, ensemble, release_gates, made))
    count = evaluation["count"]
    names = ["auroc", "specificity_at_sensitivity", "calibration_error", "sensitivity"]
    rows = {
        "test": f"{count['breasts']} breasts of {count['patients']} patients, "
        f"{count['positives']} with cancer, {count['images']} images"
    }
    rows |= {name.replace("_", " "): show_figure(evaluation[name]) for name in names}
    small = sum(group["small"] for group in evaluation["subgroups"])
    rows["subgroups"] = f"{len(evaluation['subgroups'])}, of which {small} small"
    rows["shortcuts"] = f"{evaluation['shortcuts']['alarmed']} alarms ring"
    failed = [gate["name"] for gate in release_gates if not gate["passed"]]
    rows["gates"] = f"{len(release_gates) - len(failed)} of {len(release_gates)} passed"
    if failed:
        rows["gates"] += f"; not {', '.join(failed)}"
    log.info(closing_block("evaluate", rows, audit_page["page"], "kedro run --pipelines release"))
