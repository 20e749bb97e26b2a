from dataclasses import replace
from functools import cache
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from mammo_pipeline.mammo.ladder import views
from mammo_pipeline.mammo.ladder.augment import make_changes
from mammo_pipeline.mammo.ladder.examples import Examples
from mammo_pipeline.mammo.ladder.feed import Batch, make_batch
from mammo_pipeline.mammo.ladder.judge import malignancy_scores
from mammo_pipeline.mammo.ladder.lessons import Lessons
from mammo_pipeline.mammo.ladder.settings import Augmentation
from mammo_pipeline.mammo.networks.families import (
    build_image_net,
    build_patch_net,
    heatmap_net,
    heatmap_places,
)
from toy_study import CANVAS, make_ladder, make_lessons

LADDER = make_ladder(patch_adam={"augment": {"flip_vertical": True, "gain": 0.1}})


@cache
def lessons() -> Lessons:
    return make_lessons(LADDER, breasts=24)


def make_examples(**columns: Any) -> Examples:
    count = len(columns["labels"])
    rest = {
        "image_ids": np.array([f"image{n}" for n in range(count)]),
        "positions": np.arange(count),
        "corners": np.zeros((count, 2), int),
        "shape_px": (40, 30),
        "units": np.arange(count).astype(str),
    }
    return Examples(**{**rest, **columns})


def draw_batch(count: int, augment: Augmentation, shape: tuple[int, int] = (40, 30)) -> Batch:
    """Black pictures with one bright rectangle each; its box is (5, 6, 11, 16)."""
    pixels = np.full((count, *shape, 1), 1000, np.uint16)
    pixels[:, 5:11, 6:16] = 60000
    changes = make_changes(np.random.default_rng(3), count, shape, augment)
    arrays = {k: v for k, v in vars(changes).items() if v is not None}
    rows, ones = np.arange(count), np.full(count, 1 / count, np.float32)
    return Batch(pixels, rows % 2, ones, arrays, rows, 1)


BOXES = np.array([[5.0, 6.0, 11.0, 16.0]])


@pytest.mark.parametrize(
    "augment",
    [
        Augmentation(),
        Augmentation(flip_vertical=True, flip_horizontal=True),
        Augmentation(rotation_degrees=20, zoom=0.1, shear=0.1, gain=0.1),
        Augmentation(elastic=0.05, flip_vertical=True),
    ],
)
def test_a_box_stays_around_its_lesion_whatever_the_change(augment):
    found = views.sample_views(draw_batch(6, augment), [BOXES] * 6)
    assert found["pixels"].shape == (6, 40, 30) and found["pixels"].dtype == np.uint8
    assert found["boxes"][:, 0].tolist() == [0, 1, 2, 3, 4, 5]
    for number, top, left, bottom, right in found["boxes"]:
        bright = np.argwhere(found["pixels"][int(number)] > 128)
        assert bright[:, 0].min() >= np.floor(top) - 1 and bright[:, 0].max() <= np.ceil(bottom)
        assert bright[:, 1].min() >= np.floor(left) - 1 and bright[:, 1].max() <= np.ceil(right)
        assert bottom - top < 16 and right - left < 20


def test_samples_come_from_all_parts_of_a_batch_and_are_few_and_small():
    batch = draw_batch(20, Augmentation(), (400, 300))
    batch = replace(batch, labels=np.repeat([1, 0], 10))
    found = views.sample_views(batch, [BOXES] * 20)
    assert found["pixels"].shape == (8, 160, 120)
    assert found["labels"].tolist() == [1] * 4 + [0] * 4
    assert found["boxes"][0].tolist() == pytest.approx([0, 2.0, 2.4, 4.4, 6.4])


def test_a_sample_is_what_the_net_saw_not_what_is_stored():
    augment = Augmentation(flip_vertical=True)
    batch = draw_batch(6, augment)
    found = views.sample_views(batch, [BOXES[:0]] * 6)
    flipped = batch.changes["flips"][:, 0]
    assert set(flipped) == {True, False}
    for picture, stored, was in zip(found["pixels"], batch.pixels, flipped, strict=True):
        expected = stored[::-1, :, 0] if was else stored[..., 0]
        assert np.abs(picture - expected / 257.0).max() <= 0.5
    assert found["boxes"].shape == (0, 5)


def test_boxes_of_a_patch_are_told_from_its_own_corner():
    examples = make_examples(labels=np.zeros(2, int), corners=np.array([[10, 20], [100, 100]]))
    examples = replace(examples, image_ids=np.array(["a", "a"]))
    box = {"image_id": "a", "row_min": 12, "column_min": 15, "row_max": 20, "column_max": 24}
    near, far = views.find_boxes(examples, np.array([0, 1]), pd.DataFrame([box]))
    assert near.tolist() == [[2, 0, 10, 4]], "cut at the window's edge"
    assert far.shape == (0, 4)
    nobody = replace(examples, image_ids=np.array(["b", "b"]))
    assert views.find_boxes(nobody, np.array([0]), pd.DataFrame([box]))[0].shape == (0, 4)


def test_half_of_the_cases_have_cancer_each_of_another_breast_and_always_the_same():
    breast = np.arange(80) // 2
    examples = make_examples(labels=(breast % 4 == 3).astype(int), units=breast)
    chosen = views.pick_cases(examples, 5, 6)
    assert examples.labels[chosen].tolist() == [1, 1, 1, 0, 0, 0]
    assert len(set(examples.units[chosen])) == 6
    assert views.pick_cases(examples, 5, 6).tolist() == chosen.tolist()
    assert views.pick_cases(examples, 6, 6).tolist() != chosen.tolist()


def test_there_are_fewer_cases_where_there_are_fewer_breasts():
    examples = make_examples(labels=np.array([1, 1, 0]), units=np.array(["a", "a", "b"]))
    assert len(views.pick_cases(examples, 0, 6)) == 2


@pytest.mark.parametrize("kind", ["patches", "images"])
def test_a_heatmap_is_what_the_net_says_at_each_place(kind):
    network, known = LADDER.network, lessons()
    net = build_patch_net(network, 1) if kind == "patches" else build_image_net(network, 1, 0.3)
    tune = known.examples["images"][1]
    chosen = views.pick_cases(tune, 0, 2)
    found = views.heatmap_views(net, network, known, chosen, "one_against_rest")
    picture = known.pixels[int(tune.positions[chosen[1]])][None, ..., None]
    logits = np.asarray(heatmap_net(net).predict_on_batch(picture))[0]
    expected = malignancy_scores(logits.reshape(-1, 5), "one_against_rest")
    assert found["heat"].shape == (2, *logits.shape[:2])
    assert found["heat"][1].ravel() == pytest.approx(expected, abs=1e-4)
    score = float(np.asarray(net.predict_on_batch(picture)).ravel()[0])
    told = float(expected.max()) if kind == "patches" else score
    assert found["scores"][1] == pytest.approx(told, abs=1e-4)
    assert found["labels"].tolist() == [1, 0]
    assert found["places"].tolist() == [4, 0, heatmap_places(network).window_px]
    assert set(found["image_ids"]) <= set(tune.image_ids), "pseudonyms, nothing else"


def test_a_net_without_a_heatmap_has_none_to_show():
    network = make_ladder(network={"top": "bottleneck", "image_widths": [4]}).network
    net = build_image_net(network, 1, 0.3)
    assert views.heatmap_views(net, network, lessons(), np.array([0]), "softmax") == {}


def test_a_stage_shows_samples_and_cases_and_all_of_it_can_be_stored_without_pickle(tmp_path):
    known = replace(lessons(), cases=2)
    stage = LADDER.stages["patch_adam"]
    train, tune = known.examples["patches"]
    rng = np.random.default_rng(0)
    batch = make_batch(known.pixels, train, np.arange(8), stage, rng)
    net = SimpleNamespace(model=build_patch_net(LADDER.network, 1))
    course = SimpleNamespace(
        ladder=LADDER, stage=stage, net=net, pixels=known.pixels, train=train, tune=tune
    )
    found = views.show_stage(course, batch, known)
    assert found["samples/pixels"].shape == (8, 14, 14)
    assert found["heatmaps/pixels"].shape == (2, *CANVAS)
    assert len(found["tune/scores"]) == len(tune.labels)
    np.savez(tmp_path / "views.npz", **found)
    with np.load(tmp_path / "views.npz", allow_pickle=False) as stored:
        assert {name: stored[name].shape for name in stored} == {
            name: value.shape for name, value in found.items()
        }
