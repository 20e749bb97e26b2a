import json

import numpy as np
import pytest

from mammo_pipeline.mammo.calibration.scale import freeze_scale, score_on_scale


@pytest.fixture
def reference():
    rng = np.random.default_rng(0)
    labels = (np.arange(2000) < 800).astype(float)
    return rng.normal(2 * labels, 1), labels


def test_every_score_holds_a_tenth_of_the_reference(reference):
    scores = score_on_scale(reference[0], freeze_scale(*reference, None))
    assert np.bincount(scores, minlength=11).tolist() == [0] + [200] * 10


def test_tenths_are_those_of_screening_when_cancers_are_weighted_down(reference):
    logits, labels = reference
    scores = score_on_scale(logits, freeze_scale(logits, labels, 0.005))
    healthy = np.bincount(scores[labels == 0], minlength=11)[1:] / 1200
    assert np.abs(healthy - 0.1).max() < 0.01
    assert (scores[labels == 1] >= 9).mean() > 0.7


def test_the_weighted_edges_are_those_of_a_population_made_of_copies():
    logits, labels = np.arange(8.0), np.array([0, 0, 1, 0, 0, 1, 0, 1.0])
    # Five without cancer as 9/10 and three with it as 1/10 of the reference: 27 copies to 5.
    copies = np.where(labels == 1, 5, 27)
    scale = freeze_scale(logits, labels, 0.1)
    copied = freeze_scale(np.repeat(logits, copies), np.repeat(labels, copies), None)
    assert scale["edges"] == copied["edges"]


def test_a_score_never_falls_with_the_logit(reference):
    scale = freeze_scale(*reference, 0.01)
    scores = score_on_scale(np.linspace(-9, 9, 999), scale)
    assert (np.diff(scores) >= 0).all()
    assert (scores.min(), scores.max()) == (1, 10)


def test_tied_logits_share_the_score_that_those_below_them_earn():
    logits = np.r_[np.zeros(50), np.arange(1.0, 26), np.full(25, 99.0)]
    scale = freeze_scale(logits, np.r_[np.zeros(99), 1], None)
    scores = score_on_scale([0.0, 99.0, 99.1], scale)
    # None lies below the first tie, three quarters below the second.
    assert scores.tolist() == [1, 8, 10]


def test_a_logit_on_an_edge_takes_the_upper_score():
    assert score_on_scale([0.999, 1.0], {"edges": [1.0, 2.0]}).tolist() == [1, 2]


def test_equal_edges_leave_a_score_empty_and_falling_ones_are_refused():
    assert score_on_scale([0.0, 1.0], {"edges": [0.5, 0.5]}).tolist() == [1, 3]
    with pytest.raises(ValueError, match="must not fall"):
        score_on_scale([0.0], {"edges": [0.5, 0.4]})


@pytest.mark.parametrize("edges", [[], [np.nan, 1.0], [0.0, np.inf]])
def test_edges_that_are_no_numbers_are_refused(edges):
    with pytest.raises(ValueError, match="finite edges"):
        score_on_scale([0.0], {"edges": edges})


def test_a_logit_that_is_nan_gets_no_score():
    with pytest.raises(ValueError, match="1 logits are NaN"):
        score_on_scale([0.0, np.nan], {"edges": [0.0]})


def test_the_record_is_plain_and_says_what_the_reference_is(reference):
    scale = freeze_scale(*reference, 0.005)
    assert json.loads(json.dumps(scale)) == scale
    assert len(scale["edges"]) == 9
    assert scale["reference"] == "2000 tune breasts, 800 with cancer, weighted to 0.50% with cancer"


@pytest.mark.parametrize(
    ("logits", "labels", "prevalence", "quantiles", "words"),
    [
        ([], [], None, [0.5], "at least one"),
        ([1.0], [0, 1], None, [0.5], "expected one each"),
        ([1.0, np.nan], [0, 1], None, [0.5], "finite logits"),
        ([1.0, 2.0], [0, 0], 0.1, [0.5], "0 of 2 breasts have cancer"),
        ([1.0, 2.0], [0, 1], 1.0, [0.5], "between 0 and 1"),
        ([1.0, 2.0], [0, 1], None, [0.5, 0.5], "must rise"),
        ([1.0, 2.0], [0, 1], None, [1.0], "must rise"),
    ],
)
def test_a_reference_that_makes_no_scale_is_refused(logits, labels, prevalence, quantiles, words):
    with pytest.raises(ValueError, match=words):
        freeze_scale(logits, labels, prevalence, quantiles)


def test_three_breasts_still_make_a_scale():
    scale = freeze_scale([1.0, 2.0, 3.0], [0, 0, 1], 0.01)
    assert score_on_scale([1.0, 2.0, 3.0, 4.0], scale).tolist() == [1, 5, 10, 10]


def test_two_logits_that_are_neighbours_in_floating_point_are_parted():
    for lower in (1.0, np.nextafter(1.0, 2), 1 - 2**-53):
        pair = np.array([lower, np.nextafter(lower, 9)])
        scale = freeze_scale(pair, [0, 1], None, quantiles=[0.5])
        assert score_on_scale(pair, scale).tolist() == [1, 2]
