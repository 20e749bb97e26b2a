"""The figures that the gate may name, read out of the rooms' records."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def collect_figures(**records: Mapping[str, Any]) -> dict[str, float | None]:
    """Returns every figure of the records under `<record>.<path>`; a null stays null.

    >>> collect_figures(contract={"passed": True}, device_audit={"failed": 0})
    {'contract.passed': 1.0, 'device_audit.failed': 0.0}
    """
    figures: dict[str, float | None] = {}
    for name, record in records.items():
        figures |= _read_leaves(record, name)
        if "subgroups" in record:
            figures[f"{name}.subgroups.lowest_auroc"] = lowest_auroc(record["subgroups"])
    return figures


def lowest_auroc(subgroups: list[Mapping[str, Any]]) -> float | None:
    """Returns the AUROC of the worst subgroup that is large enough to be judged, None without one.

    >>> lowest_auroc([
    ...     {"small": False, "auroc": {"value": 0.8}}, {"small": True, "auroc": {"value": 0.1}}
    ... ])
    0.8
    """
    judged = [group["auroc"]["value"] for group in subgroups if not group["small"]]
    defined = [value for value in judged if value is not None]
    return min(defined) if defined else None


def _read_leaves(record: Mapping[str, Any], prefix: str) -> dict[str, float | None]:
    leaves: dict[str, float | None] = {}
    for key, value in record.items():
        name = f"{prefix}.{key}"
        if isinstance(value, Mapping):
            leaves |= _read_leaves(value, name)
        elif value is None:
            leaves[name] = None
        elif isinstance(value, bool | int | float):
            leaves[name] = float(value)
    return leaves
