"""Suites of Great Expectations: run over a table in memory, told without a value, and written."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from mammo_pipeline.mammo.contract.plausibility import PSEUDONYM
from mammo_pipeline.pipelines.check.rules import Rule, express, load_great_expectations

EXAMPLES = 5


def run_suite(
    name: str, rules: Sequence[Rule], table: pd.DataFrame, naming: Sequence[str] = ()
) -> dict[str, Any]:
    """Returns rule id to Great Expectations' result; the context lives in memory and is dropped.

    Args:
        name: Of the suite.
        rules: All on this table.
        table: What they are held against.
        naming: Columns whose values may be told of unexpected rows; for none, no row is told.
    """
    gx = load_great_expectations()
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    source = context.data_sources.add_pandas("study")
    batch = source.add_dataframe_asset(name).add_batch_definition_whole_dataframe("all")
    suite = context.suites.add(
        gx.ExpectationSuite(name=name, expectations=[express(rule) for rule in rules])
    )
    definition = gx.ValidationDefinition(name=name, data=batch, suite=suite)
    form: dict[str, Any] = {"result_format": "SUMMARY", "partial_unexpected_count": 0}
    if naming:
        form |= {"partial_unexpected_count": EXAMPLES, "exclude_unexpected_values": True}
        form |= {"unexpected_index_column_names": list(naming)}
    outcome = definition.run(batch_parameters={"dataframe": make_plain(table)}, result_format=form)
    return {_name_rule(result): result for result in outcome.results}


def _name_rule(result: Any) -> str:
    return str(result.expectation_config.meta["rule"])


def make_plain(table: pd.DataFrame) -> pd.DataFrame:
    """Returns the table in floats and objects, which Great Expectations reads on any pandas."""
    whole = {
        name: float if pd.api.types.is_numeric_dtype(table[name]) else object for name in table
    }
    plain = table.astype(whole)
    texts = [name for name, kind in whole.items() if kind is object]
    return plain.assign(**{name: plain[name].where(plain[name].notna(), None) for name in texts})


def name_examples(result: Mapping[str, Any], naming: Sequence[str]) -> list[str]:
    """Returns up to five broken rows by their pseudonyms; a name that is none is not told.

    >>> listed = [{"image_id": ["00000000000000aa", "Doe^Jane"]}]
    >>> name_examples({"partial_unexpected_index_list": listed}, ["image_id"])
    ['00000000000000aa']
    """
    named: list[tuple[Any, ...]] = []
    for entry in result.get("partial_unexpected_index_list") or []:
        columns = [entry[column] for column in naming]
        lists = [c if isinstance(c, list) else [c] for c in columns]
        named += list(zip(*lists, strict=True))
    hidden = [row for row in dict.fromkeys(named) if _is_hidden(row[0], naming[0])]
    return [" ".join(map(str, row)) for row in hidden[:EXAMPLES]]


def _is_hidden(value: Any, column: str) -> bool:
    return column == "device" or bool(re.fullmatch(PSEUDONYM, str(value)))


def write_suites(rules: Sequence[Rule]) -> dict[str, Any]:
    """Returns the suites as Great Expectations writes them, by table: the contract to hand on."""
    gx = load_great_expectations()
    suites = {}
    for name in dict.fromkeys(rule.table for rule in rules):
        here = [express(rule) for rule in rules if rule.table == name]
        suites[name] = gx.ExpectationSuite(name=name, expectations=here).to_json_dict()
    return suites
