"""What a ladder learns from is checked before it starts."""

from __future__ import annotations

import pytest

from mammo_pipeline.mammo.ladder.lessons import gather_lessons
from mammo_pipeline.mammo.patches import sample_patches
from toy_study import make_ladder, make_sampling, make_study


def gather(index_change=None, pixels_change=lambda pixels: pixels):
    store, cohort, lesions = make_study()
    patches = sample_patches(store.pixels, store.index, cohort, lesions, make_sampling())
    index = store.index.assign(**(index_change or {}))
    return gather_lessons(
        make_ladder(), pixels_change(store.pixels), index, cohort, patches, "code"
    )


def test_both_kinds_of_lessons_keep_train_and_tune_apart():
    lessons = gather()
    assert set(lessons.examples) == {"patches", "images"}
    for train, tune in lessons.examples.values():
        assert set(train.image_ids).isdisjoint(tune.image_ids)


def test_another_canvas_than_the_network_is_named():
    with pytest.raises(ValueError, match=r"images of \(68, 40\) px.*expects image_shape \(68, 48"):
        gather(pixels_change=lambda pixels: pixels[:, :, :40])


def test_other_images_are_other_data():
    assert gather().digest == gather().digest
    assert gather().digest != gather({"key": "another"}).digest


def test_patches_of_another_split_are_refused():
    store, cohort, lesions = make_study()
    patches = sample_patches(store.pixels, store.index, cohort, lesions, make_sampling())
    moved = cohort.assign(side=cohort["side"].replace({"train": "tune", "tune": "train"}))
    with pytest.raises(ValueError, match="Run `patches` again"):
        gather_lessons(make_ladder(), store.pixels, store.index, moved, patches, "code")
