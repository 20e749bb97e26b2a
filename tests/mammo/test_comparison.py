import json
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest, ks_2samp

from mammo_pipeline.mammo import comparison, intervals
from mammo_pipeline.mammo.operating import operating_figures

ROOT = Path(os.environ.get("MAMMO_REALDATA", "../shared/realdata"))
RESULTS = ROOT / "mammo_second_reader_predictions/results"
POINTS = {"new": 0.5, "old": 0.6}


@pytest.fixture
def breasts():
    rng = np.random.default_rng(9)
    patients = np.repeat([f"P{number}" for number in range(150)], 2)
    cancer = (rng.random(300) < 0.25).astype(int)
    shared = np.repeat(rng.normal(size=150), 2)
    scores = {
        "new": shared + rng.normal(size=300) + 1.5 * cancer,
        "old": shared + rng.normal(size=300) + 0.5 * cancer,
    }
    return pd.DataFrame({"patient_id": patients, "cancer": cancer} | scores)


def compare(table, thresholds=POINTS, repeats=1000, first="new", second="old"):
    rng = np.random.default_rng(0)
    return comparison.compare_models(table, first, second, thresholds, repeats, 0.95, rng)


def test_a_better_model_is_found_better_by_both_methods(breasts):
    found = compare(breasts)["auroc"]
    assert found["difference"]["low"] > 0
    assert found["p"] < 0.05
    assert found["delong"]["p"] < 0.05
    for end in ("value", "low", "high"):
        by_delong = found["delong"]["difference"][end]
        assert found["difference"][end] == pytest.approx(by_delong, abs=0.02)


def test_a_model_against_itself_differs_by_nothing(breasts):
    same = breasts.assign(old=breasts["new"])
    found = compare(same, {"new": 0.5, "old": 0.5})
    assert (found["auroc"]["difference"]["value"], found["auroc"]["p"]) == (0, 1)
    for part in found["operating"].values():
        assert (part["difference"]["low"], part["difference"]["high"], part["p"]) == (0, 0, 1)
        assert part["mcnemar"] == {"first_only": 0, "second_only": 0, "p": None}


def test_operating_figures_are_those_at_each_models_own_threshold(breasts):
    found = compare(breasts)["operating"]
    for side, name in (("first", "new"), ("second", "old")):
        known = operating_figures(breasts["cancer"], breasts[name] >= POINTS[name])
        for figure in ("sensitivity", "specificity", "recall_rate"):
            assert found[figure][side]["value"] == pytest.approx(float(known[figure]), abs=1e-15)
    assert found["sensitivity"]["first"]["n"] == breasts["cancer"].sum()


def test_drawn_tallies_have_the_distribution_of_drawn_patients(breasts):
    labels = breasts["cancer"].to_numpy(float)
    recalled = breasts[["new", "old"]].to_numpy() >= [0.5, 0.6]
    patients = breasts["patient_id"].to_numpy()
    rng = np.random.default_rng(1)
    plain = intervals.bootstrap_by_patient(
        lambda w: operating_figures(labels, recalled[:, 0], w), patients, labels, 4000, rng
    )
    tallies = comparison.tally_recalls(labels, recalled, patients)
    outcomes = intervals.patient_outcomes(patients, labels)[1]
    sums = comparison.draw_tallies(tallies, outcomes, 4000, rng)
    fast = {"sensitivity": sums[:, 1] / sums[:, 0], "specificity": 1 - sums[:, 4] / sums[:, 3]}
    for name, draws in fast.items():
        assert ks_2samp(draws, plain[name]).pvalue > 0.001
        assert draws.std() == pytest.approx(plain[name].std(), rel=0.06)


def test_mcnemar_counts_only_disagreements():
    first, second = np.array([1] * 9 + [0] * 3 + [1] * 40), np.array([0] * 9 + [1] * 3 + [1] * 40)
    found = comparison.exact_mcnemar(first, second)
    assert (found["first_only"], found["second_only"]) == (9, 3)
    assert found["p"] == pytest.approx(binomtest(9, 12).pvalue)


def test_the_bootstrap_p_is_never_zero_and_never_above_one():
    assert comparison.bootstrap_p(np.full(1999, 0.3)) == pytest.approx(2 / 2000)
    assert comparison.bootstrap_p(np.zeros(100)) == 1
    assert comparison.bootstrap_p(np.array([np.nan] * 6 + [1.0] * 4)) is None


def test_without_thresholds_only_the_ranking_is_compared(breasts):
    found = compare(breasts, None)
    assert (found["operating"], found["thresholds"]) == ({}, None)


def test_the_record_is_plain_json(breasts):
    record = compare(breasts, repeats=100)
    assert json.loads(json.dumps(record, allow_nan=False)) == record


@pytest.mark.parametrize("outcome", [0, 1])
def test_one_class_gives_reasons_and_no_figures(breasts, outcome):
    found = compare(breasts.assign(cancer=outcome), repeats=100)
    assert found["auroc"]["difference"]["value"] is None
    assert "n = 300: no case with" in found["auroc"]["difference"]["reason"]
    empty = "specificity" if outcome else "sensitivity"
    assert found["operating"][empty]["difference"]["value"] is None
    assert "nothing to count" in found["operating"][empty]["first"]["reason"]
    assert found["operating"]["recall_rate"]["difference"]["value"] is not None


def test_three_patients_get_a_figure_and_no_delong_interval():
    table = pd.DataFrame(
        {"patient_id": list("abc"), "cancer": [1, 0, 0], "new": [3, 1, 2], "old": [1, 2, 3]}
    )
    found = compare(table, repeats=100)["auroc"]
    assert found["difference"]["value"] == 1
    assert found["delong"]["difference"]["low"] is None
    assert "fewer than 2 patients" in found["delong"]["difference"]["reason"]


def test_one_patient_with_cancer_proves_nothing():
    cancer = [1, *[0] * 9]
    scores = {"new": np.arange(10)[::-1], "old": [0, *range(9, 0, -1)]}
    table = pd.DataFrame({"patient_id": range(10), "cancer": cancer} | scores)
    found = compare(table, {"new": 8.5, "old": 8.5}, repeats=200)
    for part in (found["auroc"], found["operating"]["sensitivity"]):
        assert part["difference"]["value"] == 1
        assert part["difference"]["low"] is None and part["p"] is None
        assert part["difference"]["reason"] == "no interval: only 1 patient with cancer"


def test_a_difference_that_no_replicate_varies_has_no_p():
    table = pd.DataFrame(
        {"patient_id": range(6), "cancer": [1, 1, 1, 0, 0, 0], "new": [1, 1, 1, 0, 0, 0]}
    ).assign(old=[0, 0, 0, 1, 1, 1])
    found = compare(table, {"new": 0.5, "old": 0.5}, repeats=200)
    for part in (found["auroc"], found["operating"]["sensitivity"]):
        assert (part["difference"]["value"], part["difference"]["low"], part["p"]) == (
            1,
            None,
            None,
        )
        assert "no variation" in part["difference"]["reason"]


def test_bad_tables_are_refused_in_words(breasts):
    with pytest.raises(ValueError, match=r"no column \['old'\]"):
        compare(breasts.drop(columns="old"))
    with pytest.raises(ValueError, match="nothing to compare"):
        compare(breasts.iloc[:0])
    with pytest.raises(ValueError, match=r"2 of new\): both models must score the same breasts"):
        compare(breasts.assign(new=breasts["new"].where(breasts.index > 1)))
    with pytest.raises(ValueError, match=r"no threshold for \['old'\]"):
        compare(breasts, {"new": 0.5})


@pytest.mark.skipif(not RESULTS.is_dir(), reason=f"no published predictions at {RESULTS}")
def test_published_paired_comparisons_are_met():
    known = json.loads((RESULTS / "statistics.json").read_text())
    assert len(known["paired_comparisons"]) == 9
    for pair, published in known["paired_comparisons"].items():
        names = pair.split("_minus_")
        tables = [pd.read_csv(RESULTS / f"predictions/{name}.test.csv") for name in names]
        joined = tables[0].merge(tables[1], on=["image_id", "patient_id", "label"])
        breasts = joined.rename(
            columns={"label": "cancer", "probability_x": names[0], "probability_y": names[1]}
        )
        points = {name: known["models"][name]["threshold"] for name in names}
        found = compare(breasts, points, 20_000, *names)
        ours = {"auc": found["auroc"]} | found["operating"]
        for figure in ("auc", "sensitivity", "specificity"):
            there, here = published["first_minus_second"][figure], ours[figure]
            where = (pair, figure)
            assert here["difference"]["value"] == pytest.approx(there["estimate"], abs=1e-12), where
            # Theirs has 2000 draws: an end moves by about 0.002.
            assert here["difference"]["low"] == pytest.approx(there["ci_lower"], abs=0.012), where
            assert here["difference"]["high"] == pytest.approx(there["ci_upper"], abs=0.012), where
            # Theirs has a standard error of up to 0.022.
            assert here["p"] == pytest.approx(there["p_two_sided"], abs=0.05), where
