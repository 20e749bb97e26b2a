import numpy as np
import pandas as pd
import pytest

from mammo_pipeline.mammo.bias import axes


@pytest.fixture
def breasts():
    return pd.DataFrame({"exam_id": ["e", "e", "f"], "laterality": ["L", "R", "L"]})


@pytest.fixture
def images():
    return pd.DataFrame(
        {
            "image_id": ["c", "m", "r", "f"],
            "exam_id": ["e", "e", "e", "f"],
            "laterality": ["L", "L", "R", "L"],
            "view": ["CC", "MLO", "CC", "CC"],
            "device": ["GE", "GE", "GE", ""],
            "density": ["", "C", "C", None],
            "implant": ["", "yes", "no", ""],
            "age": [55.0, 55.0, np.nan, np.nan],
        }
    )


@pytest.fixture
def lesions():
    box = {"row_min": [0, 5, 0, 0], "row_max": [10, 45, 90, 8]}
    return pd.DataFrame(
        {
            "image_id": ["c", "m", "m", "r"],
            "kind": ["mass", "mass", "calcification", "mass"],
            "pathology": ["malignant", "malignant", "benign", "benign"],
            **box,
            "column_min": 0,
            "column_max": [24, 30, 90, 8],
        }
    )


def describe(breasts, images, lesions):
    return axes.describe_breasts(breasts, images, lesions, [50, 60], [10, 20], 0.5)


def test_every_breast_gets_every_axis_and_what_nobody_states_is_said_so(breasts, images, lesions):
    found = describe(breasts, images, lesions)
    assert len(found) == 3 and list(breasts.columns) == ["exam_id", "laterality"]
    assert found["device"].tolist() == ["GE", "GE", "not stated"]
    assert found["density"].tolist() == ["C", "C", "not stated"]
    assert found["implant"].tolist() == ["yes", "no", "not stated"]
    assert found["age_band"].tolist() == ["50 to 59", "not stated", "not stated"]
    assert found["site_id"].tolist() == ["not stated"] * 3
    sites = describe(breasts, images.assign(site_id=["s", "s", "t", ""]), lesions)["site_id"]
    assert sites.tolist() == ["s", "t", "not stated"]


def test_the_largest_malignant_lesion_of_either_view_gives_the_size(breasts, images, lesions):
    sizes = axes.lesion_sizes_mm(breasts, lesions, images, 0.5)
    assert sizes.tolist()[0] == 20.0 and sizes.isna().tolist() == [False, True, True]
    found = describe(breasts, images, lesions)["lesion_size"]
    assert found.tolist() == ["20 mm and over", "not stated", "not stated"]


def test_kinds_come_from_malignant_lesions_of_either_view(breasts, images, lesions):
    assert axes.lesion_kinds(breasts, lesions, images).tolist() == ["mass", "", ""]
    lesions["pathology"] = "malignant"
    found = axes.lesion_kinds(breasts, lesions, images)
    assert found.tolist() == ["calcification+mass", "mass", ""]


def test_bands_hold_their_lower_edge():
    ages = pd.Series([49, 50, 59, 60, np.nan], dtype="float")
    bands = ["49 and under", "50 to 59", "50 to 59", "60 and over", "not stated"]
    assert axes.age_bands(ages, [50, 60]).tolist() == bands
    assert axes.size_bands(pd.Series([5.0]), [5, 10]).tolist() == ["5 to 10 mm"]
    with pytest.raises(ValueError, match="must ascend"):
        axes.age_bands(ages, [60, 50])


def test_each_view_is_scored_alone_and_others_are_left_out(images):
    def score(part):
        return part.groupby(["exam_id", "laterality"], as_index=False).size()

    found = axes.score_by_view(images, score)
    assert found.groupby("view").size().to_dict() == {"CC": 3, "MLO": 1}
    assert found["size"].eq(1).all()
    with pytest.raises(ValueError, match="none of 4 images"):
        axes.score_by_view(images.assign(view="ML"), score)


@pytest.mark.parametrize("column", ["image_id", "laterality"])
def test_a_missing_column_is_named(breasts, images, lesions, column):
    with pytest.raises(ValueError, match=column):
        describe(breasts, images.drop(columns=column), lesions)


def test_a_canvas_has_a_spacing(breasts, images, lesions):
    with pytest.raises(ValueError, match="above 0 mm"):
        axes.lesion_sizes_mm(breasts, lesions, images, 0.0)
