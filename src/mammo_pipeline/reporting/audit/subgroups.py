"""Subgroups and their gaps as one section of the audit page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mammo_pipeline.mammo.bias.gaps import NAMES, summarize_gaps
from mammo_pipeline.reporting.forest_chart import draw_forest

Section = dict[str, Any]
AXES = {
    "site_id": "site",
    "age_band": "age",
    "laterality": "breast",
    "lesion_kind": "cancers showing",
    "lesion_size": "cancers of size",
    "view": "scored from",
}
# A gap's table shows this many rows; the rest opens at a click.
FIRST_GAPS = 8
MORE = {
    "recall rate": ("recall_rate",),
    "specificity": ("specificity",),
    "observed / expected": ("calibration", "observed_expected"),
    "slope": ("calibration", "slope"),
    "calibration error": ("calibration", "error"),
}


def show_subgroups(records: Sequence[Mapping[str, Any]], whole: Mapping[str, Any]) -> Section:
    """Returns the forests of AUROC and sensitivity, the table, and the gaps sorted by p.

    Args:
        records: What `bias.measure.measure_subgroups` returned.
        whole: The figures over everything: auroc and sensitivity, each {value, ...}.
    """
    section: Section = {"title": "Subgroups"}
    if not records:
        return section | {"text": "No subgroup was measured."}
    charts = [
        draw_forest(_list_rows(records, name), label, f"{label} by subgroup", _value(whole, name))
        for name, label in (("auroc", "AUROC"), ("sensitivity", "sensitivity"))
    ]
    return section | {
        "text": "The same ensemble and the same frozen threshold in each subgroup, small ones "
        "included. A lesion's kind and size belong to cancers: such a group holds the cancers "
        "that show it and every breast without cancer. Scored from CC or MLO: the same breasts, "
        f"from the images of one view alone.\n\n{summarize_gaps(records)['text']}",
        "chart": charts,
        "caption": "Breasts with cancer / all in brackets; hollow: small; dashed: the whole test "
        "set.",
        "table": [*_show_main(records), _show_more(records), *_show_gaps(records)],
    }


def name_group(record: Mapping[str, Any]) -> str:
    """Returns axis and group in words.

    >>> name_group({"axis": "device x age_band", "group": "GE x 50 to 59"})
    'device x age: GE x 50 to 59'
    """
    return f"{name_axis(record['axis'])}: {record['group']}"


def name_axis(axis: str) -> str:
    """Returns an axis in words.

    >>> name_axis("lesion_size")
    'cancers of size'
    """
    return " x ".join(AXES.get(part, part.replace("_", " ")) for part in axis.split(" x "))


def _value(whole: Mapping[str, Any], name: str) -> float | None:
    found: float | None = whole[name]["value"] if name in whole else None
    return found


def _list_rows(records: Sequence[Mapping[str, Any]], name: str) -> list[dict[str, Any]]:
    """Returns the rows of a forest; intersections, which are many and small, stay in the table."""
    return [
        {
            "axis": name_axis(record["axis"]),
            "name": f"{record['group']} ({record['positives']}/{record['n']})",
            "small": record["small"],
            **{key: record[name][key] for key in ("value", "low", "high")},
        }
        for record in records
        if " x " not in record["axis"]
    ]


def _grey(record: Mapping[str, Any]) -> Any:
    """Returns the group's name, in grey when it is small."""
    name = name_group(record)
    return {"state": "faint", "text": f"{name} (small)"} if record["small"] else name


def _fade(record: Mapping[str, Any], figure: Mapping[str, Any]) -> Any:
    """Returns a figure as a cell, in grey in a small subgroup, a dash where there is none."""
    # The reasons are many and alike; why there is none stands in the record.
    if figure["value"] is None:
        return None
    return dict(figure) | ({"faint": True} if record["small"] else {})


def _show_main(records: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Returns the subgroups, and their intersections, which are many, folded."""
    rows = [
        [_grey(r), f"{r['positives']} / {r['n']}", _fade(r, r["auroc"]), _fade(r, r["sensitivity"])]
        for r in records
    ]
    crossed = [" x " in record["axis"] for record in records]
    parts = [[r for r, x in zip(rows, crossed, strict=True) if x == wanted] for wanted in (0, 1)]
    columns = ["subgroup", "cancers / all", "AUROC", "sensitivity"]
    note = (
        "AUROC: bootstrap of all patients, stratified by outcome; an area of 1 gets no width from "
        "it, which is no certainty. Shares: Wilson, with fewer breasts the more alike those of one "
        "woman are. Grey: small."
    )
    main = {"columns": columns, "rows": parts[0], "caption": "Subgroups", "note": note}
    rest = {"columns": columns, "rows": parts[1], "caption": "Intersections", "folded": True}
    return [main, rest] if parts[1] else [main]


def _show_more(records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    rows = [
        [_grey(r), r["patients"], *(_follow(r, path) for path in MORE.values())] for r in records
    ]
    return {
        "columns": ["subgroup", "patients", *MORE],
        "rows": rows,
        "caption": "Recall, specificity and calibration by subgroup",
        "folded": True,
    }


def _follow(record: Mapping[str, Any], path: Sequence[str]) -> Any:
    found: Any = record
    for key in path:
        found = found[key]
    return _fade(record, found)


def _show_gaps(records: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Returns the gaps sorted by p: the first, and the rest folded."""
    tested = [
        (gap["p"], number, name, record, gap)
        for number, record in enumerate(records)
        for name, gap in record["gaps"].items()
        if gap["counted"]
    ]
    rows = [
        [_grey(record), NAMES[name], _fade(record, gap), _show_p(gap), _judge(gap)]
        for _, _, name, record, gap in sorted(tested, key=lambda entry: entry[:2])
    ]
    columns = ["subgroup", "figure", "gap", "p, adjusted", "verdict"]
    first = {"columns": columns, "rows": rows[:FIRST_GAPS], "caption": "Largest gaps, by p"}
    first["note"] = (
        "Subgroup less everyone else of its axis; normal interval, uncontrolled. Behind p, the p "
        "adjusted for the number of gaps."
    )
    rest = {"columns": columns, "rows": rows[FIRST_GAPS:], "folded": True}
    more = [rest | {"caption": f"The other {len(rows) - FIRST_GAPS} gaps"}]
    return [first, *(more if len(rows) > FIRST_GAPS else [])] if rows else []


def _show_p(gap: Mapping[str, Any]) -> str:
    return f"{_round_p(gap['p'])}, {_round_p(gap['p_adjusted'])}"


def _round_p(p: float) -> str:
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def _judge(gap: Mapping[str, Any]) -> Any:
    if gap["significant"]:
        return {"state": "warn", "text": "holds"}
    return "by chance" if gap["p"] > gap["alpha"] else "one of many"
