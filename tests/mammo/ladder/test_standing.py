from functools import cache
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from mammo_pipeline.mammo.ladder.judge import tune_auc
from mammo_pipeline.mammo.ladder.standing import find_exams, measure_standing, score_tune
from mammo_pipeline.mammo.networks.families import build_image_net, build_patch_net
from mammo_pipeline.mammo.scoring import auroc
from toy_study import make_ladder, make_lessons


@cache
def score(name: str) -> tuple[dict[str, np.ndarray], Any]:
    ladder = make_ladder()
    lessons, stage = make_lessons(ladder, breasts=24), ladder.stages[name]
    build = build_patch_net if stage.data == "patches" else build_image_net
    arguments = (ladder.network, 1) if stage.data == "patches" else (ladder.network, 1, 0.3)
    net = SimpleNamespace(model=build(*arguments))
    tune = lessons.examples[stage.data][1]
    course = SimpleNamespace(stage=stage, net=net, pixels=lessons.pixels, tune=tune)
    return score_tune(course), course


@pytest.mark.parametrize("name", ["patch_adam", "image_adam"])
def test_the_scores_give_the_area_that_the_epochs_are_judged_by(name):
    scores, course = score(name)
    expected = tune_auc(course.net.model, course.stage, course.pixels, course.tune)
    assert float(auroc(scores["labels"], scores["scores"])) == pytest.approx(expected, abs=1e-6)


def test_patches_of_an_image_and_breasts_of_an_exam_are_drawn_together():
    scores, course = score("patch_adam")
    images = course.tune.image_ids
    same = images[:, None] == images[None, :]
    assert np.array_equal(scores["groups"][:, None] == scores["groups"][None, :], same)
    units = np.array(["e2|L", "e1|R", "e1|L", "e1|L"])
    assert find_exams(SimpleNamespace(units=units)).tolist() == ["e1", "e1", "e2"]


def make_scores(group: int, seed: int = 0) -> dict[str, np.ndarray]:
    """A hundred patients, each `group` times over."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(100) % 2, group)
    scores = np.repeat(rng.normal(0, 1, 100), group) + labels
    return {"labels": labels, "scores": scores, "groups": np.repeat(np.arange(100), group)}


def test_a_figure_has_its_interval_and_its_n():
    found = measure_standing(make_scores(1), 0, 400, 0.95)
    assert found["low"] < found["value"] < found["high"]
    assert (found["n"], found["positives"], found["groups"]) == (100, 50, 100)
    assert found == measure_standing(make_scores(1), 0, 400, 0.95)


def test_what_is_seen_twice_makes_no_interval_narrower():
    once, often = (measure_standing(make_scores(group), 0, 400, 0.95) for group in (1, 5))
    width = {n: f["high"] - f["low"] for n, f in ((1, once), (5, often))}
    assert width[5] == pytest.approx(width[1], rel=0.1)


@pytest.mark.parametrize(
    ("labels", "scores"), [([1, 1], [0.1, 0.2]), ([0, 1], [np.nan, 0.2])], ids=["one", "nan"]
)
def test_where_there_is_no_figure_there_is_a_reason(labels, scores):
    rows = {"labels": np.array(labels), "scores": np.array(scores), "groups": np.arange(2)}
    found = measure_standing(rows, 0, 10, 0.95)
    assert found["value"] is None and found["reason"] and found["n"] == 2
