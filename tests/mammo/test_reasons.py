import numpy as np
import pandas as pd
import pytest

from mammo_pipeline.mammo import reasons

FOUND = {"value": 0.5, "low": 0.4, "high": 0.6, "n": 4, "how": "so", "reason": None}


def test_two_patients_of_each_class_keep_the_interval():
    assert reasons.withhold_interval(FOUND, [1, 1, 0, 0], ["a", "b", "c", "d"]) == FOUND


def test_two_breasts_of_one_patient_are_one_patient():
    found = reasons.withhold_interval(FOUND, [1, 1, 0, 0], ["a", "a", "c", "d"])
    assert found["value"] == 0.5
    assert (found["low"], found["high"]) == (None, None)
    assert found["reason"] == "no interval: only 1 patient with cancer"


def test_a_class_that_the_figure_does_not_rest_on_takes_nothing_away():
    labels, patients = [1, 0, 0], ["a", "b", "c"]
    assert reasons.withhold_interval(FOUND, labels, patients, (0,)) == FOUND
    assert reasons.withhold_interval(FOUND, labels, patients, ()) == FOUND
    assert reasons.withhold_interval(FOUND, [0, 0], ["a", "a"], ())["low"] is None


def test_an_undefined_figure_keeps_its_own_reason():
    undefined = FOUND | {"value": None, "reason": "nobody was recalled"}
    assert reasons.withhold_interval(undefined, [1], ["a"]) == undefined


def test_the_figure_handed_in_stays_as_it_was():
    found = dict(FOUND)
    reasons.withhold_interval(found, [1, 0], ["a", "b"])
    assert found == FOUND


@pytest.mark.parametrize(
    ("name", "labels", "words"),
    [
        ("auroc", [1, 1], "n = 2: no negative among 2"),
        ("auroc", [], "n = 0: nothing to measure"),
        ("ppv", [1, 0], "n = 2: nobody was recalled"),
        ("npv", [1, 0], "n = 2: everybody was recalled"),
        ("calibration_slope", [1, 0], "n = 2: the scores part the classes"),
        ("brier_loss", [1, 0], "n = 2: undefined on these cases"),
    ],
)
def test_every_undefined_figure_says_why_and_on_how_many(name, labels, words):
    told = reasons.explain_undefined(name, labels)
    assert told.startswith(f"cannot be estimated, {words}")


def test_missing_values_of_a_nullable_column_are_not_finite():
    table = pd.DataFrame({"patient_id": ["a", "b"], "cancer": [0, 1]})
    table["score"] = pd.array([1, None], "Int64")
    with pytest.raises(ValueError, match="1 of 2 values in column 'score'"):
        reasons.check_breasts(table, ["score"])
    assert reasons.check_breasts(table.assign(score=np.array([1.0, 2.0])), ["score"]) is None
