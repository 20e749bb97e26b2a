import json
import logging

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from mammo_pipeline.datasets.store import StoredImages
from mammo_pipeline.pipelines.drift import nodes
from mammo_pipeline.pipelines.drift.parameters import DriftParameters
from mammo_pipeline.reporting.page import render_page, twin
from toy_study import measure_store

COLUMNS = [
    {"name": "device", "kind": "categorical", "group": "acquisition"},
    {"name": "row_spacing_mm", "kind": "numeric", "group": "acquisition"},
    {"name": "age", "kind": "numeric", "group": "patient"},
    {"name": "density", "kind": "categorical", "group": "patient"},
]


def settings(**changes):
    base = {"seed": 1, "batch": 8, "columns": COLUMNS, "bins": 5, "repeats": 100, "level": 0.95}
    return DriftParameters.model_validate(base | {"watch_psi": 0.1, "drift_psi": 0.25} | changes)


FILES = pd.DataFrame(
    {
        "fate": ["accepted"] * 240 + ["quarantined", "other"],
        "reason": [""] * 240 + ["truncated", "dose report"],
    }
)


@pytest.fixture
def current(study):
    """The later cohort: other devices, so another frame before and the same canvas after."""
    rng = np.random.default_rng(12)
    images = study["images"].iloc[:240].copy()
    spacing = images["row_spacing_mm"] + 0.05
    images = images.assign(
        image_id="late-" + images["image_id"],
        patient_id="late-" + images["patient_id"],
        device=images["device"].replace({"alpha": "delta"}),
        row_spacing_mm=spacing,
        density=None,
    ).drop(columns="cancer")
    index = pd.DataFrame(
        {
            "image_id": images["image_id"].to_numpy(),
            "position": [*range(238), -1, -1],
            "code": ["accepted"] * 238 + ["no_breast"] * 2,
        }
    )
    pixels = rng.integers(2000, 5000, (238, 2, 2)).astype(np.uint16)
    store = StoredImages(pixels, index)
    return images, store, measure_store(images, store, rng)


@pytest.fixture
def scores(frozen, members, current):
    return nodes.score_current_images(frozen[0], members, current[1], settings())


@pytest.fixture
def tables(study, current, frozen, scores):
    """What the comparison takes in, by catalog name."""
    names = ["cohort", "store", "image_features", "tune_scores", "tune_flip_scores"]
    images, store, features = current
    later = {"images": images, "store": store, "features": features, "files": FILES}
    later["scores"] = scores
    return {
        **{name: study[name] for name in names},
        **{f"current_{name}": table for name, table in later.items()},
        "ensemble": frozen[0],
    }


@pytest.fixture
def drift(tables):
    return nodes.compare_cohorts(**tables, parameters=settings())


def test_every_standardized_current_image_has_a_score(scores, current):
    assert len(scores) == 238
    assert np.isfinite(scores["logit"]).all()


def test_acquisition_drifts_and_standardized_pixels_do_not(drift):
    verdicts = {name: group["verdict"] for name, group in drift["groups"].items()}
    assert verdicts["acquisition"] == "drift"
    assert verdicts["before"] == "drift"
    assert verdicts["after"] == "stable"
    assert drift["verdict"] == "drift"


def test_the_test_set_is_no_part_of_the_reference(drift, study):
    ready = study["store"].index.query("position >= 0")["image_id"]
    used = study["cohort"].query("side != 'test'")["image_id"].isin(ready).sum()
    assert drift["count"]["reference_images"] == used
    assert {f["n_reference"] for f in drift["features"] if f["group"] != "score"} == {used}


def test_scores_are_compared_with_tune_alone(drift, study):
    score = next(f for f in drift["features"] if f["group"] == "score")
    assert score["n_reference"] == len(study["tune_scores"])
    assert score["missing_reference"] == 0


def test_what_the_current_folder_never_states_is_not_compared(drift):
    density = next(f for f in drift["features"] if f["feature"] == "density")
    assert density["verdict"] == "not compared"


def test_record_is_plain_json(drift):
    json.dumps(drift, allow_nan=False)


SHOWN = ("tune_scores", "tune_flip_scores", "current_scores", "cohort", "current_images")


def test_page_names_the_new_device_and_sets_before_beside_after(drift, tables):
    shown = {name: tables[name] for name in SHOWN}
    report = nodes.write_drift_page(drift, tables["ensemble"], **shown)
    page = render_page(report)
    assert "Never seen in development: delta." in page
    assert "lower after standardization for 1 of 1 features" in page
    json.dumps(twin(report), allow_nan=False)


def test_unknown_column_says_which_exist(tables):
    parameters = settings(columns=[{"name": "kvp", "kind": "numeric", "group": "acquisition"}])
    with pytest.raises(ValueError, match=r"\['kvp'\].*row_spacing_mm"):
        nodes.compare_cohorts(**tables, parameters=parameters)


def test_watch_must_lie_below_drift():
    with pytest.raises(ValidationError, match="must lie below"):
        settings(watch_psi=0.3)


def test_closing_block_tells_each_group(drift, caplog):
    with caplog.at_level(logging.INFO):
        nodes.close_drift(drift, {"page": "data/drift.html"})
    assert "acquisition" in caplog.text
    assert "data/drift.html" in caplog.text


def test_every_file_of_the_current_folder_is_accounted_for(drift):
    counts = {(fate, reason): n for fate, reason, n in drift["current_fates"]}
    assert counts["compared", ""] == 238
    assert counts["quarantined", "truncated"] == 1
    assert sum(counts.values()) == drift["count"]["current_files"] == 242


def test_another_split_than_the_members_learnt_from_is_refused(tables):
    cohort = tables["cohort"]
    moved = cohort.assign(side=cohort["side"].replace({"train": "test"}))
    with pytest.raises(ValueError, match="made on data version"):
        nodes.compare_cohorts(**tables | {"cohort": moved}, parameters=settings())


def test_images_that_the_audit_did_not_measure_are_neither_refused_nor_left_out(tables):
    features = tables["current_features"]
    drawn = features[features["image_id"].isin(tables["current_images"]["image_id"][:60])]
    drift = nodes.compare_cohorts(**tables | {"current_features": drawn}, parameters=settings())
    count = drift["count"]
    assert (count["current_images"], count["current_refused"]) == (238, 2)
    assert sum(device["current"] for device in drift["device_mix"].values()) == 238
    sizes = {record["feature"]: record["n_current"] for record in drift["features"]}
    assert (sizes["device"], sizes["after_width"], sizes["calibrated logit"]) == (238, 60, 238)
    verdicts = {record["feature"]: record["verdict"] for record in drift["features"]}
    assert verdicts["after_width"] == "stable"


def test_curves_and_the_net_s_view_are_no_features_of_drift(drift):
    pixels = [f["feature"] for f in drift["features"] if f["group"] in ("before", "after")]
    assert pixels == ["before_width", "after_width"]


def test_tune_is_scored_over_the_flips_that_the_ensemble_was_frozen_with(frozen, study):
    name = frozen[0]["members"][0]["name"]
    flipped = study["tune_scores"].assign(**{name: study["tune_scores"][name] + 1})
    taken = nodes.score_tune(frozen[0], study["tune_scores"], flipped, study["cohort"])
    both = frozen[0] | {"flips": ["none", "up_down"]}
    seen = nodes.score_tune(both, study["tune_scores"], flipped, study["cohort"])
    assert (seen["calibrated logit"] > taken["calibrated logit"]).all()


def test_an_image_is_calibrated_by_its_own_device_and_a_new_one_by_the_pooled_map(frozen):
    plain = {"method": "identity"}
    own = {"method": "platt", "slope": 1.0, "intercept": 5.0}
    calibration = {"scope": "by_device", "pooled": plain, "by_device": {"alpha": own}}
    images = pd.DataFrame({"image_id": ["b", "a"], "device": ["delta", "alpha"]})
    scores = pd.DataFrame({"image_id": ["a", "b"], "logit": [1.0, 1.0]})
    found = nodes.calibrate({"calibration": calibration}, scores, images)
    assert found["calibrated logit"].tolist() == [6.0, 1.0]
