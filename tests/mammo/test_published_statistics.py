"""Our figures, intervals and paired differences against those published for 22 models on CBIS-DDSM.

Their intervals come from 2000 patient bootstraps of one generator, seed 42. Drawn here in the same
order, the replicates are theirs, so that intervals and p are met to the last digits; drawn as the
project draws, they are met up to chance.
"""

import hashlib
import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import logit

from mammo_pipeline.mammo import intervals, resampling, scoring
from mammo_pipeline.mammo.calibration.errors import brier_loss, log_loss, weighted_mean
from mammo_pipeline.mammo.comparison import bootstrap_p
from mammo_pipeline.mammo.operating import operating_figures
from mammo_pipeline.mammo.precision import average_precision

ROOT = Path(os.environ.get("MAMMO_REALDATA", "../shared/realdata"))
RESULTS = ROOT / "mammo_second_reader_predictions/results"
EXACT = 1e-12
REPEATS, SEED = 2000, 42
DENSEST = 4  # What they call dense is BI-RADS d alone.

pytestmark = pytest.mark.skipif(
    not RESULTS.is_dir(), reason=f"no published predictions at {RESULTS}; set MAMMO_REALDATA"
)


@pytest.fixture(scope="module")
def statistics():
    return json.loads((RESULTS / "statistics.json").read_text())


@pytest.fixture(scope="module")
def tables(statistics):
    """Returns the test scores of each model, rows in the same order."""
    names = list(statistics["models"])
    assert len(names) == 22
    return {name: pd.read_csv(RESULTS / f"predictions/{name}.test.csv") for name in names}


@pytest.fixture(scope="module")
def cases(tables):
    """Returns (patient of each row, label of each row): the same of every model."""
    first = tables["ensemble"]
    same = ["image_id", "patient_id", "label"]
    assert all(table[same].equals(first[same]) for table in tables.values())
    return first["patient_id"].to_numpy(), first["label"].to_numpy(float)


@pytest.fixture(scope="module")
def theirs(tables, cases):
    """Returns name to figure to replicates, of the patients that they drew."""
    codes, counts = draw_as_they_did(*cases)
    areas = resampling.auroc_of_counts(cases[1], stack_scores(tables), codes, counts)
    return measure_all(tables, counts[:, codes], areas)


@pytest.fixture(scope="module")
def ours(tables, cases):
    """Returns name to figure to replicates, of patients that the project draws."""
    patients, labels = cases
    weights = next(intervals.draw_row_weights(patients, labels, REPEATS, np.random.default_rng(1)))
    assert len(weights) == REPEATS
    rng = np.random.default_rng(2)
    areas = resampling.auroc_draws(labels, stack_scores(tables), patients, REPEATS, rng)
    return measure_all(tables, weights, areas)


def stack_scores(tables):
    return np.column_stack([table["probability"] for table in tables.values()])


def draw_as_they_did(patients, labels):
    """Returns (patient number of each row, how often each patient is drawn, (REPEATS, patients)).

    In each replicate first patients without a malignant image, then those with one, in the order of
    their names. The project draws a stratum for all replicates at once, from the same distribution.
    """
    codes, outcomes = intervals.patient_outcomes(patients, labels)
    strata = [np.flatnonzero(outcomes == outcome) for outcome in (0, 1)]
    rng = np.random.default_rng(SEED)
    counts = np.zeros((REPEATS, outcomes.size))
    for replicate in counts:
        for members in strata:
            np.add.at(replicate, rng.choice(members, members.size), 1)
    return codes, counts


def measure_all(tables, weights, areas):
    return {
        name: measure_model(table, weights) | {"auc": area}
        for (name, table), area in zip(tables.items(), areas.T, strict=True)
    }


def measure_model(table, weights):
    """Returns each published figure but the area by its name, shape of weights[..., 0]."""
    y, p = table["label"].to_numpy(float), table["probability"].to_numpy()
    calibrated = table["calibrated_probability"].to_numpy()
    at = operating_figures(y, p >= table["threshold"].to_numpy(), weights)
    recalled = p >= table["fixed_specificity_threshold"].to_numpy()
    fixed = operating_figures(y, recalled, weights)
    of_kind = (table["lesion_type"] == "calcification").to_numpy()
    dense = (table["birads_density"] == DENSEST).to_numpy()
    share = weighted_mean(y, weights)
    sensitivity, specificity, ppv = at["sensitivity"], at["specificity"], at["ppv"]
    return {
        # Two figures that the project does not print follow from three that it does.
        "accuracy": share * sensitivity + (1 - share) * specificity,
        "f1": 2 * ppv * sensitivity / (ppv + sensitivity),
        "sensitivity": sensitivity,
        "specificity": specificity,
        "ppv": ppv,
        "npv": at["npv"],
        "average_precision": average_precision(y, p, weights),
        "brier_score": brier_loss(y, p, weights),
        "negative_log_likelihood": log_loss(y, table["logit"], weights),
        "calibrated_brier_score": brier_loss(y, calibrated, weights),
        "calibrated_negative_log_likelihood": log_loss(y, logit(calibrated), weights),
        "sensitivity_at_fixed_specificity": fixed["sensitivity"],
        "specificity_at_fixed_specificity": fixed["specificity"],
        "calcification_sensitivity_at_fixed_specificity": find_share(y, recalled, of_kind, weights),
        "dense_breast_sensitivity_at_fixed_specificity": find_share(y, recalled, dense, weights),
    }


def find_share(labels, recalled, among, weights):
    part = operating_figures(labels[among], recalled[among], weights[..., among])
    return part["sensitivity"]


def test_the_files_are_those_that_the_figures_were_made_of(statistics):
    runs = json.loads((RESULTS / "metrics.json").read_text())["runs"]
    stated = [record for run in runs for record in run["provenance"]["prediction_files"]]
    stated += list(statistics["prediction_files"].values())
    assert len(stated) == 22 * 3
    for record in stated:
        found = (RESULTS.parent / record["path"]).read_bytes()
        assert len(found) == record["size_bytes"], record["path"]
        assert hashlib.sha256(found).hexdigest() == record["sha256"], record["path"]


def test_all_sixteen_point_figures_of_all_models_are_met(statistics, tables, cases):
    once = np.ones(len(cases[1]))
    for name, model in statistics["models"].items():
        table, known = tables[name], model["metrics"]
        found = measure_model(table, once)
        found |= {"auc": scoring.auroc(cases[1], table["probability"])}
        assert set(found) == set(known)
        assert len(known) == 16
        for figure, value in found.items():
            assert value == pytest.approx(known[figure]["estimate"], abs=EXACT), (name, figure)
        assert (len(table), table["patient_id"].nunique()) == (
            model["n_cases"],
            model["n_patients"],
        )


def test_all_intervals_are_met_on_the_patients_that_they_drew(statistics, theirs):
    for name, model in statistics["models"].items():
        for figure, known in model["metrics"].items():
            draws, where = theirs[name][figure], (name, figure)
            low, high = intervals.percentile_interval(draws, 0.95)
            assert low == pytest.approx(known["ci_lower"], abs=EXACT), where
            assert high == pytest.approx(known["ci_upper"], abs=EXACT), where
            assert np.isfinite(draws).sum() == known["n_valid_resamples"], where


def test_all_intervals_are_met_up_to_chance_on_patients_that_we_draw(statistics, ours):
    """Two bootstraps of 2000: an end has a standard error of about a twentieth of the width."""
    ratios, shifts = [], []
    for name, model in statistics["models"].items():
        for figure, known in model["metrics"].items():
            width = known["ci_upper"] - known["ci_lower"]
            low, high = intervals.percentile_interval(ours[name][figure], 0.95)
            ratios.append((high - low) / width)
            shifts += [(low - known["ci_lower"]) / width, (high - known["ci_upper"]) / width]
    assert len(ratios) == 22 * 16
    assert np.mean(ratios) == pytest.approx(1, abs=0.02)
    assert np.abs(np.subtract(ratios, 1)).max() < 0.12
    assert np.abs(shifts).max() < 0.1
    assert np.mean(shifts) == pytest.approx(0, abs=0.01)


def test_all_paired_differences_intervals_and_p_are_met(statistics, tables, theirs, cases):
    once = np.ones(len(cases[1]))
    points = {
        name: measure_model(table, once) | {"auc": scoring.auroc(cases[1], table["probability"])}
        for name, table in tables.items()
    }
    assert len(statistics["paired_comparisons"]) == 9
    for pair, published in statistics["paired_comparisons"].items():
        first, second = pair.split("_minus_")
        assert len(published["first_minus_second"]) == 8
        for figure, known in published["first_minus_second"].items():
            draws, where = theirs[first][figure] - theirs[second][figure], (pair, figure)
            apart = points[first][figure] - points[second][figure]
            low, high = intervals.percentile_interval(draws, 0.95)
            assert apart == pytest.approx(known["estimate"], abs=EXACT), where
            assert low == pytest.approx(known["ci_lower"], abs=EXACT), where
            assert high == pytest.approx(known["ci_upper"], abs=EXACT), where
            assert bootstrap_p(draws) == pytest.approx(known["p_two_sided"], abs=EXACT), where


def test_repeats_of_a_seed_have_the_published_mean_and_spread(statistics, tables, cases):
    assert len(statistics["seed_repeats"]) == 3
    for base, known in statistics["seed_repeats"].items():
        areas = []
        for run in known["runs"]:
            assert run["model"].startswith(base)
            assert tables[run["model"]]["seed"].eq(run["seed"]).all()
            areas.append(scoring.auroc(cases[1], tables[run["model"]]["probability"]))
            assert areas[-1] == pytest.approx(run["auc"], abs=EXACT)
        assert len(areas) == known["n_seeds"] == 3
        assert np.mean(areas) == pytest.approx(known["auc_mean"], abs=EXACT)
        assert np.std(areas, ddof=1) == pytest.approx(known["auc_standard_deviation"], abs=EXACT)
        assert (min(areas), max(areas)) == pytest.approx((known["auc_min"], known["auc_max"]))
