"""All that a ladder may learn from, gathered from the study's tables."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from mammo_pipeline.mammo.digest import digest_table
from mammo_pipeline.mammo.ladder.examples import Examples, select_images, select_patches
from mammo_pipeline.mammo.ladder.restore import State
from mammo_pipeline.mammo.ladder.stages import Ladder, Stage, WeightFile
from mammo_pipeline.mammo.patches.classes import first_malignant, merge_labels

COHORT_COLUMNS = ["image_id", "exam_id", "laterality", "side", "cancer"]


def _no_files(file: WeightFile) -> State:
    raise ValueError(f"no folder of weights was given to find {file.name} in")


@dataclass(frozen=True)
class Lessons:
    """All that a ladder may learn from.

    Attributes:
        pixels: The image store, uint16 (images, rows, columns).
        examples: For `patches` and for `images`: what to learn from, and what to judge on.
        lesions: image_id and box on the canvas of every known lesion, half-open.
        digest: Of the tables that these were made from and of the code that learns from them.
        read_weights: Gives the arrays of a file of weights, checked.
        cases: Images of `tune` to look at after every stage; 0 looks at nothing.
    """

    pixels: np.ndarray
    examples: dict[str, tuple[Examples, Examples]]
    lesions: pd.DataFrame
    digest: str
    read_weights: Callable[[WeightFile], State] = field(default=_no_files)
    cases: int = 0


def gather_lessons(
    ladder: Ladder,
    pixels: np.ndarray,
    index: pd.DataFrame,
    cohort: pd.DataFrame,
    patches: pd.DataFrame,
    lesions: pd.DataFrame,
    code: str,
    *,
    read_weights: Callable[[WeightFile], State] = _no_files,
    cases: int = 0,
) -> Lessons:
    """Returns the train and tune examples of every kind of data that the ladder uses.

    The store's own table stands in the digest for the pixels: it holds a key of each image, so
    other pixels have other rows.

    Args:
        ladder: Says which data are used, how many classes, and the canvas that the net is cut for.
        pixels: The image store, uint16 (images, rows, columns).
        index: The store's table: image_id, position and key.
        cohort: image_id, exam_id, laterality, side and cancer.
        patches: What the room `patches` drew.
        lesions: image_id and box on the canvas of every known lesion.
        code: Digest of the code that will learn; other code is another lesson.
        read_weights: Gives the arrays of a file of weights, checked.
        cases: Images of `tune` to look at after every stage.

    Raises:
        ValueError: The canvas or the patches are not the network's, a side has nothing to learn
            from or one outcome alone, or the patches were drawn on another split.
    """
    canvas = (int(pixels.shape[1]), int(pixels.shape[2]))
    if canvas != ladder.network.image_shape:
        raise ValueError(
            f"the store holds images of {canvas} px, the network expects image_shape "
            f"{ladder.network.image_shape}: set both to the same canvas and rerun"
        )
    kinds = {stage.data for stage in ladder.stages.values()}
    examples = {}
    if "images" in kinds or any(stage.mine for stage in ladder.stages.values()):
        train, tune = (select_images(cohort, index, side, canvas) for side in ("train", "tune"))
        examples["images"] = (train, tune)
    if "patches" in kinds:
        _refuse_old_patches(patches, cohort, ladder.network.patch_px)
        train, tune = (_select_merged(patches, side, ladder) for side in ("train", "tune"))
        examples["patches"] = (train, tune)
    tables = (cohort[COHORT_COLUMNS], index, patches, lesions)
    digests = [digest_table(table, table.columns.to_list()) for table in tables]
    digest = "-".join([*digests, code])
    return Lessons(pixels, examples, lesions, digest, read_weights, cases)


def _select_merged(patches: pd.DataFrame, side: str, ladder: Ladder) -> Examples:
    """Returns the patches of one side with their classes merged to those of the network.

    Raises:
        ValueError: None of them is malignant, or all are.
    """
    found, classes = select_patches(patches, side), ladder.network.classes
    merged = replace(found, labels=merge_labels(found.labels, classes))
    malignant = int((merged.labels >= first_malignant(classes)).sum())
    if malignant in (0, len(merged.labels)):
        raise ValueError(
            f"side {side} has {len(merged.labels)} patches of which {malignant} malignant: "
            "learning needs both, look at the lesions of that side and at the rules of `patches`"
        )
    return merged


def _refuse_old_patches(patches: pd.DataFrame, cohort: pd.DataFrame, patch_px: int) -> None:
    sides = cohort.set_index("image_id")["side"]
    moved = patches["image_id"].map(sides) != patches["side"]
    if moved.any():
        raise ValueError(
            f"{int(moved.sum())} of {len(patches)} patches lie on another side than their image: "
            "the split changed since they were drawn. Run `patches` again."
        )
    sizes = set(patches["size_px"])
    if sizes != {patch_px}:
        raise ValueError(
            f"the patches are {sorted(sizes)} px, the network was cut for patch_px {patch_px}: "
            "set patches.size_px to it and run `patches` again, or change the network"
        )


def expect_classes(labels: np.ndarray, stage: Stage, classes: int) -> np.ndarray:
    """Returns which share of each class a batch of the stage holds, as a fresh head should answer.

    Shape (classes,) for patches, () for images: the share of cancers. It is held inside (0, 1) by
    one pseudo-count a class.

    Args:
        labels: Of all examples, integers.
        stage: Its balance may say otherwise than the labels.
        classes: Of patches.

    >>> from mammo_pipeline.mammo.ladder.stages import Stage
    >>> common = {"name": "a", "start": "scratch", "epochs": 1, "batch": 2, "learning_rate": 1}
    >>> common |= {"optimizer": {"name": "sgd"}}
    >>> images = Stage(**common, data="images")
    >>> float(expect_classes(np.array([0, 0, 1, 0]), images, classes=5))
    0.3333333333333333
    >>> patches = Stage(**common, data="patches", balance={"classes": True})
    >>> expect_classes(np.array([0, 1]), patches, classes=2).tolist()
    [0.5, 0.5]
    """
    balance = stage.balance
    count = classes if stage.data == "patches" else 2
    shares = (np.bincount(labels, minlength=count) + 1) / (len(labels) + count)
    if balance.classes or balance.weights:
        shares = np.full(count, 1 / count)
    if balance.cancer_fraction is not None:
        shares = np.array([1 - balance.cancer_fraction, balance.cancer_fraction])
    if balance.prevalence is not None:
        rest = shares[1:] / shares[1:].sum()
        shares = np.array([1 - balance.prevalence, *(balance.prevalence * rest)])
    return shares if stage.data == "patches" else shares[1]
