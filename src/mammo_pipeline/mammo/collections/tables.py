"""Reading the tables of a collection: known by their columns, read to the last line."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field
from io import StringIO
from typing import Any

import pandas as pd

from mammo_pipeline.mammo.boxes import LabelError, describe_cell
from mammo_pipeline.mammo.labels import name_lines

Tables = Mapping[str, str | pd.DataFrame]
TABLE_ENDINGS = (".csv", ".tsv", ".txt")


@dataclass(frozen=True)
class Source:
    """One kind of table of a collection: a mapping of its columns and of its words.

    Attributes:
        columns: Our name to the spellings of the collection's column, in small letters.
        values: Our name to the collection's words, in capitals, and ours. Another word is an
            error.
        optional: Our names whose column may be absent.
    """

    columns: Mapping[str, tuple[str, ...]]
    values: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    optional: frozenset[str] = frozenset()

    def find_columns(self, header: list[str]) -> dict[str, str] | None:
        """Returns our name to the spelling that the header has, or None if one is missing."""
        found = {
            ours: next((name for name in spellings if name in header), "")
            for ours, spellings in self.columns.items()
        }
        if any(not name and ours not in self.optional for ours, name in found.items()):
            return None
        return {ours: name for ours, name in found.items() if name}


def read_table(text: str | pd.DataFrame, name: str) -> pd.DataFrame:
    """Returns a table of texts, stripped; the index is the row's first line in the file less 2.

    The separator is the comma, semicolon or tab that the first line holds most of. A quoted field
    may hold line ends, as the paths of CBIS-DDSM do; a missing field is empty.

    Args:
        text: The file's content, or a table that was read before.
        name: The file's name, for errors.

    Raises:
        LabelError: A row has more fields than the header, or a quote is never closed.

    >>> read_table('a;b\\n1;"2\\n"\\n3;4\\n', "x.csv").to_dict("index")
    {0: {'a': '1', 'b': '2'}, 2: {'a': '3', 'b': '4'}}
    """
    if isinstance(text, pd.DataFrame):
        return text.astype("str").apply(lambda column: column.str.strip())
    text = text.removeprefix("\ufeff")
    first = text.lstrip().split("\n", 1)[0]
    separator = max(",;\t", key=first.count)
    reader = csv.reader(StringIO(text, newline=""), delimiter=separator, strict=True)
    rows, lines, before = [], [], 0
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                rows.append([cell.strip() for cell in row])
                lines.append(before + 1)
            before = reader.line_num
    except csv.Error:
        raise LabelError(
            f"Label table {name}, line {before + 1}: the row cannot be read, perhaps for a quote "
            "that is never closed."
        ) from None
    return _tabulate(rows, lines, name)


def find_sources(
    tables: Tables, sources: Mapping[str, Source], expected: str, required: str
) -> dict[str, pd.DataFrame]:
    """Returns, by kind, the rows of all tables of that kind, with our columns and `line`.

    A table is of the kind with most columns of which it has all that are needed.

    Args:
        tables: File name to text.
        sources: The kinds that the collection has.
        expected: What the user should have downloaded, for the error.
        required: The kind without which there are no labels.

    Raises:
        LabelError: The required kind is missing, a column stands twice, or a value is none of
            those expected.
    """
    found: dict[str, list[pd.DataFrame]] = {}
    for name, text in tables.items():
        if not isinstance(text, pd.DataFrame) and not name.lower().endswith(TABLE_ENDINGS):
            continue
        table = read_table(text, name)
        header = [str(column).lower() for column in table.columns]
        fits = {kind: s for kind, s in sources.items() if s.find_columns(header) is not None}
        if fits:
            kind = max(fits, key=lambda k: len(fits[k].columns))
            found.setdefault(kind, []).append(_translate(table, fits[kind], name))
    if required not in found:
        columns = sorted(s[0] for s in sources[required].columns.values())
        raise LabelError(
            f"Label table: none of the {len(tables)} files below the labels path has the columns "
            f"{', '.join(columns)}. Expected {expected}: name its folder in globals.yml of your "
            "environment."
        )
    return {kind: pd.concat(parts, ignore_index=True) for kind, parts in found.items()}


def check_values(values: pd.Series, lines: pd.Series, column: str, expected: str) -> None:
    """Returns nothing where no value is missing.

    Args:
        values: Our values, missing where the collection's word was none of those expected.
        lines: The place of each row.
        column: The column's name, for the error.
        expected: What may stand there.

    Raises:
        LabelError: Names the places, never what stood there.
    """
    wrong = values.isna()
    if wrong.any():
        raise LabelError(f"Label table, {name_lines(lines[wrong])}, {column}: expected {expected}.")


def _translate(table: pd.DataFrame, source: Source, name: str) -> pd.DataFrame:
    table = table.set_axis([str(column).lower() for column in table.columns], axis="columns")
    found = source.find_columns(list(table.columns)) or {}
    twice = [theirs for theirs in found.values() if list(table.columns).count(theirs) > 1]
    if twice:
        raise LabelError(
            f"Label table {name}: the first line names {', '.join(twice)} more than once, small "
            "letters and capitals taken for the same. Keep one column of each name."
        )
    columns: dict[str, Any] = {ours: table[theirs] for ours, theirs in found.items()}
    columns |= dict.fromkeys(source.optional - set(found), "")
    columns["line"] = [f"{name} line {row + 2}" for row in table.index]
    rows = pd.DataFrame(columns, index=table.index)
    for ours, words in source.values.items():
        if ours in found:
            mapped = rows[ours].str.upper().map(words)
            _refuse_words(mapped.isna(), rows, ours, f"{found[ours]}", sorted(words))
            rows[ours] = mapped
    return rows.reset_index(drop=True)


def _refuse_words(
    wrong: pd.Series, rows: pd.DataFrame, ours: str, theirs: str, words: list[str]
) -> None:
    if wrong.any():
        found = describe_cell(str(rows.loc[wrong, ours].iloc[0]), words)
        expected = ", ".join(word or "nothing" for word in words)
        raise LabelError(
            f"Label table, {name_lines(rows.loc[wrong, 'line'])}, {theirs}: found {found}, "
            f"expected one of {expected}."
        )


def _tabulate(rows: list[list[str]], lines: list[int], name: str) -> pd.DataFrame:
    if not rows:
        return pd.DataFrame()
    header, body = rows[0], rows[1:]
    while header and not header[-1]:
        header = header[:-1]
    width = len(header)
    for row, line in zip(body, lines[1:], strict=True):
        if any(row[width:]):
            raise LabelError(
                f"Label table {name}, line {line}: a row has more fields than the header. Quote a "
                "field that holds commas, such as lesion_boxes."
            )
    columns = list(zip(*[(row + [""] * width)[:width] for row in body], strict=True))
    index = pd.Index([line - 2 for line in lines[1:]], dtype="int64")
    filled = {n: list(v) for n, v in enumerate(columns)} or {n: [] for n in range(width)}
    return pd.DataFrame(filled, index=index, dtype="str").set_axis(header, axis="columns")
