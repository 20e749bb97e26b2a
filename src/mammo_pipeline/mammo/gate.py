"""The gate: a table of rules, read by one function, decides whether a model may pass."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

# Direction to (test, sign as it reads in a report).
DIRECTIONS = {
    "at_least": (lambda value, bound: value >= bound, ">="),
    "at_most": (lambda value, bound: value <= bound, "<="),
}


def judge_gate(
    rules: Iterable[Mapping[str, Any]], metrics: Mapping[str, float | None]
) -> list[dict[str, Any]]:
    """Returns one result per rule, in order: {name, value, bound, direction, passed, reason}.

    A metric that is missing, null or not finite does not pass: what was not measured is not met.

    Args:
        rules: Each has `name` (of a metric), `bound` and `direction` (at_least or at_most).
        metrics: Metric name to value.

    Raises:
        ValueError: A direction is unknown, or no rule is given: an empty gate would let all pass.

    >>> judge_gate([{"name": "auroc", "bound": 0.8, "direction": "at_least"}], {"auroc": 0.75})[0]
    {'name': 'auroc', 'value': 0.75, 'bound': 0.8, 'direction': 'at_least', 'passed': False, \
'reason': 'auroc is 0.75, expected >= 0.8'}
    """
    results = [judge_rule(rule, metrics.get(rule["name"])) for rule in rules]
    if not results:
        raise ValueError("the gate has no rule; an empty gate would let every model pass.")
    return results


def judge_rule(rule: Mapping[str, Any], value: float | None) -> dict[str, Any]:
    """Returns the result of one rule on one value; None and NaN do not pass."""
    name, bound, direction = rule["name"], rule["bound"], rule["direction"]
    if direction not in DIRECTIONS:
        raise ValueError(
            f"rule {name!r} has direction {direction!r}; expected one of {sorted(DIRECTIONS)}."
        )
    holds, sign = DIRECTIONS[direction]
    result = {"name": name, "value": value, "bound": bound, "direction": direction}
    if value is None or not math.isfinite(value):
        reason = f"{name} was not measured or is undefined, expected {sign} {bound:g}"
        return result | {"value": None, "passed": False, "reason": reason}
    passed = bool(holds(value, bound))
    word = "meets" if passed else "expected"
    return result | {"passed": passed, "reason": f"{name} is {value:.4g}, {word} {sign} {bound:g}"}


def gate_passed(results: Iterable[Mapping[str, Any]]) -> bool:
    """Returns whether every rule passed; False for no result at all.

    >>> gate_passed([])
    False
    """
    verdicts = [result["passed"] for result in results]
    return bool(verdicts) and all(verdicts)
