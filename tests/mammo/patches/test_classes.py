"""The classes of patches."""

from __future__ import annotations

import numpy as np
import pytest

from mammo_pipeline.mammo.patches.classes import (
    CLASS_NAMES,
    LABELS,
    find_label,
    first_malignant,
    merge_labels,
)


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_merging_keeps_what_is_malignant_and_fills_every_class(classes):
    labels = np.arange(5)
    merged = merge_labels(labels, classes)
    np.testing.assert_array_equal(merged >= first_malignant(classes), labels >= 3)
    assert set(merged) == set(range(classes))
    assert len(CLASS_NAMES[classes]) == classes
    named = ["malignant" in n and "not" not in n for n in CLASS_NAMES[classes]]
    assert named == [c >= first_malignant(classes) for c in range(classes)]


def test_every_kind_of_lesion_has_a_class_of_its_pathology():
    for (kind, pathology), label in LABELS.items():
        assert find_label(kind, pathology, "x") == label
        assert CLASS_NAMES[5][label].endswith(pathology)
        assert CLASS_NAMES[3][int(merge_labels(np.array(label), 3))] == pathology


def test_an_unknown_number_of_classes_or_label_is_an_error():
    with pytest.raises(ValueError, match="2, 3 or 5 classes, found 4"):
        merge_labels(np.array([0]), 4)
    with pytest.raises(ValueError, match="2, 3 or 5 classes, found 1"):
        first_malignant(1)
    with pytest.raises(ValueError, match=r"labels \[-1, 5\], expected 0 to 4"):
        merge_labels(np.array([-1, 5]), 5)


def test_no_patches_have_no_labels():
    assert merge_labels(np.empty(0), 2).shape == (0,)
