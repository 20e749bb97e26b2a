"""A file meets its row of the listing, and doubt is counted instead of settled."""

from __future__ import annotations

import pandas as pd
import pytest

from mammo_pipeline.mammo.collections.matching import (
    count_matches,
    index_listing,
    match_files,
    state_values,
)
from mammo_pipeline.mammo.collections.record import Collection, fill_listing
from mammo_pipeline.mammo.labels import LABEL_COLUMNS

EXAM = frozenset({"StudyDate", "StudyInstanceUID"})


def index(*rows: tuple[str, str], overrides: frozenset[str] = frozenset(), **columns: object):
    listing = pd.DataFrame(rows, columns=["key_kind", "key"]).assign(**columns)
    return index_listing(
        Collection(pd.DataFrame(columns=LABEL_COLUMNS), fill_listing(listing), overrides)
    )


@pytest.mark.parametrize(
    ("kind", "key", "name", "header"),
    [
        ("path", "p/a.png", "p/a.png", None),
        ("path_end", "p/a", "x/y/p/a.dcm", None),
        ("path_end", "p/a.dcm", "p/a.dcm", None),
        ("path_end", "a.dcm", "q/a.dcm", None),
        ("stem", "a", "q/a.dicom", None),
        ("stem_prefix", "22", "q/22_ab_MG.dcm", None),
        ("PatientID", "P_1_LEFT_CC", "q/1-1.dcm", {"PatientID": "P_1_LEFT_CC"}),
        ("SOPInstanceUID", "1.2", "q/1-1.dcm", {"SOPInstanceUID": "1.2"}),
    ],
)
def test_each_kind_of_key_finds_its_file(kind, key, name, header):
    assert match_files(index((kind, key)), [name], [header]) == [0]


@pytest.mark.parametrize(
    ("kind", "key", "name"),
    [
        ("path", "p/a.png", "x/p/a.png"),
        ("path_end", "p/a", "xp/a.dcm"),
        ("path_end", "p/a", "p/ab.dcm"),
        ("stem", "a", "q/aa.dcm"),
        ("stem_prefix", "22", "q/221_ab.dcm"),
    ],
)
def test_a_key_is_never_met_by_half(kind, key, name):
    assert match_files(index((kind, key)), [name], [None]) == [-1]


def test_a_key_of_two_rows_matches_no_file_and_is_counted():
    known = index(("stem", "a"), ("stem", "a"), ("stem", "b"))
    rows = match_files(known, ["a.dcm", "b.dcm"], [None, None])
    assert rows == [-1, 2]
    assert count_matches(known, rows) == {
        "listed": 3,
        "found": 1,
        "missing": 2,
        "repeated": 0,
        "ambiguous": 1,
    }


def test_a_row_that_meets_two_files_is_counted():
    known = index(("stem", "a"))
    assert (
        count_matches(known, match_files(known, ["p/a.dcm", "q/a.png"], [None] * 2))["repeated"]
        == 1
    )


def test_an_overridden_exam_leaves_nothing_of_the_header_s():
    header = {"SOPClassUID": "1", "StudyDate": "20200101", "StudyInstanceUID": "1.2"}
    dated = index(("stem", "a"), overrides=EXAM, StudyDate="20100101")
    assert state_values(dated, 0, header)["StudyInstanceUID"] == ""
    silent = index(("stem", "a"), overrides=EXAM, ViewPosition="CC")
    stated = {"key": "a", "role": "image", "ViewPosition": "CC"}
    assert state_values(silent, 0, header) == stated


def test_a_row_without_a_key_speaks_of_no_file():
    known = index(("PatientID", ""), ("stem", "a"))
    assert match_files(known, ["b.dcm", "a.dcm"], [{"Modality": "MG"}, None]) == [-1, 1]
    assert count_matches(index(("PatientID", ""), ("PatientID", "")), [])["ambiguous"] == 0


def test_an_overridden_view_leaves_no_code_of_the_header_s():
    header = {"SOPClassUID": "1", "ViewCodeSequence": [{"CodeValue": "R-10242"}]}
    codes = {"ViewCodeSequence": [], "ViewModifierCodeSequence": []}
    wins = index(("stem", "a"), overrides=frozenset({"ViewPosition"}), ViewPosition="MLO")
    assert codes.items() <= state_values(wins, 0, header).items()
    completes = index(("stem", "a"), ViewPosition="MLO")
    assert not codes.keys() & state_values(completes, 0, header).keys()
    silent = index(("stem", "a"), overrides=frozenset({"ViewPosition"}), PatientID="a")
    assert not codes.keys() & state_values(silent, 0, header).keys()


def test_a_file_that_is_not_listed_gets_nothing():
    assert state_values(index(("stem", "a")), -1, {}) == {}
