import json
import logging

import numpy as np
import pandas as pd
import pytest

from mammo_pipeline.mammo.digest import digest_data
from mammo_pipeline.pipelines.evaluate import nodes
from mammo_pipeline.pipelines.evaluate.parameters import EvaluateParameters
from mammo_pipeline.reporting.page import render_page, twin

FAMILIES = ("geometry", "statistics", "network")
TOLD = {"low": 0.55, "high": 0.99, "images": 9, "patients": 3, "how": "a forest, out of fold"}
DEVICES = {
    "probes": {
        name: {"before": TOLD | {"auc": 0.981}, "after": TOLD | {"auc": 0.6}} for name in FAMILIES
    },
    "verdict": "3 pass, 0 fail, 1 not judged",
    "failed": 0,
}
RULE = {"rule": "A breast is left or right.", "severity": "critical", "held": True, "n": 9}
CONTRACT = {"passed": True, "rules": [RULE | {"found": "0 images"}]}


@pytest.fixture
def parameters():
    return EvaluateParameters(
        seed=1,
        batch=8,
        sensitivity=0.8,
        calibration_bins=5,
        bootstrap_repeats=100,
        level=0.95,
        axes=["device", "density", "age_band", "views", "laterality", "lesion_kind"],
        age_edges_years=[50, 60],
        small_class=10,
    )


@pytest.fixture
def scores(frozen, study, members, parameters):
    return nodes.score_test_images(frozen[0], members, study["store"], study["cohort"], parameters)


def evaluated(study):
    """What the room reads beside scores and ensemble."""
    names = ["test_truth", "cohort", "store", "canvas_test_lesions", "files"]
    return {name: study[name] for name in names}


@pytest.fixture
def measured(scores, frozen, study, parameters):
    tables = evaluated(study)
    return nodes.measure_test_scores(scores, ensemble=frozen[0], parameters=parameters, **tables)


def test_only_standardized_test_images_are_scored(scores, study):
    test = study["cohort"].query("side == 'test'")
    refused = study["store"].index.query("position < 0")["image_id"]
    assert set(refused) & set(test["image_id"])
    assert set(scores["image_id"]) == set(test["image_id"]) - set(refused)


def test_image_probability_is_its_calibrated_logit(scores, frozen):
    fitted = frozen[0]["calibration"]
    expected = 1 / (1 + np.exp(-(fitted["slope"] * scores["logit"] + fitted["intercept"])))
    assert np.allclose(scores["probability"], expected)


def test_changed_weights_stop_the_scoring(frozen, study, members, parameters):
    name = frozen[0]["members"][0]["name"]
    members[name] = lambda: {"scale": np.float32([9.0])}
    with pytest.raises(ValueError, match="weights changed"):
        nodes.score_test_images(frozen[0], members, study["store"], study["cohort"], parameters)


def test_no_test_image_is_an_error(frozen, study, members, parameters):
    cohort = study["cohort"].assign(side="train")
    ensemble = frozen[0] | {"data_version": digest_data(cohort, study["store"].index)}
    with pytest.raises(ValueError, match="no standardized image"):
        nodes.score_test_images(ensemble, members, study["store"], cohort, parameters)


def test_scores_are_written_without_a_label(scores, frozen, study, members, parameters):
    assert "cancer" not in scores
    unknown = study["cohort"].assign(cancer=study["cohort"]["cancer"].astype("Int8"))
    assert unknown.loc[unknown["side"] == "test", "cancer"].isna().all()


def test_figures_name_the_version_of_the_labels_they_rest_on(
    measured, scores, frozen, study, parameters
):
    truth = study["test_truth"]
    breast = truth["image_id"].isin(truth["image_id"][:2])
    corrected = truth.assign(cancer=truth["cancer"].mask(breast, 1 - truth["cancer"][0]))
    tables = evaluated(study) | {"test_truth": corrected}
    again, _ = nodes.measure_test_scores(
        scores, ensemble=frozen[0], parameters=parameters, **tables
    )
    assert again["data_version"] == measured[0]["data_version"]
    assert again["test_truth_version"] != measured[0]["test_truth_version"]


def test_evaluation_is_plain_json_with_value_interval_n_and_how(measured):
    evaluation = json.loads(json.dumps(measured[0], allow_nan=False))
    for name in nodes.HOW:
        assert set(evaluation[name]) == {"value", "low", "high", "n", "how", "reason"}
    assert evaluation["auroc"]["n"] == evaluation["count"]["breasts"]


def test_subgroups_of_every_axis_cover_all_breasts(measured):
    evaluation = measured[0]
    groups = pd.DataFrame(evaluation["subgroups"])
    sizes = groups.groupby("axis")["n"].sum()
    for axis in ("device", "density", "age_band", "views", "laterality"):
        assert sizes[axis] == evaluation["count"]["breasts"]
    assert groups.query("axis == 'laterality' and group == 'R'")["positives"].item() == 0


def test_a_subgroup_of_one_class_is_null_with_its_reason(measured):
    right = next(g for g in measured[0]["subgroups"] if g["group"] == "R")
    assert right["auroc"]["value"] is None
    assert "no positive" in right["auroc"]["reason"]


def test_flow_adds_up_to_the_files_found(measured, study):
    flow = measured[0]["flow"]
    assert flow["found"] == len(study["files"])
    assert flow["scored"] + flow["test_refused"] == flow["test"]
    assert flow["test_refused"] == 3


def test_tracked_metrics_are_the_evaluation_flat(measured):
    evaluation, metrics = measured
    assert metrics["auroc"] == evaluation["auroc"]["value"]
    assert metrics["auroc_low"] == evaluation["auroc"]["low"]
    assert all(type(value) is float for value in metrics.values())


def test_images_without_outcome_are_counted_and_not_measured(frozen, study, parameters, scores):
    lost = scores["exam_id"].iloc[0]
    images = scores.loc[scores["exam_id"] == lost, "image_id"]
    truth = study["test_truth"]
    unknown = truth.assign(cancer=truth["cancer"].mask(truth["image_id"].isin(images)))
    tables = evaluated(study) | {"test_truth": unknown}
    evaluation, _ = nodes.measure_test_scores(
        scores, ensemble=frozen[0], parameters=parameters, **tables
    )
    missing = int((scores["exam_id"] == lost).sum())
    assert evaluation["count"]["images_without_outcome"] == missing
    assert (
        evaluation["count"]["breasts"]
        == scores[scores["exam_id"] != lost].groupby(["exam_id", "laterality"]).ngroups
    )


def audit(measured, scores, frozen, test_truth, **changes):
    records = {
        "evaluation": measured[0],
        "test_scores": scores,
        "test_truth": test_truth,
        "ensemble": frozen[0],
        "contract": CONTRACT,
        "device_audit": DEVICES,
        "ensemble_metrics": frozen[1],
        "train_metrics": {"patch_adam": {"loss": 0.5, "epochs": 3}},
    }
    return nodes.write_audit_page(**(records | changes))


def test_audit_page_holds_each_part_of_the_story(measured, scores, frozen, study):
    report = audit(measured, scores, frozen, study["test_truth"])
    page = render_page(report)
    for text in (
        "BCSC", "0.858", "patch adam loss", "Cohort flow", "dose report", "3 pass, 0 fail",
        "geometry", "statistics", "network", "0.981", "a forest, out of fold",
        "For research use only", "flattering", measured[0]["data_version"],
        measured[0]["test_truth_version"],
    ):  # fmt: skip
        assert text in page, text
    assert "http" not in page.replace("http://www.w3.org/", "")
    json.dumps(twin(report), allow_nan=False)


def test_audit_page_stands_when_only_one_class_was_tested(frozen, study, parameters, scores):
    healthy = study | {"test_truth": study["test_truth"].assign(cancer=0)}
    measured = nodes.measure_test_scores(
        scores, ensemble=frozen[0], parameters=parameters, **evaluated(healthy)
    )
    page = render_page(audit(measured, scores, frozen, test_truth=healthy["test_truth"]))
    assert "no positive among" in page


def test_audit_page_says_when_one_device_was_not_probed(measured, scores, frozen, study):
    blank = {"auc": None, "low": None, "high": None, "reason": "only one device"}
    probes = {name: {"before": blank, "after": blank} for name in FAMILIES}
    devices = {"probes": probes, "verdict": "0 pass, 0 fail, 3 not judged", "failed": 0}
    report = audit(measured, scores, frozen, study["test_truth"], device_audit=devices)
    assert "only one device" in render_page(report)


def test_closing_block_gives_the_figure_and_the_page(measured, caplog):
    with caplog.at_level(logging.INFO):
        nodes.close_evaluation(measured[0], {"page": "data/audit.html"})
    assert "data/audit.html" in caplog.text
    assert f"{measured[0]['auroc']['value']:.3f}" in caplog.text


def test_a_patient_moved_to_the_test_side_stops_the_scoring(study, members, frozen, parameters):
    moved = study["cohort"].assign(side="test")
    with pytest.raises(ValueError, match="may now be on the test side"):
        nodes.score_test_images(frozen[0], members, study["store"], moved, parameters)
