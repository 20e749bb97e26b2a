"""What the page of the room `compare` shows beside the figures of the ensemble."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mammo_pipeline.pipelines.compare.pairs import ALL
from mammo_pipeline.reporting.charts import forest_plot

Record = dict[str, Any]
SHOWN = {"auroc": "AUROC", "sensitivity": "sensitivity", "specificity": "specificity"}


def list_facts(evaluation: Mapping[str, Any]) -> Record:
    """Returns the facts on top of the page."""
    count = evaluation["count"]
    facts = {label: evaluation[name] for name, label in SHOWN.items()}
    return facts | {
        "units": count["breasts"],
        "with cancer": count["positives"],
        "patients": count["patients"],
        "models": len(evaluation["models"]),
    }


def show_models(models: Sequence[Mapping[str, Any]]) -> Record:
    """Returns each model beside the ensemble: areas, and the paired difference with p.

    Args:
        models: What `pairs.compare_each` returned.
    """
    known = [one for one in models if "reason" not in one]
    known = sorted(known, key=lambda one: -(one["auroc"]["second"]["value"] or 0))
    ensemble = known[0]["auroc"]["first"] if known else None
    lines = [{"name": one["model"], "small": False, **one["auroc"]["second"]} for one in known]
    section: Record = {
        "title": "Each model, and all of them",
        "text": "Every model alone was calibrated and given its threshold on tune by the rules "
        "of the ensemble. Differences are the ensemble's figure less the model's, on the same "
        "breasts; p of the area by DeLong's test with patients as clusters, of the rates by the "
        "paired bootstrap. They are not corrected for the number of models.",
        "table": [
            {
                "caption": "Areas",
                "columns": ["model", "AUROC", "ensemble less model", "p"],
                "rows": [_tell_area(one) for one in known],
            },
            {
                "caption": "At each one's own frozen threshold",
                "columns": ["model", "sensitivity", "difference", "specificity", "difference "],
                "rows": [_tell_point(one) for one in known],
                "folded": True,
            },
        ],
    }
    if left_out := [[one["model"], one["reason"]] for one in models if "reason" in one]:
        columns = ["model", "why"]
        section["table"].append({"caption": "Not compared", "columns": columns, "rows": left_out})
    if ensemble is None:
        return section
    lines = [{"name": ALL, "small": False, **ensemble}, *lines]
    chart = forest_plot(lines, "AUROC", "AUROC of each model", ensemble["value"])
    return section | {"chart": chart, "caption": "AUROC of each model; dashed: all of them."}


def _tell_area(one: Mapping[str, Any]) -> list[Any]:
    area = one["auroc"]
    return [one["model"], area["second"], area["difference"], area["delong"]["p"]]


def _tell_point(one: Mapping[str, Any]) -> list[Any]:
    found = one["operating"]
    cells = [[found[name]["second"], found[name]["difference"]] for name in list(SHOWN)[1:]]
    return [one["model"], *cells[0], *cells[1]]


def show_rows(count: Mapping[str, int]) -> Record:
    """Returns what became of every row of the table."""
    names = {
        "rows": "rows of the table",
        "tune_rows": "on tune",
        "test_rows": "on test",
        "rows_without_outcome": "without an outcome, left out",
        "images": "images measured",
        "breasts": "units measured",
    }
    return {
        "title": "The table",
        "table": {"columns": ["rows", "n"], "rows": [[names[k], count[k]] for k in names]},
    }
