"""An attribute that goes with the outcome is seen; one that does not raises no alarm."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats.contingency import association

from mammo_pipeline.mammo.contract.association import commonest, measure_association


def measure(values, outcomes, draws=99, seed=0):
    rng = np.random.default_rng(seed)
    return measure_association(pd.Series(values), pd.Series(outcomes), 0.95, draws, rng)


def draw(rng, n, groups, confounding):
    devices = rng.integers(0, groups, n)
    return devices, (rng.random(n) < 0.2 + confounding * (devices == 0)).astype(int)


def test_the_value_nears_scipys_on_many_cases():
    devices, outcomes = draw(np.random.default_rng(1), 50_000, 4, 0.3)
    peer = association(pd.crosstab(devices, outcomes).to_numpy(), method="cramer")
    assert measure(devices, outcomes)["value"] == pytest.approx(peer, abs=0.002)


def test_a_planted_association_is_certain_and_chance_is_not():
    rng = np.random.default_rng(2)
    found = measure(*draw(rng, 400, 6, 0.6))
    assert found["low"] > 0.3 and found["p"] == 0.01
    alarms = [measure(*draw(rng, 400, 6, 0.0), draws=1)["low"] > 0 for _ in range(60)]
    assert np.mean(alarms) < 0.08


def test_the_interval_covers_the_truth():
    rng, n = np.random.default_rng(3), 2000
    # Two groups of 0.3 and 0.5: phi = 0.1 / sqrt(0.4 * 0.6), the square root of chi-square over n.
    covered = []
    for _ in range(60):
        groups = np.arange(n) % 2
        found = measure(groups, (rng.random(n) < np.where(groups, 0.5, 0.3)).astype(int), 1)
        covered.append(found["low"] <= 0.1 / np.sqrt(0.24) <= found["high"])
    assert np.mean(covered) > 0.9


def test_p_is_uniform_under_chance():
    rng = np.random.default_rng(4)
    p = [measure(*draw(rng, 60, 3, 0.0), draws=99, seed=k)["p"] for k in range(60)]
    assert 0.0 < np.mean(np.array(p) <= 0.1) <= 0.2


@pytest.mark.parametrize("values", [["A"] * 10, [None] * 10])
def test_a_single_group_is_not_compared(values):
    found = measure(values, [0, 1] * 5)
    assert found["value"] is None and "nothing to compare" in found["reason"]


def test_the_commonest_value_ignores_what_is_missing():
    table = pd.DataFrame({"p": ["a", "a", "a", "b"], "d": [None, None, "x", None]})
    assert commonest(table, "p", "d").to_dict() == {"a": "x"}
