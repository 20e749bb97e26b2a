"""Every figure of every subgroup; small cells are flagged and shown, never dropped."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from mammo_pipeline.mammo.bias.agreement import measure_agreement
from mammo_pipeline.mammo.bias.axes import VIEW_AXIS
from mammo_pipeline.mammo.bias.figures import blank_figure
from mammo_pipeline.mammo.bias.gaps import Control, adjust_gaps, measure_gaps
from mammo_pipeline.mammo.bias.groups import Axis, Cell, list_cells, list_parts
from mammo_pipeline.mammo.bias.replicates import draw_figures
from mammo_pipeline.mammo.intervals import figure
from mammo_pipeline.mammo.reasons import withhold_interval
from mammo_pipeline.mammo.scoring import undefined_reason
from mammo_pipeline.mammo.shares import clustered_proportion

NEEDED = ["patient_id", "cancer", "calibrated_logit", "probability"]
AREA = "area under the ROC curve, ties half"
OF_CANCERS = "a property of cancers has no {what}: its group holds every breast without cancer"


def measure_subgroups(
    breasts: pd.DataFrame,
    axes: Sequence[Axis],
    threshold: float,
    repeats: int,
    level: float,
    min_class: int,
    rng: np.random.Generator,
    by_view: pd.DataFrame | None = None,
    bins: int = 10,
    control: Control = "benjamini_hochberg",
) -> list[dict[str, Any]]:
    """Returns one record per subgroup of each axis, in the order of axes and names.

    Args:
        breasts: One row a breast: patient_id, cancer (0 or 1), calibrated_logit, probability, and
            the axes' columns.
        axes: Columns to group by; several in a list for their intersections.
        threshold: The frozen operating point: recalled when probability >= threshold.
        repeats: Bootstrap replicates of patients, the same for every cell.
        level: Of every interval, such as 0.95; a gap is significant at 1 - level.
        min_class: A cell with fewer positives or fewer negatives is flagged `small`.
        rng: Where chance comes from.
        by_view: What `axes.score_by_view` returned, with the axes' columns: for the axis `view`.
        bins: Of the calibration error.
        control: How the number of gaps is controlled.

    Returns:
        {axis, group, n, patients, positives, auroc, recall_rate, sensitivity, specificity,
        calibration: {observed_expected, in_the_large, slope, error}, gaps: {auroc, sensitivity,
        recall_rate, in_the_large}, small, note}. Each figure is {value, low, high, n, how, reason};
        a gap has p, p_plus_one, p_adjusted, significant, counted, control, alpha and family too.

    Raises:
        ValueError: There is no breast, a column is missing, a score is not finite, an outcome is
            not 0 or 1, or an axis asks for views without `by_view`.
    """
    cells: list[tuple[pd.DataFrame, Cell]] = []
    tables = {False: breasts, True: by_view}
    for table in (breasts, by_view):
        if table is not None:
            check_breasts(table)
    for axis in axes:
        rows = tables[VIEW_AXIS in list_parts(axis)]
        if rows is None:
            raise ValueError("the axis 'view' needs `by_view`: breasts scored from one view each.")
        cells += [(rows, cell) for cell in list_cells(rows, axis)]
    records: dict[int, dict[str, Any]] = {}
    for table in (breasts, by_view):
        own = [number for number, (rows, _) in enumerate(cells) if rows is table]
        if table is None or not own:
            continue
        shown = table.assign(recalled=table["probability"] >= threshold)
        mine = [cells[number][1] for number in own]
        drawn = draw_figures(shown, mine, threshold, bins, repeats, rng)
        for place, number in enumerate(own):
            values, draws = ({k: v[place] for k, v in part.items()} for part in drawn)
            sizes = bins, level, min_class
            records[number] = measure_group(shown, mine[place], values, draws, *sizes)
    mirrors = [cell.mirror_of for _, cell in cells]
    ordered = [records[number] for number in range(len(cells))]
    return adjust_gaps(ordered, mirrors, control, round(1 - level, 12))


def check_breasts(breasts: pd.DataFrame) -> None:
    """Refuses a table that subgroups cannot be measured on, saying why.

    Raises:
        ValueError: There is no breast, a column is missing, a score is not finite, an outcome is
            not 0 or 1, or a breast has no patient.
    """
    if missing := [name for name in NEEDED if name not in breasts]:
        raise ValueError(f"the breasts have no column {missing}; found {list(breasts.columns)}.")
    if breasts.empty:
        raise ValueError("no breast with an outcome was scored; no subgroup can be measured.")
    if not breasts["cancer"].isin([0, 1]).all():
        odd = breasts.loc[~breasts["cancer"].isin([0, 1]), "cancer"]
        raise ValueError(
            f"cancer must be 0 or 1; {len(odd)} breasts have {odd.iloc[0]!r} or alike."
        )
    for name in ("calibrated_logit", "probability"):
        bad = np.flatnonzero(~np.isfinite(breasts[name].to_numpy(float)))
        if bad.size:
            raise ValueError(
                f"{bad.size} breasts have no finite {name}, the first at row {bad[0]}."
            )
    if nobody := int(breasts["patient_id"].isna().sum()):
        raise ValueError(f"{nobody} breasts have no patient_id; each needs one.")


def measure_group(
    breasts: pd.DataFrame,
    cell: Cell,
    values: dict[str, np.ndarray],
    draws: dict[str, np.ndarray],
    bins: int,
    level: float,
    min_class: int,
) -> dict[str, Any]:
    """Returns the record of one subgroup; figures that its cases cannot define are null.

    Args:
        breasts: The rows that the cell is a part of, with `recalled`.
        cell: The subgroup.
        values: Figure to its value in group and rest, shape (2,).
        draws: Figure to its replicates, shape (2, repeats).
        bins: Of the calibration error.
        level: Of the intervals.
        min_class: Fewer of either class is `small`.
    """
    group = breasts[cell.inside]
    labels, recalled = group["cancer"].to_numpy(float), group["recalled"].to_numpy(bool)
    women = group["patient_id"].to_numpy()
    n, positives = len(group), int(labels.sum())
    small = min(positives, n - positives) < min_class
    ill, refused = labels == 1, refuse_figures(cell, n, positives, small)
    missing = undefined_reason(labels)
    error = values["calibration_error"][0]
    error_draws = draws["calibration_error"][0], draws["calibration_noise"][0]
    area = figure(float(values["auroc"][0]), draws["auroc"][0], n, level, AREA, missing)
    recall = clustered_proportion(recalled, women, level)
    if "recall_rate" in refused:
        recall = blank_figure(n, recall["how"], refused["recall_rate"])
    return {
        "axis": cell.axis,
        "group": cell.group,
        "n": n,
        "patients": len(set(women)),
        "positives": positives,
        "auroc": withhold_interval(area, labels, women),
        "recall_rate": recall,
        "sensitivity": clustered_proportion(recalled[ill], women[ill], level),
        "specificity": clustered_proportion(~recalled[~ill], women[~ill], level),
        "calibration": measure_agreement(group, error, *error_draws, bins, level, refused),
        "gaps": measure_gaps(breasts, cell, values, draws, level, refused),
        "small": small,
        "note": f"{positives} with cancer, {n - positives} without: small" if small else None,
    }


def refuse_figures(cell: Cell, n: int, positives: int, small: bool) -> dict[str, str]:
    """Returns figure name to why it is not measured in this cell."""
    few = f"cannot be estimated, n = {n}: {positives} with cancer, {n - positives} without"
    refused = dict.fromkeys(("slope", "error"), few) if small else {}
    if cell.is_lesion:
        names = ("observed_expected", "in_the_large", "slope", "error")
        refused |= dict.fromkeys(names, OF_CANCERS.format(what="calibration"))
        refused["recall_rate"] = OF_CANCERS.format(what="recall rate")
    return refused
