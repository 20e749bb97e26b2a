"""How a net is judged on tune while it learns."""

from __future__ import annotations

import numpy as np
import pytest

from mammo_pipeline.mammo.ladder.examples import Examples
from mammo_pipeline.mammo.ladder.judge import malignancy_scores, mean_by_unit


def test_the_images_of_a_breast_answer_together():
    units = np.array(["a|L", "a|R", "a|L"])
    examples = Examples(units, units, units, (1, 1), np.array([1, 0, 1]), units)
    labels, means = mean_by_unit(examples, np.array([1.0, 5.0, 2.0]))
    assert (labels.tolist(), means.tolist()) == ([1, 0], [1.5, 5.0])


def test_against_the_rest_malignancy_is_the_higher_of_the_malignant_classes():
    classes = np.array([[9.0, 9.0, 9.0, -1.0, 2.0], [0.0, 0.0, 0.0, 3.0, 1.0]])
    assert malignancy_scores(classes, "one_against_rest").tolist() == [2.0, 3.0]


@pytest.mark.parametrize(("classes", "malignant"), [(2, 1), (3, 1), (5, 2)])
def test_with_a_softmax_malignancy_is_the_log_odds_of_all_malignant_classes(classes, malignant):
    logits = np.random.default_rng(0).normal(size=(4, classes))
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    share = shares[:, -malignant:].sum(axis=1)
    np.testing.assert_allclose(malignancy_scores(logits, "softmax"), np.log(share / (1 - share)))
