import numpy as np
import pandas as pd
import pytest

from mammo_pipeline.mammo import bias


@pytest.fixture
def breasts():
    n = 60
    cancer = (np.arange(n) % 3 == 0).astype(float)
    return pd.DataFrame(
        {
            "exam_id": [f"e{i}" for i in range(n)],
            "laterality": ["L", "R"] * (n // 2),
            "patient_id": [f"p{i // 2}" for i in range(n)],
            "cancer": cancer,
            "probability": 0.2 + 0.5 * cancer,
            "device": ["a"] * 50 + ["b"] * 9 + [None],
            "lesion_kind": np.where(cancer == 1, "mass", ""),
        }
    )


def measure(breasts, axes):
    rng = np.random.default_rng(0)
    return bias.measure_subgroups(breasts, axes, 0.5, 200, 0.95, 10, rng)


def test_subgroups_of_an_axis_add_up_to_the_whole(breasts):
    groups = measure(breasts, ["device"])
    assert [group["group"] for group in groups] == ["a", "b", "not stated"]
    assert sum(group["n"] for group in groups) == len(breasts)
    assert sum(group["positives"] for group in groups) == breasts["cancer"].sum()


def test_small_cells_are_flagged_and_kept(breasts):
    flags = {group["group"]: group["small"] for group in measure(breasts, ["device"])}
    assert flags == {"a": False, "b": True, "not stated": True}


def test_one_class_gives_null_and_the_reason_not_a_crash(breasts):
    lone = measure(breasts, ["device"])[2]
    assert lone["auroc"]["value"] is None
    assert "no positive among 1" in lone["auroc"]["reason"]
    assert lone["sensitivity"]["value"] is None
    assert lone["specificity"]["value"] == 1.0


def test_figures_are_read_at_the_frozen_threshold(breasts):
    group = measure(breasts, ["device"])[0]
    assert group["auroc"]["value"] == 1.0
    assert group["sensitivity"]["value"] == 1.0
    assert group["recall_rate"]["value"] == pytest.approx(group["positives"] / group["n"])
    assert group["recall_rate"]["low"] < group["recall_rate"]["value"]


def test_a_lesion_kind_is_its_cancers_against_every_healthy_breast(breasts):
    breasts.loc[[0, 3], "lesion_kind"] = ["mass+calcification", ""]
    groups = {group["group"]: group for group in measure(breasts, ["lesion_kind"])}
    assert {name: g["positives"] for name, g in groups.items()} == {
        "calcification": 1,
        "mass": 19,
        "not stated": 1,
    }
    assert {g["n"] - g["positives"] for g in groups.values()} == {40}
    assert groups["mass"]["recall_rate"]["value"] is None


def test_kinds_come_from_malignant_lesions_of_either_view():
    breasts = pd.DataFrame({"exam_id": ["e", "e"], "laterality": ["L", "R"]})
    images = pd.DataFrame(
        {"image_id": ["c", "m", "r"], "exam_id": "e", "laterality": ["L", "L", "R"]}
    )
    lesions = pd.DataFrame(
        {
            "image_id": ["c", "m", "m", "r"],
            "kind": ["mass", "mass", "calcification", "mass"],
            "pathology": ["malignant", "malignant", "malignant", "benign"],
        }
    )
    assert bias.lesion_kinds(breasts, lesions, images).tolist() == ["calcification+mass", ""]


def test_age_bands_hold_their_lower_edge():
    ages = pd.Series([49, 50, 59, 60, np.nan], dtype="float")
    assert bias.age_bands(ages, [50, 60]).tolist() == [
        "49 and under",
        "50 to 59",
        "50 to 59",
        "60 and over",
        "not stated",
    ]
