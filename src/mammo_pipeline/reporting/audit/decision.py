"""The decision curve on the audit page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mammo_pipeline.reporting.decision_chart import decision_curve

Section = dict[str, Any]

ROWS = 10


def show_decision_curve(record: Mapping[str, Any], where: str = "this set") -> Section:
    """Returns the decision curve, where it helps, and its figures at about ten thresholds.

    Args:
        record: What `decision.measure_decision` returned.
        where: Whose prevalence it is.
    """
    share = f"{record['prevalence']:.2%}"
    section: Section = {"title": f"Decision curve at the prevalence of {where}, {share}"}
    text = [record["meaning"]]
    if record["assumption"]:
        text.append(
            f"The probabilities were moved to a prevalence of {share}, and sensitivity and "
            f"specificity weighted by it. {record['assumption']}"
        )
    if record["reason"]:
        return section | {"text": "\n\n".join([*text, f"No curve: {record['reason']}."])}
    text.append(tell_useful_range(record))
    step = max(1, len(record["thresholds"]) // ROWS)
    keys = ["thresholds", "model", "treat_all", "advantage"]
    rows = list(zip(*(record[key][::step] for key in keys), strict=True))
    return section | {
        "text": "\n\n".join(text),
        "chart": decision_curve(record, f"Decision curve at {share} with cancer"),
        "caption": f"Net benefit with its {record['level']:.0%} band of {record['n']} breasts, "
        f"{record['positives']} with cancer; upright: the prevalence.",
        "table": {
            "columns": ["threshold", "model", "recall all", "above the better of all and none"],
            "rows": [list(row) for row in rows],
            "note": "Patient bootstrap, stratified by outcome; each threshold by itself.",
        },
    }


def tell_useful_range(record: Mapping[str, Any]) -> str:
    """Returns between which thresholds the model is worth more than all and none, in a sentence."""
    pairs = list(zip(record["thresholds"], record["advantage"], strict=True))
    better = [t for t, found in pairs if found["value"] > 0]
    surely = [t for t, found in pairs if found["low"] is not None and found["low"] > 0]
    if not better:
        return "At none of these thresholds is the model worth more than recalling all or none."
    told = f"The model is worth more than both at {len(better)} of {len(pairs)} thresholds"
    told += f", the lowest {min(better):.2g}, the highest {max(better):.2g}"
    if surely:
        return (
            f"{told}; at {len(surely)} of them (between {min(surely):.2g} and {max(surely):.2g}) "
            "the whole interval lies above 0."
        )
    return f"{told}; at none of them does the whole interval lie above 0."
