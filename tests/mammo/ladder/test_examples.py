"""Which windows a stage sees, and in which order."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mammo_pipeline.mammo.ladder.examples import (
    Examples,
    draw_epoch,
    read_windows,
    select_images,
    select_patches,
)
from mammo_pipeline.mammo.ladder.stages import Stage
from toy_study import CANVAS, make_study

PATCHES = pd.DataFrame(
    {
        "position": [2, 0],
        "image_id": ["c", "a"],
        "side": ["train", "train"],
        "row": [4, 10],
        "column": [5, 0],
        "size_px": [14, 14],
        "label": [4, 0],
    }
)


def test_no_image_of_another_side_or_without_an_outcome_is_learned_from():
    store, cohort, _ = make_study()
    cohort["cancer"] = cohort["cancer"].astype("Int64")
    cohort.loc[0, "cancer"] = pd.NA
    store.index.loc[1, "position"] = -1
    images = select_images(cohort, store.index, "train", CANVAS)
    known = cohort[(cohort["side"] == "train")]["image_id"].tolist()[2:]
    assert images.image_ids.tolist() == known
    assert (images.positions >= 0).all()


def test_a_side_with_one_outcome_is_refused():
    store, cohort, _ = make_study()
    with pytest.raises(ValueError, match="of which 0 with cancer: learning needs both"):
        select_images(cohort.assign(cancer=0), store.index, "tune", CANVAS)


def test_the_images_of_one_breast_are_one_unit():
    store, cohort, _ = make_study()
    images = select_images(cohort, store.index, "tune", CANVAS)
    assert len(set(images.units)) == len(images.units) / 2


def test_a_window_is_cut_where_the_table_says():
    store, _, _ = make_study()
    examples = select_patches(PATCHES, "train")
    windows = read_windows(store.pixels, examples, np.array([1, 0]))
    assert windows.shape == (2, 14, 14, 1)
    np.testing.assert_array_equal(windows[0, ..., 0], store.pixels[0, 10:24, 0:14])
    np.testing.assert_array_equal(windows[1, ..., 0], store.pixels[2, 4:18, 5:19])


class CountedPixels:
    """A store that notes which rows of which image it was asked for."""

    def __init__(self, pixels: np.ndarray) -> None:
        self.pixels, self.shape = pixels, pixels.shape
        self.read: list[tuple[int, int, int]] = []

    def __getitem__(self, item: tuple) -> np.ndarray:
        image, rows, _ = item
        self.read.append((image, rows.start, rows.stop))
        return self.pixels[item]


def make_windows(positions: list[int], corners: list[tuple[int, int]]) -> Examples:
    count = len(positions)
    return Examples(
        image_ids=np.array(positions).astype(str),
        positions=np.array(positions),
        corners=np.array(corners),
        shape_px=(14, 10),
        labels=np.zeros(count, np.int64),
        units=np.arange(count).astype(str),
    )


def test_windows_that_lie_close_are_read_together_and_distant_ones_alone():
    pixels = np.random.default_rng(0).integers(0, 65535, (3, 68, 48), dtype=np.uint16)
    corners = [(4, 3), (50, 0), (10, 20), (0, 38), (20, 5)]
    examples = make_windows([2, 0, 2, 0, 1], corners)
    store = CountedPixels(pixels)
    rows = np.array([0, 1, 2, 3, 4])
    windows = read_windows(store, examples, rows)
    assert sorted(store.read) == [(0, 0, 14), (0, 50, 64), (1, 20, 34), (2, 4, 24)]
    for window, position, (row, column) in zip(windows, examples.positions, corners, strict=True):
        expected = pixels[position, row : row + 14, column : column + 10]
        np.testing.assert_array_equal(window[..., 0], expected)


def test_whole_images_are_read_where_they_stay():
    store, cohort, _ = make_study()
    images = select_images(cohort, store.index, "train", CANVAS)
    rows = np.array([5, 0, 5])
    windows = read_windows(store.pixels, images, rows)
    np.testing.assert_array_equal(windows[..., 0], store.pixels[images.positions[rows]])
    assert windows.ctypes.data % 64 == 0


def test_an_example_that_comes_twice_is_in_the_batch_twice():
    pixels = np.random.default_rng(0).integers(0, 65535, (2, 68, 48), dtype=np.uint16)
    examples = make_windows([1, 0], [(4, 3), (5, 6)])
    windows = read_windows(pixels, examples, np.array([0, 1, 0]))
    np.testing.assert_array_equal(windows[0], windows[2])
    np.testing.assert_array_equal(windows[1, ..., 0], pixels[0, 5:19, 6:16])


def test_a_batch_begins_where_the_backends_take_it_without_a_detour():
    pixels = np.ones((2, 68, 48), np.uint16)
    examples = make_windows([1, 0], [(4, 3), (5, 6)])
    for count in (1, 2, 2, 2):
        windows = read_windows(pixels, examples, np.arange(count))
        assert windows.dtype == np.uint16 and windows.flags.c_contiguous
        assert windows.ctypes.data % 64 == 0


def test_no_rows_are_no_windows():
    examples = make_windows([1], [(4, 3)])
    assert read_windows(np.ones((2, 68, 48), np.uint16), examples, np.arange(0)).shape == (
        *(0, 14, 10, 1),
    )


def test_patches_of_several_sizes_are_refused():
    with pytest.raises(ValueError, match=r"sizes \[14, 20\]"):
        select_patches(PATCHES.assign(size_px=[14, 20]), "train")


def stage(**changes: object) -> Stage:
    return Stage(
        **{
            "name": "any",
            "data": "images",
            "start": "scratch",
            "optimizer": {"name": "adam"},
            "learning_rate": 1e-3,
            "epochs": 1,
            "batch": 8,
            **changes,
        }
    )


def test_a_balanced_batch_holds_every_class_as_often():
    labels = np.array([0] * 50 + [1] * 5 + [2] * 10 + [3] * 2 + [4] * 3)
    balanced = stage(data="patches", balance={"classes": True}, batch=12)
    steps = draw_epoch(np.random.default_rng(0), labels, balanced)
    counts = np.array([np.bincount(labels[step], minlength=5) for step in steps])
    assert (counts == [3, 3, 2, 2, 2]).all()


def test_every_batch_has_its_share_of_cancers_and_no_example_waits_two_rounds():
    labels = np.array([1] * 6 + [0] * 30)
    steps = draw_epoch(np.random.default_rng(0), labels, stage(balance={"cancer_fraction": 0.25}))
    assert steps.shape == (4, 8)
    assert (labels[steps].sum(axis=1) == 2).all()
    seen = np.bincount(steps.reshape(-1), minlength=36)
    assert set(seen[:6]) <= {1, 2}
    assert seen[6:].max() == 1


def test_without_a_share_every_example_is_seen_once():
    steps = draw_epoch(np.random.default_rng(0), np.zeros(24, int), stage())
    assert sorted(steps.reshape(-1).tolist()) == list(range(24))


def test_a_pass_can_be_shorter_than_the_study():
    steps = draw_epoch(np.random.default_rng(0), np.zeros(100, int), stage(examples_per_epoch=33))
    assert steps.shape == (4, 8)
