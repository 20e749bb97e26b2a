import json
import logging

import numpy as np
import pytest
from pydantic import ValidationError

from mammo_pipeline.mammo.digest import digest_arrays
from mammo_pipeline.mammo.ensembling import mean_logits, score_breasts
from mammo_pipeline.mammo.scoring import aggregate_breasts
from mammo_pipeline.pipelines.ensemble import nodes
from mammo_pipeline.pipelines.ensemble.parameters import EnsembleParameters


def freeze(study, members, parameters, **changes):
    names = ["tune_scores", "sweep_trials", "sweep_metrics", "cohort"]
    tables = {name: study[name] for name in names} | {"sweep_members": members} | changes
    return nodes.freeze_ensemble(parameters=parameters, **tables)


def test_ensemble_is_plain_json_that_names_each_member_by_digest(frozen, members):
    ensemble = json.loads(json.dumps(frozen[0], allow_nan=False))
    assert sum(member["weight"] for member in ensemble["members"]) == pytest.approx(1)
    for member in ensemble["members"]:
        assert member["sha256"] == digest_arrays(members[member["name"]]())
    assert ensemble["network"] == {"family": "dreamnet", "image_shape": [2, 2]}
    assert set(ensemble["calibration"]) >= {"method", "slope", "intercept"}


def test_a_member_that_ranks_backwards_is_left_out(frozen):
    assert "trial-002" not in {member["name"] for member in frozen[0]["members"]}


def test_operating_point_reaches_its_target_on_tune(frozen, study):
    ensemble, metrics = frozen
    images = nodes.join_tune(study["tune_scores"], study["cohort"])
    names = [member["name"] for member in ensemble["members"]]
    weights = [member["weight"] for member in ensemble["members"]]
    breasts = score_breasts(images.assign(logit=mean_logits(images[names], weights)), ensemble)
    ill = breasts["cancer"] == 1
    assert breasts.loc[ill, "recalled"].mean() >= 0.8
    assert metrics["tune_sensitivity"] == pytest.approx(breasts.loc[ill, "recalled"].mean())


def test_calibration_lowers_the_log_loss_on_tune(frozen):
    metrics = frozen[1]
    assert metrics["tune_log_loss_after"] < metrics["tune_log_loss_before"]


def test_metrics_are_flat_finite_floats_with_the_interval(frozen):
    metrics = frozen[1]
    assert all(type(value) is float and np.isfinite(value) for value in metrics.values())
    assert metrics["tune_auroc_low"] < metrics["tune_auroc"] < metrics["tune_auroc_high"]
    assert metrics["tune_auroc"] >= metrics["tune_auroc_best_single"] - 1e-12


def test_an_undefined_figure_is_absent_from_the_metrics(frozen, study, ensemble_parameters):
    ensemble = frozen[0] | {"operating_point": {"threshold": 2.0}}
    images = nodes.join_tune(study["tune_scores"], study["cohort"])
    images = images.assign(logit=images["trial-000"])
    singles = aggregate_breasts(images, ["trial-000"])[["trial-000"]]
    metrics = nodes.measure_tune(ensemble, images, singles, ensemble_parameters)
    assert "tune_ppv" not in metrics
    assert metrics["tune_recall_rate"] == 0


def test_the_reuse_of_tune_is_said(frozen, study, members, ensemble_parameters, caplog):
    assert "flattering" in frozen[0]["note"]
    with caplog.at_level(logging.INFO):
        freeze(study, members, ensemble_parameters)
    assert "flattering" in caplog.text
    assert "kedro run --pipelines evaluate" in caplog.text


def test_the_same_study_freezes_the_same_ensemble(frozen, study, members, ensemble_parameters):
    assert freeze(study, members, ensemble_parameters) == frozen


def test_all_members_take_part_when_asked(study, members, ensemble_parameters):
    del members["trial-002"]
    scores = study["tune_scores"].drop(columns="trial-002")
    parameters = ensemble_parameters.model_copy(update={"selection": "all"})
    ensemble, _ = freeze(study, members, parameters, tune_scores=scores)
    assert [member["weight"] for member in ensemble["members"]] == [0.5, 0.5]


def test_members_no_better_than_chance_stop_the_room(study, members, ensemble_parameters):
    scores = study["tune_scores"][["image_id", "trial-002"]]
    kept = {"trial-002": members["trial-002"]}
    with pytest.raises(ValueError, match="no better than chance"):
        freeze(study, kept, ensemble_parameters, tune_scores=scores)


def test_scores_of_another_split_stop_the_room(study, members, ensemble_parameters):
    cohort = study["cohort"].assign(side="train")
    with pytest.raises(ValueError, match="not on tune"):
        freeze(study, members, ensemble_parameters, cohort=cohort)


def test_a_score_without_weights_stops_the_room(study, members, ensemble_parameters):
    del members["trial-001"]
    with pytest.raises(ValueError, match=r"only scored \['trial-001'\]"):
        freeze(study, members, ensemble_parameters)


def test_a_misspelt_parameter_is_refused(ensemble_parameters):
    with pytest.raises(ValidationError, match="did you mean 'rounds'"):
        EnsembleParameters.model_validate(ensemble_parameters.model_dump() | {"round": 3})
