import numpy as np
import pandas as pd
import pytest

from mammo_pipeline.mammo.score_table import list_models, read_score_table


@pytest.fixture
def table():
    return pd.DataFrame(
        {
            "image_id": ["b", "a", "c", "d"],
            "patient_id": ["p", "p", "q", "q"],
            "side": ["tune", "tune", "test", "test"],
            "cancer": [1, 0, None, 1],
            "score_net": [0.9, 0.1, 0.4, 0.6],
            "score_other": [0.5, 0.5, 0.2, 0.0],
        }
    )


def test_models_lose_their_prefix_and_rows_are_sorted(table):
    read = read_score_table(table, "logit")
    assert read["image_id"].tolist() == ["a", "b", "c", "d"]
    assert read["net"].tolist() == [0.1, 0.9, 0.4, 0.6]
    assert list_models(table) == ["net", "other"]


def test_an_image_without_exam_is_a_unit_of_its_own(table):
    read = read_score_table(table, "logit")
    assert (read["exam_id"] == read["image_id"]).all()
    assert (read["laterality"] == "").all()


def test_a_missing_outcome_stays_missing(table):
    assert read_score_table(table, "logit")["cancer"].isna().tolist() == [False, False, True, False]


def test_probabilities_become_finite_logits_in_the_same_order(table):
    read = read_score_table(table, "probability")
    assert np.isfinite(read[["net", "other"]].to_numpy()).all()
    assert read["net"].rank().tolist() == [1, 4, 2, 3]
    assert np.allclose(1 / (1 + np.exp(-read["net"])), [0.1, 0.9, 0.4, 0.6])


def test_the_table_that_was_given_is_not_changed(table):
    before = table.copy()
    read_score_table(table, "probability")
    pd.testing.assert_frame_equal(table, before)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: t.drop(columns="cancer"), "no column \\['cancer'\\]"),
        (lambda t: t.drop(columns=["score_net", "score_other"]), "begins with 'score_'"),
        (lambda t: t.assign(exam_id="e"), "name a breast together"),
        (lambda t: t.assign(image_id="a"), "stands above already.*row 3 of the file"),
        (lambda t: t.assign(side=["tune", "tune", "test", "train"]), "a side that is not one of"),
        (lambda t: t.assign(cancer=[1, 0, 2, 1]), "neither 0, 1 nor empty.*row 4"),
        (lambda t: t.assign(score_net=[0.9, np.nan, 0.4, 0.6]), "1 of 4 .*no finite score_net"),
        (lambda t: t.assign(score_net=["0.9", "x", "0.4", "0.6"]), "no finite score_net"),
        (lambda t: t.assign(patient_id="p"), "patients on both tune and test"),
        (lambda t: t.assign(patient_id=["p", None, "q", "q"]), "no image or no patient"),
    ],
)
def test_a_wrong_table_is_refused_with_its_place(table, change, said):
    with pytest.raises(ValueError, match=said):
        read_score_table(change(table), "logit")


def test_scores_that_are_no_probabilities_are_refused(table):
    with pytest.raises(ValueError, match="between -1 and 3, expected probabilities"):
        read_score_table(table.assign(score_net=[-1, 3, 0, 1]), "probability")
