"""The verdict of the audit page: its word on top, and one row a gate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

SIGNS = {"at_least": "≥", "at_most": "≤"}


def state_verdict(
    gates: Sequence[Mapping[str, Any]], alarms: Sequence[Mapping[str, Any]] = ()
) -> dict[str, str]:
    """Returns the page's verdict: {state, text}.

    `failed` where a gate failed, `info` where none was judged, else `passed`. An alarm of the
    shortcut audit changes no gate; it is named in the text.

    Args:
        gates: Verdicts: name, value, bound, direction, passed, reason, why.
        alarms: Of the shortcut audit: name, alarmed, words.

    >>> state_verdict([{"name": "auroc", "passed": True, "reason": "", "value": 0.9}])
    {'state': 'passed', 'text': '1 of 1 gates met.'}
    """
    failed = [gate for gate in gates if not gate["passed"]]
    unjudged = sum(gate["value"] is None and gate["passed"] for gate in gates)
    if not gates:
        state, text = "info", "No gate was judged: the figures stand without a verdict."
    elif failed:
        reasons = "; ".join(gate["reason"] for gate in failed)
        state, text = "failed", f"{len(failed)} of {len(gates)} gates not met: {reasons}."
    else:
        state, text = "passed", f"{len(gates) - unjudged} of {len(gates)} gates met."
    if unjudged:
        text += f" {unjudged} had nothing to judge in this study."
    ringing = [alarm["name"] for alarm in alarms if alarm["alarmed"]]
    if ringing:
        text += f" Shortcut alarms that ring: {', '.join(ringing)}."
    if silenced := sum(alarm["alarmed"] is None for alarm in alarms):
        text += f" {silenced} of {len(alarms)} shortcut alarms could not be measured."
    return {"state": state, "text": text}


def show_verdict(
    gates: Sequence[Mapping[str, Any]], alarms: Sequence[Mapping[str, Any]] = ()
) -> dict[str, Any]:
    """Returns the section of the gates, failed ones first, and of the shortcut alarms beside them.

    Args:
        gates: As `state_verdict` takes them.
        alarms: As `state_verdict` takes them; `found` and `bound` are shown where they are.
    """
    order = sorted(gates, key=lambda gate: bool(gate["passed"]))
    tables = [
        {
            "caption": "Gates",
            "columns": ["gate", "verdict", "found", "bound", "why this gate"],
            "rows": [_show_gate(gate) for gate in order],
        }
    ]
    if alarms:
        ringing = sorted(alarms, key=lambda alarm: not alarm["alarmed"])
        tables.append(
            {
                "caption": "Shortcut alarms",
                "columns": ["alarm", "state", "found", "bound", "in words"],
                "rows": [_show_alarm(alarm) for alarm in ringing],
                "note": "An alarm closes no gate: it is a question to the reviewer. Its section "
                "says how it was measured.",
            }
        )
    return {
        "title": "Verdict by gate",
        "text": "A gate is a bound that was written down before the test set was opened. A figure "
        "that was not measured does not pass, unless its gate says that it may be undefined. The "
        "room release judges the same gates by the same rule before it offers a model.",
        "table": tables,
    }


def _show_gate(gate: Mapping[str, Any]) -> list[Any]:
    word = "passed" if gate["passed"] else "failed"
    state = {"state": word, "text": word}
    if gate["passed"] and gate["value"] is None:
        state = {"state": "warn", "text": "not judged"}
    found = gate["value"] if gate["value"] is not None else "undefined"
    bound = f"{SIGNS.get(gate['direction'], gate['direction'])} {gate['bound']:g}"
    return [name_gate(gate["name"]), state, found, bound, gate.get("why") or gate["reason"]]


def name_gate(name: str) -> str:
    """Returns a gate's name in words.

    >>> name_gate("evaluation.auroc.low"), name_gate("device_audit.failed")
    ('evaluation: auroc, low', 'device audit: failed')
    """
    head, *rest = name.replace("_", " ").split(".")
    rest = [part for part in rest if part != "value"]
    return f"{head}: {', '.join(rest)}" if rest else head


def _show_alarm(alarm: Mapping[str, Any]) -> list[Any]:
    state: Any = {"state": "warn", "text": "rings"} if alarm["alarmed"] else "silent"
    if alarm["alarmed"] is None:
        state = {"state": "info", "text": "not measured"}
    return [alarm["name"], state, alarm.get("found"), alarm.get("bound"), alarm.get("words", "")]
