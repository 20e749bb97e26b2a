"""What changed since the last audit page, as its section."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from mammo_pipeline.reporting.audit.identity import shorten
from mammo_pipeline.reporting.page import show_number

TITLE = "Changes since the last page"
DIGEST = re.compile(r"[0-9a-f]{40,}")


def show_changes(record: Mapping[str, Any] | None) -> dict[str, Any]:
    """Returns the section of what changed.

    Args:
        record: Of `mammo.changes.compare_evaluations`; None before there is anything to compare.
    """
    if record is None:
        return {"title": TITLE, "text": "This is the first evaluation of this study."}
    same = [one["part"] for one in record["parts"] if one["same"]]
    warning = f"{record['warning']}\n\n" if record["warning"] else ""
    return {
        "title": TITLE,
        "text": f"{warning}Compared with the evaluation of {record['before_when']}, the last that "
        f"differs from this one. The same as then: {', '.join(same) or 'nothing'}. "
        f"{_tell_gates(record)}",
        "table": [
            {
                "caption": "What is another",
                "columns": ["part", "before", "now"],
                "rows": [
                    [one["part"], _show_part(one["before"]), _show_part(one["now"])]
                    for one in record["parts"]
                    if not one["same"]
                ],
            },
            {
                "caption": "Figures before and now",
                "columns": ["figure", "before", "now", "difference", "intervals"],
                "rows": [_show_row(row) for row in record["figures"]],
                "note": "Each interval is that of its own evaluation. Intervals that overlap are "
                "no proof of equality: on the same breasts two models differ by less than either "
                "is uncertain, and only a paired comparison of their scores can tell.",
            },
        ],
    }


def _tell_gates(record: Mapping[str, Any]) -> str:
    moved = [f"{row['gate']}: {row['before']}, now {row['now']}" for row in record["gates"]]
    told = [f"Gates whose outcome is another: {'; '.join(moved) or 'none'}."]
    alarms = record["alarms"]
    if alarms["new"]:
        told.append(f"Shortcut alarms that ring anew: {', '.join(alarms['new'])}.")
    if alarms["gone"]:
        told.append(f"Shortcut alarms that ring no more: {', '.join(alarms['gone'])}.")
    return " ".join(told)


def _show_part(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name.replace('_', ' ')} {n}" for name, n in value.items())
    if isinstance(value, float):
        return show_number(value)
    if value is None:
        return "not stated"
    return shorten(value) or "" if DIGEST.fullmatch(str(value)) else str(value)


def _show_row(row: Mapping[str, Any]) -> list[Any]:
    overlap = {True: "overlap", False: {"state": "warn", "text": "apart"}, None: "no interval"}
    sides = [_show_side(row[side]) for side in ("before", "now")]
    return [row["figure"].replace("_", " "), *sides, row["difference"], overlap[row["overlap"]]]


def _show_side(figure: Mapping[str, Any] | None) -> Any:
    if figure is None:
        return {"value": None, "low": None, "high": None, "reason": "was not measured"}
    return figure
