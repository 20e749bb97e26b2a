"""The winner's ladder, what it is compared with, and how the page of ladder_proof.py begins."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from mammo_pipeline.mammo.ladder.stages import Ladder

PATCHES, FIRST, AVERAGED, LAST = "patch_adam", "image_adam", "finetune_ema", "finetune_sgd"
OPENING = f"""\
# What each stage of the ladder is worth

Written by `python benchmarks/ladder_proof.py`, after `kedro run --env demo`.

The winner's ladder in the sizes of the demo, and the same without one of its parts. An AUC is that
of breasts, each scored by the mean logit of its images, on women whom no stage saw; nothing was
chosen by it. The patch net has no such figure, for patches are drawn on train and tune only: its
AUC, malignant patch or not, is that of tune after `{PATCHES}`. In brackets an interval by
bootstrap of women, for the mean also of seeds, with the same draws for all figures and differences.
Three seeds are few, so that of the mean is rather too narrow. "Helps" and "harms" stand where the
interval of the mean difference lies on one side of 0, "does not help" where it holds 0: a part may
then still help less than the interval is wide. Of so many intervals one may miss 0 by chance. No
figure here speaks of mammograms, of full size or of longer stages.
"""
AS_LONG = "as long as the patches"
SCRATCH: dict[str, Any] = {"start": "scratch", "restore": [], "normalization": "batch"}
WEIGHTS: dict[str, Any] = {"restore": ["weights"]}
RAW: dict[str, Any] = {"ema": None, "keep": {"epoch": "last", "weights": "raw"}}


class Variant(NamedTuple):
    """A ladder that differs from the full one.

    Attributes:
        change: By stage, what is declared otherwise; None leaves the stage out.
        part: What the full ladder has beside it, as a sentence begins.
        note: What is otherwise, as the page tells it.
    """

    change: dict[str, dict[str, Any] | None]
    part: str
    note: str


FULL = "full ladder"
VARIANTS = {
    FULL: Variant({}, "", "`dream_winner` as the demo declares it"),
    "images from scratch": Variant(
        {PATCHES: None, FIRST: SCRATCH},
        "Starting from patches, with equal image steps,",
        f"no patches; `{FIRST}` starts from scratch, with `normalization: batch`, as there are no "
        "statistics yet to freeze; the same image steps and rates",
    ),
    "optimizer not restored": Variant(
        {FIRST: WEIGHTS, AVERAGED: WEIGHTS},
        "Restoring Adam's variables",
        f"`{FIRST}` and `{AVERAGED}` restore weights only",
    ),
    "no EMA stage": Variant(
        {AVERAGED: None, LAST: {"start": FIRST}},
        f"The stage `{AVERAGED}`",
        f"`{LAST}` starts from `{FIRST}`: fewer steps than the full ladder",
    ),
    "no EMA, same steps": Variant(
        {AVERAGED: RAW},
        "Keeping the average in place of the raw weights",
        f"`{AVERAGED}` takes the same steps and keeps its raw weights",
    ),
    "SGD at a tenth of its rate": Variant(
        {LAST: {"learning_rate": 1e-5}},
        f"The declared rate of `{LAST}`, against a tenth of it,",
        f"`{LAST}` at 1e-5",
    ),
    "images from scratch, equal computing": Variant(
        {PATCHES: None, FIRST: {**SCRATCH, "learning_rate": 1e-3, "epochs": AS_LONG}},
        "Starting from patches, with equal computing,",
        f"from scratch as above, but `{FIRST}` at the patches' rate, 1e-3, and over as many pixels "
        f"as `{PATCHES}` and `{FIRST}` see together",
    ),
}


def lengthen(declared: Ladder, factor: int) -> Ladder:
    """Returns the ladder with `factor` times the epochs of images, and no checks of the wiring."""
    record = declared.model_dump(mode="json")
    record["wiring"]["check"] = False
    for stage in record["stages"].values():
        stage["epochs"] *= factor if stage["data"] == "images" else 1
    return Ladder.model_validate(record)


def equal_epochs(base: Ladder, patches: int) -> int:
    """Returns the epochs of images that pass the pixels of the first two stages together.

    Args:
        base: The full ladder.
        patches: How many there are to learn from.
    """
    patch, image = base.stages[PATCHES], base.stages[FIRST]
    pixels = patch.epochs * (patch.examples_per_epoch or patches) * base.network.patch_px**2
    if image.examples_per_epoch is None:
        raise ValueError(f"{FIRST} declares no examples_per_epoch: its pixels cannot be counted")
    an_epoch = image.examples_per_epoch * int(np.prod(base.network.image_shape))
    return image.epochs + round(pixels / an_epoch)


def vary(base: Ladder, variant: str, seed: int, as_long: int) -> Ladder:
    """Returns a variant's ladder; its stages keep their names, and so the draws of their seeds.

    Args:
        base: The full ladder.
        variant: One of VARIANTS.
        seed: Of all that is drawn.
        as_long: Epochs of a stage that declares AS_LONG.
    """
    record = {**base.model_dump(mode="json"), "seed": seed}
    for name, change in VARIANTS[variant].change.items():
        if change is None:
            del record["stages"][name]
        else:
            record["stages"][name] |= change
    for stage in record["stages"].values():
        stage["epochs"] = as_long if stage["epochs"] == AS_LONG else stage["epochs"]
    return Ladder.model_validate(record)
