"""One value at a time: intervals are kept, words are known, numbers are numbers."""

from __future__ import annotations

import random
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.sr import _concepts_dict, _snomed_dict
from pydicom.uid import UID

from mammo_pipeline.mammo.dicom.deidentify.table import TABLE, Rule
from mammo_pipeline.mammo.dicom.deidentify.values import (
    Subject,
    change_values,
    clean_words,
    map_uid,
    read_numbers,
    shift_date,
    shift_datetime,
    shift_time,
)
from mammo_pipeline.mammo.dicom.deidentify.words import CODE_MEANINGS
from mammo_pipeline.mammo.dicom.header import HEADER_KEYWORDS
from mammo_pipeline.mammo.dicom.views import IMAGE_TYPES, MODIFIERS, PROJECTIONS

SUBJECT = Subject(b"k" * 32, "0123456789abcdef")


def rules_of(table):
    for keyword, rule in table.items():
        yield keyword, rule
        yield from rules_of(rule.items)


def test_every_keyword_of_the_table_is_the_standards():
    assert [k for k, _ in rules_of(TABLE) if tag_for_keyword(k) is None] == []


def test_the_copy_keeps_every_attribute_that_the_project_reads_but_age_and_institution():
    gone = [keyword for keyword in HEADER_KEYWORDS if keyword not in TABLE]
    assert gone == ["InstitutionName", "PatientAge"]


def test_every_view_that_the_project_knows_is_kept_by_code_and_by_name():
    for line in PROJECTIONS + MODIFIERS:
        for code in (line.code, *line.older_codes):
            assert ("SCT", code) in CODE_MEANINGS and ("SRT", code) in CODE_MEANINGS, code
    for name in ("CC", "MLO", "RMLO", "XCCL", "MCC", "SMLO", "CCID", "MLORL", "SPECIMEN", "TAN"):
        assert change_values([name], TABLE["ViewPosition"], SUBJECT) == [name]
    assert change_values(["DOE"], TABLE["ViewPosition"], SUBJECT) == [""]
    for kind in IMAGE_TYPES:
        assert change_values([kind], TABLE["ImageType"], SUBJECT) == [kind]


def test_every_rule_has_its_form():
    """No free text is kept as it is: only devices' texts, and these are checked for names."""
    text = {"PN", "LO", "SH", "LT", "ST", "UT", "UC", "UR", "AE", "CS"}
    checked = {"term", "clean", "pseudonym", "empty", "device", "serial", "station"}
    for keyword, rule in rules_of(TABLE):
        vr = dictionary_VR(keyword)
        if vr in text and keyword != "PhotometricInterpretation":
            assert rule.action in checked, keyword
        assert (rule.action == "term") <= bool(rule.terms or rule.pattern), keyword
        assert (vr == "SQ") == (rule.action in {"items", "codes", "tables"}), keyword
        assert (vr == "UI") == (rule.action in {"uid", "standard_uid", "device_uid"}), keyword
        assert (vr in {"DA", "TM", "DT"}) <= (
            rule.action in {"date", "time", "datetime", "empty"}
        ), keyword


def test_codes_mean_what_the_standard_says():
    known = {
        (scheme, code, meaning.lower())
        for scheme in ("SCT", "DCM")
        for codes in _concepts_dict.concepts[scheme].values()
        for code, (meaning, _) in codes.items()
    }
    retired = {"Y-X1770", "Y-X1771", "399265009", "R-102CF"}
    for (scheme, code), meaning in CODE_MEANINGS.items():
        if code in retired:
            continue
        current = _snomed_dict.mapping["SRT"].get(code, code)
        assert ("DCM" if scheme == "DCM" else "SCT", current, meaning.lower()) in known


def test_the_offset_is_one_to_ten_years_back_and_differs_between_women():
    offsets = {Subject(b"k" * 32, f"{n:016x}").offset for n in range(400)}
    assert len(offsets) == 400
    assert all(timedelta(days=-3651) < offset < timedelta(days=-364) for offset in offsets)
    assert any(offset.seconds % 60 for offset in offsets)
    assert SUBJECT.offset != Subject(b"other" * 8, SUBJECT.patient_id).offset


def test_every_interval_is_kept_to_the_second():
    rng = random.Random(5)
    for _ in range(300):
        first = datetime(2015, 1, 1) + timedelta(seconds=rng.randrange(10**8))
        later = first + timedelta(seconds=rng.randrange(10**8))
        moved = []
        for moment in (first, later):
            date, time = f"{moment:%Y%m%d}", f"{moment:%H%M%S}"
            new = shift_date(date, time, SUBJECT.offset) + shift_time(date, time, SUBJECT.offset)
            assert shift_datetime(date + time, SUBJECT.offset) == new
            moved.append(datetime.strptime(new, "%Y%m%d%H%M%S"))
        assert moved[1] - moved[0] == later - first


def test_a_date_without_time_keeps_its_days_to_an_exam_by_day():
    for patient in range(50):
        offset = Subject(b"k" * 32, f"{patient:016x}").offset
        exam = datetime.strptime(shift_date("20200301", "081500", offset), "%Y%m%d")
        late = datetime.strptime(shift_date("20210301", "183000", offset), "%Y%m%d")
        alone = datetime.strptime(shift_date("20200302", "", offset), "%Y%m%d")
        assert (late - exam).days == 365
        assert (alone - exam).days == 1


@pytest.mark.parametrize(
    ("text", "moved"),
    [
        ("2020", "2019"),
        ("202003", "201903"),
        ("20200301", "20190301"),
        ("2020030123", "2019030200"),
        ("202003012330", "201903020030"),
        ("20200301233015.123456-0500", "20190302003015.123456-0500"),
        ("yesterday", ""),
        ("20201399", ""),
        ("202003012461", ""),
    ],
)
def test_a_datetime_moves_and_keeps_its_precision_and_zone(text, moved):
    assert shift_datetime(text, timedelta(days=-366, hours=1)) == moved


@pytest.mark.parametrize(
    ("date", "time", "moved"),
    [
        ("20200301", "10", "11"),
        ("20200301", "1015", "1115"),
        ("20200301", "10:15:30", "111530"),
        ("20200301", "235960", "010000"),
        ("", "233000", "003000"),
        ("20200301", "noon", ""),
        ("20200301", "256000", ""),
    ],
)
def test_a_time_moves_and_keeps_its_precision(date, time, moved):
    assert shift_time(date, time, timedelta(days=-366, hours=1)) == moved


@pytest.mark.parametrize("date", ["", "1.3.2020", "20200231", "00010101", "Doe"])
def test_a_date_that_is_none_is_emptied(date):
    assert shift_date(date, "101500", timedelta(days=-366)) == ""


def test_uids_are_valid_distinct_and_of_the_key():
    uids = {map_uid(b"k" * 32, f"1.2.{n}") for n in range(500)}
    halves = [divmod(int(uid.removeprefix("2.25.")), 2**64) for uid in uids]
    assert len(uids) == len({high for high, _ in halves}) == len({low for _, low in halves}) == 500
    assert all(UID(uid).is_valid and len(uid) <= 44 for uid in uids)
    assert map_uid(b"k" * 32, "1.2.1") != map_uid(b"l" * 32, "1.2.1")


@pytest.mark.parametrize(
    ("texts", "numbers"),
    [
        (["0.07", "0.07"], ["0.07", "0.07"]),
        (["0.07,0.07"], ["0.07", "0.07"]),
        (["-1.5e-3"], ["-1.5e-3"]),
        (["28 kV"], []),
        (["19600101Doe"], []),
        (["1e"], []),
        (["--1"], []),
        (["1" * 33], []),
        (["nan"], []),
    ],
)
def test_numbers_are_numbers(texts, numbers):
    assert read_numbers(texts) == numbers


def test_words_outside_the_closed_list_and_numbers_are_dropped():
    assert clean_words("L-MLO Mrs. Doe born 1960-01-01 screening_2D") == "L MLO screening 2D"


@pytest.mark.parametrize(
    ("action", "text", "kept"),
    [
        ("serial", "81006130632", True),
        ("serial", "H1KRHR83fc6c49", True),
        ("serial", "Saint Mary", False),
        ("serial", "A17^Doe", False),
        ("station", "MAMMO_02", True),
        ("station", "SAINTMARY1", False),
        ("device_uid", "1.2.3.4", True),
        ("device_uid", "1.2.Doe", False),
    ],
)
def test_an_identifier_of_a_device_stays_or_gets_a_stand_in(action, text, kept):
    [value] = change_values([text], Rule(action), SUBJECT)
    assert (value == text) == kept
    assert value


def test_a_device_text_with_a_name_of_the_file_is_emptied_but_not_a_makers():
    subject = Subject(SUBJECT.key, SUBJECT.patient_id, frozenset({"DOE", "PHILIPS"}))
    texts = ["Philips Medical Systems", "room of Doe", "Doe^Jane", "Doer 3000"]
    assert change_values(texts, Rule("device"), subject) == [texts[0], "", "", "Doer 3000"]


def test_the_page_states_the_size_of_the_table():
    folder = Path(__file__).parents[4] / "docs/decisions"
    page = folder / "007-deidentified-copies-keep-what-is-named.md"
    assert f"names {len(TABLE)} attributes" in page.read_text()
