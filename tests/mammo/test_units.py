import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit

from mammo_pipeline.mammo import units


@pytest.fixture
def images():
    return pd.DataFrame(
        {
            "image_id": list("abcde"),
            "exam_id": ["e1", "e1", "e1", "e2", "e2"],
            "patient_id": ["p1"] * 5,
            "laterality": ["L", "L", "R", "L", "L"],
            "view": ["CC", "MLO", "MLO", "CC", "CC"],
            "cancer": [1, 1, 0, 0, 0],
            "device": [None, "x", "x", "y", "y"],
            "logit": [1.0, 3.0, 5.0, -1.0, 2.0],
        }
    )


def test_a_breast_is_an_exam_and_a_side_not_a_patient(images):
    breasts = units.aggregate_breasts(images, ["logit"])
    assert breasts[["exam_id", "laterality"]].values.tolist() == [
        ["e1", "L"],
        ["e1", "R"],
        ["e2", "L"],
    ]
    assert breasts["logit"].tolist() == [2.0, 5.0, 0.5]
    assert breasts["views"].tolist() == ["CC+MLO", "MLO only", "CC only"]
    assert breasts["images"].tolist() == [2, 1, 2]
    assert breasts["device"].tolist() == ["x", "x", "y"]


def test_max_takes_the_most_suspicious_image(images):
    breasts = units.aggregate_breasts(images, ["logit"], "max")
    assert breasts["logit"].tolist() == [3.0, 5.0, 2.0]


def test_images_of_a_breast_that_disagree_on_cancer_stop(images):
    images.loc[0, "cancer"] = 0
    with pytest.raises(ValueError, match="breast L of exam e1 disagree"):
        units.aggregate_breasts(images, ["logit"])


def test_noisy_or_is_the_chance_that_any_image_shows_the_cancer(images):
    breasts = units.aggregate_breasts(images, ["logit"], "noisy_or")
    for exam, side in [("e1", "L"), ("e2", "L")]:
        own = images[images["exam_id"].eq(exam) & images["laterality"].eq(side)]["logit"]
        found = breasts[breasts["exam_id"].eq(exam) & breasts["laterality"].eq(side)]["logit"]
        expected = logit(1 - np.prod(1 - expit(own)))
        assert found.item() == pytest.approx(expected, abs=1e-12)


def test_noisy_or_of_one_view_is_that_view_to_the_bit(images):
    images["logit"] = [0.1, 0.2, -37.123456789, 0.3, 0.4]
    breasts = units.aggregate_breasts(images, ["logit"], "noisy_or")
    assert breasts.loc[1, "views"] == "MLO only"
    assert breasts.loc[1, "logit"] == -37.123456789


@pytest.mark.parametrize("size", [5.0, 40.0, 800.0])
def test_noisy_or_keeps_its_digits_where_probabilities_reach_0_and_1(size):
    low = units.join_logits(np.array(-size), np.array(-size))
    assert low == pytest.approx(-size + np.log(2 + np.exp(-size)), rel=1e-14)
    high = units.join_logits(np.array(size), np.array(size))
    assert high == pytest.approx(2 * size + np.log1p(2 * np.exp(-size)), rel=1e-14)


def test_noisy_or_takes_any_number_of_images_in_any_order():
    rng = np.random.default_rng(4)
    images = pd.DataFrame(
        {
            "exam_id": rng.choice(list("efg"), 30),
            "patient_id": "p",
            "laterality": rng.choice(["L", "R"], 30),
            "view": "CC",
            "cancer": 0,
            "a": rng.normal(size=30),
            "b": rng.normal(size=30),
        }
    )
    found = units.aggregate_breasts(images, ["a", "b"], "noisy_or")
    turned = units.aggregate_breasts(images.iloc[::-1], ["a", "b"], "noisy_or")
    np.testing.assert_allclose(found[["a", "b"]], turned[["a", "b"]], rtol=1e-12)
    missed = (1 - expit(images[["a", "b"]])).groupby([images["exam_id"], images["laterality"]])
    np.testing.assert_allclose(expit(found[["a", "b"]]), 1 - missed.prod(), rtol=1e-12)


def test_the_table_that_is_aggregated_stays_as_it_was(images):
    before = images.copy()
    for aggregation in units.AGGREGATIONS:
        units.aggregate_breasts(images, ["logit"], aggregation)
    pd.testing.assert_frame_equal(images, before)


def test_a_logit_that_is_not_finite_stops_with_its_breast(images):
    images.loc[2, "logit"] = np.nan
    with pytest.raises(ValueError, match="'logit' of breast R of exam e1"):
        units.aggregate_breasts(images, ["logit"])


def test_an_unknown_aggregation_and_a_missing_column_stop(images):
    with pytest.raises(ValueError, match="'median'; expected one of"):
        units.aggregate_breasts(images, ["logit"], "median")
    with pytest.raises(ValueError, match=r"no column \['view'\]"):
        units.aggregate_breasts(images.drop(columns="view"), ["logit"])


@pytest.mark.parametrize("aggregation", units.AGGREGATIONS)
def test_no_image_gives_no_breast(images, aggregation):
    breasts = units.aggregate_breasts(images.head(0), ["logit"], aggregation)
    assert breasts.empty
    assert {"logit", "views", "images"} <= set(breasts)


@pytest.fixture
def breasts():
    return pd.DataFrame(
        {
            "exam_id": ["e1", "e1", "e2", "e3", "e3"],
            "patient_id": ["p1", "p1", "p1", "p2", "p2"],
            "laterality": ["L", "R", "L", "L", "R"],
            "views": ["CC+MLO", "CC only", "MLO only", "other", "CC+MLO"],
            "cancer": [0.0, 1.0, 0.0, 0.0, np.nan],
            "calibrated_logit": [2.0, -1.0, 0.5, -3.0, -4.0],
            "recalled": [True, False, False, False, False],
            "score": [9, 3, 5, 2, 1],
            "device": [None, "x", "y", "z", "z"],
        }
    )


def test_an_exam_is_as_suspicious_as_its_worse_breast(breasts):
    exams = units.aggregate_exams(breasts)
    assert exams["calibrated_logit"].tolist() == [2.0, 0.5, -3.0]
    np.testing.assert_allclose(exams["probability"], expit([2.0, 0.5, -3.0]))
    assert exams["recalled"].tolist() == [True, False, False]
    assert exams["score"].tolist() == [9, 5, 2]
    assert exams["breasts"].tolist() == [2, 1, 2]
    assert exams["device"].tolist() == ["x", "y", "z"]


def test_an_exam_has_cancer_when_any_breast_has_and_none_only_when_all_are_known(breasts):
    cancer = units.aggregate_exams(breasts)["cancer"]
    assert cancer.tolist()[:2] == [1.0, 0.0]
    assert np.isnan(cancer[2])


def test_an_exam_without_a_logit_stops(breasts):
    with pytest.raises(ValueError, match="calibrated_logit"):
        units.aggregate_exams(breasts.drop(columns="calibrated_logit"))
    with pytest.raises(ValueError, match="not finite"):
        units.aggregate_exams(breasts.assign(calibrated_logit=np.nan))


def test_missing_views_are_counted_and_absent_breasts_too(breasts):
    expected = pd.DataFrame(
        {"exam_id": ["e1", "e2", "e2", "e2", "e4"], "laterality": ["L", "R", "R", "L", "L"]}
    )
    found = units.count_missing_views(breasts, expected)
    assert found == {
        "breasts": 5,
        "views": {"CC+MLO": 2, "CC only": 1, "MLO only": 1, "other": 1},
        "one_view": 2,
        "one_breast": 1,
        "absent": 2,
    }
    assert units.count_missing_views(breasts, breasts)["absent"] == 0
    assert units.count_missing_views(breasts)["absent"] is None


@pytest.mark.parametrize("column", ["exam_id", "laterality"])
@pytest.mark.parametrize("aggregation", units.AGGREGATIONS)
def test_an_image_of_no_breast_stops_and_joins_no_other(column, aggregation):
    images = pd.DataFrame(
        {"image_id": ["a", "b", "c"], "exam_id": "e", "patient_id": "p", "laterality": "L",
         "view": ["CC", "MLO", "CC"], "cancer": 0, "logit": [0.0, 0.0, 5.0]}
    )  # fmt: skip
    images[column] = images[column].astype(object).where(images["image_id"] != "c")
    with pytest.raises(ValueError, match="1 images have no exam_id or no laterality"):
        units.aggregate_breasts(images, ["logit"], aggregation)
