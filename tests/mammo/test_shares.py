import numpy as np
import pytest

from mammo_pipeline.mammo.intervals import wilson_interval
from mammo_pipeline.mammo.shares import clustered_proportion


def bounds(found):
    return found["low"], found["high"]


def test_one_row_a_patient_is_wilsons_interval():
    hits = np.repeat([1, 0], [13, 27])
    found = clustered_proportion(hits, np.arange(40), 0.95)
    assert bounds(found) == pytest.approx(wilson_interval(13, 40, 0.95), abs=1e-12)
    assert (found["value"], found["n"], found["reason"]) == (13 / 40, 40, None)


def test_rows_that_repeat_a_patient_add_nothing():
    hits, patients = np.repeat([1, 0], [13, 27]), np.arange(40)
    once = clustered_proportion(hits, patients, 0.95)
    twice = clustered_proportion(np.repeat(hits, 3), np.repeat(patients, 3), 0.95)
    assert bounds(twice) == pytest.approx(bounds(once), abs=1e-12)
    assert twice["n"] == 120


def test_rows_that_differ_within_a_patient_never_make_the_interval_narrower_than_wilsons():
    found = clustered_proportion([1, 0] * 20, np.repeat(np.arange(20), 2), 0.95)
    assert bounds(found) == pytest.approx(wilson_interval(20, 40, 0.95), abs=1e-12)


def test_a_share_of_all_has_the_width_of_its_patients():
    found = clustered_proportion(np.ones(30), np.repeat(np.arange(10), 3), 0.95)
    assert found["low"] == pytest.approx(wilson_interval(10, 10, 0.95)[0])
    assert found["high"] == 1.0


def test_independent_rows_are_covered_at_the_level_and_alike_rows_too():
    rng = np.random.default_rng(7)
    covered = 0
    for _ in range(400):
        chance = rng.beta(2, 4, 60)
        hits = rng.random((60, 4)) < chance[:, None]
        found = clustered_proportion(hits.ravel(), np.repeat(np.arange(60), 4), 0.95)
        covered += found["low"] <= 1 / 3 <= found["high"]
    assert 0.92 <= covered / 400 <= 0.98


def test_nobody_and_one_patient_say_so():
    empty = clustered_proportion([], [], 0.95)
    assert (empty["value"], empty["n"]) == (None, 0)
    assert "n = 0" in empty["reason"]
    one = clustered_proportion([1, 0], ["a", "a"], 0.95)
    assert one["value"] == 0.5
    assert one["low"] is None
    assert one["reason"] == "no interval: only 1 patient"
