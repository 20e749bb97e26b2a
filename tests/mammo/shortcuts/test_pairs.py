"""Pairs of one source and of two are counted as if one by one."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from mammo_pipeline.mammo.scoring import auroc
from mammo_pipeline.mammo.shortcuts.pairs import (
    InjectionRule,
    areas_by_pair,
    count_pairs,
    part_pairs,
)

RULE = InjectionRule(0.02, 200, 0.95)


def count_by_hand(labels, scores, sources, weights):
    won, held = {"within": 0.0, "between": 0.0}, {"within": 0.0, "between": 0.0}
    for i, j in product(np.flatnonzero(labels == 1), np.flatnonzero(labels == 0)):
        kind = "within" if sources[i] == sources[j] else "between"
        held[kind] += weights[i] * weights[j]
        half = 1.0 if scores[i] > scores[j] else 0.5 * (scores[i] == scores[j])
        won[kind] += half * weights[i] * weights[j]
    return {kind: won[kind] / held[kind] for kind in won}


def test_pairs_are_those_counted_one_by_one_ties_and_weights_included(draw_breasts):
    labels, _, _, rng = draw_breasts(1, 60)
    sources = rng.choice(["a", "b", "c"], 60)
    scores = rng.integers(0, 5, 60).astype(float)
    weights = rng.integers(0, 3, (4, 60)).astype(float)
    found = areas_by_pair(labels, scores, sources, weights)
    for number, row in enumerate(weights):
        expected = count_by_hand(labels, scores, sources, row)
        for kind, area in expected.items():
            assert found[kind][number] == pytest.approx(area, abs=1e-12)


def test_all_pairs_together_give_the_usual_area(draw_breasts):
    labels, sources, _, rng = draw_breasts(2, 80)
    scores = np.round(rng.normal(size=80), 1)
    weights = rng.integers(0, 3, (3, 80)).astype(float)
    whole = areas_by_pair(labels, scores, sources, weights)["whole"]
    np.testing.assert_allclose(whole, auroc(labels, scores, weights), atol=1e-12)
    assert areas_by_pair(labels, scores, sources, np.ones(80))["whole"].shape == ()


def test_a_kind_without_a_pair_is_undefined_not_zero():
    found = areas_by_pair([1, 0], [1.0, 0.0], ["a", "b"], np.ones(2))
    assert np.isnan(found["within"])
    assert found["between"] == 1
    assert [float(x) for x in count_pairs([], [], np.ones(0))] == [0, 0]


def test_one_model_alone_shows_its_gap(draw_breasts):
    labels, sources, patients, rng = draw_breasts(14)
    honest = rng.normal(size=600) + labels
    quiet = part_pairs(labels, honest, sources, patients, RULE, rng)
    loud = part_pairs(labels, honest + 2 * (sources == "b"), sources, patients, RULE, rng)
    assert quiet["gap"]["low"] < 0 < quiet["gap"]["high"]
    assert loud["gap"]["low"] > 0.05
    assert quiet["pairs"]["within"] + quiet["pairs"]["between"] == labels.sum() * (
        600 - labels.sum()
    )


@pytest.mark.parametrize("bad", ["nan", "short", "label"])
def test_bad_input_is_refused(draw_breasts, bad):
    labels, sources, patients, rng = draw_breasts(15, 50)
    scores = rng.normal(size=50)
    if bad == "nan":
        scores[3] = np.nan
    if bad == "label":
        labels[0] = 2
    used = scores[:-1] if bad == "short" else scores
    with pytest.raises(ValueError, match=r"not finite|differ in length|0 or 1"):
        part_pairs(labels, used, sources, patients, RULE, rng)
