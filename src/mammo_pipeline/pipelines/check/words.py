"""The contract in words: what a rule expects, and what became of all of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# What is expected, where no bound nor set says it.
SAID = {
    "ExpectColumnValuesToNotBeNull": "stated",
    "ExpectColumnValuesToBeUnique": "unique",
    "ExpectTableColumnsToMatchSet": "all present",
}


def say_expected(expectation: str, arguments: Mapping[str, Any]) -> str:
    """Returns what a rule expects, in words; nothing where its sentence says it all.

    >>> say_expected("ExpectColumnValuesToBeBetween", {"min_value": 25, "max_value": 100})
    '25 to 100'
    >>> say_expected("ExpectColumnValuesToBeBetween", {"max_value": 50, "mostly": 0.99})
    'at most 50, in 99% of rows'
    """
    values = [str(value) for value in arguments.get("value_set", [])]
    words = "" if values in (["yes"], ["no"]) else join_words(values)
    if words and "NotBeInSet" in expectation:
        words = f"not {words}"
    words = words or say_bounds(arguments) or SAID.get(expectation, "")
    mostly = arguments.get("mostly")
    return f"{words}, in {mostly:.0%} of rows" if mostly else words


def join_words(words: list[str]) -> str:
    """Returns words as a list in a sentence.

    >>> join_words(["A", "B", "C"])
    'A, B or C'
    """
    return " or ".join(filter(None, [", ".join(words[:-1]), *words[-1:]]))


def say_bounds(arguments: Mapping[str, Any]) -> str:
    """Returns the bounds of a rule in words.

    >>> say_bounds({"min_value": 0, "strict_min": True})
    'more than 0'
    """
    low, high = arguments.get("min_value"), arguments.get("max_value")
    if low is not None and high is not None:
        return f"{low:g}" if low == high else f"{low:g} to {high:g}"
    if low is not None:
        return f"{'more than' if arguments.get('strict_min') else 'at least'} {low:g}"
    return "" if high is None else f"at most {high:g}"


def several(n: int, word: str) -> str:
    """Returns a count with its noun.

    >>> several(1, "rule"), several(2, "rule")
    ('1 rule', '2 rules')
    """
    return f"{n} {word}" if n == 1 else f"{n} {word}s"


def say_counts(counts: Mapping[str, int]) -> str:
    """Returns what became of the rules, in a line.

    >>> say_counts({"rules": 9, "kept": 6, "stop": 0, "warn": 1, "note": 0, "unchecked": 2})
    '6 of 9 rules kept; broken: 0 stop rules, 1 warning, 0 notes; 2 not checked'
    """
    broken = f"{several(counts['stop'], 'stop rule')}, {several(counts['warn'], 'warning')}, "
    broken += several(counts["note"], "note")
    kept = f"{counts['kept']} of {counts['rules']} rules kept"
    return f"{kept}; broken: {broken}; {counts['unchecked']} not checked"
