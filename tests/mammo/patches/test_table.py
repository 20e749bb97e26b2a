"""The table of patches."""

from __future__ import annotations

import numpy as np

from mammo_pipeline.mammo.patches.table import COLUMNS, PatchSet, tabulate_patches


def test_a_patch_is_a_row_in_the_order_given():
    one = PatchSet(7, "b", "train", "lesion", np.array([[1, 2], [3, 4]]), np.array([4, 1]))
    other = PatchSet(2, "a", "tune", "mined", np.array([[5, 6]]), np.zeros(1, int))
    table = tabulate_patches([one, other], 14)
    assert list(table) == COLUMNS
    assert table.to_numpy().tolist() == [
        [7, "b", "train", 1, 2, 14, 4, "lesion"],
        [7, "b", "train", 3, 4, 14, 1, "lesion"],
        [2, "a", "tune", 5, 6, 14, 0, "mined"],
    ]


def test_no_patches_are_an_empty_table_of_the_same_types():
    none = PatchSet(7, "b", "train", "lesion", np.empty((0, 2), np.int64), np.empty(0, np.int64))
    full = PatchSet(7, "b", "train", "lesion", np.array([[1, 2]]), np.array([4]))
    kept = ["position", "row", "column", "size_px", "label"]
    for sets in ([], [none]):
        table = tabulate_patches(sets, 14)
        assert len(table) == 0 and list(table) == COLUMNS
        assert (table[kept].dtypes == tabulate_patches([full], 14)[kept].dtypes).all()
