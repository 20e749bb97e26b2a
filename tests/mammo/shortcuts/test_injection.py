"""A gain that shows only between sources is named, and skill is not."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from mammo_pipeline.mammo.shortcuts.injection import VERDICTS, measure_injection
from mammo_pipeline.mammo.shortcuts.pairs import (
    InjectionRule,
    part_pairs,
)

RULE = InjectionRule(0.02, 200, 0.95)


def test_learning_the_source_is_named_a_shortcut(draw_breasts):
    labels, sources, patients, rng = draw_breasts(3)
    before = rng.normal(size=600) + 0.8 * labels
    after = before + 2.0 * (sources == "b")
    record = measure_injection(labels, before, after, sources, patients, RULE, rng)
    assert record["verdict"] == "shortcut"
    assert record["alarmed"]
    assert record["gain"]["between"]["value"] > 0.1
    assert record["gain"]["within"]["value"] == pytest.approx(0, abs=1e-12)


def test_skill_is_not_named_a_shortcut_even_where_sources_differ_in_outcome(draw_breasts):
    for seed in range(4, 12):
        labels, sources, patients, rng = draw_breasts(seed)
        noise = rng.normal(size=600)
        record = measure_injection(
            labels, noise + 0.5 * labels, noise + 1.5 * labels, sources, patients, RULE, rng
        )
        assert record["verdict"] == "equal"
        assert not record["alarmed"]


def test_skill_and_shortcut_together_are_told_apart_from_skill(draw_breasts):
    labels, sources, patients, rng = draw_breasts(12)
    before = rng.normal(size=600) + 0.5 * labels
    after = before + 0.8 * labels + 2.0 * (sources == "b")
    record = measure_injection(labels, before, after, sources, patients, RULE, rng)
    assert record["verdict"] == "partly a shortcut"
    assert record["alarmed"]


def test_putting_a_strange_source_on_the_common_scale_is_no_shortcut(draw_breasts):
    # Before, greys that the model had never seen put all of source b too low.
    labels, sources, patients, rng = draw_breasts(13)
    honest = rng.normal(size=600) + 1.0 * labels
    before = honest - 2.0 * (sources == "b")
    record = measure_injection(labels, before, honest, sources, patients, RULE, rng)
    assert record["excess"]["low"] > 0
    assert not record["alarmed"]


@pytest.mark.parametrize("accident", [-2.0, 2.0])
def test_a_shortcut_is_found_wherever_an_unseen_source_lay_before(draw_breasts, accident):
    labels, sources, patients, rng = draw_breasts(16)
    skill = rng.normal(size=600) + 0.8 * labels
    on = sources == "b"
    before, after = skill + accident * on, skill + 2.0 * on
    record = measure_injection(labels, before, after, sources, patients, RULE, rng, is_new=True)
    assert record["verdict"] == "shortcut"
    honest = measure_injection(labels, before, skill, sources, patients, RULE, rng, is_new=True)
    assert not honest["alarmed"]


def test_every_combination_has_a_verdict():
    assert set(VERDICTS) == set(product([False, True], repeat=3))


def test_what_cannot_be_estimated_says_why():
    rng = np.random.default_rng(0)
    three = part_pairs([1, 0, 0], [1, 2, 3], ["a", "b", "b"], ["1", "2", "3"], RULE, rng)
    assert "cannot be estimated, n = 3" in three["reason"]
    alone = part_pairs([1, 0], [1, 2], ["a", "a"], ["1", "2"], RULE, rng)
    assert "only one source" in alone["reason"]
    empty = measure_injection([], [], [], [], [], RULE, rng)
    assert empty["reason"] == "cannot be estimated, n = 0"
    healthy = part_pairs([0] * 50, np.arange(50), ["a", "b"] * 25, range(50), RULE, rng)
    assert "0 pairs within" in healthy["reason"]
