"""What two patients share is found, and whom it joins."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mammo_pipeline.mammo.links import GroupError, join_patients, list_links, refuse_large_groups


def files(*rows: tuple[str, str, str, str]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["patient_id", "study_key", "sop_key", "pixel_sha256"])


@pytest.mark.parametrize(
    ("one", "other", "reason"),
    [
        (("a", "s", "1", "x"), ("b", "s", "2", "y"), "study_uid"),
        (("a", "s", "1", "x"), ("b", "t", "1", "y"), "sop_uid"),
        (("a", "s", "1", "x"), ("b", "t", "2", "x"), "pixels"),
    ],
)
def test_each_shared_value_links_two_patients(one, other, reason):
    assert list_links(files(other, one)).to_numpy().tolist() == [["a", "b", reason]]


def test_one_patient_shares_with_herself_and_nobody_shares_an_empty_value():
    table = files(("a", "s", "1", "x"), ("a", "s", "1", "x"), ("b", "", "", ""), ("c", "", "", ""))
    table.loc[3, "sop_key"] = None
    assert list_links(table).empty
    assert list_links(table.iloc[:0]).empty


def test_many_who_share_one_value_are_chained_and_not_paired():
    rows = [(f"p{i:03d}", "the same", str(i), str(i)) for i in range(100)]
    links = list_links(files(*rows))
    assert len(links) == 99
    patients = pd.Index([row[0] for row in rows])
    assert join_patients(patients, links).max() == 0


def test_who_is_joined_to_a_joined_patient_is_joined():
    links = pd.DataFrame({"patient_id": ["a", "c"], "other_patient_id": ["b", "b"], "reason": "x"})
    assert join_patients(pd.Index(list("dcba")), links).tolist() == [0, 1, 1, 1]


def test_the_order_of_rows_changes_no_link():
    rng = np.random.default_rng(3)
    columns = {name: rng.integers(0, 30, 60).astype(str) for name in ("study_key", "sop_key")}
    table = pd.DataFrame({"patient_id": rng.integers(0, 20, 60).astype(str), **columns})
    table["pixel_sha256"] = ""
    pd.testing.assert_frame_equal(list_links(table), list_links(table[::-1]))
    assert len(list_links(table)) > 5


def test_a_group_that_is_too_large_is_refused_and_says_what_joins_it():
    links = list_links(files(*((f"p{i}", "s", str(i), str(i)) for i in range(6))))
    patients = pd.Index([f"p{i}" for i in range(6)])
    groups = join_patients(patients, links)
    refuse_large_groups(patients, groups, links, 6)
    with pytest.raises(
        GroupError, match=r"6 patients.*check\.largest_group.*study_uid 5.*distance"
    ):
        refuse_large_groups(patients, groups, links, 5)
