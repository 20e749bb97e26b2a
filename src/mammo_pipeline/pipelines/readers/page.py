"""A reader study as sections of its page: each takes the record, returns one section."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mammo_pipeline.mammo.readers.table import ReaderStudy
from mammo_pipeline.mammo.scoring import roc_points
from mammo_pipeline.reporting import charts
from mammo_pipeline.reporting.page import show_figure, show_number
from mammo_pipeline.reporting.reader_chart import draw_readers

Section = dict[str, Any]
Record = Mapping[str, Any]


def tell_difference(found: Record) -> str:
    """Returns a mean difference in words, with p where one is defined."""
    p = "" if found["p"] is None else f", p = {show_number(found['p'])}"
    return f"{show_figure(found['figure'])}{p}"


def state_result(record: Record) -> str:
    """Returns the one sentence on top of the page."""
    if record["differences"]:
        parts = [
            f"{row['name']}: {tell_difference(row['random'])}" for row in record["differences"]
        ]
        return f"Mean difference of AUROC over readers and cases: {'; '.join(parts)}."
    mean = record["means"][0]
    return (
        f"Mean AUROC of the readers, {mean['modality']}: {show_figure(mean['random']['figure'])}."
    )


def show_means(record: Record) -> Section:
    """Returns each modality's mean area, for other readers and for these."""
    rows = []
    for mean in record["means"]:
        chance, these = mean["random"], mean["fixed"]
        rows.append(
            [mean["modality"], chance["figure"], chance["error"], chance["df"], these["figure"]]
        )
    return {
        "title": "Means over readers",
        "text": "The interval of random readers speaks of readers and cases like these; that of "
        "these readers speaks of these alone, on cases like these.",
        "table": {
            "columns": ["modality", "random readers", "standard error", "df", "these readers"],
            "rows": rows,
        },
    }


def show_differences(record: Record) -> Section:
    """Returns the differences between modalities: of the mean, and of each reader."""
    if not record["differences"]:
        text = "There is one modality, so that nothing can be subtracted."
        return {"title": "Differences between modalities", "text": text}
    rows, forest = [], []
    for row in record["differences"]:
        before = f"{row['name']}: " if len(record["differences"]) > 1 else ""
        for kind, name in (("random", "mean, random readers"), ("fixed", "mean, these readers")):
            found = row[kind]
            rows.append([row["name"], name, found["figure"], found["df"], found["t"], found["p"]])
            forest.append(_line(f"{before}{name}", found["figure"]))
        for one in row["by_reader"]:
            rows.append([row["name"], one["reader"], one["difference"], None, one["z"], one["p"]])
            forest.append(_line(f"{before}{one['reader']}", one["difference"], True))
    return {
        "title": "Differences between modalities",
        "text": _tell_tests(record),
        "chart": charts.forest_plot(
            forest, "difference of AUROC", "Difference of AUROC by reader", 0.0
        ),
        "caption": "Difference of AUROC: filled the means, hollow each reader (paired DeLong); "
        "dashed: no difference.",
        "table": {
            "columns": ["difference", "of", "AUROC", "df", "t or z", "p"],
            "rows": rows,
            "note": "The p of single readers are not corrected for their number.",
        },
    }


def _line(name: str, figure: Record, hollow: bool = False) -> dict[str, Any]:
    return {"name": name, "small": hollow, **{k: figure[k] for k in ("value", "low", "high")}}


def _tell_tests(record: Record) -> str:
    words = []
    for kind, name in (("random", "Random readers"), ("fixed", "These readers")):
        test = record["tests"][kind]
        if test["p"] is None:
            words.append(f"{name}: {test['reason']}.")
            continue
        first, second = test["df"]
        second = "∞" if second is None else show_number(second)
        words.append(
            f"{name}: F({first}, {second}) = {show_number(test['statistic'])}, "
            f"p = {show_number(test['p'])}."
        )
    return f"Whether all modalities have one mean AUROC. {' '.join(words)}"


def show_areas(record: Record) -> Section:
    """Returns each reader's area in each modality, and the model's beside them."""
    found = {(row["modality"], row["reader"]): row["auroc"] for row in record["areas"]}
    names = record["modalities"]
    rows = [[reader, *(found[name, reader] for name in names)] for reader in record["readers"]]
    forest = [
        _line(f"{reader}, {name}", found[name, reader], True)
        for reader in record["readers"]
        for name in names
    ]
    forest += [
        _line(f"mean, {row['modality']}", row["random"]["figure"]) for row in record["means"]
    ]
    if record["model"]:
        forest.append(_line("model", record["model"]["auroc"]))
    return {
        "title": "Areas by reader",
        "chart": charts.forest_plot(forest, "AUROC", "AUROC by reader and modality"),
        "caption": "AUROC of each reader (hollow, DeLong), the means over random readers, and the "
        "model where there is one.",
        "table": {"columns": ["reader", *names], "rows": rows},
    }


def show_points(record: Record, study: ReaderStudy) -> Section:
    """Returns where each reader stands at the threshold of recall, beside the model's curve."""
    keys = ("reader", "modality", "sensitivity", "specificity")
    rows = [[row[key] for key in keys] for row in record["points"]]
    columns = ["reader", "modality", "sensitivity", "specificity"]
    curves = {}
    if record["model"]:
        label = f"model, {show_figure(record['model']['auroc'])}"
        curves[label] = roc_points(study.labels, np.asarray(study.model))
        gaps = {(g["reader"], g["modality"]): g for g in record["model"]["points"]}
        columns += ["model less reader", "p"]
        rows = [[*row, *(gaps[row[0], row[1]][key] for key in ("difference", "p"))] for row in rows]
    points: dict[str, list[tuple[float, float]]] = {name: [] for name in record["modalities"]}
    for row in record["points"]:
        place = (1 - row["specificity"]["value"], row["sensitivity"]["value"])
        points[row["modality"]].append(place)
    return {
        "title": "Points of the readers",
        "text": f"A reader recalls a case that she scores {show_number(record['threshold'])} or "
        "more.",
        "chart": draw_readers(curves, points, "Readers' points and the model's curve"),
        "caption": "Sensitivity against 1 - specificity; a thin line joins one reader's points.",
        "table": {
            "columns": columns,
            "rows": rows,
            "note": "Wilson intervals take cases as independent. Model less reader: sensitivity on "
            "the model's curve at the reader's specificity, with an interval by patient bootstrap.",
        },
    }


def show_model(record: Record) -> Section:
    """Returns how far the model's area lies above the readers' mean, and above each reader."""
    rows = []
    for row in record["model"]["against"]:
        for kind, name in (("random", "mean, random readers"), ("fixed", "mean, these readers")):
            found = row[kind]
            rows.append([row["modality"], name, found["figure"], found["df"], found["p"]])
        for one in row["by_reader"]:
            rows.append([row["modality"], one["reader"], one["difference"], None, one["p"]])
    return {
        "title": "Model against readers",
        "text": f"The model alone: AUROC {show_figure(record['model']['auroc'])}. Above 0 the "
        "model ranks better.",
        "table": {
            "columns": ["readers'", "of", "model less reader", "df", "p"],
            "rows": rows,
            "note": "The p of single readers are not corrected for their number.",
        },
    }


def tell_method(record: Record) -> Section:
    """Returns how the figures were made, and the components behind the tests."""
    parts = record["tests"]["random"]["components"]
    return {
        "title": "Method",
        "text": "Areas are trapezoidal, ties half. Their covariance over cases is DeLong's, "
        "clustered by patient where one has several cases. Means and differences follow Obuchowski "
        "and Rockette (1995) with the degrees of freedom of Hillis (2007); the model beside "
        "readers, Hillis's one-sample form.",
        "table": {
            "columns": ["component", "value"],
            "rows": [
                ["variance of one reading", parts["var"]],
                ["cov1: same reader, another modality", parts["cov1"]],
                ["cov2: another reader, same modality", parts["cov2"]],
                ["cov3: both different", parts["cov3"]],
            ],
            "folded": True,
            "caption": "Error covariance of the areas",
        },
    }
