"""A source that can be seen is told from a source that is used."""

from __future__ import annotations

import json
from itertools import product

import numpy as np
import pandas as pd
import pytest

from mammo_pipeline.mammo.audit.probe import ProbeRule
from mammo_pipeline.mammo.shortcuts.embedding import (
    VERDICTS,
    SourceRule,
    measure_embedding,
    pool_rare,
)

RULE = SourceRule(ProbeRule(2, 100, 0.95, 1), 0.6, 0.02, 0.15, 0.01, 499)


@pytest.fixture
def measure(draw_study):
    def measured(seed: int, **options):
        study = draw_study(seed, **options)
        return measure_embedding(*study, "device", RULE, np.random.default_rng(seed))

    return measured


def test_a_used_source_rings(measure):
    record = measure(1, confounding=0.9, used=1.5)
    assert record["verdict"] == "used"
    assert record["alarmed"]
    assert record["probe"]["without_cancer"]["low"] > 0.6
    json.dumps(record)


@pytest.mark.parametrize(
    ("options", "verdict"),
    [
        ({"confounding": 0.9, "used": 0.0}, "seen, not used"),
        ({"confounding": 0.0, "used": 0.0}, "seen, not used"),
        ({"confounding": 0.0, "used": 1.5}, "seen, score differs"),
        ({"confounding": 0.9, "used": -1.5}, "seen, score differs"),
        ({"confounding": 0.0, "used": 0.0, "seen": 0.0}, "not readable"),
    ],
)
def test_seeing_alone_differing_alone_and_confounding_alone_do_not_ring(measure, options, verdict):
    record = measure(2, **options)
    assert record["verdict"] == verdict
    assert not record["alarmed"]


def test_the_probe_of_images_without_cancer_does_not_see_the_outcome(draw_study):
    # The embedding tells cancer and no device; confounded, a probe of all images sees a device.
    embedding, images, breasts, known = draw_study(3, confounding=1.0, seen=0.0, women=120)
    embedding[:, 1] += 4.0 * images["cancer"].to_numpy()
    record = measure_embedding(
        embedding, images, breasts, known, "device", RULE, np.random.default_rng(3)
    )
    assert record["probe"]["all"]["low"] > 0.6
    assert record["probe"]["without_cancer"]["low"] < 0.55
    assert not record["alarmed"]


def test_rare_sources_are_pooled_and_none_is_lost():
    sources = pd.Series(["A"] * 9 + ["B"] * 9 + ["C"])
    patients = pd.Series([f"p{number}" for number in range(19)])
    pooled = pool_rare(sources, patients, 5)
    assert pooled.value_counts().to_dict() == {"A": 10, "B": 9}


def test_every_combination_has_a_verdict_and_one_rings():
    assert set(VERDICTS) == set(product([False, True], repeat=3))
    assert [key for key, value in VERDICTS.items() if value[1]] == [(True, True, True)]


def test_what_cannot_be_asked_says_why(draw_study):
    embedding, images, breasts, known = draw_study(5)
    rng = np.random.default_rng(0)
    missing = measure_embedding(embedding, images, breasts, known, "site_id", RULE, rng)
    assert "no column site_id" in missing["reason"]
    one = images.assign(device="A")
    alone = measure_embedding(embedding, one, breasts, known, "device", RULE, rng)
    assert "only one device" in alone["reason"]
    head = slice(0, 3)
    three = measure_embedding(
        embedding[head],
        images[head].assign(device=["A", "B", "B"]),
        breasts[head],
        known,
        "device",
        RULE,
        rng,
    )
    assert three["probe"]["all"]["auc"] is None
    assert three["probe"]["all"]["reason"]
    assert not three["alarmed"]


def test_bad_input_is_refused(draw_study):
    embedding, images, breasts, known = draw_study(6)
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="expected one finite row"):
        measure_embedding(embedding[1:], images, breasts, known, "device", RULE, rng)
    embedding[0, 0] = np.nan
    with pytest.raises(ValueError, match="expected one finite row"):
        measure_embedding(embedding, images, breasts, known, "device", RULE, rng)
