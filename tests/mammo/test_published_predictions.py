"""Our figures against those that someone else published for 22 models on CBIS-DDSM."""

import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from mammo_pipeline.mammo import intervals, operating, scoring
from mammo_pipeline.mammo.calibration.errors import brier_loss, log_loss
from mammo_pipeline.mammo.calibration.fit import fit_platt
from mammo_pipeline.mammo.calibration.maps import apply_map

ROOT = Path(os.environ.get("MAMMO_REALDATA", "../shared/realdata"))
RESULTS = ROOT / "mammo_second_reader_predictions/results"

pytestmark = pytest.mark.skipif(
    not RESULTS.is_dir(), reason=f"no published predictions at {RESULTS}; set MAMMO_REALDATA"
)


@pytest.fixture(scope="module")
def published():
    models = json.loads((RESULTS / "statistics.json").read_text())["models"]
    tables = {name: pd.read_csv(RESULTS / f"predictions/{name}.test.csv") for name in models}
    return models, tables


def test_published_point_figures_are_met_for_all_models(published):
    models, tables = published
    assert len(models) == 22
    for name, model in models.items():
        table, known = tables[name], model["metrics"]
        labels, p = table["label"].to_numpy(float), table["probability"].to_numpy()
        ours = {
            "auc": scoring.auroc(labels, table["logit"]),
            "brier_score": brier_loss(labels, p),
            "negative_log_likelihood": log_loss(labels, table["logit"]),
            "calibrated_brier_score": brier_loss(labels, table["calibrated_probability"]),
        }
        at_point = operating.operating_figures(labels, p >= model["threshold"])
        ours |= {key: at_point[key] for key in ("sensitivity", "specificity", "ppv")}
        for figure, value in ours.items():
            assert value == pytest.approx(known[figure]["estimate"], abs=1e-12), (name, figure)


def test_roc_corners_are_those_published(published):
    runs = json.loads((RESULTS / "metrics.json").read_text())["runs"]
    for run in runs:
        table = published[1][run["model"]]
        points = scoring.roc_points(table["label"], table["logit"])
        area = np.trapezoid(run["roc"]["tpr"], run["roc"]["fpr"])
        assert np.trapezoid(points[1], points[0]) == pytest.approx(area, abs=1e-12)


def test_patient_intervals_match_those_published(published):
    models, tables = published
    ratios, shifts = [], []
    for name, model in models.items():
        table = tables[name]
        labels, logits = table["label"].to_numpy(float), table["logit"].to_numpy()
        draws = intervals.bootstrap_by_patient(
            lambda weights, y=labels, s=logits: {"auc": scoring.auroc(y, s, weights)},
            table["patient_id"],
            labels,
            2000,
            np.random.default_rng(1),
        )
        low, high = intervals.percentile_interval(draws["auc"], 0.95)
        known = model["metrics"]["auc"]
        ratios.append((high - low) / (known["ci_upper"] - known["ci_lower"]))
        shifts += [low - known["ci_lower"], high - known["ci_upper"]]
    # Two bootstraps of 2000 draws each: an end moves by about 0.002.
    assert np.mean(ratios) == pytest.approx(1, abs=0.05)
    assert np.max(np.abs(shifts)) < 0.012


def test_platt_on_validation_lowers_the_log_loss_of_the_published_ensemble():
    validation, test = (
        pd.read_csv(RESULTS / f"predictions/ensemble.{part}.csv") for part in ("validation", "test")
    )
    fitted = fit_platt(validation["label"], validation["logit"])
    before = log_loss(validation["label"], validation["logit"])
    after = log_loss(validation["label"], apply_map(fitted, validation["logit"]))
    assert after < before
    order = np.argsort(apply_map(fitted, test["logit"]))
    assert (order == np.argsort(test["logit"].to_numpy())).all()
