"""Room `compare`: other people's scores, ensembled, calibrated and measured as our own are."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit

from mammo_pipeline.closing import closing_block
from mammo_pipeline.mammo.bias.axes import age_bands
from mammo_pipeline.mammo.calibration.maps import apply_calibration
from mammo_pipeline.mammo.digest import digest_record, digest_table
from mammo_pipeline.mammo.ensembling.combine import combine_table
from mammo_pipeline.mammo.ensembling.freeze import freeze_scores
from mammo_pipeline.mammo.ensembling.score import score_breasts
from mammo_pipeline.mammo.ensembling.settings import EnsembleSettings
from mammo_pipeline.mammo.score_table import list_models, read_score_table
from mammo_pipeline.pipelines.compare.pairs import compare_each
from mammo_pipeline.pipelines.compare.parameters import CompareParameters
from mammo_pipeline.pipelines.ensemble.parameters import EnsembleParameters
from mammo_pipeline.pipelines.evaluate import measure
from mammo_pipeline.pipelines.evaluate.page import list_scored
from mammo_pipeline.pipelines.evaluate.parameters import EvaluateParameters

Record = dict[str, Any]
# Subgroups of which a table of scores may tell; the others need images.
TOLD = ("device", "site_id", "density", "age_band", "view", "laterality")
NOTE = "Everything was chosen on the rows of the side tune; only those of test are evidence."

log = logging.getLogger(__name__)


def freeze_table(
    compare_table: pd.DataFrame, parameters: CompareParameters, ensemble: EnsembleParameters
) -> Record:
    """Returns what was frozen on the table's tune rows: combination, calibration, threshold.

    Raises:
        ValueError: The table is refused, or tune has too few patients or one class.
    """
    images = read_score_table(compare_table, parameters.kind, parameters.axes)
    tune, _ = part_known(images)
    return freeze_scores(tune, list_models(compare_table), read_settings(ensemble)) | {"note": NOTE}


def read_settings(ensemble: EnsembleParameters) -> EnsembleSettings:
    """Returns the room's settings without flips: these scores are taken as they came."""
    return ensemble.model_copy(update={"flips": ["none"]}).read_settings()


def part_known(images: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Returns (tune, test): the images whose outcome is known.

    Raises:
        ValueError: A side has none.
    """
    known = images[images["cancer"].notna()]
    parts = {
        side: known[known["side"].eq(side)].reset_index(drop=True) for side in ("tune", "test")
    }
    if empty := [side for side, part in parts.items() if part.empty]:
        raise ValueError(
            f"the table of scores has no row with an outcome on {' and '.join(empty)}: an ensemble "
            "is frozen on tune and measured on test. Fill the columns `side` and `cancer`."
        )
    return parts["tune"], parts["test"]


def measure_table(
    compare_table: pd.DataFrame,
    compare_ensemble: Record,
    parameters: CompareParameters,
    ensemble: EnsembleParameters,
    evaluate: EvaluateParameters,
) -> tuple[Record, pd.DataFrame]:
    """Returns (`compare_evaluation`, the scored test breasts).

    Raises:
        ValueError: The table is refused, or no test row has an outcome.
    """
    images = read_score_table(compare_table, parameters.kind, parameters.axes)
    tune, test = part_known(images)
    models = list_models(compare_table)
    scored = score_rows(test, models, compare_ensemble)
    breasts = score_breasts(scored.drop(columns="probability"), compare_ensemble)
    bands = age_bands(breasts["age"], evaluate.subgroups.age_edges_years)
    breasts = breasts.assign(age_band=bands.to_numpy())
    chosen = choose_axes(breasts, scored, parameters, evaluate)
    threshold = compare_ensemble["operating_point"]["threshold"]
    pairs = (tune, test, breasts, models, threshold, read_settings(ensemble), evaluate)
    rng = np.random.default_rng(evaluate.seed)
    evaluation = {
        "unit": "breast of one exam" if "exam_id" in compare_table else "image",
        "data_version": digest_table(images, [*images.columns]),
        "ensemble_sha256": digest_record(compare_ensemble),
        "count": count_rows(images, test, breasts),
        **measure.measure_scored(scored, breasts, compare_ensemble, chosen, rng),
        "models": compare_each(*pairs),
    }
    return evaluation, breasts


def score_rows(test: pd.DataFrame, models: list[str], ensemble: Record) -> pd.DataFrame:
    """Returns the images with the ensemble's logit and probability in the models' place."""
    logits = combine_table(test, ensemble)
    devices = test["device"].to_numpy()
    probability = expit(apply_calibration(ensemble["calibration"], logits, devices))
    return test.drop(columns=models).assign(logit=logits, probability=probability)


def choose_axes(
    breasts: pd.DataFrame,
    images: pd.DataFrame,
    parameters: CompareParameters,
    evaluate: EvaluateParameters,
) -> EvaluateParameters:
    """Returns the parameters of `evaluate` with the axes that the table states, and its own."""
    stated = [
        name
        for name in TOLD
        if name != "view" and breasts[name].replace("not stated", "").astype(str).ne("").any()
    ]
    if images["view"].isin(["CC", "MLO"]).any():
        stated += ["view", "views"]
    axes = [axis for axis in evaluate.subgroups.axes if axis in stated] + parameters.axes
    subgroups = evaluate.subgroups.model_copy(update={"axes": axes})
    return evaluate.model_copy(update={"subgroups": subgroups})


def count_rows(images: pd.DataFrame, test: pd.DataFrame, breasts: pd.DataFrame) -> dict[str, int]:
    """Returns how many rows the table has, and how many the figures rest on."""
    sides = images["side"].value_counts()
    return {
        "rows": len(images),
        "tune_rows": int(sides.get("tune", 0)),
        "test_rows": int(sides.get("test", 0)),
        "rows_without_outcome": int(images["cancer"].isna().sum()),
        "images": len(test),
        "breasts": len(breasts),
        "patients": int(breasts["patient_id"].nunique()),
        "positives": int(breasts["cancer"].sum()),
    }


def write_compare_page(
    compare_evaluation: Record, compare_breasts: pd.DataFrame, compare_ensemble: Record
) -> Record:
    """Returns the page: the ensemble of all models, and each of them beside it."""
    from mammo_pipeline.pipelines.compare.page import list_facts, show_models, show_rows
    from mammo_pipeline.reporting.page import show_figure

    count = compare_evaluation["count"]
    return {
        "title": "Scores of other models, compared",
        "subtitle": f"Unit: {compare_evaluation['unit']}. Intervals: bootstrap by patient. "
        "Everything was frozen on the rows of tune, and measured on those of test.",
        "verdict": {
            "state": "info",
            "text": f"AUROC of all models together {show_figure(compare_evaluation['auroc'])} on "
            f"{count['breasts']} units of {count['patients']} patients, {count['positives']} with "
            "cancer.",
        },
        "facts": list_facts(compare_evaluation),
        "sections": [
            show_models(compare_evaluation["models"]),
            *list_scored(compare_evaluation, compare_ensemble, compare_breasts),
            show_rows(count),
        ],
        "footer": {"data version": compare_evaluation["data_version"]},
    }


def close_compare(
    compare_evaluation: Record, compare_ensemble: Record, compare_page: Record
) -> None:
    """Logs the block with which the room ends."""
    from mammo_pipeline.reporting.page import show_figure

    count, members = compare_evaluation["count"], compare_ensemble["members"]
    compared = compare_evaluation["models"]
    left_out = [one["model"] for one in compared if "reason" in one]
    rows = {
        "table": f"{count['rows']} rows, {count['rows_without_outcome']} without outcome; "
        f"{count['tune_rows']} tune, {count['test_rows']} test",
        "ensemble": f"{len(members)} of {len(compared)} models, "
        f"{compare_ensemble['combination']['method'].replace('_', ' ')}",
        "AUROC": f"{show_figure(compare_evaluation['auroc'])}, n = {count['breasts']}, "
        f"{count['positives']} with cancer",
        "calibration error": show_figure(compare_evaluation["calibration_error"]),
    }
    if left_out:
        rows["not compared"] = f"{', '.join(left_out)}: no better than chance on tune"
    log.info(closing_block("compare", rows, compare_page["page"]))
