"""The discriminant is Fisher's, counts weights as copies and survives useless features."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from mammo_pipeline.mammo.audit.discriminant import fit_discriminant, predict_chances


def cases(n: int = 4000) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    classes = rng.integers(0, 3, n)
    features = rng.normal(size=(n, 5)) * np.arange(1, 6)
    features[:, 1] += features[:, 0]
    return features + 0.5 * classes[:, None], classes


def test_with_equal_weights_it_is_the_known_discriminant():
    features, classes = cases()
    model = fit_discriminant(features, classes, np.ones(len(classes)), 3)
    known = LinearDiscriminantAnalysis(solver="lsqr", priors=np.full(3, 1 / 3))
    theirs = known.fit(features, classes).predict_proba(features)
    assert np.abs(predict_chances(model, features) - theirs).max() < 0.02


def test_a_weight_of_two_is_a_row_that_stands_twice():
    features, classes = cases(3000)
    weights = 1.0 + 3.0 * ((features[:, 0] > 0) & (classes == 0))
    twice = np.repeat(np.arange(3000), weights.astype(int))
    ones = np.ones(3000)
    found = [
        predict_chances(fit_discriminant(*rows, 3), features)
        for rows in (
            (features, classes, weights),
            (features[twice], classes[twice], np.ones(len(twice))),
            (features, classes, ones),
        )
    ]
    # The shrinkage alone counts effective rows, which two equal ones are not quite.
    assert np.abs(found[0] - found[1]).max() < 0.03
    assert np.abs(found[0] - found[2]).max() > 0.1


def test_a_feature_that_never_varies_changes_nothing():
    features, classes = cases(300)
    constant = np.column_stack([features, np.full(300, 0.1), np.zeros(300)])
    ones = np.ones(300)
    plain = predict_chances(fit_discriminant(features, classes, ones, 3), features)
    padded = predict_chances(fit_discriminant(constant, classes, ones, 3), constant)
    assert np.isfinite(padded).all()
    assert padded == pytest.approx(plain)


def test_features_that_all_stand_still_give_every_device_the_same_chance():
    model = fit_discriminant(np.ones((6, 3)), np.arange(6) % 2, np.ones(6), 2)
    assert (predict_chances(model, np.ones((6, 3))) == 0.5).all()


def test_more_features_than_rows_still_give_chances():
    rng = np.random.default_rng(0)
    features, classes = rng.normal(size=(20, 144)), np.arange(20) % 2
    chances = predict_chances(fit_discriminant(features, classes, np.ones(20), 2), features)
    assert chances.sum(1) == pytest.approx(np.ones(20))
