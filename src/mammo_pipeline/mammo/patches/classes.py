"""What a patch may show: always one of five classes in the table; a net may learn fewer.

A lesion that looked benign and was not called back is benign here; `ingest.benign_without_callback`
decides before that whether there is such a lesion at all.
"""

from __future__ import annotations

import numpy as np

CLASS_NAMES: dict[int, tuple[str, ...]] = {
    2: ("not malignant", "malignant"),
    3: ("background", "benign", "malignant"),
    5: ("background", "calc benign", "mass benign", "calc malignant", "mass malignant"),
}
# Distortion and asymmetry have no class of their own: they count as mass.
LABELS = {
    ("calcification", "benign"): 1,
    ("mass", "benign"): 2,
    ("distortion", "benign"): 2,
    ("asymmetry", "benign"): 2,
    ("calcification", "malignant"): 3,
    ("mass", "malignant"): 4,
    ("distortion", "malignant"): 4,
    ("asymmetry", "malignant"): 4,
}
# Which of the fewer classes each of the five becomes.
_MERGED = {2: (0, 0, 0, 1, 1), 3: (0, 1, 1, 2, 2), 5: (0, 1, 2, 3, 4)}


def find_label(kind: str, pathology: str, image_id: str) -> int:
    """Returns the class of a lesion, of five.

    Args:
        kind: calcification, mass, distortion or asymmetry.
        pathology: benign or malignant.
        image_id: Named in the error.

    Raises:
        ValueError: The pair is not in `LABELS`.

    >>> find_label("asymmetry", "malignant", "image1")
    4
    """
    if (kind, pathology) not in LABELS:
        raise ValueError(
            f"image {image_id} has a lesion that is '{kind}' and '{pathology}', expected one of "
            f"{sorted(LABELS)}: correct lesion_boxes in the label table"
        )
    return LABELS[kind, pathology]


def merge_labels(labels: np.ndarray, classes: int) -> np.ndarray:
    """Returns labels of five classes as labels of fewer, int64, of the same shape.

    Args:
        labels: 0 to 4, as the table of patches has them.
        classes: 2 (malignant or not), 3 (background, benign, malignant) or 5.

    Raises:
        ValueError: No such number of classes, or a label beyond the five.

    >>> merge_labels(np.array([0, 1, 2, 3, 4]), 3).tolist()
    [0, 1, 1, 2, 2]
    """
    merged = np.array(_MERGED[_check_classes(classes)], np.int64)
    labels = np.asarray(labels, np.int64)
    if labels.size and not 0 <= labels.min() <= labels.max() < len(merged):
        raise ValueError(
            f"patches have the labels {np.unique(labels).tolist()}, expected 0 to 4: "
            "run `patches` again"
        )
    return merged[labels]


def first_malignant(classes: int) -> int:
    """Returns the first malignant class; those after it are malignant, too.

    Args:
        classes: 2, 3 or 5.

    Raises:
        ValueError: No such number of classes.

    >>> [first_malignant(classes) for classes in CLASS_NAMES]
    [1, 2, 3]
    """
    return _MERGED[_check_classes(classes)][3]


def _check_classes(classes: int) -> int:
    if classes not in CLASS_NAMES:
        raise ValueError(f"patches have 2, 3 or 5 classes, found {classes}")
    return classes
