"""A table of scores with members that are worth combining, and what may be turned."""

from __future__ import annotations

import pandas as pd
import pytest

from mammo_pipeline.mammo.ensembling.settings import SIMPLEST_FIRST, EnsembleSettings
from member_scores import make_images


@pytest.fixture
def images() -> pd.DataFrame:
    return make_images(100, seed=5)


@pytest.fixture
def settings() -> EnsembleSettings:
    return EnsembleSettings(
        aggregation="mean",
        methods=SIMPLEST_FIRST,
        metric="log_loss",
        folds=3,
        rounds=8,
        flips=("none", "up_down"),
        calibration_methods=("temperature", "platt"),
        calibration_scopes=("pooled",),
        calibration_folds=3,
        min_positives=5,
        rule="target_sensitivity",
        target=0.8,
        prevalence=0.005,
        repeats=100,
        level=0.95,
        seed=1,
    )
