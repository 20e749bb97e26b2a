import json
from dataclasses import replace

import numpy as np
import pytest

from mammo_pipeline.mammo.ensembling import choose
from mammo_pipeline.mammo.ensembling.ways import NO_FLIP
from member_scores import NAMES, make_images

FLIPS = ("none", "up_down")


def row(record, method, flips=NO_FLIP):
    [found] = [
        c
        for c in record["selection"]["candidates"]
        if (c["method"], tuple(c["flips"])) == (method, flips)
    ]
    return found


def test_equal_members_are_averaged_and_the_gain_has_its_interval(images, settings):
    record = choose.choose_ensemble({NO_FLIP: images}, NAMES, settings)
    assert record["selection"]["chosen"]["method"] == "mean_logits"
    assert [m["weight"] for m in record["members"]] == [0.25] * 4
    gain = record["selection"]["gain"]
    assert 0 < gain["low"] < gain["value"] < gain["high"]
    assert gain["n"] == 200
    json.dumps(record, allow_nan=False)


def test_one_member_that_knows_all_is_taken_alone(settings):
    images = make_images(100, 6, (6.0, 0.0, 0.0, 0.0))
    record = choose.choose_ensemble({NO_FLIP: images}, NAMES, settings)
    assert [m["name"] for m in record["members"]] == ["m0"]
    assert record["combination"]["method"] == "mean_logits"
    gain = record["selection"]["gain"]
    assert gain["value"] is None and "itself was chosen" in gain["reason"]


def test_members_of_unlike_skill_are_weighed(settings):
    images = make_images(400, 7, (3.0, 2.0, 0.0, 0.0)).assign(m2=lambda t: 9 * t["m2"])
    record = choose.choose_ensemble({NO_FLIP: images}, NAMES, settings)
    assert record["selection"]["chosen"]["method"] in ("greedy", "stacked")
    assert row(record, "mean_logits")["within"] is False


@pytest.mark.parametrize("metric", ["log_loss", "auroc"])
def test_the_simplest_within_one_standard_error_of_the_best_is_chosen(images, settings, metric):
    record = choose.choose_ensemble({NO_FLIP: images}, NAMES, replace(settings, metric=metric))
    candidates = record["selection"]["candidates"]
    better = min if metric == "log_loss" else max
    best = better(c[metric]["value"] for c in candidates)
    for found in candidates:
        behind = abs(found[metric]["value"] - best)
        assert found["behind"]["value"] == pytest.approx(behind, abs=1e-12)
        assert found["within"] == (behind <= found["standard_error"] + 1e-12)
    first = next(c for c in candidates if c["within"])
    assert [c["chosen"] for c in candidates].count(True) == 1 and first["chosen"]
    assert "one standard error" in record["selection"]["rule"]


def test_the_held_out_figure_does_not_flatter_a_choice_among_noise(settings):
    rng = np.random.default_rng(3)
    images = make_images(150, 9, (0.0,) * 4)
    names = [f"n{k}" for k in range(30)]
    images = images.assign(**{name: rng.normal(size=len(images)) for name in names})
    offered = replace(settings, methods=("greedy", "stacked"), metric="auroc")
    record = choose.choose_ensemble({NO_FLIP: images}, names, offered)
    for method in ("greedy", "stacked"):
        found = row(record, method)["auroc"]
        assert found["low"] < 0.55 and found["value"] < 0.65


def test_flips_win_only_where_they_help(images, settings):
    noise = np.random.default_rng(1).normal(size=(len(images), 4))
    worse = images.assign(**{n: images[n] + 2 * noise[:, k] for k, n in enumerate(NAMES)})
    kept = choose.choose_ensemble({NO_FLIP: images, FLIPS: worse}, NAMES, settings)
    assert kept["flips"] == ["none"]
    won = choose.choose_ensemble({NO_FLIP: worse, FLIPS: images}, NAMES, settings)
    assert won["flips"] == ["none", "up_down"]
    tied = choose.choose_ensemble({NO_FLIP: images, FLIPS: images}, NAMES, settings)
    assert tied["flips"] == ["none"]


def test_the_same_table_in_any_order_gives_the_same_choice(images, settings):
    first = choose.choose_ensemble({NO_FLIP: images}, NAMES, settings)
    shuffled = images.sample(frac=1, random_state=4)
    second = choose.choose_ensemble({NO_FLIP: shuffled}, NAMES, settings)
    assert first["selection"]["chosen"] == second["selection"]["chosen"]
    again = choose.choose_ensemble({NO_FLIP: images}, NAMES, settings)
    assert first == again


def test_a_way_that_is_not_offered_is_measured_and_never_chosen(settings):
    images = make_images(100, 6, (6.0, 0.0, 0.0, 0.0))
    offered = replace(settings, methods=("mean_logits",))
    record = choose.choose_ensemble({NO_FLIP: images}, NAMES, offered)
    single = row(record, "best_single")
    assert not single["within"]
    assert "do not offer it" in single["reason"]
    assert single["log_loss"]["value"] is not None
    assert record["selection"]["gain"]["high"] < 0
    assert len(record["selection"]["candidates"]) == 2


def test_a_way_that_cannot_be_fitted_is_told_and_left_out(settings):
    images = make_images(100, 8, (-2.0, -2.0, -2.0, -2.0))
    offered = replace(settings, methods=("stacked", "mean_logits"))
    record = choose.choose_ensemble({NO_FLIP: images}, NAMES, offered)
    failed = row(record, "stacked")
    assert "weight 0" in failed["reason"] and failed["log_loss"]["value"] is None
    assert record["selection"]["chosen"]["method"] == "mean_logits"
    with pytest.raises(ValueError, match="no way of combining"):
        choose.choose_ensemble({NO_FLIP: images}, NAMES, replace(settings, methods=("stacked",)))


def test_one_member_leaves_nothing_to_combine(images, settings):
    record = choose.choose_ensemble({NO_FLIP: images}, ["m1"], settings)
    assert [m["weight"] for m in record["members"]] == [1.0]
    assert len(record["selection"]["candidates"]) == 1


@pytest.mark.parametrize("aggregation", ["max", "noisy_or"])
def test_weights_for_breasts_are_said_to_be_inexact_for_images(images, settings, aggregation):
    asked = replace(settings, aggregation=aggregation)
    note = choose.choose_ensemble({NO_FLIP: images}, NAMES, asked)["selection"]["note"]
    assert aggregation.replace("_", "-") in note
    assert choose.choose_ensemble({NO_FLIP: images}, NAMES, settings)["selection"]["note"] is None


def test_three_patients_are_refused_with_their_number(settings):
    images = make_images(3, 1)
    with pytest.raises(ValueError, match=r"n = 3 patients: 1 with cancer, 2 without"):
        choose.choose_ensemble({NO_FLIP: images}, NAMES, settings)
