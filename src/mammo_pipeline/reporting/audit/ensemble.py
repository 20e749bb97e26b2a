"""How the ensemble was made, on the audit page: its members, the choice among ways, diversity."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mammo_pipeline.mammo.ensembling.freeze import describe_combination
from mammo_pipeline.reporting import charts
from mammo_pipeline.reporting.matrix_chart import matrix_chart
from mammo_pipeline.reporting.page import show_figure

Section = dict[str, Any]

WAYS = {
    "best_single": "best single member",
    "mean_logits": "mean of logits",
    "rank_mean": "mean of ranks",
    "greedy": "greedy selection",
    "stacked": "stacked logistic",
}
METRICS = {"log_loss": "log loss", "auroc": "AUROC"}


def show_ensemble(ensemble: Mapping[str, Any]) -> Section:
    """Returns the members with weights and gains, the ways that were compared, and the rule.

    Args:
        ensemble: As frozen: members, combination, flips, aggregation, selection, gains, note.
    """
    selection = ensemble["selection"]
    metric = METRICS[selection["metric"]]
    count = f"{selection['n']} tune breasts of {selection['patients']} patients, "
    count += f"{selection['positives']} with cancer, {selection['folds']} folds"
    gain = selection["gain"]
    text = (
        f"An image's uncalibrated score is {describe_combination(ensemble)}. Chosen: "
        f"{_name_way(selection['chosen'])}; the best by figure alone: "
        f"{_name_way(selection['best'])}. Gain over the best single member: {show_figure(gain)} "
        f"of {metric}, n = {gain['n']} ({gain['how']}).\n\n{selection['rule']}"
    )
    if selection.get("note"):
        text += f" {selection['note']}"
    return {
        "title": "Ensemble",
        "text": f"{text}\n\n{ensemble['note']}" if "note" in ensemble else text,
        "table": [list_ways(selection, metric, count), list_members(ensemble)],
    }


def list_ways(selection: Mapping[str, Any], metric: str, count: str) -> dict[str, Any]:
    """Returns the table of the ways to combine, simplest first."""
    rows = [
        [
            _name_way(row),
            row[selection["metric"]],
            row["behind"],
            row["standard_error"] if row["behind"]["value"] is not None else None,
            _state_way(row),
        ]
        for row in selection["candidates"]
    ]
    return {
        "columns": ["way to combine", metric, "behind the best", "standard error", "outcome"],
        "rows": rows,
        "caption": f"Ways to combine, simplest first ({count})",
    }


def _state_way(row: Mapping[str, Any]) -> Any:
    if row["chosen"]:
        return {"state": "passed", "text": "chosen"}
    if row["reason"]:
        return str(row["reason"])
    return "within one standard error, less simple" if row["within"] else "worse than the best"


def list_members(ensemble: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the table of members: weight, gain, digest."""
    gains = {row["name"]: row["gain"] for row in ensemble["gains"]}
    rows = [
        [m["name"], m["weight"], gains.get(m["name"]), m.get("sha256", "")[:12] or None]
        for m in ensemble["members"]
    ]
    how = next((row["gain"]["how"] for row in ensemble["gains"]), "")
    return {
        "columns": ["member", "weight", "gain of the member", "digest"],
        "rows": rows,
        "caption": "Members",
        "note": f"Gain: {how}." if how else None,
    }


def show_diversity(ensemble: Mapping[str, Any]) -> Section:
    """Returns how alike the members that were offered err, and the gain of each that was taken.

    Args:
        ensemble: As frozen: diversity, gains, members.
    """
    diversity = ensemble["diversity"]
    names = diversity["names"]
    means = [_show_mean(diversity[f"mean_{key}"]) for key in ("errors", "ranks")]
    section: Section = {
        "title": "Diversity of the members",
        "text": f"Of the {len(names)} members offered, errors of two correlate on average by "
        f"{means[0]}, ranks within an outcome class by {means[1]}, on {diversity['n']} tune "
        "breasts. Near 1 two members say the same, and a second one adds nothing; the lower, the "
        f"more an ensemble can gain.\n\nErrors: {diversity['how']['errors']}. Ranks: "
        f"{diversity['how']['ranks']}.",
        "table": {
            "columns": ["correlation of errors", *names],
            "rows": [[n, *row] for n, row in zip(names, diversity["errors"], strict=True)],
            "caption": "Correlation of errors, every pair",
            "folded": True,
        },
    }
    drawn = _draw_charts(ensemble)
    if not drawn:
        return section
    caption = "First: correlation of the members' errors, hatched where negative. Second: what the "
    caption += "ensemble loses without each member; right of 0 the member helps."
    return section | {"chart": drawn, "caption": caption}


def _show_mean(value: float | None) -> str:
    return "no figure (fewer than two)" if value is None else f"{value:.2f}"


def _draw_charts(ensemble: Mapping[str, Any]) -> list[str]:
    diversity, gains = ensemble["diversity"], ensemble["gains"]
    if len(diversity["names"]) < 2:
        return []
    drawn = [matrix_chart(diversity["names"], diversity["errors"], "Correlation of errors")]
    rows = [{"name": row["name"], **row["gain"]} for row in gains]
    metric = METRICS[ensemble["selection"]["metric"]]
    return [*drawn, charts.forest_plot(rows, f"gain in {metric}", "Gain of each member", 0.0)]


def _name_way(way: Mapping[str, Any]) -> str:
    """Returns a way in words.

    >>> _name_way({"method": "greedy", "flips": ["none", "up_down"]})
    'greedy selection, flips none and up down'
    """
    flips = [flip.replace("_", " ") for flip in way["flips"]]
    return WAYS[way["method"]] + ("" if flips == ["none"] else f", flips {' and '.join(flips)}")
