import json
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import spearmanr

from mammo_pipeline.mammo.ensembling import diversity
from mammo_pipeline.mammo.ensembling.combine import take_reference
from member_scores import NAMES, make_images


def test_a_copy_correlates_fully_and_independent_errors_do_not():
    rng = np.random.default_rng(0)
    labels = (np.arange(4000) % 2).astype(float)
    logits = rng.normal(size=(4000, 2)) + labels[:, None]
    found = diversity.measure_diversity(
        labels, np.column_stack([logits, 5 * logits[:, 0] - 2]), ["a", "b", "copy"]
    )
    ranks, errors = np.array(found["ranks"]), np.array(found["errors"])
    assert ranks[0, 2] == pytest.approx(1) and errors[0, 2] == pytest.approx(1)
    assert abs(ranks[0, 1]) < 0.05
    np.testing.assert_allclose(ranks, ranks.T)
    assert found["mean_ranks"] == pytest.approx((ranks[0, 1] + ranks[0, 2] + ranks[1, 2]) / 3)


def test_within_one_class_ranks_correlate_as_spearman_has_it():
    rng = np.random.default_rng(1)
    negatives = rng.normal(size=(50, 2)) @ [[1, 0.6], [0, 0.8]]
    labels = np.append(np.zeros(50), 1.0)
    logits = np.vstack([negatives, [3.0, 3.0]])
    found = diversity.measure_diversity(labels, logits, ["a", "b"])["ranks"][0][1]
    assert found == pytest.approx(spearmanr(negatives[:, 0], negatives[:, 1]).statistic, abs=1e-12)


def test_a_member_that_says_one_thing_has_no_correlation_of_ranks():
    logits = np.column_stack([np.arange(6.0), np.full(6, 0.3)])
    found = diversity.measure_diversity([0, 0, 0, 1, 1, 1], logits, ["a", "flat"])
    assert found["ranks"][0][1] is None and found["mean_ranks"] is None
    # Its errors follow the outcome, and so do those of any weak member.
    assert found["errors"][0][1] > 0.5
    json.dumps(found, allow_nan=False)


def mean_of(images, names):
    share = 1 / len(names)
    return {
        "members": [{"name": name, "weight": share} for name in names],
        "combination": {"method": "mean_logits", "intercept": 0.0, "reference": None},
    }


@pytest.mark.parametrize("metric", ["auroc", "log_loss"])
def test_a_good_member_helps_and_a_backward_one_harms(settings, metric):
    images = make_images(200, 4, (2.5, 1.5, -2.0))
    names = ["m0", "m1", "m2"]
    asked = replace(settings, metric=metric)
    gains = {
        r["name"]: r["gain"] for r in diversity.measure_gains(images, mean_of(images, names), asked)
    }
    assert gains["m0"]["low"] > 0
    assert gains["m2"]["high"] < 0
    assert gains["m0"]["n"] == 400


@pytest.mark.parametrize("method", ["rank_mean", "greedy", "stacked"])
def test_every_way_to_combine_has_its_gains(images, settings, method):
    ensemble = mean_of(images, NAMES)
    ensemble["combination"]["method"] = method
    if method == "rank_mean":
        ensemble["combination"]["reference"] = {n: take_reference(images[n]) for n in NAMES}
    found = diversity.measure_gains(images, ensemble, settings)
    assert [r["name"] for r in found] == NAMES
    assert all(np.isfinite(r["gain"]["value"]) for r in found)


def test_weights_of_the_rest_sum_to_one_again(images, settings):
    ensemble = mean_of(images, NAMES)
    rest, _ = diversity.leave_out(images, ensemble, "m0", settings)
    assert [member["name"] for member in rest] == NAMES[1:]
    assert sum(member["weight"] for member in rest) == pytest.approx(1)
    assert ensemble["members"][1]["weight"] == 0.25


def test_the_only_member_has_no_gain_and_says_why(images, settings):
    [only] = diversity.measure_gains(images, mean_of(images, ["m0"]), settings)
    assert only["gain"]["value"] is None and "only member" in only["gain"]["reason"]
