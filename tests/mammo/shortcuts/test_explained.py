"""A share explained is that of the rows as often as they count."""

from __future__ import annotations

import numpy as np
import pytest

from mammo_pipeline.mammo.shortcuts.explained import (
    correlate_within,
    explained_share,
    take_off_outcome,
)


def test_shares_and_correlations_take_weights_as_copies():
    rng = np.random.default_rng(0)
    values, guesses = rng.normal(size=(2, 30))
    labels = rng.integers(0, 2, 30)
    counts = rng.integers(0, 3, 30)
    copied = np.repeat(np.arange(30), counts)
    batch = np.stack([counts, np.ones(30)]).astype(float)
    for function, extra in ((explained_share, ()), (correlate_within, (labels,))):
        weighted = function(values, guesses, *extra, batch)
        parts = [part[copied] for part in (values, guesses, *extra)]
        assert weighted[0] == pytest.approx(function(*parts, np.ones(len(copied))))
        assert weighted.shape == (2,)


def test_an_outcome_taken_off_leaves_nothing_of_it():
    labels = np.array([0, 1, 1, 0, 1])
    assert np.abs(take_off_outcome(5.0 * labels, labels)).max() == 0


def test_a_guess_worse_than_the_mean_is_below_zero_and_a_constant_is_undefined():
    assert explained_share(np.array([0.0, 1.0]), np.array([1.0, 0.0]), np.ones(2)) == -3
    assert np.isnan(explained_share(np.ones(2), np.ones(2), np.ones(2)))
    assert np.isnan(correlate_within(np.ones(2), np.arange(2.0), np.zeros(2), np.ones(2)))
