"""The shortcut audit as a section of the audit page: the alarms first, then what they rest on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mammo_pipeline.reporting import charts

Section = dict[str, Any]
Record = Mapping[str, Any]

AGES = {"without_age": "without age", "with_age": "with age"}
MODELS = {"both": "mean of both", "logistic": "logistic regression", "boosting": "boosting"}
SCORES = {
    "whole": "of the score",
    "within": "of the score less its outcome's mean",
    "device": "the same, by the device alone",
}
PROBES = {"all": "all images", "without_cancer": "images without cancer"}
PAIRS = {"within": "within a source", "between": "between sources", "whole": "all pairs"}


def show_shortcuts(record: Record, pictures: Mapping[str, np.ndarray] | None = None) -> Section:
    """Returns the section: alarms, metadata, probes, masks, and pairs within and between sources.

    Args:
        record: Of `mammo.shortcuts.verdict.judge_shortcuts`.
        pictures: Caption to uint8 picture, of `mammo.shortcuts.masking.picture_masks`.
    """
    tables = [
        tabulate_alarms(record),
        _explain_alarms(record),
        *_tabulate_metadata(record["metadata"]),
        *_tabulate_probes(record["embedding"]),
        *_tabulate_masking(record["masking"]),
        *_tabulate_pairs(record["injection"]),
    ]
    drawn = [
        chart
        for chart in (_draw_pairs(record["injection"]), _draw_masking(record["masking"]))
        if chart
    ]
    section: Section = {
        "title": "Shortcuts",
        "text": f"{count_alarms(record)}\n\n{_INTRODUCTION}",
        "table": tables,
    }
    if drawn:
        section |= {"chart": drawn, "caption": _CAPTION}
    if pictures:
        section["image"] = charts.image_grid(list(pictures.values()), list(pictures))
        section["caption"] = f"{section.get('caption', '')} Pictures: one image under each mask."
    return section


_INTRODUCTION = (
    "A score may follow the cancer, or something that merely goes along with it: the device, the "
    "site, the date, a marker. Four questions are asked: what metadata alone say of the outcome "
    "and of our score; whether the net's embedding tells the source and the score uses it; what "
    "the score still says with the cancer out of sight; and whether pairs of two sources are "
    "ranked better than pairs of one. An alarm rings when the lower end of the interval lies above "
    "its bound. No alarm is no proof: a shortcut that these questions do not name is not sought."
)
_CAPTION = (
    "AUC by kind of pair, and on masked images, with intervals; dashed: 0.5, guessing. Pairs: one "
    "breast with cancer and one without."
)


def count_alarms(record: Record) -> str:
    """Returns how many alarms rang, in one sentence.

    >>> count_alarms({"alarmed": 0, "unmeasured": 1, "alarms": [{}] * 3})
    'No alarm of 3 rang; 1 could not be measured.'
    """
    count, total = record["alarmed"], len(record["alarms"])
    rung = {0: f"No alarm of {total} rang", 1: f"1 alarm of {total} rang"}
    said = rung.get(count, f"{count} alarms of {total} rang")
    lost = record["unmeasured"]
    return f"{said}; {lost} could not be measured." if lost else f"{said}."


def tabulate_alarms(record: Record) -> dict[str, Any]:
    """Returns the table of alarms: what was asked, whether it rang, what was found, the bound."""
    states = {
        True: {"state": "failed", "text": "alarm"},
        False: {"state": "passed", "text": "quiet"},
        None: {"state": "info", "text": "not measured"},
    }
    rows = [
        [alarm["name"], states[alarm["alarmed"]], alarm["found"], alarm["bound"]]
        for alarm in record["alarms"]
    ]
    return {
        "caption": "Alarms",
        "columns": ["question", "result", "found", "bound"],
        "rows": rows,
        "note": "Bounds are parameters. The question of the embedding also needs a score that "
        "differs by source without cancer and follows the share of cancers in the data learnt "
        "from.",
    }


def _explain_alarms(record: Record) -> dict[str, Any]:
    # Apart from the figures: sentences beside four columns do not fit a narrow frame.
    rows = [[alarm["name"], alarm["words"]] for alarm in record["alarms"]]
    return {"caption": "What that means", "columns": ["question", "meaning"], "rows": rows}


def _tell_reason(caption: str, reason: str) -> dict[str, Any]:
    return {"caption": caption, "columns": ["not measured"], "rows": [[reason]]}


def _tabulate_metadata(record: Record) -> list[dict[str, Any]]:
    if "reason" in record:
        return [_tell_reason("Metadata alone", record["reason"])]
    rows: list[list[Any]] = []
    for name, age in AGES.items():
        part = record[name]
        if "reason" in part:
            rows.append([f"{age}: {part['reason']}", None])
            continue
        rows += [[f"{age}: outcome, AUC, {MODELS[m]}", part["label"][m]] for m in MODELS]
        rows += [
            [f"{age}: share explained {words}", part["score"][s]]
            for s, words in SCORES.items()
            if s in part["score"]
        ]
        rows.append([f"{age}: score leans on the stated risk, r", part["score"]["lean"]])
    used = record["with_age"].get("columns", [])
    absent = record["absent"]
    note = f"Learnt from {record['trained_on']}. Columns that vary: {', '.join(used) or 'none'}."
    note += f" Not in the table: {', '.join(absent)}." if absent else ""
    note += " Age is an honest risk: the alarm leaves it out."
    return [
        {"caption": "Metadata alone", "columns": ["figure", "value"], "rows": rows, "note": note}
    ]


def _tabulate_probes(records: Mapping[str, Record]) -> list[dict[str, Any]]:
    tables = []
    for source, record in records.items():
        caption = f"The net's embedding and the {source.removesuffix('_id')}"
        if "reason" in record:
            tables.append(_tell_reason(caption, record["reason"]))
            continue
        rows: list[list[Any]] = [
            [f"{source.removesuffix('_id')} told from {words}, AUC", _figure(record["probe"][name])]
            for name, words in PROBES.items()
        ]
        use = record["use"]
        if "reason" not in use:
            rows += [
                ["score without cancer: share of variance between sources", use["eta2"]],
                ["p of that, by permutation", use["eta2_p"]],
                ["outcome and source in the data learnt from, Cramer's V", use["cramers_v"]],
                ["p of that, by permutation", use["confounded_p"]],
                ["score without cancer along the sources' odds of cancer, r", use["lean"]],
                ["p of that, one-sided", use["lean_p"]],
            ]
        tables.append(
            {
                "caption": caption,
                "columns": ["figure", "value"],
                "rows": rows,
                "note": f"{record['verdict']}. {record['words']}",
            }
        )
        if "mean_scores" in use:
            tables.append(_tabulate_sources(source, use))
    return tables


def _figure(probe: Record) -> dict[str, Any]:
    return {
        "value": probe["auc"],
        "low": probe["low"],
        "high": probe["high"],
        "reason": probe.get("reason"),
    }


def _tabulate_sources(source: str, use: Record) -> dict[str, Any]:
    rows = [
        [name, mean, use["log_odds"].get(name)] for name, mean in sorted(use["mean_scores"].items())
    ]
    return {
        "caption": f"Score without cancer, by {source.removesuffix('_id')}",
        "columns": [source.removesuffix("_id"), "mean logit", "log odds of cancer, learnt from"],
        "rows": rows,
        "folded": True,
    }


def _tabulate_masking(record: Record) -> list[dict[str, Any]]:
    if "reason" in record:
        return [_tell_reason("Cancer out of sight", record["reason"])]
    return [
        {
            "caption": "Cancer out of sight",
            "columns": ["mask", "AUC of the score", "what it leaves"],
            "rows": [
                [name.replace("_", " "), part["auc"], part["leaves"]]
                for name, part in record.items()
            ],
        }
    ]


def _tabulate_pairs(record: Record) -> list[dict[str, Any]]:
    parted, added = record.get("parted", {}), record.get("added", {})
    tables = []
    if "gap" in parted:
        rows = [[words, parted[name]] for name, words in PAIRS.items()]
        rows.append(["between minus within", parted["gap"]])
        tables.append(
            {
                "caption": "Pairs within and between sources",
                "columns": ["AUC over pairs", "this model"],
                "rows": rows,
                "note": f"{parted['pairs']['within']} pairs within and "
                f"{parted['pairs']['between']} between {len(parted['sources'])} sources.",
            }
        )
    else:
        reason = parted.get("reason", "not measured")
        tables.append(_tell_reason("Pairs within and between sources", reason))
    if "gain" in added:
        columns = ["AUC over pairs", "before", "after", "gain"]
        rows = [
            [words, added["before"][name], added["after"][name], added["gain"][name]]
            for name, words in PAIRS.items()
        ]
        rows.append(["gain between minus gain within", None, None, added["excess"]])
        caption = "An added source of data"
        tables.append(
            {"caption": caption, "columns": columns, "rows": rows, "note": added["words"]}
        )
    return tables


def _draw_pairs(record: Record) -> str | None:
    """Returns a line a kind of pair, of the model now, and before and after a source was added."""
    parted, added = record.get("parted", {}), record.get("added", {})
    rows = []
    for name in ("within", "between"):
        if "gain" in added:
            rows += [
                {"name": f"{PAIRS[name]}, {at}", "small": at == "before", **added[at][name]}
                for at in ("before", "after")
            ]
        elif "gap" in parted:
            rows.append({"name": PAIRS[name], **parted[name]})
    if not rows:
        return None
    return charts.forest_plot(rows, "AUC over pairs", "AUC within and between sources", 0.5)


def _draw_masking(record: Record) -> str | None:
    if "reason" in record:
        return None
    rows = [{"name": name.replace("_", " "), **part["auc"]} for name, part in record.items()]
    return charts.forest_plot(rows, "AUC of the score", "AUC of the score on masked images", 0.5)
