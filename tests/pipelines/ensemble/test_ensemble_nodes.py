import json
import logging
import sys

import numpy as np
import pytest
from pydantic import ValidationError

from mammo_pipeline.mammo.digest import digest_arrays
from mammo_pipeline.mammo.ensembling.combine import combine_table
from mammo_pipeline.mammo.ensembling.score import score_breasts
from mammo_pipeline.pipelines.ensemble import nodes
from mammo_pipeline.pipelines.ensemble.parameters import EnsembleParameters

PREDICT = "mammo_pipeline.mammo.networks.predict"


def freeze(study, members, parameters, **changes):
    names = ["tune_scores", "tune_flip_scores", "sweep_trials", "sweep_metrics", "cohort"]
    tables = {name: study[name] for name in names} | {"sweep_members": members} | changes
    return nodes.freeze_ensemble(parameters=parameters, **tables)


def test_ensemble_is_plain_json_that_names_each_member_by_digest(frozen, members):
    ensemble = json.loads(json.dumps(frozen[0], allow_nan=False))
    assert sum(member["weight"] for member in ensemble["members"]) == pytest.approx(1)
    for member in ensemble["members"]:
        assert member["sha256"] == digest_arrays(members[member["name"]]())
    assert ensemble["network"] == {"family": "dreamnet", "image_shape": [2, 2]}
    assert set(ensemble["calibration"]) >= {"method", "scope", "pooled", "by_device", "rule"}
    assert {"selection", "diversity", "gains", "scale", "flips", "combination"} <= set(ensemble)


def test_a_member_that_ranks_backwards_is_left_out(frozen):
    assert "trial-002" not in {member["name"] for member in frozen[0]["members"]}


def test_operating_point_reaches_its_target_on_tune(frozen, study):
    ensemble, metrics = frozen
    images = nodes.join_tune(study["tune_scores"], study["cohort"])
    breasts = score_breasts(images.assign(logit=combine_table(images, ensemble)), ensemble)
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
    point = frozen[0]["operating_point"] | {"threshold": 2.0}
    images = nodes.join_tune(study["tune_scores"], study["cohort"])
    ensemble = frozen[0] | {"operating_point": point}
    metrics = nodes.measure_tune(ensemble, images, ["trial-000"], ensemble_parameters)
    assert "tune_ppv" not in metrics
    assert "cross_validated_gain" not in metrics
    assert metrics["tune_recall_rate"] == 0


def offer(parameters, *methods, **changes):
    """The parameters with only these ways to combine, and other changes."""
    values = parameters.model_dump() | changes
    values["combination"]["methods"] = list(methods)
    return EnsembleParameters.model_validate(values)


def test_the_reuse_of_tune_is_said(frozen, study, members, ensemble_parameters, caplog):
    assert "flattering" in frozen[0]["note"]
    with caplog.at_level(logging.INFO):
        freeze(study, members, ensemble_parameters)
    assert "flattering" in caplog.text
    assert "kedro run --pipelines evaluate" in caplog.text


def test_the_same_study_freezes_the_same_ensemble(frozen, study, members, ensemble_parameters):
    assert freeze(study, members, ensemble_parameters) == frozen


def test_all_members_take_part_when_only_the_mean_is_offered(study, members, ensemble_parameters):
    del members["trial-002"]
    scores = study["tune_scores"].drop(columns="trial-002")
    parameters = offer(ensemble_parameters, "mean_logits")
    ensemble, _ = freeze(study, members, parameters, tune_scores=scores)
    assert [member["weight"] for member in ensemble["members"]] == [0.5, 0.5]


@pytest.fixture
def tilted(fake_network, monkeypatch):
    """A net that says more of an image turned upside down, and noise of the image as it is."""

    def member_logits(network, arrays, pixels, positions, batch, flips=("none",)):
        brightness = pixels[positions].mean((1, 2)) / 1000 - 4
        noise = np.sin(np.asarray(positions) * 12.9898) * 3
        seen = {"none": brightness + noise, "up_down": brightness - noise}
        return (arrays["scale"] * np.mean([seen[f] for f in flips], axis=0)).astype(np.float32)

    monkeypatch.setattr(sys.modules[PREDICT], "member_logits", member_logits)
    return member_logits


def test_flips_that_help_are_chosen_and_the_ensemble_says_so(
    study, members, ensemble_parameters, tilted
):
    store, cohort = study["store"], study["cohort"]
    known = store.index.set_index("image_id")["position"]
    places = known[study["tune_scores"]["image_id"]].to_numpy()
    scores = study["tune_scores"].assign(
        **{name: tilted({}, read(), store.pixels, places, 8) for name, read in members.items()}
    )
    parameters = offer(ensemble_parameters, "mean_logits", "best_single", flips=["none", "up_down"])
    inputs = (members, store, cohort, study["sweep_metrics"], parameters)
    flipped = nodes.score_tune_flips(scores, *inputs)
    both = tilted({}, members["trial-001"](), store.pixels, places, 8, ("none", "up_down"))
    np.testing.assert_allclose(flipped["trial-001"], both, rtol=1e-6, atol=1e-6)
    ensemble, metrics = freeze(
        study, members, parameters, tune_scores=scores, tune_flip_scores=flipped
    )
    assert ensemble["flips"] == ["none", "up_down"]
    assert ensemble["selection"]["gain"]["low"] > 0
    assert metrics["cross_validated_gain_low"] > 0
    images = nodes.join_tune(flipped, cohort)
    breasts = score_breasts(images.assign(logit=combine_table(images, ensemble)), ensemble)
    assert metrics["tune_recall_rate"] == pytest.approx(breasts["recalled"].mean())


def test_without_flips_nothing_is_scored(study, members, ensemble_parameters, monkeypatch):
    monkeypatch.delattr(sys.modules[PREDICT], "member_logits")
    inputs = (study["store"], study["cohort"], study["sweep_metrics"], ensemble_parameters)
    table = nodes.score_tune_flips(study["tune_scores"], members, *inputs)
    assert list(table) == ["image_id"]
    assert len(table) == len(study["tune_scores"])


def test_flips_of_another_split_are_not_scored(study, members, ensemble_parameters):
    parameters = ensemble_parameters.model_copy(update={"flips": ["none", "up_down"]})
    cohort = study["cohort"].assign(side="train")
    inputs = (members, study["store"], cohort, study["sweep_metrics"], parameters)
    with pytest.raises(ValueError, match="sweep"):
        nodes.score_tune_flips(study["tune_scores"], *inputs)


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
    with pytest.raises(ValidationError, match="did you mean 'flips'"):
        EnsembleParameters.model_validate(ensemble_parameters.model_dump() | {"flip": []})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"flips": []}, "flips must name"),
        ({"flips": ["none", "none"]}, "each once"),
        ({"operating_point": {"rule": "target_sensitivity", "target": 2}}, "share below 1"),
    ],
)
def test_a_parameter_that_makes_no_sense_is_refused(ensemble_parameters, change, words):
    with pytest.raises(ValidationError, match=words):
        EnsembleParameters.model_validate(ensemble_parameters.model_dump() | change)


def test_a_ratio_of_costs_may_exceed_one(study, members, ensemble_parameters):
    point = {"rule": "cost", "target": 200.0}
    parameters = offer(ensemble_parameters, "best_single", operating_point=point)
    ensemble, _ = freeze(study, members, parameters)
    assert ensemble["operating_point"]["rule"] == "cost"
    assert ensemble["operating_point"]["prevalence"] == 0.005


def test_an_ensemble_names_the_devices_that_it_learnt_from(frozen, study):
    train = study["cohort"].query("side == 'train'")
    assert frozen[0]["devices"] == sorted(train["device"].unique())


def test_the_ensemble_keeps_how_its_heatmaps_read(study, members, ensemble_parameters):
    names = ["tune_scores", "tune_flip_scores", "sweep_trials", "cohort"]
    tables = {name: study[name] for name in names}
    for said, kept in (({"patch_loss": "softmax"}, "softmax"), ({}, "one_against_rest")):
        metrics = study["sweep_metrics"] | said
        ensemble, _ = nodes.freeze_ensemble(
            sweep_members=members, sweep_metrics=metrics, parameters=ensemble_parameters, **tables
        )
        assert ensemble["patch_loss"] == kept
