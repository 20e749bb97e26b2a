import numpy as np
import pytest

from mammo_pipeline.mammo.bias.shares import effective_count, measure_share
from mammo_pipeline.mammo.intervals import proportion


def test_women_with_one_breast_each_get_the_plain_interval():
    hits = np.arange(40) % 4 == 0
    ours, plain = measure_share(hits, np.arange(40), 0.95), proportion(10, 40, 0.95)
    assert ours["value"] == plain["value"] and ours["n"] == 40
    assert ours["low"] == pytest.approx(plain["low"])


def test_two_breasts_that_always_agree_count_as_one():
    hits, patients = np.repeat(np.arange(40) % 4 == 0, 2), np.repeat(np.arange(40), 2)
    assert effective_count(hits, patients) == pytest.approx(40)
    single = measure_share(hits[::2], patients[::2], 0.95)
    assert measure_share(hits, patients, 0.95)["high"] == pytest.approx(single["high"])


def test_breasts_that_disagree_give_no_more_than_their_number():
    hits, patients = np.tile([1, 0], 20), np.repeat(np.arange(20), 2)
    assert effective_count(hits, patients) == 40


def test_a_share_of_all_or_nothing_counts_women():
    assert effective_count(np.ones(6), np.repeat([1, 2, 3], 2)) == 3
    assert measure_share(np.ones(6), np.repeat([1, 2, 3], 2), 0.95)["low"] < 0.45


def test_nothing_to_count_has_its_reason():
    assert measure_share([], [], 0.95)["reason"] == "nothing to count: n is 0"


def test_the_interval_covers_where_breasts_of_one_woman_are_alike():
    rng, covered = np.random.default_rng(0), []
    for _ in range(400):
        woman = rng.beta(1, 3, 60)  # mean 0.25, correlation 0.2 between her breasts
        hits = rng.random((60, 2)) < woman[:, None]
        found = measure_share(hits.ravel(), np.repeat(np.arange(60), 2), 0.95)
        covered.append(found["low"] <= 0.25 <= found["high"])
    assert np.mean(covered) > 0.925
