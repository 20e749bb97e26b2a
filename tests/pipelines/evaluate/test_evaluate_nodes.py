import json
import logging

import numpy as np
import pandas as pd
import pytest

from mammo_pipeline.mammo.digest import digest_data
from mammo_pipeline.mammo.shortcuts.masking import CONDITIONS
from mammo_pipeline.pipelines.evaluate import nodes, page

GATES = [
    {"name": "evaluation.auroc.low", "value": 0.8, "bound": 0.7, "direction": "at_least"},
    {"name": "evaluation.calibration_error.value", "value": 0.3, "bound": 0.1}
    | {"direction": "at_most"},
]
GATES = [
    gate | {"passed": ok, "reason": f"{gate['name']} told", "why": "because"}
    for gate, ok in zip(GATES, (True, False), strict=True)
]


def measure(scores, ensemble, inputs, **changes):
    return nodes.measure_test_scores(scores, ensemble=ensemble, **(inputs | changes))


def test_only_standardized_test_images_are_scored(scores, study):
    test = study["cohort"].query("side == 'test'")
    refused = study["store"].index.query("position < 0")["image_id"]
    assert set(refused) & set(test["image_id"])
    assert set(scores["image_id"]) == set(test["image_id"]) - set(refused)


def test_image_probability_is_its_calibrated_logit(scores, ensemble):
    from mammo_pipeline.mammo.calibration.maps import apply_map

    calibrated = apply_map(ensemble["calibration"]["pooled"], scores["logit"])
    assert np.allclose(scores["probability"], 1 / (1 + np.exp(-calibrated)))


def test_every_member_has_a_column_of_its_own_logits(scores, ensemble):
    weights = [member["weight"] for member in ensemble["members"]]
    columns = scores[[f"member {member['name']}" for member in ensemble["members"]]]
    assert len(weights) == columns.shape[1]
    if ensemble["combination"]["reference"] is None:
        mean = columns.to_numpy() @ np.array(weights) + ensemble["combination"]["intercept"]
        assert np.allclose(mean, scores["logit"])


def test_changed_weights_stop_the_scoring(ensemble, study, members, parameters):
    name = ensemble["members"][0]["name"]
    members[name] = lambda: {"scale": np.float32([9.0])}
    with pytest.raises(ValueError, match="weights changed"):
        nodes.score_test_images(ensemble, members, study["store"], study["cohort"], parameters)


def test_no_test_image_is_an_error(ensemble, study, members, parameters):
    cohort = study["cohort"].assign(side="train")
    moved = ensemble | {"data_version": digest_data(cohort, study["store"].index)}
    with pytest.raises(ValueError, match="no standardized image"):
        nodes.score_test_images(moved, members, study["store"], cohort, parameters)


def test_a_patient_moved_to_the_test_side_stops_the_scoring(study, members, ensemble, parameters):
    moved = study["cohort"].assign(side="test")
    with pytest.raises(ValueError, match="may now be on the test side"):
        nodes.score_test_images(ensemble, members, study["store"], moved, parameters)


def test_scores_are_written_without_a_label(scores):
    assert not {"cancer", "truth", "birads"} & set(scores)


def test_figures_name_the_version_of_the_labels_they_rest_on(measured, scores, ensemble, inputs):
    truth = inputs["test_truth"]
    breast = truth["image_id"].isin(truth["image_id"][:2])
    corrected = truth.assign(cancer=truth["cancer"].mask(breast, 1 - truth["cancer"][0]))
    again, *_ = measure(scores, ensemble, inputs, test_truth=corrected)
    assert again["data_version"] == measured[0]["data_version"]
    assert again["test_truth_version"] != measured[0]["test_truth_version"]


def test_evaluation_is_plain_json_with_value_interval_n_and_how(measured):
    evaluation = json.loads(json.dumps(measured[0], allow_nan=False))
    for name in nodes.HOW:
        assert set(evaluation[name]) == {"value", "low", "high", "n", "how", "reason"}
    assert evaluation["auroc"]["n"] == evaluation["count"]["breasts"]


def test_every_question_of_the_room_has_its_record(measured):
    for name in (
        "units", "calibration", "screening", "decision", "ripening", "subgroups", "lesions",
        "comparison", "shortcuts", "flow", "operating_point",
    ):  # fmt: skip
        assert measured[0][name], name


def test_the_area_stands_beside_its_interval_by_another_method(measured):
    drawn, delong = measured[0]["auroc"], measured[0]["auroc_by_delong"]
    assert delong["value"] == pytest.approx(drawn["value"])
    assert "DeLong clustered by patient" in delong["how"]
    assert delong["low"] < delong["value"] < delong["high"]


def test_a_breast_is_measured_per_image_and_exam_too(measured):
    units = {one["unit"]: one["n"] for one in measured[0]["units"]["units"]}
    assert units["image"] > units["breast"] > units["exam"]


def test_subgroups_of_every_axis_cover_all_breasts(measured):
    evaluation = measured[0]
    groups = pd.DataFrame(evaluation["subgroups"])
    sizes = groups.groupby("axis")["n"].sum()
    for axis in ("device", "density", "age_band", "views", "laterality", "implant"):
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
    evaluation, metrics, _ = measured
    assert metrics["auroc"] == evaluation["auroc"]["value"]
    assert metrics["auroc_low"] == evaluation["auroc"]["low"]
    assert metrics["shortcut_alarms"] == evaluation["shortcuts"]["alarmed"]
    assert all(type(value) is float for value in metrics.values())


def test_images_without_outcome_are_counted_and_not_measured(scores, ensemble, inputs):
    lost = scores["exam_id"].iloc[0]
    images = scores.loc[scores["exam_id"] == lost, "image_id"]
    truth = inputs["test_truth"]
    unknown = truth.assign(cancer=truth["cancer"].mask(truth["image_id"].isin(images)))
    evaluation, *_ = measure(scores, ensemble, inputs, test_truth=unknown)
    missing = int((scores["exam_id"] == lost).sum())
    assert evaluation["count"]["images_without_outcome"] == missing
    assert (
        evaluation["count"]["breasts"]
        == scores[scores["exam_id"] != lost].groupby(["exam_id", "laterality"]).ngroups
    )


def test_no_outcome_at_all_is_refused(scores, ensemble, inputs):
    truth = inputs["test_truth"]
    with pytest.raises(ValueError, match="nothing can be measured"):
        measure(scores, ensemble, inputs, test_truth=truth.assign(cancer=pd.NA))


@pytest.mark.parametrize("outcome", [0, 1])
def test_one_class_alone_gives_figures_that_say_so(scores, ensemble, inputs, outcome):
    alone = inputs["test_truth"].assign(cancer=outcome)
    evaluation, *_ = measure(scores, ensemble, inputs, test_truth=alone)
    json.dumps(evaluation, allow_nan=False)
    assert evaluation["auroc"]["value"] is None
    assert f"n = {evaluation['count']['breasts']}" in evaluation["auroc"]["reason"]


def test_three_patients_are_measured_and_the_figures_say_what_they_lack(scores, ensemble, inputs):
    truth = inputs["test_truth"]
    women = scores.merge(truth[["image_id", "cancer"]], on="image_id").groupby("patient_id")
    sick = women["cancer"].max().astype(int)
    three = [*sick.index[sick == 1][:1], *sick.index[sick == 0][:2]]
    kept = scores.loc[scores["patient_id"].isin(three), "image_id"]
    few = truth.assign(cancer=truth["cancer"].where(truth["image_id"].isin(kept)))
    evaluation, *_ = measure(scores, ensemble, inputs, test_truth=few)
    assert evaluation["count"]["patients"] == 3
    assert evaluation["auroc"]["low"] is None
    assert "only 1 patient with cancer" in evaluation["auroc"]["reason"]
    json.dumps(evaluation, allow_nan=False)


def test_scores_that_are_not_finite_stop_the_measuring(scores, ensemble, inputs):
    broken = scores.assign(logit=scores["logit"].where(scores.index != 3))
    with pytest.raises(ValueError, match="not finite"):
        measure(broken, ensemble, inputs)


def test_closing_block_gives_figure_gates_and_page_and_keeps_the_history(
    measured, ensemble, history, caplog
):
    written = {"page": "data/audit.html", "footer": {"made": "2026-01-02T03:04:05+00:00"}}
    for _ in range(2):
        with caplog.at_level(logging.INFO):
            nodes.close_evaluation(measured[0], ensemble, GATES, history, written)
    assert "data/audit.html" in caplog.text
    assert f"{measured[0]['auroc']['value']:.3f}" in caplog.text
    assert "1 of 2 passed; not evaluation.calibration_error.value" in caplog.text
    [kept] = history.records()
    assert kept["ensemble_sha256"] == measured[0]["ensemble_sha256"]
    assert kept["figures"]["auroc"]["value"] == measured[0]["auroc"]["value"]
    assert page.summarize(measured[0], ensemble, GATES, kept["when"]) == kept


def test_lesions_beyond_the_reach_of_any_mark_are_counted(scores, ensemble, inputs):
    lesions = inputs["canvas_test_lesions"]
    edge = {"row_min": 0, "column_min": 0, "row_max": 1, "column_max": 1}
    for table, share in ((lesions, 0), (lesions.assign(**edge), 1)):
        [found, *_] = measure(scores, ensemble, inputs, canvas_test_lesions=table)
        count = found["lesions"]["count"]
        assert count["lesions_out_of_reach"] == share * count["lesions"]


def test_masked_images_make_a_score_as_whole_images_do(scores, ensemble, inputs):
    masked, rng = inputs["test_masked_scores"], np.random.default_rng(8)
    name = next(iter(CONDITIONS))
    wild = masked.assign(**{name: rng.normal(size=len(masked))})
    found = {
        rule: measure(scores, ensemble | {"aggregation": rule}, inputs, test_masked_scores=wild)[0][
            "shortcuts"
        ]["masking"][name]["auc"]["value"]
        for rule in ("mean", "max")
    }
    assert found["mean"] != found["max"]
