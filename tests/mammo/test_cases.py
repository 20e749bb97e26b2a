"""The same breasts are picked every time, the worst first, each once."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mammo_pipeline.mammo.cases import (
    ALARMS,
    HITS,
    KINDS,
    MISSES,
    SPLITS,
    gather_member_logits,
    measure_spread,
    pick_cases,
)


@pytest.fixture
def breasts():
    rng = np.random.default_rng(3)
    n = 60
    table = pd.DataFrame(
        {
            "exam_id": [f"{number // 2:016x}" for number in range(n)],
            "laterality": ["L", "R"] * (n // 2),
            "cancer": (np.arange(n) % 5 == 0).astype(int),
            "probability": rng.random(n).round(3),
        }
    )
    table["recalled"] = table["probability"] >= 0.5
    for name in ("a", "b", "c"):
        table[f"member {name}"] = rng.normal(size=n)
    return table


def of_kind(cases, kind):
    return cases[cases["kind"] == kind]


def test_worst_misses_and_false_alarms_come_first(breasts):
    cases = pick_cases(breasts, 3)
    cancers = breasts[breasts["cancer"] == 1].sort_values("probability")
    others = breasts[breasts["cancer"] == 0].sort_values("probability", ascending=False)
    assert of_kind(cases, MISSES)["probability"].tolist() == cancers["probability"][:3].tolist()
    assert of_kind(cases, ALARMS)["probability"].tolist() == others["probability"][:3].tolist()
    assert set(of_kind(cases, HITS)["outcome"]) == {"cancer, recalled"}
    assert list(dict.fromkeys(cases["kind"])) == KINDS


def test_members_that_disagree_are_found_by_rank_whatever_their_scale(breasts):
    breasts["member a"] = np.linspace(0, 1, 60)
    breasts["member b"] = np.linspace(0, 1000, 60)
    breasts["member c"] = breasts["member a"]
    assert measure_spread(breasts).max() == 0
    assert of_kind(pick_cases(breasts, 2), SPLITS).empty
    breasts.loc[30, "member b"] = 2000
    far = of_kind(pick_cases(breasts, 1), SPLITS)
    assert far[["exam_id", "laterality"]].iloc[0].tolist() == [f"{15:016x}", "L"]


def test_a_breast_is_shown_once(breasts):
    cases = pick_cases(breasts, 8)
    assert not cases.duplicated(["exam_id", "laterality"]).any()


def test_the_order_of_the_rows_changes_nothing(breasts):
    breasts["probability"] = breasts["probability"].round(1)  # many ties
    shuffled = breasts.sample(frac=1, random_state=1)
    pd.testing.assert_frame_equal(pick_cases(breasts, 4), pick_cases(shuffled, 4))


def test_one_member_never_disagrees_and_no_cancer_is_no_error(breasts):
    one = breasts.drop(columns=["member b", "member c"]).assign(cancer=0)
    cases = pick_cases(one, 2)
    assert cases["kind"].tolist() == [ALARMS] * 2
    assert cases["spread"].isna().all()


def test_three_patients_give_what_there_is(breasts):
    cases = pick_cases(breasts.head(3), 5)
    assert len(cases) == 3


def test_nobody_to_show_is_an_empty_table(breasts):
    cases = pick_cases(breasts.head(0), 5)
    assert cases.empty and {"kind", "outcome", "spread"} <= set(cases.columns)


@pytest.mark.parametrize(
    ("change", "count", "words"),
    [
        (lambda t: t.drop(columns="recalled"), 2, r"lack \['recalled'\]"),
        (lambda t: t.assign(probability=np.nan), 2, "60 of 60 probabilities are not finite"),
        (lambda t: t.assign(cancer=[2] + [0] * 59), 2, "not 0 or 1"),
        (lambda t: t.assign(cancer=[np.nan] + [0] * 59), 2, "not 0 or 1"),
        (lambda t: pd.concat([t, t.head(1)]), 2, "comes twice"),
        (lambda t: t, 0, "expected at least 1"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused(breasts, change, count, words):
    with pytest.raises(ValueError, match=words):
        pick_cases(change(breasts), count)


def test_a_breast_gets_the_mean_of_its_images_and_an_absent_one_nothing(breasts):
    images = pd.DataFrame({"exam_id": [f"{0:016x}"] * 2, "laterality": "L", "member a": [1.0, 3.0]})
    found = gather_member_logits(images, breasts.head(2))
    assert found["member a"].tolist()[0] == 2
    assert np.isnan(found["member a"].tolist()[1])
    assert breasts.columns.tolist().count("member a") == 1


def test_the_table_given_stays_as_it_was(breasts):
    before = breasts.copy()
    pick_cases(breasts, 3)
    pd.testing.assert_frame_equal(breasts, before)
