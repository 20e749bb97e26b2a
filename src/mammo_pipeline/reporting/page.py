"""One self-contained HTML page from a plain report, and the report's twin without pictures."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup, escape

VERDICTS = {"passed", "failed", "info"}
KEYS = {"title", "subtitle", "verdict", "facts", "sections", "footer", "record"}
SECTION_KEYS = {"title", "text", "command", "table", "chart", "image", "caption", "pictures"}
PICTURE_KEYS = {"image", "caption"}
TABLE_KEYS = {"columns", "rows", "note", "caption", "folded"}
HARMFUL = ("<script", "javascript:", "<foreignobject")
DASH = "–"
# Characters of a row that stand side by side on A4; a longer text wraps at the second number.
PAPER, WRAPPED = 105, 28


def render_page(report: Mapping[str, Any]) -> str:
    """Returns the page as HTML: no script, no outside request, light, dark and on paper.

    Args:
        report: A plain dictionary:
            title, subtitle: Text.
            verdict: {state: passed | failed | info, text}.
            facts: Name to value, shown on top.
            sections: Each has title, and any of text (blank lines part paragraphs), table
                ({columns, rows, note, caption, folded} or a list of them; a folded one opens at a
                click), chart (SVG text from `reporting.charts`, or a list), image (a data URI) and
                caption (also its alt text), pictures (a list of {image, caption}, a grid), command
                (to be copied).
            footer: Name to value: data version, commit, date, command.
            record: Plain facts for machines: they stand in the twin and not on the page.
            A cell is text, a number, None, a figure ({value, low, high, ...}, greyed where it has
            `faint`) or {text, state} with state passed, failed, warn, info or faint.

    Raises:
        ValueError: A key or a verdict is unknown, a row does not fit its columns, an image is not
            a data URI, or a chart is not SVG.
    """
    report = plain(report)
    check_report(report)
    known: dict[str, Any] = {"subtitle": None, "verdict": None, "facts": {}, "footer": {}}
    sections = [dict.fromkeys(SECTION_KEYS) | section for section in report["sections"]]
    shown = known | dict(report) | {"sections": [_fill_tables(section) for section in sections]}
    return _template().render(report=shown)


def _fill_tables(section: dict[str, Any]) -> dict[str, Any]:
    empty = {"note": None, "caption": None, "folded": False}
    return section | {"table": [empty | table for table in as_list(section["table"])]}


def check_report(report: Mapping[str, Any]) -> None:
    """Refuses a report that the page would show wrongly, saying where."""
    _refuse_unknown("report", report, KEYS)
    verdict = report.get("verdict")
    if verdict and verdict["state"] not in VERDICTS:
        raise ValueError(f"verdict {verdict['state']!r}; expected one of {sorted(VERDICTS)}.")
    for section in report["sections"]:
        where = f"section {section.get('title')!r}"
        _refuse_unknown(where, section, SECTION_KEYS)
        for picture in as_list(section.get("pictures")):
            _refuse_unknown(f"a picture of {where}", picture, PICTURE_KEYS)
        images = [section.get("image"), *(p["image"] for p in as_list(section.get("pictures")))]
        for image in filter(None, images):
            if not image.startswith("data:image/"):
                raise ValueError(f"{where}: the image must be a data URI, found {image[:40]!r}.")
        for table in as_list(section.get("table")):
            check_table(where, table)


def check_table(where: str, table: Mapping[str, Any]) -> None:
    """Refuses a table whose rows do not fit its columns."""
    _refuse_unknown(f"the table of {where}", table, TABLE_KEYS)
    width = len(table["columns"])
    for number, row in enumerate(table["rows"]):
        if len(row) != width:
            raise ValueError(f"{where}: row {number} has {len(row)} cells for {width} columns.")


def _refuse_unknown(where: str, found: Mapping[str, Any], known: set[str]) -> None:
    if unknown := sorted(set(found) - known):
        raise ValueError(f"{where} has unknown keys {unknown}; known are {sorted(known)}.")


@cache
def _template() -> Any:
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=False)
    environment.filters |= {
        "cell": show_cell,
        "paragraphs": split_paragraphs,
        "listed": as_list,
        "inline_svg": inline_svg,
        "is_number": is_number_column,
        "is_prose": is_prose_column,
        "is_wordy": is_wordy_column,
        "is_narrow": is_narrow_table,
        "is_wide": is_wide_table,
    }
    source = files("mammo_pipeline.reporting").joinpath("page.html").read_text("utf-8")
    return environment.from_string(source)


def as_list(value: Any) -> list[Any]:
    """Returns a list: of nothing for None, of itself for one thing.

    >>> as_list(None), as_list("a"), as_list(["a"])
    ([], ['a'], ['a'])
    """
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]


def split_paragraphs(text: str | None) -> list[str]:
    """Returns the paragraphs of a text, which blank lines part."""
    return [part.strip() for part in (text or "").split("\n\n") if part.strip()]


def show_number(value: float | None) -> str:
    """Returns a number as it should be read: three digits after the point, thousands apart.

    >>> show_number(12345), show_number(0.84213), show_number(float("nan")), show_number(0.00012)
    ('12 345', '0.842', '–', '1.2e-04')
    """
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return DASH
    if isinstance(value, bool):
        return "yes" if value else "no"
    if float(value).is_integer() and not isinstance(value, float):
        return f"{value:,}".replace(",", " ")
    size = abs(value)
    if size >= 1000:
        return f"{value:,.0f}".replace(",", " ")
    if 0 < size < 0.0005:
        return f"{value:.1e}"
    return f"{value:.3f}" if size < 10 else f"{value:.1f}"


def show_figure(figure: Mapping[str, Any]) -> str:
    """Returns a figure with its interval, or why it has no value.

    >>> show_figure({"value": 0.84, "low": 0.8, "high": 0.88})
    '0.840 (0.800 to 0.880)'
    """
    if figure["value"] is None:
        return f"{DASH} ({figure.get('reason') or 'not measured'})"
    if figure.get("low") is None:
        return show_number(figure["value"])
    low, high = show_number(figure["low"]), show_number(figure["high"])
    return f"{show_number(figure['value'])} ({low} to {high})"


def show_cell(value: Any) -> Markup | str:
    """Returns a cell's HTML, escaped: text, number, figure or a word with a state."""
    if isinstance(value, Mapping) and "state" in value:
        return Markup('<span class="state {}">{}</span>').format(value["state"], value["text"])
    if isinstance(value, Mapping) and value.get("faint"):
        shown = show_cell({name: part for name, part in value.items() if name != "faint"})
        return Markup('<span class="faint">{}</span>').format(shown)
    if isinstance(value, Mapping):
        if value["value"] is None:
            why = value.get("reason") or "not measured"
            return Markup('<span class="undefined">{}</span>').format(why)
        # A space also parts the thousands: only one before a bracket ends the value.
        head, mark, tail = show_figure(value).partition(" (")
        interval = Markup('{}<span class="interval">{}</span>')
        return escape(head) + interval.format(mark[:1], mark[1:] + tail)
    if value is None or isinstance(value, int | float):
        return show_number(value)
    return escape(str(value))


def is_prose_column(table: Mapping[str, Any], column: int) -> bool:
    """Returns whether a column holds sentences, which need room even in a narrow frame."""
    cells = [row[column] for row in table["rows"]]
    return any(isinstance(cell, str) and len(cell) > 32 for cell in cells)


def is_wordy_column(table: Mapping[str, Any], column: int) -> bool:
    """Returns whether a column holds some words, which a narrow frame would break at each space."""
    cells = [row[column] for row in table["rows"]]
    return any(isinstance(cell, str) and len(cell) > 12 and " " in cell for cell in cells)


def is_narrow_table(table: Mapping[str, Any]) -> bool:
    """Returns whether a table is slim enough to stand beside another.

    Two columns of figures with their intervals are not.
    """
    columns = range(len(table["columns"]))
    figures = [c for c in columns if any(_has_interval(row[c]) for row in table["rows"])]
    slim = len(columns) <= 3 and len(figures) < 2
    return slim and not any(is_prose_column(table, column) for column in columns)


def _has_interval(cell: Any) -> bool:
    return isinstance(cell, Mapping) and cell.get("low") is not None


def is_wide_table(table: Mapping[str, Any]) -> bool:
    """Returns whether a table is set small on paper, where nothing can be scrolled.

    >>> cell = {"value": 0.5, "low": 0.4, "high": 0.6}
    >>> is_wide_table({"columns": ["a", "b", "c", "d", "e"], "rows": [[cell] * 5]})
    True
    """
    columns = zip(table["columns"], *table["rows"], strict=True)
    lengths = [max(len(_show_plainly(cell)) for cell in column) for column in columns]
    return sum(min(length, WRAPPED) + 2 for length in lengths) > PAPER


def _show_plainly(cell: Any) -> str:
    if isinstance(cell, Mapping):
        return str(cell["text"]) if "state" in cell else show_figure(cell)
    return show_number(cell) if cell is None or isinstance(cell, int | float) else str(cell)


def is_number_column(table: Mapping[str, Any], column: int) -> bool:
    """Returns whether every cell of a column is a number, a figure or empty: it is set right."""
    cells = [row[column] for row in table["rows"] if row[column] is not None]
    return bool(cells) and all(
        isinstance(cell, int | float) or (isinstance(cell, Mapping) and "value" in cell)
        for cell in cells
    )


def inline_svg(svg: str) -> Markup:
    """Returns a chart for the page as it is; refuses what could do more than be looked at."""
    text = svg.strip()
    harmful = [word for word in HARMFUL if word in text.lower()]
    if not text.startswith("<svg") or harmful:
        raise ValueError(f"a chart must be plain SVG; found {text[:40]!r} {harmful}.")
    return Markup(text)


def twin(report: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the report without its pictures, for the JSON file beside the page.

    >>> twin({"title": "t", "sections": [{"title": "a", "chart": "<svg/>", "caption": "c"}]})
    {'title': 't', 'sections': [{'title': 'a', 'caption': 'c'}]}
    """
    sections = [_drop_pictures(section) for section in report["sections"]]
    return plain(dict(report) | {"sections": sections})


def _drop_pictures(section: Mapping[str, Any]) -> dict[str, Any]:
    kept = {key: value for key, value in section.items() if key not in ("chart", "image")}
    if pictures := kept.get("pictures"):
        kept["pictures"] = [{"caption": picture.get("caption")} for picture in pictures]
    return kept


def plain(value: Any) -> Any:
    """Returns a value that JSON can hold: NaN becomes None, numpy numbers become Python's."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, np.generic | np.ndarray):
        return plain(value.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
