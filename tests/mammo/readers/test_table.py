import numpy as np
import pandas as pd
import pytest

from mammo_pipeline.mammo.readers.table import arrange_study
from reader_studies import make_table


@pytest.fixture
def table():
    return make_table(np.random.default_rng(0), readers=3, cases=12)


def test_rows_in_any_order_give_the_same_study(table):
    study, again = arrange_study(table), arrange_study(table.sample(frac=1, random_state=1))
    assert study.modalities == again.modalities == ["unaided", "aided"]
    assert study.readers == ["R1", "R2", "R3"]
    assert study.scores.shape == (2, 3, 12)
    assert (study.scores == again.scores).all()
    assert (study.model == again.model).all()
    row = table.query("reader_id == 'R2' and case_id == 'C004' and modality == 'aided'")
    assert study.scores[1, 1, 4] == row["score"].item()


def test_a_case_is_its_own_patient_when_none_is_named(table):
    study = arrange_study(table.drop(columns="patient_id"))
    assert study.patients.tolist() == study.cases


def test_a_study_may_have_no_model_and_modalities_of_any_name(table):
    names = {"unaided": "film", "aided": "digital", "standalone": "x"}
    plain = table[table["reader_id"] != "model"].replace({"modality": names})
    study = arrange_study(plain)
    assert study.model is None
    assert study.modalities == ["film", "digital"]


def test_the_table_is_left_as_it_was(table):
    before = table.copy()
    arrange_study(table)
    pd.testing.assert_frame_equal(table, before)


def spoil(table, column, value, row=3):
    spoilt = table.astype({column: object})
    spoilt.loc[row, column] = value
    return spoilt


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.drop(columns=["score", "cancer"]), r"no column \['cancer', 'score'\]"),
        (lambda t: t.iloc[:0], "holds no reading"),
        (lambda t: spoil(t, "score", np.nan), "values are missing: 1 of score"),
        (lambda t: spoil(t, "reader_id", None), "values are missing: 1 of reader_id"),
        (lambda t: spoil(t, "score", "high"), "1 scores are no number, the first 'high'"),
        (lambda t: spoil(t, "score", np.inf), "1 scores are no number"),
        (lambda t: spoil(t, "cancer", 2), r"cancer must be 0 or 1, found \[1, 2, 0\]"),
        (lambda t: spoil(t, "cancer", 0), "case C003 has more than one cancer"),
        (lambda t: spoil(t, "patient_id", "P999"), "case C003 has more than one patient_id"),
        (lambda t: pd.concat([t, t.iloc[[5]]]), "1 readings stand twice, the first by reader R1 of "
         "case C005, unaided"),
        (lambda t: t.drop(index=7), "reader R1 scored 11 of 12 cases unaided; the first left out "
         "is C007"),
        (lambda t: t[(t["reader_id"] != "R2") | (t["modality"] != "aided")], "reader R2 scored 0 "
         "of 12 cases aided"),
        (lambda t: t.drop(index=t.index[-1]), "reader model scored 11 of 12 cases standalone"),
        (lambda t: spoil(t, "modality", "other", t.index[-1]), "the model has 2 modalities"),
        (lambda t: t[t["reader_id"] == "model"], "no reader but 'model'"),
        (lambda t: t.assign(cancer=0), "no case with cancer among 12: there is no ROC curve"),
        (lambda t: t.assign(cancer=1), "no case without cancer among 12"),
    ],
)  # fmt: skip
def test_a_table_that_is_no_full_study_is_refused_in_words(table, change, message):
    with pytest.raises(ValueError, match=message):
        arrange_study(change(table))
