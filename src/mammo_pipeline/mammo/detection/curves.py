"""Every figure of the free-response curve, of all lesions, of breasts and of groups of lesions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from mammo_pipeline.mammo.bins import assign_bins
from mammo_pipeline.mammo.detection.estimates import count_patients, estimate_share
from mammo_pipeline.mammo.detection.froc import (
    Findings,
    area_to,
    froc_points,
    point_at,
    sensitivity_at,
)
from mammo_pipeline.mammo.detection.settings import LesionSettings
from mammo_pipeline.mammo.intervals import bootstrap_by_patient, figure, percentile_interval
from mammo_pipeline.mammo.units import BREAST

GRID = 33  # rates at which the curve is kept for drawing, beside those that are read
HOW = {
    "sensitivity": "found over drawn, at {rate:g} false positives an image, the curve straight "
    "between its corners",
    "mean_sensitivity": "mean of the sensitivities at {rates} false positives an image (Setio et "
    "al. 2017)",
    "area": "area under the curve to {most:g} false positives an image, over {most:g}",
    "at_score": "found over drawn, by the marks of score {score:g} and more",
    "false_positives": "false marks an image, of score {score:g} and more",
}
UNDEFINED = "no image to count false positives in"
Statistics = dict[str, np.ndarray]


def measure_curves(
    findings: Findings,
    lesions: pd.DataFrame,
    images: pd.DataFrame,
    settings: LesionSettings,
    repeats: int,
    level: float,
    rng: np.random.Generator,
) -> dict[str, Any]:
    """Returns froc, froc_by_breast, kinds, sizes and at_mark_score, from the same replicates.

    A breast counts as found where any of its lesions is, in either view.

    Args:
        findings: Of every lesion; its rows are those of `images`.
        lesions: kind and size_mm of the same lesions, in the same order.
        images: patient_id, exam_id, laterality, and bool `has_lesion`, which the patients are
            drawn by.
        settings: Where the curve is read.
        repeats: Bootstrap replicates.
        level: Of the intervals.
        rng: Where chance comes from.

    Returns:
        A curve is {lesions, patients, ends_at, area, mean_sensitivity, sensitivity_at: {rate:
        figure}, points: {rate, sensitivity, low, high}}, a list each over the rates; a group of
        lesions is the same without points, with `group`.
    """
    groups = {("all", "lesions"): findings, ("all", "breasts"): join_breasts(findings, images)}
    groups |= {("kinds", name): part for name, part in _part(findings, lesions["kind"])}
    bands = name_sizes(lesions["size_mm"], settings.size_edges_mm)
    groups |= {("sizes", name): part for name, part in _part(findings, bands)}

    def compute(weights: np.ndarray) -> Statistics:
        return _compute_all(groups, settings, weights)

    values = compute(np.ones((1, len(images))))
    draws = bootstrap_by_patient(compute, images["patient_id"], images["has_lesion"], repeats, rng)
    patients = images["patient_id"].to_numpy()
    shown = {
        key: _show_curve(key, part, patients, values, draws, settings, level)
        for key, part in groups.items()
    }
    listed = {
        axis: [
            {"group": name, **_leave_points(shown[axis, name])} for a, name in groups if a == axis
        ]
        for axis in ("kinds", "sizes")
    }
    point = _show_point(findings, patients, values, draws, settings, level)
    both = {"froc": shown["all", "lesions"], "froc_by_breast": shown["all", "breasts"]}
    return {**both, **listed, "at_mark_score": point}


def join_breasts(findings: Findings, images: pd.DataFrame) -> Findings:
    """Returns the findings with one thing to find a breast, of its highest score.

    Args:
        findings: Of lesions.
        images: exam_id and laterality of every image.
    """
    breast = images.groupby(BREAST, sort=False).ngroup().to_numpy()[findings.rows]
    _, first, code = np.unique(breast, return_index=True, return_inverse=True)
    scores = np.full(len(first), -np.inf)
    np.maximum.at(scores, code, findings.scores)
    return replace(findings, scores=scores, rows=findings.rows[first])


def name_sizes(size_mm: pd.Series, edges_mm: tuple[float, ...]) -> pd.Series:
    """Returns the band of size of each lesion, a text; a size on an edge is in the upper band.

    >>> name_sizes(pd.Series([4.0, 10.0, 30.0]), (10.0, 20.0)).tolist()
    ['under 10 mm', '10 to under 20 mm', '20 mm and more']
    """
    if not edges_mm:
        return pd.Series("all sizes", index=size_mm.index)
    inner = [f"{a:g} to under {b:g} mm" for a, b in pairwise(edges_mm)]
    names = [f"under {edges_mm[0]:g} mm", *inner, f"{edges_mm[-1]:g} mm and more"]
    bands = pd.Categorical.from_codes(assign_bins(size_mm, np.array(edges_mm)), names)
    return pd.Series(bands, index=size_mm.index)


def _part(findings: Findings, groups: pd.Series) -> list[tuple[str, Findings]]:
    """Returns the findings of each group's lesions; all keep the same false marks."""
    names = groups.cat.categories if hasattr(groups, "cat") else sorted(groups.unique())
    masks = [(str(name), groups.eq(name).to_numpy()) for name in names]
    return [
        (name, replace(findings, scores=findings.scores[mask], rows=findings.rows[mask]))
        for name, mask in masks
        if mask.any()
    ]


def _compute_all(
    groups: Mapping[tuple[str, str], Findings], settings: LesionSettings, weights: np.ndarray
) -> Statistics:
    """Returns each group's sensitivities (b, g) over all rates and its area (b,), and the point."""
    rates, most = list_rates(settings), settings.rates[-1]
    read = np.isin(rates, settings.rates)
    found: Statistics = {}
    for (axis, name), findings in groups.items():
        rate, sensitivity = froc_points(findings, weights)
        at = sensitivity_at(rate, sensitivity, rates)
        key = f"{axis}/{name}"
        found |= {key: at, f"{key}/area": area_to(rate, sensitivity, most)}
        found[f"{key}/mean_sensitivity"] = at[:, read].mean(axis=1)
    false, true = point_at(groups["all", "lesions"], settings.mark_score, weights)
    return {**found, "false_positives": false, "at_score": true}


def list_rates(settings: LesionSettings) -> np.ndarray:
    """Returns the rates at which the curve is kept: those that are read, and between them."""
    between = np.geomspace(settings.rates[0] / 2, settings.rates[-1], GRID)
    return np.unique(np.concatenate([settings.rates, between[:-1]]))


def _show_curve(
    key: tuple[str, str],
    findings: Findings,
    patients: np.ndarray,
    values: Statistics,
    draws: Statistics,
    settings: LesionSettings,
    level: float,
) -> dict[str, Any]:
    name, rates = "/".join(key), list_rates(settings)
    n, who = len(findings.scores), count_patients(patients[findings.rows])
    # None of a group's lesions is there unless a group is, so only the images can be missing.
    told = (n, who, settings.least_patients, level)
    words = {"rates": ", ".join(f"{rate:g}" for rate in settings.rates), "most": settings.rates[-1]}

    def estimate(value: np.ndarray, drawn: np.ndarray, how: str) -> dict[str, Any]:
        return estimate_share(float(value), drawn, *told, how, UNDEFINED)

    curve: dict[str, Any] = {"lesions": n, "patients": who}
    end = float(froc_points(findings)[0][-1])
    curve["ends_at"] = end if np.isfinite(end) else None
    for figure_name in ("area", "mean_sensitivity"):
        own = f"{name}/{figure_name}"
        how = HOW[figure_name].format(**words)
        curve[figure_name] = estimate(values[own][0], draws[own], how)
    curve["sensitivity_at"] = {
        f"{rate:g}": estimate(
            values[name][0, column], draws[name][:, column], HOW["sensitivity"].format(rate=rate)
        )
        for column, rate in enumerate(rates)
        if rate in settings.rates
    }
    is_sound = who >= settings.least_patients
    return curve | {"points": _list_points(rates, values[name][0], draws[name], level, is_sound)}


def _list_points(
    rates: np.ndarray, sensitivity: np.ndarray, draws: np.ndarray, level: float, is_sound: bool
) -> dict[str, list[Any]]:
    """Returns the curve and its band, pointwise; without a band where too few carry it."""
    bounds = [percentile_interval(column, level) for column in draws.T]
    if not is_sound:
        bounds = [(None, None)] * len(rates)
    return {
        "rate": rates.tolist(),
        "sensitivity": [float(s) if np.isfinite(s) else None for s in sensitivity],
        "low": [low for low, _ in bounds],
        "high": [high for _, high in bounds],
    }


def _leave_points(curve: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in curve.items() if name != "points"}


def _show_point(
    findings: Findings,
    patients: np.ndarray,
    values: Statistics,
    draws: Statistics,
    settings: LesionSettings,
    level: float,
) -> dict[str, Any]:
    n, who = len(findings.scores), count_patients(patients[findings.rows])
    score, least = settings.mark_score, settings.least_patients
    how = {name: HOW[name].format(score=score) for name in ("at_score", "false_positives")}
    true, false = float(values["at_score"][0]), float(values["false_positives"][0])
    return {
        "score": score,
        "sensitivity": estimate_share(
            true, draws["at_score"], n, who, least, level, how["at_score"], UNDEFINED
        ),
        "false_positives": figure(
            false,
            draws["false_positives"],
            int(findings.counted.sum()),
            level,
            how["false_positives"],
            UNDEFINED,
        ),
    }
