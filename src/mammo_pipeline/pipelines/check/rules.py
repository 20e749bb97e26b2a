"""The contract's rules: a table that a site may edit, read strictly before anything is checked."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping
from difflib import get_close_matches
from functools import cache
from typing import Any, Literal

from pydantic import BaseModel, Field, ValidationError

from mammo_pipeline.parameters import Parameters

Severity = Literal["stop", "warn", "note"]
# What Great Expectations calls the three.
GX_SEVERITY = {"stop": "critical", "warn": "warning", "note": "info"}
COLUMN_ARGUMENTS = ("column", "column_A", "column_B", "column_list", "column_set")
REFERENCE = "params:"


class RuleError(ValueError):
    """The table of rules cannot be read; the message names the rule and what to write instead."""


class Rule(Parameters):
    """One rule of the contract.

    Attributes:
        id: Short name, unique.
        says: What must hold, as a radiographer would say it.
        table: Which table of facts it is held against.
        expectation: Class of Great Expectations.
        arguments: What that class takes; a text `params:NAME` stands for a parameter of the room.
        severity: `stop` ends the run after the page is written, `warn` and `note` do not.
        remedy: What to do when it is broken.
    """

    id: str = Field(pattern=r"^[a-z0-9_]+$")
    says: str = Field(min_length=10)
    table: str
    expectation: str
    arguments: dict[str, Any] = Field(default_factory=dict)
    severity: Severity
    remedy: str = Field(min_length=5)

    def columns(self) -> list[str]:
        """Returns the columns that the rule speaks of."""
        named: list[str] = []
        for argument in COLUMN_ARGUMENTS:
            value = self.arguments.get(argument, [])
            named += [value] if isinstance(value, str) else list(value)
        return named


def read_rules(
    written: Mapping[str, Any], parameters: BaseModel, columns: Mapping[str, Collection[str]]
) -> list[Rule]:
    """Returns the rules with every reference to a parameter replaced by its value.

    Args:
        written: What the file holds: {"rules": [...]}.
        parameters: Of the room.
        columns: Table to the names of the columns that it can have.

    Raises:
        RuleError: A name is unknown, an id stands twice, or an argument does not fit.
    """
    if set(written) != {"rules"} or not written["rules"]:
        raise RuleError("The contract: expected one entry `rules`, a list of rules.")
    rules = [_read_rule(entry, parameters, columns) for entry in written["rules"]]
    _refuse_twice([rule.id for rule in rules])
    return rules


def _read_rule(
    entry: Mapping[str, Any], parameters: BaseModel, columns: Mapping[str, Collection[str]]
) -> Rule:
    name = f"rule {entry.get('id', '?')!r}" if isinstance(entry, Mapping) else "a rule"
    try:
        rule = Rule.model_validate(entry)
    except ValidationError as error:
        told = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise RuleError(f"The contract, {name}: {told}") from None
    _refuse_unknown(f"{name}, table", [rule.table], columns)
    _refuse_unknown(f"{name}, expectation", [rule.expectation], known_expectations())
    _refuse_unknown(f"{name}, arguments", rule.arguments, known_arguments(rule.expectation))
    _refuse_unknown(f"{name}, column", rule.columns(), columns[rule.table])
    arguments = {k: _resolve(v, parameters, name) for k, v in rule.arguments.items()}
    resolved = rule.model_copy(update={"arguments": arguments})
    express(resolved)
    return resolved


def express(rule: Rule) -> Any:
    """Returns the rule as Great Expectations takes it, with the rule's id among its notes.

    Raises:
        RuleError: The class does not take these arguments.
    """
    gxe = load_great_expectations().expectations
    level, notes = GX_SEVERITY[rule.severity], {"rule": rule.id, "says": rule.says}
    try:
        return getattr(gxe, rule.expectation)(**rule.arguments, severity=level, meta=notes)
    except (ValueError, TypeError) as error:
        told = str(error).splitlines()
        raise RuleError(
            f"The contract, rule {rule.id!r}: {' '.join(told[1:]) or told[0]}"
        ) from None


def load_great_expectations() -> Any:
    """Returns the package, imported quietly on first use: it logs its own doings at length."""
    logging.getLogger("great_expectations").setLevel(logging.ERROR)
    import great_expectations.expectations

    # This module of it sets its own level.
    logging.getLogger("great_expectations.data_context.types.base").setLevel(logging.ERROR)
    return great_expectations


@cache
def known_expectations() -> list[str]:
    """Returns the classes of Great Expectations that a rule may name."""
    gxe = load_great_expectations().expectations
    # A query's result cannot be counted, nor told without the values that it returns.
    names = [name for name in dir(gxe) if name.startswith("Expect") and name != "Expectation"]
    return [name for name in names if "Query" not in name and "OtherTable" not in name]


def known_arguments(expectation: str) -> set[str]:
    """Returns the arguments of a class that a rule may set; the rest is the contract's own."""
    gxe = load_great_expectations().expectations
    own = {"id", "meta", "notes", "result_format", "description", "catch_exceptions", "severity"}
    own |= {"rendered_content", "windows", "batch_id", "row_condition", "condition_parser"}
    return set(getattr(gxe, expectation).__fields__) - own


def _resolve(value: Any, parameters: BaseModel, name: str) -> Any:
    if isinstance(value, list):
        return [_resolve(item, parameters, name) for item in value]
    if not (isinstance(value, str) and value.startswith(REFERENCE)):
        return value
    found: Any = parameters.model_dump()
    for part in value.removeprefix(REFERENCE).split("."):
        if isinstance(found, list | tuple) and part.isdigit() and int(part) < len(found):
            found = found[int(part)]
        elif isinstance(found, Mapping) and part in found:
            found = found[part]
        else:
            known = list(found) if isinstance(found, Mapping) else []
            raise RuleError(f"The contract, {name}: {_tell(f'parameter {value!r}', part, known)}")
    return found


def _refuse_unknown(where: str, found: Iterable[str], known: Iterable[str]) -> None:
    known = list(known)
    for name in found:
        if name not in known:
            raise RuleError(f"The contract, {_tell(where, name, known)}")


def _tell(where: str, name: str, known: Collection[str]) -> str:
    near = get_close_matches(str(name), list(known), n=1)
    listed = f" Known: {', '.join(sorted(known))}." if len(known) <= 60 else ""
    return f"{where}: unknown {name!r}{f'; did you mean {near[0]!r}?' if near else '.'}{listed}"


def _refuse_twice(names: list[str]) -> None:
    again = sorted({name for name in names if names.count(name) > 1})
    if again:
        raise RuleError(
            f"The contract: {', '.join(again)} stands twice; give each rule its own id."
        )
