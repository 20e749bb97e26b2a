"""Of a test image nobody but `evaluate` knows the outcome."""

from __future__ import annotations

import pandas as pd
import pytest

from mammo_pipeline.mammo.digest import digest_data
from mammo_pipeline.mammo.sealed import open_truth, part_lesions, place_images, seal_test

IMAGES = pd.DataFrame(
    {
        "image_id": list("abcde"),
        "patient_id": ["p", "q", "r", "s", "r"],
        "cancer": pd.array([1, 0, 1, 1, 0], "Int8"),
        "truth": ["pathology", "follow_up", "pathology", "pathology", "follow_up"],
        "birads": ["5", "1", "4", "5", "2"],
        "density": "B",
    }
)
SPLIT = pd.DataFrame(
    {
        "patient_id": ["p", "q", "r", "s", "away"],
        "side": ["train", "tune", "test", "train", "test"],
        "left_out": [False, False, False, True, False],
    }
)


def test_images_of_patients_left_out_are_not_in_the_cohort():
    placed = place_images(IMAGES, SPLIT)
    assert placed["image_id"].tolist() == ["a", "b", "c", "e"]
    assert placed["side"].tolist() == ["train", "tune", "test", "test"]


def test_the_sealed_cohort_states_every_label_of_train_and_tune_and_none_of_test(tmp_path):
    cohort, truth = seal_test(place_images(IMAGES, SPLIT))
    cohort.to_parquet(tmp_path / "cohort.parquet")
    saved = pd.read_parquet(tmp_path / "cohort.parquet")
    test = saved["side"] == "test"
    assert saved.loc[test, "cancer"].isna().all()
    assert saved.loc[test, ["truth", "birads"]].eq("").all(axis=None)
    assert saved.loc[~test, "cancer"].tolist() == [1, 0]
    assert saved.loc[~test, "birads"].tolist() == ["5", "1"]
    assert truth.to_dict("list") == {
        "image_id": ["c", "e"],
        "cancer": [1, 0],
        "truth": ["pathology", "follow_up"],
        "birads": ["4", "2"],
    }


def test_the_version_of_the_data_does_not_tell_the_labels_of_test():
    index = pd.DataFrame({"image_id": list("abce"), "position": range(4)})
    placed = place_images(IMAGES, SPLIT)
    turned = placed.assign(cancer=placed["cancer"].mask(placed["side"] == "test", 1))
    other = placed.assign(cancer=placed["cancer"].mask(placed["side"] == "tune", 1))
    versions = [digest_data(seal_test(table)[0], index) for table in (placed, turned, other)]
    assert versions[0] == versions[1] != versions[2]


def test_each_lesion_is_learnt_from_or_sealed_or_of_nobody():
    lesions = pd.DataFrame({"image_id": [*"aabcdz"], "kind": "mass"})
    known, test = part_lesions(lesions, place_images(IMAGES, SPLIT))
    assert known["image_id"].tolist() == ["a", "a", "b"]
    assert test["image_id"].tolist() == ["c"]


def test_scores_meet_their_labels_and_a_score_without_one_stops_the_run():
    truth = pd.DataFrame({"image_id": ["e", "c"], "cancer": [0, 1]})
    scores = pd.DataFrame({"image_id": ["c", "e"], "logit": [2.0, -1.0]})
    assert open_truth(scores, truth)["cancer"].tolist() == [1, 0]
    with pytest.raises(ValueError, match="1 of 2 scored images have no row in test_truth"):
        open_truth(scores, truth.head(1))
