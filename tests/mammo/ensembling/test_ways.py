import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from mammo_pipeline.mammo.ensembling import ways
from mammo_pipeline.mammo.ensembling.select import fit_forward
from mammo_pipeline.mammo.ensembling.ways import NO_FLIP, Way
from mammo_pipeline.mammo.units import aggregate_breasts
from member_scores import NAMES

FLIPS = ("none", "up_down")


def test_a_patient_is_in_one_fold_and_every_fold_has_both_classes():
    patients = np.repeat(np.arange(60), 4)
    labels = (np.repeat(np.arange(120), 2) % 10 == 0).astype(float)
    folds = ways.deal_folds(patients, labels, 5, seed=2)
    table = pd.DataFrame({"patient": patients, "fold": folds, "label": labels})
    assert len(table[["patient", "fold"]].drop_duplicates()) == 60
    assert table.groupby("fold")["label"].agg(["min", "max"]).to_numpy().tolist() == [[0, 1]] * 5


def test_ways_are_listed_from_the_simplest_on(images, settings):
    listed = ways.list_ways({FLIPS: images, NO_FLIP: images}, NAMES, settings)
    assert listed[:3] == [
        Way("best_single", NO_FLIP),
        Way("best_single", FLIPS),
        Way("mean_logits", NO_FLIP),
    ]
    assert len(listed) == 10


def test_a_held_out_breast_is_predicted_without_its_patient(images, settings):
    breasts = aggregate_breasts(images, NAMES)
    labels = breasts["cancer"].to_numpy(float)
    folds = ways.deal_folds(breasts["patient_id"], labels, 3, seed=1)
    offered = [Way("mean_logits", NO_FLIP), Way("stacked", NO_FLIP)]
    held, reasons = ways.predict_held({NO_FLIP: images}, NAMES, offered, folds, settings)
    assert reasons == {}
    mean, inside = breasts[NAMES].to_numpy().mean(1), folds == 2
    slope, intercept = fit_forward(labels[~inside], mean[~inside])
    np.testing.assert_allclose(held[inside, 0], slope * mean[inside] + intercept, rtol=1e-9)
    turned = images["cancer"].where(~images["patient_id"].isin(breasts["patient_id"][inside]), 0)
    changed = images.assign(cancer=turned)
    again, _ = ways.predict_held({NO_FLIP: changed}, NAMES, offered, folds, settings)
    np.testing.assert_array_equal(again[inside], held[inside])


def test_held_out_probabilities_are_about_as_high_as_the_share_with_cancer(images, settings):
    breasts = aggregate_breasts(images, NAMES)
    labels = breasts["cancer"].to_numpy(float)
    folds = ways.deal_folds(breasts["patient_id"], labels, 3, seed=1)
    offered = ways.list_ways({NO_FLIP: images}, NAMES, settings)
    held, _ = ways.predict_held({NO_FLIP: images}, NAMES, offered, folds, settings)
    np.testing.assert_allclose(expit(held).mean(0), labels.mean(), atol=0.03)


@pytest.mark.parametrize("method", ["best_single", "mean_logits", "rank_mean", "greedy"])
def test_weights_of_a_mean_are_positive_and_sum_to_one(images, settings, method):
    members, combination = ways.fit_way(method, images, NAMES, settings)
    assert sum(member["weight"] for member in members) == pytest.approx(1)
    assert min(member["weight"] for member in members) > 0
    assert combination["intercept"] == 0
    assert (combination["reference"] is None) == (method != "rank_mean")
    assert len(members) == 1 or method != "best_single"
