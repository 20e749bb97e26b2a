"""The loss of the patches says what the image net needs to hear."""

from __future__ import annotations

import numpy as np
import pytest

from mammo_pipeline.mammo.ladder.compiled import one_against_rest


def test_each_class_is_judged_against_the_rest():
    logits = np.array([[[[0.0, 2.0, -1.0]]]], np.float32)
    labels = np.array([[[1]]])
    expected = np.log(2) + np.log1p(np.exp(-2.0)) + np.log1p(np.exp(-1.0))
    assert float(np.asarray(one_against_rest(labels, logits)).item()) == pytest.approx(expected)


def test_a_shift_of_all_logits_is_not_free_as_under_a_softmax():
    logits, labels = np.zeros((1, 1, 1, 5), np.float32), np.zeros((1, 1, 1), int)
    before = float(np.asarray(one_against_rest(labels, logits)).item())
    after = float(np.asarray(one_against_rest(labels, logits + 3)).item())
    assert abs(after - before) > 1
