import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from mammo_pipeline.mammo import delong, intervals, scoring


def delong_by_hand(labels, scores):
    """DeLong, DeLong and Clarke-Pearson (1988), equations 3 to 5, as a double loop would."""
    y, s = np.asarray(labels), np.asarray(scores, float)
    positives, negatives = s[y == 1], s[y == 0]
    wins = (positives[:, None] > negatives) + 0.5 * (positives[:, None] == negatives)
    rows, columns = wins.mean(axis=1), wins.mean(axis=0)
    areas = wins.mean(axis=(0, 1))
    s10 = np.cov(rows.T, ddof=1) / len(positives)
    return areas, np.atleast_2d(s10 + np.cov(columns.T, ddof=1) / len(negatives))


def obuchowski_by_hand(labels, scores, patients):
    """Obuchowski (1997), section 2.3, patient by patient."""
    y, s, who = np.asarray(labels), np.asarray(scores, float), np.asarray(patients)
    positives, negatives = s[y == 1], s[y == 0]
    wins = (positives[:, None] > negatives) + 0.5 * (positives[:, None] == negatives)
    area = wins.mean(axis=(0, 1))
    people, size = np.unique(who), s.shape[1]
    parts = np.zeros((len(people), 2, size))
    for number, person in enumerate(people):
        parts[number, 0] = (wins.mean(axis=1) - area)[who[y == 1] == person].sum(0)
        parts[number, 1] = (wins.mean(axis=0) - area)[who[y == 0] == person].sum(0)
    m, n, total = len(positives), len(negatives), len(people)
    i10, i01 = len(set(who[y == 1])), len(set(who[y == 0]))
    s10 = i10 / ((i10 - 1) * m) * parts[:, 0].T @ parts[:, 0]
    s01 = i01 / ((i01 - 1) * n) * parts[:, 1].T @ parts[:, 1]
    s11 = total / (total - 1) * parts[:, 0].T @ parts[:, 1]
    return area, s10 / m + s01 / n + (s11 + s11.T) / (m * n)


@pytest.fixture
def breasts():
    """120 patients, two breasts each; scores of three models rounded, so that many tie."""
    rng = np.random.default_rng(8)
    patients = np.repeat(np.arange(120), 2)
    labels = (rng.random(240) < 0.3).astype(int)
    shared = np.repeat(rng.normal(size=120), 2)[:, None]
    scores = np.round(2 * (shared + rng.normal(size=(240, 3)) + labels[:, None])) / 2
    return labels, scores, patients


def test_areas_are_those_of_scikit_learn(breasts):
    labels, scores, _ = breasts
    areas, _ = delong.delong_covariance(labels, scores)
    known = [roc_auc_score(labels, column) for column in scores.T]
    assert areas == pytest.approx(known, abs=1e-12)


def test_without_patients_the_covariance_is_delongs(breasts):
    labels, scores, _ = breasts
    areas, covariance = delong.delong_covariance(labels, scores)
    known_areas, known = delong_by_hand(labels, scores)
    assert areas == pytest.approx(known_areas, abs=1e-12)
    assert covariance == pytest.approx(known, abs=1e-14)


def test_with_patients_the_covariance_is_obuchowskis(breasts):
    labels, scores, patients = breasts
    _, covariance = delong.delong_covariance(labels, scores, patients)
    assert covariance == pytest.approx(obuchowski_by_hand(labels, scores, patients)[1], abs=1e-14)
    assert not np.allclose(covariance, delong_by_hand(labels, scores)[1], rtol=0.01)


def test_one_breast_a_patient_makes_both_forms_equal(breasts):
    labels, scores, _ = breasts
    names = [f"P{number}" for number in range(len(labels))]
    plain = delong.delong_covariance(labels, scores)[1]
    assert delong.delong_covariance(labels, scores, names)[1] == pytest.approx(plain, abs=1e-15)


def test_twins_of_every_row_double_the_clustered_variance_only():
    rng = np.random.default_rng(2)
    labels, scores = np.repeat([0, 1], [300, 100]), rng.normal(size=400)
    scores = scores + labels
    twice = [np.repeat(part, 2) for part in (labels, scores, np.arange(400))]
    single = delong.delong_covariance(labels, scores)[1][0, 0]
    assert delong.delong_covariance(*twice)[1][0, 0] == pytest.approx(single, rel=1e-12)
    as_independent = delong.delong_covariance(twice[0], twice[1])[1][0, 0]
    assert as_independent == pytest.approx(single / 2, rel=0.01)


def test_the_standard_error_is_that_of_the_patient_bootstrap(breasts):
    labels, scores, patients = breasts
    draws = intervals.bootstrap_by_patient(
        lambda w: {"auroc": scoring.auroc(labels, scores[:, 0], w)},
        patients, labels, 4000, np.random.default_rng(0),
    )["auroc"]  # fmt: skip
    _, covariance = delong.delong_covariance(labels, scores, patients)
    # The bootstrap is stratified by patients with cancer, DeLong's units are the breasts.
    assert np.sqrt(covariance[0, 0]) == pytest.approx(draws.std(), rel=0.06)


def test_the_logit_interval_covers_as_often_as_it_says():
    rng, covered, area = np.random.default_rng(3), 0, 0.8413
    labels = np.repeat([0, 1], [60, 25])
    for _ in range(400):
        # Two normals apart by sqrt(2): the area is Phi(1).
        scores = rng.normal(size=85) + np.sqrt(2) * labels
        found = delong.measure_auroc(labels, scores, None, 0.95)
        covered += found["low"] <= area <= found["high"]
    # 0.95 with a standard error of 0.011.
    assert 0.92 <= covered / 400 <= 0.985


def test_two_equal_models_differ_by_nothing_and_have_no_p(breasts):
    labels, scores, patients = breasts
    found = delong.compare_areas(labels, scores[:, [0, 0]], patients, 0.95)
    assert found["difference"]["value"] == 0
    assert found["difference"]["low"] is None
    assert found["difference"]["reason"] == "no interval: these cases show no variation"
    assert (found["p"], found["z"]) == (None, None)
    assert found["correlation"] == pytest.approx(1)


def test_the_paired_test_errs_as_often_as_it_says():
    rng, rejected = np.random.default_rng(4), 0
    labels = np.repeat([0, 0, 1, 0], 60)
    patients = np.repeat(np.arange(120), 2)
    for _ in range(600):
        shared = np.repeat(rng.normal(size=120), 2)[:, None]
        scores = shared + rng.normal(size=(240, 2)) + labels[:, None]
        rejected += delong.compare_areas(labels, scores, patients, 0.95)["p"] < 0.05
    # 0.05 with a standard error of 0.009.
    assert 0.025 <= rejected / 600 <= 0.08


def test_swapping_the_models_turns_the_sign_and_nothing_else(breasts):
    labels, scores, patients = breasts
    there = delong.compare_areas(labels, scores[:, :2], patients, 0.95)
    back = delong.compare_areas(labels, scores[:, [1, 0]], patients, 0.95)
    assert there["difference"]["low"] == pytest.approx(-back["difference"]["high"])
    assert (there["p"], there["z"]) == (pytest.approx(back["p"]), pytest.approx(-back["z"]))


@pytest.mark.parametrize(("labels", "missing"), [([0, 0, 0], "with"), ([1, 1, 1], "without")])
def test_one_class_has_no_area_and_says_so(labels, missing):
    found = delong.measure_auroc(labels, [1, 2, 3], None, 0.95)
    assert found["value"] is None
    assert found["reason"] == f"cannot be estimated, n = 3: no case {missing} cancer"
    both = delong.compare_areas(labels, np.zeros((3, 2)), None, 0.95)
    assert (both["difference"]["value"], both["p"]) == (None, None)


def test_no_row_at_all_has_no_area():
    assert delong.measure_auroc([], [], None, 0.95)["value"] is None


def test_one_patient_with_cancer_keeps_the_area_and_loses_the_interval():
    found = delong.measure_auroc([0, 1, 0], [1, 2, 3], ["a", "b", "c"], 0.95)
    assert found["value"] == 0.5
    assert found["low"] is None
    assert found["reason"] == "no interval: a class has fewer than 2 patients"


def test_classes_parted_without_error_get_no_width():
    found = delong.measure_auroc([0, 0, 1, 1], [1, 2, 3, 4], None, 0.95)
    assert (found["value"], found["low"], found["high"]) == (1.0, None, None)


def test_scores_that_are_not_finite_and_missing_patients_are_refused():
    with pytest.raises(ValueError, match="1 scores are not finite, the first at row 2"):
        delong.delong_covariance([0, 1, 1], [1, 2, np.nan])
    with pytest.raises(ValueError, match="need one patient each"):
        delong.delong_covariance([0, 1], [1, 2], np.array(["a", None], object))
    with pytest.raises(ValueError, match="expected 2"):
        delong.compare_areas([0, 1], [1, 2], None, 0.95)
