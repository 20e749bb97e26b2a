"""The loss says what the next stage needs to hear, and every batch weighs 1."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from mammo_pipeline.mammo.ladder.losses import (
    binary,
    example_weights,
    loss_of,
    one_against_rest,
    softmax,
)
from toy_steps import make_stage

BALANCED = {"balance": {"weights": True}}


def test_each_class_is_judged_against_the_rest():
    logits = np.array([[[[0.0, 2.0, -1.0]]], [[[1.0, 0.0, 0.0]]]], np.float32)
    found = np.asarray(one_against_rest(np.array([1, 0]), logits))
    first = np.log(2) + np.log1p(np.exp(-2.0)) + np.log1p(np.exp(-1.0))
    second = np.log1p(np.exp(-1.0)) + 2 * np.log(2)
    np.testing.assert_allclose(found, [first, second], rtol=1e-6)


def test_a_shift_of_all_logits_is_not_free_as_under_a_softmax():
    logits, labels = np.zeros((1, 1, 1, 5), np.float32), np.zeros(1, int)
    against, shared = (
        abs(float(loss(labels, logits + 3)[0]) - float(loss(labels, logits)[0]))
        for loss in (one_against_rest, softmax)
    )
    assert against > 1
    assert shared < 1e-6


def test_softmax_and_binary_are_those_of_keras():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(6, 1, 1, 5)).astype(np.float32)
    labels = rng.integers(0, 5, 6)
    kerases = keras.losses.sparse_categorical_crossentropy(
        labels[:, None, None], logits, from_logits=True
    )
    np.testing.assert_allclose(softmax(labels, logits), np.ravel(kerases), rtol=1e-5)
    outcome, logit = labels % 2, logits[:, 0, 0, :1]
    kerases = keras.losses.binary_crossentropy(outcome[:, None], logit, from_logits=True)
    np.testing.assert_allclose(binary(outcome, logit), np.ravel(kerases), rtol=1e-5)


def test_a_patch_with_several_places_gives_their_mean():
    logits = np.random.default_rng(1).normal(size=(2, 3, 2, 3)).astype(np.float32)
    labels = np.array([2, 0])
    for loss in (one_against_rest, softmax):
        places = [
            np.asarray(loss(labels, logits[:, r : r + 1, c : c + 1]))
            for r in range(3)
            for c in range(2)
        ]
        np.testing.assert_allclose(loss(labels, logits), np.mean(places, axis=0), rtol=1e-5)


def test_images_are_asked_one_question_and_patches_the_declared_one():
    assert loss_of(make_stage()) is binary
    assert loss_of(make_stage(data="patches")) is one_against_rest
    assert loss_of(make_stage(data="patches", loss="softmax")) is softmax


def test_logits_of_half_precision_are_judged_in_float32():
    logits = keras.ops.cast(np.full((1, 1), 30.0), "bfloat16")
    loss = binary(np.array([0]), logits)
    assert keras.backend.standardize_dtype(loss.dtype) == "float32"


def test_every_class_that_is_present_counts_the_same():
    labels = np.array([0, 0, 0, 4, 4, 1])
    weights = example_weights(labels, make_stage(data="patches", **BALANCED))
    for label in (0, 1, 4):
        assert weights[labels == label].sum() == pytest.approx(1 / 3)
    assert weights.dtype == np.float32


def test_without_balance_every_picture_counts_the_same():
    weights = example_weights(np.array([0, 0, 0, 1]), make_stage())
    assert weights.tolist() == [0.25] * 4


@pytest.mark.parametrize("changes", [{}, BALANCED])
def test_the_weights_of_a_batch_sum_to_one(changes):
    labels = np.random.default_rng(2).integers(0, 5, 37)
    assert example_weights(labels, make_stage(**changes)).sum() == pytest.approx(1)


def test_an_empty_batch_is_refused():
    with pytest.raises(ValueError, match="empty"):
        example_weights(np.array([], int), make_stage())
