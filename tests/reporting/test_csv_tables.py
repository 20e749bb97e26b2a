"""A table as CSV says what the page says, unrounded, and is no danger to a spreadsheet."""

from __future__ import annotations

import csv
import io

import numpy as np
import pytest

from mammo_pipeline.reporting.csv_tables import guard_text, write_table, write_tables

FIGURE = {"value": 0.123456789, "low": 0.1, "high": 0.2, "n": 7, "how": "area", "reason": None}


def read(text):
    return list(csv.reader(io.StringIO(text)))


def test_a_figure_keeps_every_digit_its_interval_n_and_method():
    rows = read(write_table({"columns": ["who", "AUROC"], "rows": [["all", FIGURE]]}))
    assert rows[0] == [
        "who", "AUROC", "AUROC low", "AUROC high", "AUROC n", "AUROC how", "AUROC reason"
    ]  # fmt: skip
    assert rows[1] == ["all", "0.123456789", "0.1", "0.2", "7", "area", ""]


def test_an_undefined_figure_is_an_empty_field_with_its_reason():
    gone = {"value": None, "low": None, "high": None, "n": 3, "reason": "no positive"}
    assert read(write_table({"columns": ["x"], "rows": [[gone]]}))[1] == [
        "", "", "", "3", "", "no positive"
    ]  # fmt: skip


def test_rows_stay_rectangular_where_only_some_cells_are_figures():
    table = {"columns": ["a", "b"], "rows": [["x", FIGURE], ["y", "undefined: n = 3"], ["z", None]]}
    rows = read(write_table(table))
    assert {len(row) for row in rows} == {7}
    assert rows[2][1] == "undefined: n = 3"


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\t=1", "\r=1"])
def test_a_text_never_becomes_a_formula(text):
    cell = {"state": "info", "text": text}
    rows = read(write_table({"columns": [text], "rows": [[text], [cell]]}))
    assert rows == [["'" + text.replace("\r", "\n")]] * 3


def test_a_negative_number_stays_a_number():
    rows = read(write_table({"columns": ["x", "y"], "rows": [[-1.5, np.float64(-2)]]}))
    assert rows[1] == ["-1.5", "-2.0"]
    assert guard_text("plain") == "plain"


def test_commas_quotes_and_line_ends_survive():
    text = 'a, "b"\nc'
    assert read(write_table({"columns": ["x"], "rows": [[text]]}))[1] == [text]


def test_names_are_unique_and_in_the_order_of_the_page():
    table = {"columns": ["a"], "rows": []}
    sections = [{"title": "Same", "table": [table, table]}, {"title": "../ä/..", "table": table}]
    sections += [{"title": "No table"}]
    names = list(write_tables({"sections": sections}))
    assert names == ["01_same.csv", "02_same.csv", "03_table.csv"]
