"""What a ladder learns from is checked before it starts."""

from __future__ import annotations

import numpy as np
import pytest

from mammo_pipeline.mammo.ladder.lessons import Lessons, expect_classes, gather_lessons
from mammo_pipeline.mammo.ladder.stages import Ladder, Stage, WeightFile
from toy_study import draw_toy_patches, make_ladder, make_study


def gather(
    ladder: Ladder | None = None, index: dict | None = None, columns: int = 48, swap: bool = False
) -> Lessons:
    store, cohort, lesions = make_study()
    patches = draw_toy_patches(store, cohort, lesions)
    if swap:
        cohort = cohort.assign(side=cohort["side"].replace({"train": "tune", "tune": "train"}))
    described = store.index.assign(**(index or {}))
    pixels = store.pixels[:, :, :columns]
    tables = (pixels, described, cohort, patches, lesions)
    return gather_lessons(ladder or make_ladder(), *tables, code="code")


def test_both_kinds_of_lessons_keep_train_and_tune_apart():
    lessons = gather()
    assert set(lessons.examples) == {"patches", "images"}
    for train, tune in lessons.examples.values():
        assert set(train.image_ids).isdisjoint(tune.image_ids)


def test_another_canvas_than_the_network_is_named():
    with pytest.raises(ValueError, match=r"images of \(68, 40\) px.*expects image_shape \(68, 48"):
        gather(columns=40)


def test_patches_of_another_size_than_the_network_are_named():
    store, cohort, lesions = make_study()
    patches = draw_toy_patches(store, cohort, lesions, size_px=16)
    tables = (store.pixels, store.index, cohort, patches, lesions)
    with pytest.raises(ValueError, match=r"patches are \[16\] px, .* patch_px 14"):
        gather_lessons(make_ladder(), *tables, code="code")


def test_other_images_are_other_data():
    assert gather().digest == gather().digest
    assert gather().digest != gather(index={"key": "another"}).digest


def test_patches_of_another_split_are_refused():
    with pytest.raises(ValueError, match="Run `patches` again"):
        gather(swap=True)


@pytest.mark.parametrize("side", ["train", "tune"])
@pytest.mark.parametrize("classes", [2, 5])
def test_patches_of_one_kind_alone_are_refused_before_an_epoch_is_spent(side, classes):
    store, cohort, lesions = make_study()
    patches = draw_toy_patches(store, cohort, lesions)
    benign = patches[(patches["side"] != side) | (patches["label"] < 3)]
    tables = (store.pixels, store.index, cohort, benign, lesions)
    with pytest.raises(ValueError, match=rf"side {side} has \d+ patches of which 0 malignant"):
        gather_lessons(make_ladder(network={"classes": classes}), *tables, code="code")


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_the_net_learns_as_many_classes_as_it_has(classes):
    train, _ = gather(make_ladder(network={"classes": classes})).examples["patches"]
    five, _ = gather().examples["patches"]
    assert set(train.labels) <= set(range(classes))
    malignant = {2: 1, 3: 2, 5: 3}[classes]
    np.testing.assert_array_equal(train.labels >= malignant, five.labels >= 3)


def test_a_file_of_weights_without_a_folder_is_an_error():
    with pytest.raises(ValueError, match=r"no folder of weights .* body\.npz"):
        gather().read_weights(WeightFile(name="body.npz", sha256="0" * 64))


def make_stage(data: str, **balance: object) -> Stage:
    common = {"name": "a", "start": "scratch", "epochs": 1, "batch": 8, "learning_rate": 1e-3}
    return Stage(**common, data=data, optimizer={"name": "adam"}, balance=balance)


def test_a_head_expects_what_the_batches_will_hold():
    labels = np.array([0] * 96 + [3] * 2 + [4] * 2)
    as_they_are = expect_classes(labels, make_stage("patches"), classes=5)
    np.testing.assert_allclose(as_they_are, np.array([97, 1, 1, 3, 3]) / 105)
    balanced = expect_classes(labels, make_stage("patches", classes=True), classes=5)
    np.testing.assert_allclose(balanced, [0.2] * 5)
    weighted = expect_classes(labels, make_stage("patches", weights=True), classes=5)
    np.testing.assert_allclose(weighted, [0.2] * 5)


def test_a_stated_prevalence_comes_before_all_else():
    labels = np.array([0, 0, 0, 1])
    stage = make_stage("images", cancer_fraction=0.5, prevalence=0.01)
    assert expect_classes(labels, stage, classes=5) == pytest.approx(0.01)
    assert expect_classes(labels, make_stage("images", cancer_fraction=0.25), 5) == 0.25
    patches = expect_classes(
        np.array([0, 1, 1, 2]), make_stage("patches", prevalence=0.1), classes=3
    )
    assert patches.sum() == pytest.approx(1)
    assert patches[1:].sum() == pytest.approx(0.1)
    assert patches[1] > patches[2]
