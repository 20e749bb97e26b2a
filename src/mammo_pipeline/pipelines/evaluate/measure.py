"""What is measured of scored breasts, whoever scored them: the body of `evaluation`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from mammo_pipeline.mammo import ripening
from mammo_pipeline.mammo.bias.axes import score_by_view
from mammo_pipeline.mammo.bias.groups import list_parts
from mammo_pipeline.mammo.bias.measure import measure_subgroups
from mammo_pipeline.mammo.calibration.reliability import measure_calibration
from mammo_pipeline.mammo.decision import measure_decision
from mammo_pipeline.mammo.delong import measure_auroc
from mammo_pipeline.mammo.ensembling.score import score_breasts
from mammo_pipeline.mammo.evaluation import measure_breasts, measure_units
from mammo_pipeline.mammo.screening import measure_screening
from mammo_pipeline.mammo.units import BREAST, aggregate_exams
from mammo_pipeline.pipelines.evaluate.parameters import EvaluateParameters

Record = dict[str, Any]

# Where the decision curve is read: below, more than a hundred recalls buy one cancer; above, no
# screening works. At screening prevalence the interesting part lies below two per cent.
OF_THIS_SET = np.linspace(0.05, 0.5, 46).round(3).tolist()
OF_SCREENING = [0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.05]


def measure_scored(
    images: pd.DataFrame,
    breasts: pd.DataFrame,
    ensemble: Mapping[str, Any],
    parameters: EvaluateParameters,
    rng: np.random.Generator,
    expected: pd.DataFrame | None = None,
) -> Record:
    """Returns every figure that needs scores and outcomes alone.

    Args:
        images: One row a scored image with an outcome: image_id, exam_id, patient_id, laterality,
            view, cancer, `logit`, `probability`, and `device` where it is known.
        breasts: What `score_breasts` made of them, with the columns of the subgroups' axes.
        ensemble: The frozen ensemble, or what was frozen on a table of scores.
        parameters: Of the room.
        rng: Where chance comes from.
        expected: exam_id and laterality of every breast that should have been scored.
    """
    sizes = (parameters.bootstrap_repeats, parameters.level, rng)
    exams = aggregate_exams(breasts)
    units = (images, breasts, exams, parameters.sensitivity)
    return {
        **measure_breasts(breasts, parameters.sensitivity, parameters.calibration_bins, *sizes),
        "auroc_by_delong": measure_auroc(
            breasts["cancer"], breasts["calibrated_logit"], breasts["patient_id"], parameters.level
        ),
        "operating_point": ensemble["operating_point"],
        "units": measure_units(*units, *sizes, expected=expected),
        "calibration": compare_calibration(breasts, ensemble, parameters, rng),
        "screening": measure_screening(
            breasts, ensemble["scale"]["prevalence"], *sizes, find_fitted_prevalence(ensemble)
        ),
        "decision": measure_decisions(breasts, ensemble, parameters, rng),
        "ripening": measure_months(breasts, ensemble, parameters, rng),
        "subgroups": measure_groups(images, breasts, ensemble, parameters, rng),
    }


def find_fitted_prevalence(ensemble: Mapping[str, Any]) -> float:
    """Returns the share of cancers among the breasts that the calibration was fitted on.

    >>> find_fitted_prevalence({"calibration": {"n": 8, "positives": 2}})
    0.25
    """
    fitted = ensemble["calibration"]
    return float(fitted["positives"] / fitted["n"])


def compare_calibration(
    breasts: pd.DataFrame,
    ensemble: Mapping[str, Any],
    parameters: EvaluateParameters,
    rng: np.random.Generator,
) -> Record:
    """Returns the figures of calibration before and after the map that was frozen on tune."""
    return measure_calibration(
        breasts["cancer"].to_numpy(float),
        breasts["logit"].to_numpy(float),
        breasts["calibrated_logit"].to_numpy(float),
        breasts["patient_id"].to_numpy(),
        parameters.calibration_bins,
        *(parameters.bootstrap_repeats, parameters.level, rng),
    )


def measure_decisions(
    breasts: pd.DataFrame,
    ensemble: Mapping[str, Any],
    parameters: EvaluateParameters,
    rng: np.random.Generator,
) -> Record:
    """Returns the decision curves {here, screening}: at this set's prevalence, and in screening."""
    scored = (
        breasts["cancer"].to_numpy(float),
        breasts["calibrated_logit"].to_numpy(float),
        breasts["patient_id"].to_numpy(),
    )
    sizes = (parameters.bootstrap_repeats, parameters.level, rng)
    prevalences = ensemble["scale"]["prevalence"], find_fitted_prevalence(ensemble)
    return {
        "here": measure_decision(*scored, OF_THIS_SET, *sizes),
        "screening": measure_decision(*scored, OF_SCREENING, *sizes, *prevalences),
    }


def measure_months(
    breasts: pd.DataFrame,
    ensemble: Mapping[str, Any],
    parameters: EvaluateParameters,
    rng: np.random.Generator,
) -> Record:
    """Returns the areas within each horizon and the scores one exam before diagnosis."""
    if "exam_offset_days" not in breasts:
        return {"reason": "no table says when the exams were taken"}
    chosen = parameters.ripening
    return ripening.measure_ripening(
        breasts,
        ensemble["operating_point"]["threshold"],
        *(parameters.bootstrap_repeats, parameters.level, rng),
        months=chosen.months,
        before_months=chosen.before_months,
        unripe_as_negative=chosen.unripe_as_negative,
    )


def measure_groups(
    images: pd.DataFrame,
    breasts: pd.DataFrame,
    ensemble: Mapping[str, Any],
    parameters: EvaluateParameters,
    rng: np.random.Generator,
) -> list[Record]:
    """Returns one record a subgroup; by view, each breast is scored from one view alone."""
    chosen = parameters.subgroups
    by_view = None
    if any("view" in list_parts(axis) for axis in chosen.axes):
        by_view = score_by_view(images, lambda part: score_breasts(part, ensemble))
        facts = [column for column in breasts if column not in by_view]
        by_view = by_view.merge(breasts[[*BREAST, *facts]], on=BREAST, how="left")
    return measure_subgroups(
        breasts,
        chosen.axes,
        ensemble["operating_point"]["threshold"],
        *(parameters.bootstrap_repeats, parameters.level),
        chosen.small_class,
        rng,
        by_view=by_view,
        bins=parameters.calibration_bins,
        control=chosen.control,
    )
