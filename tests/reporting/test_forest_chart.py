import pytest

from mammo_pipeline.reporting.forest_chart import draw_forest

BLANK = dict.fromkeys(["value", "low", "high"])
ROWS = [
    {"axis": "device", "name": "GE (9/44)", "value": 0.9, "low": 0.8, "high": 1.0, "small": False},
    {"axis": "device", "name": "IMS (0/4)", "small": True, **BLANK},
    {"axis": "age", "name": "70 and over (4/14)", "small": True, **BLANK, "value": 0.7},
]


def test_every_row_and_every_axis_is_named_and_the_undefined_says_so():
    svg = draw_forest(ROWS, "AUROC", "AUROC by subgroup", 0.85)
    for words in ("device", "age", "GE (9/44)", "IMS (0/4)", "70 and over (4/14)", "undefined"):
        assert words in svg
    assert svg.count(">device<") == 1
    assert "<title>AUROC by subgroup</title>" in svg


def test_a_long_name_is_cut_and_keeps_its_counts():
    long = ROWS[0] | {"name": "Siemens Mammomat Inspiration Prime of the third room (123/4567)"}
    svg = draw_forest([long], "AUROC", "t")
    assert "… (123/4567)" in svg and "third room" not in svg


@pytest.mark.parametrize("rows", [[], ROWS[1:2]])
def test_nothing_to_draw_is_still_a_chart(rows):
    assert draw_forest(rows, "AUROC", "t").startswith("<svg")


def test_equal_rows_give_equal_svg():
    assert draw_forest(ROWS, "AUROC", "t", 0.8) == draw_forest(ROWS, "AUROC", "t", 0.8)
