"""The test counts heaps that are there, and makes none of chance, ties or a woman's own images."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mammo_pipeline.mammo.audit.modes import (
    count_modes,
    count_modes_by_feature,
    find_critical_width,
)


def count(values: np.ndarray, seed: int = 0, resolution: float = 0.0) -> int:
    rng = np.random.default_rng(seed)
    return count_modes(values, 100, 0.05, rng, resolution)["modes"]


def heaps(*centres: float, n: int = 150, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.normal(centre, 1, n) for centre in centres])


@pytest.mark.parametrize("centres", [(0,), (0, 5), (0, 5, 10), (0, 5, 10, 15)])
def test_as_many_modes_are_found_as_there_are_heaps(centres):
    assert count(heaps(*centres)) == len(centres)


def test_six_fixed_aspects_are_six_modes():
    aspects = np.repeat([1.3, 1.28, 1.2564, 1.3976, 1.325, 1.3356], 40)
    assert count(aspects) == 6


def test_one_value_is_one_mode():
    assert count(np.full(50, 0.3)) == 1
    assert count(np.array([0.5])) == 1


def test_heaps_nearer_than_the_resolution_are_one():
    values = heaps(0, 5) / 1000
    assert count(values) == 2
    assert count(values, resolution=0.004) == 1


def test_the_critical_width_shrinks_as_more_modes_are_allowed():
    values = heaps(0, 5, 10)
    values = (values - values.mean()) / values.std()
    widths = [find_critical_width(values, modes, 1e-3) for modes in (1, 2, 3)]
    assert widths[0] > widths[1] > widths[2]


def test_a_second_mode_is_rarely_seen_where_there_is_none():
    found = [count(heaps(0, n=200, seed=seed), seed) for seed in range(30)]
    assert sum(modes > 1 for modes in found) <= 4


def test_views_and_a_womans_own_images_make_no_modes():
    rng = np.random.default_rng(0)
    women = pd.DataFrame({"patient_id": np.arange(150).astype(str), "own": rng.normal(0, 1, 150)})
    images = women.loc[np.repeat(women.index, 8)].reset_index(drop=True)
    images["view"] = np.tile(["CC", "MLO"], 600)
    height = images["own"] + 8.0 * (images["view"] == "MLO") + rng.normal(0, 0.01, 1200)
    table = pd.DataFrame({"height_share": height})
    found = count_modes_by_feature(table, images, 100, 0.05, 0, {})
    assert found["height_share"]["modes"] == 1
    assert found["height_share"]["n"] == 150


def test_a_feature_keeps_its_result_when_another_joins():
    images = pd.DataFrame({"patient_id": np.arange(90).astype(str), "view": "CC"})
    table = pd.DataFrame({"a": heaps(0, n=90), "b": heaps(0, n=90, seed=1)})
    both = count_modes_by_feature(table, images, 50, 0.05, 0, {})
    assert count_modes_by_feature(table[["b"]], images, 50, 0.05, 0, {})["b"] == both["b"]
