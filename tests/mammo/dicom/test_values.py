"""What stands in an attribute, whatever a vendor made of it."""

from __future__ import annotations

import math

import pytest

from mammo_pipeline.mammo.dicom import values
from mammo_pipeline.mammo.fates import RefusedError


def test_an_attribute_of_nothing_has_no_values():
    for header in ({}, {"KVP": ""}, {"KVP": None}, {"KVP": ["", " "]}):
        assert values.list_texts(header, "KVP") == []
        assert values.read_text(header, "KVP") == ""
        assert values.read_whole_number(header, "KVP") is None
        assert math.isnan(values.read_number(header, "KVP"))


def test_one_value_said_twice_is_one_and_two_are_refused():
    assert values.read_text({"ImageLaterality": ["L", "L "]}, "ImageLaterality") == "L"
    with pytest.raises(RefusedError, match="ImageLaterality holds 2 values"):
        values.read_text({"ImageLaterality": ["L", "R"]}, "ImageLaterality")


@pytest.mark.parametrize(("written", "number"), [(3328, 3328), ("3328", 3328), ("3328.0", 3328)])
def test_a_whole_number_is_read_from_numbers_and_text(written, number):
    assert values.read_whole_number({"Rows": written}, "Rows") == number


@pytest.mark.parametrize("written", ["many", "1.5", "1e3", "99999999999999", "0x10"])
def test_what_is_no_whole_number_refuses_the_file_without_its_text(written):
    with pytest.raises(RefusedError) as refusal:
        values.read_whole_number({"Rows": written}, "Rows")
    assert refusal.value.code == "unreadable_header"
    assert written not in refusal.value.found


@pytest.mark.parametrize(
    ("text", "number"),
    [("28", 28.0), (" 2.85E+1 ", 28.5), ("28,5", 28.5), (".5", 0.5), ("-3", -3.0), ("5.", 5.0)],
)
def test_a_number_is_read_as_vendors_write_it(text, number):
    assert values.parse_number(text) == number


@pytest.mark.parametrize("text", ["", "nan", "inf", "1e999", "28 kV", "1.2.3", "1,2,3", "²"])
def test_what_is_no_number_is_nan(text):
    assert math.isnan(values.parse_number(text))


def test_a_word_outside_of_its_list_is_other():
    words = {"RH": "RHODIUM"}
    assert values.read_word({"FilterMaterial": ["rh", "AL"]}, "FilterMaterial", words) == "RHODIUM"
    assert values.read_word({"FilterMaterial": "Doe"}, "FilterMaterial", words) == "other"
    assert values.read_word({}, "FilterMaterial", words) == ""
