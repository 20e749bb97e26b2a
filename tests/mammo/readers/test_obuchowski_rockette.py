import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_rel

from mammo_pipeline.mammo.delong import compare_areas, delong_covariance
from mammo_pipeline.mammo.readers import obuchowski_rockette as orh
from mammo_pipeline.mammo.readers.table import arrange_study
from reader_studies import draw_scores, make_table

# Van Dyke et al. (1993): spin-echo and cine MRI, 5 readers, 45 cases with a dissection and 69
# without. Areas and error covariances as OR-DBM MRMC 2.5 (University of Iowa) prints them.
AREAS = np.array(
    [
        [0.91964573, 0.85877617, 0.90386473, 0.97310789, 0.82979066],
        [0.94782609, 0.90531401, 0.92173913, 0.99935588, 0.92995169],
    ]
)
VAR, COV2, COV1, COV3 = (0.00101410, 0.00059047), (0.00048396, 0.00020419), 0.00034661, 0.00023903


@pytest.fixture(scope="module")
def covariance():
    found = np.full((2, 5, 2, 5), COV3)
    readers = np.arange(5)
    found[:, readers, :, readers] = COV1
    for modality in range(2):
        found[modality, :, modality] = COV2[modality]
        found[modality, readers, modality, readers] = VAR[modality]
    return found


def average(values, covariance, readers):
    return orh.average_over_readers(values, covariance, 0.95, readers, 114, "area")


def test_the_published_test_of_random_readers_is_met(covariance):
    found = orh.compare_all_modalities(AREAS, covariance, "random")
    assert found["statistic"] == pytest.approx(4.46, abs=0.005)
    assert found["df"] == [1, pytest.approx(15.26, abs=0.005)]
    assert found["p"] == pytest.approx(0.0517, abs=5e-5)
    known = {"var": 0.00080229, "cov1": COV1, "cov2": 0.00034407, "cov3": COV3}
    assert found["components"] == pytest.approx(known, abs=1e-8)


def test_the_published_test_of_fixed_readers_is_met(covariance):
    found = orh.compare_all_modalities(AREAS, covariance, "fixed")
    assert found["statistic"] == pytest.approx(5.47595, abs=1e-4)
    assert found["p"] == pytest.approx(0.0193, abs=5e-5)


@pytest.mark.parametrize(
    ("readers", "error", "df", "low", "high", "p"),
    [
        ("random", 0.02075, 15.26, -0.08796, 0.00036, 0.0517),
        ("fixed", 0.01872, None, -0.08049, -0.00711, 0.0193),
    ],
)
def test_the_published_differences_are_met(covariance, readers, error, df, low, high, p):
    found = average(AREAS[0] - AREAS[1], orh.subtract(covariance, 0, 1), readers)
    assert found["figure"]["value"] == pytest.approx(-0.04380032, abs=1e-8)
    assert found["error"] == pytest.approx(error, abs=5e-6)
    assert found["df"] == (None if df is None else pytest.approx(df, abs=0.005))
    ends = (found["figure"]["low"], found["figure"]["high"])
    assert ends == pytest.approx((low, high), abs=5e-6)
    assert found["p"] == pytest.approx(p, abs=5e-5)


@pytest.mark.parametrize(
    ("modality", "readers", "error", "df", "low", "high"),
    [
        (0, "random", 0.03317360, 12.74, 0.82522360, 0.96885048),
        (1, "random", 0.02156637, 12.71, 0.89413783, 0.98753689),
        (0, "fixed", 0.02428971, None, 0.84943008, 0.94464399),
        (1, "fixed", 0.01677632, None, 0.90795637, 0.97371835),
    ],
)
def test_the_published_single_modalities_are_met(
    covariance, modality, readers, error, df, low, high
):
    found = average(AREAS[modality], covariance[modality, :, modality], readers)
    assert found["error"] == pytest.approx(error, abs=2e-7)
    assert found["df"] == (None if df is None else pytest.approx(df, abs=0.005))
    ends = (found["figure"]["low"], found["figure"]["high"])
    assert ends == pytest.approx((low, high), abs=5e-7)


def test_without_covariance_it_is_the_paired_t_test_on_readers():
    found = average(AREAS[0] - AREAS[1], np.zeros((5, 5)), "random")
    known = ttest_rel(AREAS[0], AREAS[1])
    assert (found["t"], found["p"]) == pytest.approx((known.statistic, known.pvalue))
    # Published as the analysis of random readers and fixed cases: F(1, 4) = 8.70, p = 0.0420.
    assert found["p"] == pytest.approx(0.0420, abs=5e-5)
    overall = orh.compare_all_modalities(AREAS, np.zeros((2, 5, 2, 5)), "random")
    assert overall["statistic"] == pytest.approx(8.70, abs=0.005)


def test_two_modalities_give_one_p_by_t_and_by_f(covariance):
    by_t = average(AREAS[0] - AREAS[1], orh.subtract(covariance, 0, 1), "random")
    by_f = orh.compare_all_modalities(AREAS, covariance, "random")
    assert by_f["statistic"] == pytest.approx(by_t["t"] ** 2)
    assert by_f["p"] == pytest.approx(by_t["p"])


def test_one_reader_fixed_is_delongs_paired_test():
    study = arrange_study(make_table(np.random.default_rng(1), readers=1))
    areas, covariance = orh.measure_readers(study)
    found = orh.average_over_readers(
        areas[1] - areas[0], orh.subtract(covariance, 1, 0), 0.95, "fixed", 80, "area"
    )
    known = compare_areas(study.labels, study.scores[[1, 0], 0].T, study.patients, 0.95)
    assert found["p"] == pytest.approx(known["p"], rel=1e-9)
    assert found["figure"]["low"] == pytest.approx(known["difference"]["low"], abs=1e-12)


def test_one_reader_says_nothing_of_others():
    study = arrange_study(make_table(np.random.default_rng(1), readers=1))
    areas, covariance = orh.measure_readers(study)
    found = orh.average_over_readers(areas[0], covariance[0, :, 0], 0.95, "random", 80, "area")
    assert found["figure"]["low"] is None
    assert "one reader says nothing of others" in found["figure"]["reason"]
    assert orh.compare_all_modalities(areas, covariance, "random")["p"] is None


def test_two_equal_modalities_differ_by_nothing():
    table = make_table(np.random.default_rng(2), readers=4)
    unaided = table[table["modality"] == "unaided"]
    same = arrange_study(pd.concat([unaided, unaided.assign(modality="aided")]))
    areas, covariance = orh.measure_readers(same)
    spread = orh.subtract(covariance, 1, 0)
    for readers in ("random", "fixed"):
        found = average(areas[1] - areas[0], spread, readers)
        assert (found["figure"]["value"], found["figure"]["low"], found["p"]) == (0, None, None)
        assert orh.compare_all_modalities(areas, covariance, readers)["p"] is None


def test_several_cases_of_one_patient_are_a_cluster():
    one, two = (make_table(np.random.default_rng(3), per_patient=k) for k in (1, 2))
    single = orh.measure_readers(arrange_study(one))
    clustered = orh.measure_readers(arrange_study(two))
    assert (single[0] == clustered[0]).all()
    assert not np.allclose(single[1], clustered[1], rtol=0.01)


def rejections(rng, studies, readers, cases, **sizes):
    labels = (np.arange(cases) < cases // 2).astype(int)
    found = {"random": [], "fixed": []}
    for _ in range(studies):
        scores = draw_scores(rng, labels, readers, **sizes)
        shape = scores.shape[:2]
        areas, covariance = delong_covariance(labels, scores.reshape(-1, cases).T)
        covariance = covariance.reshape(*shape, *shape)
        for kind, rejected in found.items():
            p = orh.compare_all_modalities(areas.reshape(shape), covariance, kind)["p"]
            rejected.append(p < 0.05)
    return {kind: np.mean(rejected) for kind, rejected in found.items()}


def test_under_roe_and_metz_null_the_test_errs_as_often_as_it_says():
    rate = rejections(np.random.default_rng(4), 600, readers=5, cases=80)["random"]
    # 0.05 with a standard error of 0.009.
    assert 0.025 <= rate <= 0.08


def test_fixed_readers_are_no_answer_for_other_readers():
    rates = rejections(np.random.default_rng(5), 300, readers=5, cases=200, reader=0.08)
    assert rates["fixed"] > 0.15
    assert rates["random"] < 0.09


def test_a_helped_modality_is_found():
    assert rejections(np.random.default_rng(6), 60, 6, 120, helped=0.8)["random"] > 0.8


@pytest.mark.slow
@pytest.mark.parametrize("readers", [3, 5, 10])
@pytest.mark.parametrize("cases", [50, 100, 200])
@pytest.mark.parametrize("apart", [0.75, 1.5, 2.5])
def test_type_one_error_over_readers_cases_and_areas(readers, cases, apart):
    seed = 1000 * readers + 10 * cases + int(4 * apart)
    rate = rejections(np.random.default_rng(seed), 2000, readers, cases, apart=apart)["random"]
    print(f"readers {readers}, cases {cases}, apart {apart}: {rate:.4f}")
    # The test is known to be conservative where few cases make areas near 1 (Hillis 2007).
    assert 0.02 <= rate <= 0.07


@pytest.mark.slow
def test_intervals_of_one_modality_cover_as_often_as_they_say():
    rng, covered = np.random.default_rng(7), 0
    labels = np.repeat([1, 0], 50)
    # The expected area over readers and cases: Phi(apart / sqrt of the scores' whole variance).
    from scipy.stats import norm

    whole = 2 * (1 + 2 * 0.011)
    truth = norm.cdf(1.5 / np.sqrt(whole))
    for _ in range(2000):
        scores = draw_scores(rng, labels, 6)[0]
        areas, covariance = delong_covariance(labels, scores.T)
        found = orh.average_over_readers(areas, covariance, 0.95, "random", 100, "")["figure"]
        covered += found["low"] <= truth <= found["high"]
    assert 0.93 <= covered / 2000 <= 0.98
