"""Each model of a table alone, beside the ensemble of all of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from mammo_pipeline.mammo.comparison import compare_models
from mammo_pipeline.mammo.ensembling.freeze import freeze_decision
from mammo_pipeline.mammo.ensembling.score import score_breasts
from mammo_pipeline.mammo.ensembling.settings import EnsembleSettings
from mammo_pipeline.mammo.units import BREAST, aggregate_breasts
from mammo_pipeline.pipelines.evaluate.parameters import EvaluateParameters

Record = dict[str, Any]
ALL = "all models"


def compare_each(
    tune: pd.DataFrame,
    test: pd.DataFrame,
    breasts: pd.DataFrame,
    models: list[str],
    threshold: float,
    settings: EnsembleSettings,
    evaluate: EvaluateParameters,
) -> list[Record]:
    """Returns one paired comparison with the ensemble a model, each at its own frozen threshold.

    Args:
        tune: Images with an outcome, one column of logits a model.
        test: Likewise.
        breasts: The test breasts as the ensemble scored them.
        models: Their names.
        threshold: Of the ensemble.
        settings: By what rules a model alone is calibrated and given its threshold on tune.
        evaluate: Replicates, level and seed.
    """
    found = []
    for name in models:
        try:
            frozen = freeze_alone(tune, models, name, settings)
        except ValueError as error:
            # A model that ranks tune no better than chance has no threshold to be compared at.
            found.append({"model": name, "reason": str(error)})
            continue
        both = join_alone(test, breasts, models, name, frozen)
        limits = {ALL: threshold, name: frozen["operating_point"]["threshold"]}
        sizes = (evaluate.bootstrap_repeats, evaluate.level, np.random.default_rng(evaluate.seed))
        found.append({"model": name} | compare_models(both, ALL, name, limits, *sizes))
    return found


def freeze_alone(
    tune: pd.DataFrame, models: list[str], name: str, settings: EnsembleSettings
) -> Record:
    """Returns calibration, operating point and scale of one model, found on tune.

    Raises:
        ValueError: It ranks tune no better than chance, or a class is absent.
    """
    alone = tune.assign(logit=tune[name]).drop(columns=models)
    own = aggregate_breasts(alone, ["logit"], settings.aggregation)
    return freeze_decision(own, settings) | {"aggregation": settings.aggregation}


def join_alone(
    test: pd.DataFrame, breasts: pd.DataFrame, models: list[str], name: str, frozen: Record
) -> pd.DataFrame:
    """Returns the test breasts with the probability of all models, and that of one of them."""
    alone = score_breasts(test.assign(logit=test[name]).drop(columns=models), frozen)
    shown = breasts[[*BREAST, "patient_id", "cancer", "probability"]]
    both = shown.rename(columns={"probability": ALL})
    return both.merge(
        alone[[*BREAST, "probability"]].rename(columns={"probability": name}), on=BREAST
    )
