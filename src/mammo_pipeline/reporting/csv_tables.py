"""The tables of a page as CSV: numbers unrounded, a figure spread over columns of its own."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping
from typing import Any

from mammo_pipeline.reporting.page import as_list, plain

# What a figure's cell becomes; the first column keeps the table's own name.
SPREAD = ["value", "low", "high", "n", "how", "reason"]
# A spreadsheet takes what begins so for a formula (OWASP, "CSV Injection").
FORMULA = ("=", "+", "-", "@", "\t", "\r")
LONGEST_SLUG = 48


def write_tables(report: Mapping[str, Any]) -> dict[str, str]:
    """Returns name to content of one CSV a table, numbered in the order of the page.

    Args:
        report: As `reporting.page.render_page` takes it.

    >>> table = {"columns": ["who", "n"], "rows": [["=1+1", 3]]}
    >>> write_tables({"sections": [{"title": "Cohort flow", "table": table}]})
    {'01_cohort_flow.csv': "who,n\\n'=1+1,3\\n"}
    """
    found = [
        (table.get("caption") or section["title"], table)
        for section in report["sections"]
        for table in as_list(section.get("table"))
    ]
    digits = max(2, len(str(len(found))))
    return {
        f"{number:0{digits}}_{name_slug(title)}.csv": write_table(table)
        for number, (title, table) in enumerate(found, 1)
    }


def name_slug(title: str) -> str:
    """Returns a title as part of a file's name.

    >>> name_slug("Sensitivity at 1/8 ... 8 false positives"), name_slug("?")
    ('sensitivity_at_1_8_8_false_positives', 'table')
    """
    words = re.sub(r"[^a-z0-9]+", "_", title.lower()).strip("_")
    return words[:LONGEST_SLUG].rstrip("_") or "table"


def write_table(table: Mapping[str, Any]) -> str:
    """Returns one table as CSV (RFC 4180, lines end with a line feed).

    A column that holds a figure becomes six: its own, and those of the figure's low, high, n, how
    and reason. An empty field is a value that is not there.
    """
    rows = [plain(row) for row in table["rows"]]
    wide = [any(is_figure(row[place]) for row in rows) for place in range(len(table["columns"]))]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([guard_text(name) for name in _name_columns(table["columns"], wide)])
    for row in rows:
        cells = zip(row, wide, strict=True)
        writer.writerow([field for cell, spread in cells for field in show_fields(cell, spread)])
    return out.getvalue()


def _name_columns(columns: list[str], wide: list[bool]) -> list[str]:
    names = []
    for name, spread in zip(columns, wide, strict=True):
        names += [name, *(f"{name} {part}".strip() for part in SPREAD[1:])] if spread else [name]
    return names


def is_figure(cell: Any) -> bool:
    """Returns whether a cell is the record of a figure."""
    return isinstance(cell, Mapping) and "value" in cell


def show_fields(cell: Any, spread: bool) -> list[str]:
    """Returns the fields of one cell: six where its column is spread, else one.

    >>> show_fields({"value": 0.5, "low": 0.25, "high": None, "n": 8}, True)
    ['0.5', '0.25', '', '8', '', '']
    >>> show_fields({"state": "failed", "text": "not met"}, False), show_fields(True, False)
    (['not met'], ['yes'])
    """
    if is_figure(cell):
        return [show_field(cell.get(name)) for name in SPREAD]
    if isinstance(cell, Mapping):
        cell = cell.get("text")
    return [show_field(cell), *[""] * (len(SPREAD) - 1)] if spread else [show_field(cell)]


def show_field(value: Any) -> str:
    """Returns one field: text guarded, a number as Python writes it back, nothing for None."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return repr(value) if isinstance(value, int | float) else guard_text(str(value))


def guard_text(text: str) -> str:
    """Returns a text that no spreadsheet takes for a formula.

    >>> guard_text("-2"), guard_text("a-2")
    ("'-2", 'a-2')
    """
    # A bare carriage return ends a row for some readers and not for others.
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return f"'{lines}" if text.startswith(FORMULA) else lines
