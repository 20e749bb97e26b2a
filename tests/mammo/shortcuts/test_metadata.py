"""Metadata that tell the outcome are found, and an honest score is not blamed for them."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from mammo_pipeline.mammo.shortcuts.columns import COLUMNS, gather_metadata
from mammo_pipeline.mammo.shortcuts.explained import draw_folds
from mammo_pipeline.mammo.shortcuts.metadata import (
    MetadataRule,
    measure_metadata,
    predict_outcome,
)
from mammo_pipeline.mammo.shortcuts.pairs import InjectionRule, part_pairs

RULE = MetadataRule(COLUMNS, 3, 200, 0.95, 1)
PAIRS = InjectionRule(0.0, 100, 0.95)


def draw_breasts(seed: int, patients: int = 150, confounding: float = 0.0) -> pd.DataFrame:
    """Two breasts a woman; with confounding, women with cancer are imaged on device A."""
    rng = np.random.default_rng(seed)
    sick = rng.random(patients) < 0.4
    on_a = np.where(rng.random(patients) < confounding, sick, rng.random(patients) < 0.5)
    women = pd.DataFrame(
        {
            "patient_id": [f"p{number}" for number in range(patients)],
            "exam_id": [f"e{number}" for number in range(patients)],
            "device": np.where(on_a, "A", "B"),
            "size_bytes": np.where(on_a, 900.0, 700.0) + rng.normal(0, 20, patients),
            "exam_offset_days": rng.integers(0, 900, patients),
            "age": np.where(rng.random(patients) < 0.1, np.nan, rng.normal(58, 9, patients)),
        }
    )
    both = pd.concat([women.assign(laterality=side) for side in "LR"], ignore_index=True)
    side = np.where(rng.random(patients) < 0.5, "L", "R")
    cancer = np.tile(sick, 2) & (both["laterality"].to_numpy() == np.tile(side, 2))
    return gather_metadata(both.assign(cancer=cancer.astype(int)), COLUMNS)


def score_honestly(breasts: pd.DataFrame, rng: np.random.Generator) -> np.ndarray:
    return 1.5 * breasts["cancer"].to_numpy(float) + rng.normal(size=len(breasts))


@pytest.fixture(scope="module")
def confounded():
    rng = np.random.default_rng(0)
    known, test = draw_breasts(1, confounding=0.9), draw_breasts(2, confounding=0.9)
    honest = score_honestly(test, rng)
    leaning = honest + 2.0 * (test["device"] == "A").to_numpy(float)
    return {
        name: measure_metadata(test, known, score, RULE, np.random.default_rng(3))
        for name, score in {"honest": honest, "leaning": leaning}.items()
    }


def test_a_confounded_device_tells_the_outcome(confounded):
    found = confounded["honest"]["without_age"]["label"]
    assert found["both"]["low"] > 0.6
    assert set(found) == {"both", "logistic", "boosting"}


def test_a_score_that_leans_on_the_device_is_told_from_one_that_follows_the_outcome(confounded):
    honest, leaning = (confounded[name]["without_age"]["score"] for name in confounded)
    assert honest["lean"]["low"] < 0.1
    assert honest["within"]["value"] < 0.05
    assert leaning["lean"]["low"] > 0.3
    assert leaning["within"]["low"] > 0.1
    assert leaning["device"]["low"] > 0.1


def test_the_record_is_plain_json(confounded):
    assert json.loads(json.dumps(confounded["leaning"]))["absent"][0] == "site_id"


def test_without_confounding_metadata_tell_nothing():
    columns = {"device": "category", "size_bytes": "number", "exam_offset_days": "number"}
    alarms = 0
    for seed in range(20):
        known, test = draw_breasts(100 + seed), draw_breasts(200 + seed)
        risk = predict_outcome(known, test, columns, seed)["both"]
        rng = np.random.default_rng(seed)
        found = part_pairs(
            test["cancer"], risk, ["a"] * 299 + ["b"], test["patient_id"], PAIRS, rng
        )
        alarms += found["whole"]["low"] > 0.55
    assert alarms == 0


def test_without_train_rows_the_test_side_is_cross_fitted_by_patient():
    test = draw_breasts(5, confounding=0.9)
    rng = np.random.default_rng(0)
    record = measure_metadata(test, None, score_honestly(test, rng), RULE, rng)
    assert "out of fold by patient" in record["trained_on"]
    assert record["without_age"]["label"]["both"]["low"] > 0.55
    fold = draw_folds(test["patient_id"], test["cancer"], 5, 1)
    assert pd.Series(fold).groupby(test["patient_id"].to_numpy()).nunique().max() == 1


def test_age_is_left_out_of_one_of_the_two_models(confounded):
    assert "age" not in confounded["honest"]["without_age"]["columns"]
    assert "age" in confounded["honest"]["with_age"]["columns"]
    test = draw_breasts(7)
    old = test.assign(age=50.0 + 20 * test["cancer"])
    rng = np.random.default_rng(0)
    record = measure_metadata(old, old, score_honestly(old, rng), RULE, rng)
    assert record["with_age"]["label"]["both"]["low"] > 0.95
    assert record["without_age"]["label"]["logistic"]["value"] < 0.8


def test_few_patients_one_class_and_nothing_say_why():
    rng = np.random.default_rng(0)
    test = draw_breasts(8)
    few = test.head(3)
    assert "n = 3" in measure_metadata(few, None, np.zeros(3), RULE, rng)["reason"]
    healthy = test.assign(cancer=0)
    logits = rng.normal(size=len(test))
    assert "0 patients with cancer" in measure_metadata(healthy, test, logits, RULE, rng)["reason"]
    empty = measure_metadata(test.head(0), test, np.zeros(0), RULE, rng)
    assert empty["reason"] == "cannot be estimated, n = 0"
    bare = test[["exam_id", "laterality", "patient_id", "cancer"]]
    record = measure_metadata(bare, bare, logits, RULE, rng)
    assert "no column" in record["without_age"]["reason"]
    unlearnt = measure_metadata(test, few, logits, RULE, rng)
    assert "to learn from" in unlearnt["reason"]


def test_bad_input_is_refused():
    test = draw_breasts(9)
    logits = np.zeros(len(test))
    logits[0] = np.nan
    with pytest.raises(ValueError, match="finite logits"):
        measure_metadata(test, None, logits, RULE, np.random.default_rng(0))
