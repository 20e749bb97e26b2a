import json

import numpy as np
import pandas as pd
import pytest
from scipy.optimize import check_grad
from scipy.special import expit, logit

from mammo_pipeline.mammo.ensembling import combine

PLAIN = {"method": "mean_logits", "intercept": 0.0, "reference": None}


def members(*weights):
    return [{"name": f"m{k}", "weight": weight} for k, weight in enumerate(weights)]


def test_without_reference_logits_are_weighted_and_summed():
    stacked = {"method": "stacked", "intercept": -1.0, "reference": None}
    found = combine.combine_logits([[1.0, 2.0], [0.0, -4.0]], members(2.0, 0.5), stacked)
    assert found.tolist() == [2.0, -3.0]


def test_a_rank_mean_is_the_logit_of_the_weighted_mean_of_clipped_ranks():
    known = {"m0": np.arange(101.0).tolist(), "m1": (10 * np.arange(101.0)).tolist()}
    ranked = {"method": "rank_mean", "intercept": 0.0, "reference": json.loads(json.dumps(known))}
    x = [[25.0, 500.0], [-9.0, 9999.0], [-9.0, -9.0]]
    found = combine.combine_logits(x, members(0.75, 0.25), ranked)
    least = 1 / 202
    expected = [0.75 * 0.25 + 0.25 * 0.5, 0.75 * least + 0.25 * (1 - least), least]
    np.testing.assert_allclose(expit(found), expected, rtol=1e-12)


def test_a_rank_follows_its_member_by_name_not_by_place():
    known = {"m1": np.arange(101.0).tolist(), "m0": np.arange(101.0, 202.0).tolist()}
    ranked = {"method": "rank_mean", "intercept": 0.0, "reference": known}
    found = combine.combine_logits([[151.0, 80.0]], members(0.75, 0.25), ranked)
    np.testing.assert_allclose(expit(found), 0.75 * 0.5 + 0.25 * 0.8)


def test_ranks_never_fall_as_logits_rise_even_where_the_reference_is_tied():
    reference = combine.take_reference(np.repeat([-1.0, 0.0, 0.0, 2.0], 30))
    ranks = combine.rank_logits(np.linspace(-3, 4, 500), reference)
    assert (np.diff(ranks) >= 0).all()
    assert np.isfinite(logit(ranks)).all()


def test_ranks_do_not_change_when_a_member_is_stretched():
    logits = np.random.default_rng(0).normal(size=300)
    ranks = combine.rank_logits(logits, combine.take_reference(logits))
    stretched = combine.rank_logits(7 * logits - 3, combine.take_reference(7 * logits - 3))
    np.testing.assert_allclose(ranks, stretched, atol=1e-12)


@pytest.fixture
def cases():
    """Two members that know something, a copy, one of noise, one that ranks backwards."""
    rng = np.random.default_rng(2)
    labels = (rng.random(3000) < 0.2).astype(float)
    good = rng.normal(size=(3000, 2)) + np.outer(labels, [1.0, 2.0])
    noise = rng.normal(size=3000)
    return labels, np.column_stack([good, good[:, 0], noise, -good[:, 1] + rng.normal(size=3000)])


def test_stacked_weights_are_those_of_the_true_likelihood_ratio(cases):
    labels, logits = cases
    weights, intercept = combine.stack_members(labels, logits[:, :2])
    # Two normals of unit spread, apart by 1 and 2: log odds = x0 + 2 x1 - (1 + 4) / 2 + log odds.
    np.testing.assert_allclose(weights, [1, 2], atol=0.2)
    assert intercept == pytest.approx(-2.5 + np.log(labels.mean() / (1 - labels.mean())), abs=0.25)


def test_equal_members_share_and_what_does_not_help_has_no_weight(cases):
    weights, _ = combine.stack_members(*cases)
    assert weights[0] == pytest.approx(weights[2], rel=1e-3)
    assert weights[4] == 0
    assert weights[3] < 0.1
    assert (weights >= 0).all()


def test_weights_are_the_best_of_those_that_are_not_negative():
    rng = np.random.default_rng(5)
    labels = (np.arange(2000) % 4 == 0).astype(float)
    blur = rng.normal(size=2000)
    known = labels + blur + 0.5 * rng.normal(size=2000)
    # Free to be negative, the second member would take the blur off the first.
    weights, intercept = combine.stack_members(labels, np.column_stack([known, blur]))
    alone, level = combine.stack_members(labels, known[:, None])
    assert weights[1] == 0
    np.testing.assert_allclose([weights[0], intercept], [alone[0], level], rtol=0.05)


def test_stacking_does_not_depend_on_the_scale_of_all_logits(cases):
    labels, logits = cases
    first, intercept = combine.stack_members(labels, logits)
    second, again = combine.stack_members(labels, 10 * logits + 5)
    np.testing.assert_allclose(first, 10 * second, atol=1e-4)
    combined = logits @ first + intercept
    np.testing.assert_allclose(combined, (10 * logits + 5) @ second + again, atol=1e-3)


def test_the_gradient_is_that_of_the_loss(cases):
    labels, logits = cases
    arguments = (logits, labels, 0.3)
    point = np.array([0.5, 0.1, 0.2, 0.3, 0.4, -1.0])
    wrong = check_grad(
        lambda p: combine._stack_loss(p, *arguments)[0],
        lambda p: combine._stack_loss(p, *arguments)[1],
        point,
    )
    assert wrong < 1e-6


def test_weights_stay_finite_where_the_classes_part_without_error():
    labels = np.repeat([0, 1], 20)
    weights, intercept = combine.stack_members(labels, np.column_stack([labels, 2 * labels]) * 9.0)
    assert np.isfinite([*weights, intercept]).all()


def test_members_that_all_rank_backwards_are_refused(cases):
    labels, logits = cases
    with pytest.raises(ValueError, match="weight 0"):
        combine.stack_members(labels, -logits[:, :2])


def test_stacking_needs_both_classes(cases):
    with pytest.raises(ValueError, match="no positive"):
        combine.stack_members(np.zeros(3000), cases[1])


def test_a_table_without_a_member_or_with_nan_is_refused_by_name():
    ensemble = {"members": members(0.5, 0.5), "combination": PLAIN}
    table = pd.DataFrame({"image_id": ["a", "b"], "m0": [0.0, 1.0]})
    with pytest.raises(ValueError, match=r"no column for members \['m1'\]"):
        combine.combine_table(table, ensemble)
    with pytest.raises(ValueError, match=r"1 logits of 1 members .* 'm1' for b"):
        combine.combine_table(table.assign(m1=[0.0, np.nan]), ensemble)


def test_columns_and_members_must_fit():
    with pytest.raises(ValueError, match="expected one column"):
        combine.combine_logits([[1.0, 2.0]], members(1.0), PLAIN)
