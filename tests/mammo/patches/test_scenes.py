"""The images that rules look at."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mammo_pipeline.mammo.patches.scenes import list_scenes, tell_state
from toy_study import CANVAS, make_study


def scenes(cohort=None, lesions=None, index=None):
    store, known, boxes = make_study()
    return list_scenes(
        store.index if index is None else index,
        known if cohort is None else cohort,
        boxes if lesions is None else lesions,
        CANVAS,
    )


def test_the_test_side_is_not_opened():
    _, cohort, lesions = make_study()
    tested = cohort.loc[cohort["side"] == "test", "image_id"]
    assert len(tested) and not {scene.image_id for scene in scenes()} & set(tested)
    wrong = lesions.assign(kind=lesions["kind"].mask(lesions["image_id"].isin(tested), "oval"))
    assert len(scenes(lesions=wrong)) == len(scenes())


def test_a_refused_image_is_no_scene():
    store, _, lesions = make_study()
    gone = lesions["image_id"].iloc[0]
    index = store.index.copy()
    index.loc[index["image_id"] == gone, "position"] = -1
    assert gone in {scene.image_id for scene in scenes()}
    assert gone not in {scene.image_id for scene in scenes(index=index)}


def test_the_order_of_tables_means_nothing():
    store, cohort, lesions = make_study()
    twice = lesions.assign(row_min=lesions["row_min"] - 3, kind="calcification")
    many = pd.concat([twice, lesions])
    mixed = scenes(cohort[::-1], many.sample(frac=1, random_state=1), store.index[::-1])
    for one, other in zip(scenes(lesions=many), mixed, strict=True):
        assert (one.image_id, one.position, one.state) == (
            *(other.image_id, other.position, other.state),
        )
        np.testing.assert_array_equal(one.boxes, other.boxes)
        np.testing.assert_array_equal(one.labels, other.labels)


def test_cancer_that_no_box_shows_may_be_anywhere():
    assert tell_state(1, []) == tell_state(1, [1, 2]) == tell_state(float("nan"), []) == "unlocated"
    assert tell_state(1, [2, 3]) == tell_state(float("nan"), [2]) == "with_lesion"
    assert tell_state(0, []) == "healthy"


def test_a_box_is_cut_to_the_canvas():
    _, _, lesions = make_study()
    shown = lesions.assign(row_min=-5, row_max=9, column_min=40, column_max=90)
    boxes = np.concatenate([scene.boxes for scene in scenes(lesions=shown)])
    assert (boxes == [0, 40, 9, CANVAS[1]]).all() and len(boxes)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "oval"}, "image image.* is 'oval' and"),
        ({"pathology": "unknown"}, "and 'unknown', expected one of"),
        ({"row_min": 400, "row_max": 410}, r"image image.* outside its canvas \(68, 48\)"),
        ({"row_max": 0}, "empty or outside its canvas"),
    ],
)
def test_a_wrong_lesion_is_an_error_that_names_the_image(change, message):
    _, _, lesions = make_study()
    with pytest.raises(ValueError, match=message):
        scenes(lesions=lesions.assign(**change))
