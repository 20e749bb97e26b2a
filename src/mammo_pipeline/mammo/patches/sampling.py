"""Sampling a study's images by a table of rules: the same patches wherever and however often."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import numpy as np
import pandas as pd

from mammo_pipeline.mammo.patches.blobs import draw_on_blobs
from mammo_pipeline.mammo.patches.overlap import sum_breast
from mammo_pipeline.mammo.patches.places import (
    NOTHING,
    Places,
    draw_background,
    draw_on_lesion,
)
from mammo_pipeline.mammo.patches.rules import (
    BackgroundRule,
    LesionRule,
    Rule,
    Sampling,
)
from mammo_pipeline.mammo.patches.scenes import Scene, list_scenes
from mammo_pipeline.mammo.patches.table import PatchSet, tabulate_patches

DRAW_COLUMNS = ["image_id", "side", "state", "rule", "wanted", "found", "tries", "cutoff", "reason"]


@dataclass(frozen=True)
class Draw:
    """What one rule found in one image.

    Attributes:
        wanted: Patches that the rule asks for.
        places: Drawn together: all corners, all tries, the lowest cutoff, the first reason.
        labels: Class of each patch, of five; int64 of shape (n,).
    """

    wanted: int
    places: Places
    labels: np.ndarray


Draws = Mapping[str, Draw]
Run = Callable[[Any, Sequence[Scene], Sampling], Iterable[Draws]]


def sample_here(pixels: Any, scenes: Sequence[Scene], sampling: Sampling) -> Iterator[Draws]:
    """Yields what is drawn in each image, one after the other in this process."""
    return (sample_image(pixels[scene.position], scene, sampling) for scene in scenes)


def sample_patches(
    pixels: Any,
    index: pd.DataFrame,
    cohort: pd.DataFrame,
    lesions: pd.DataFrame,
    sampling: Sampling,
    run: Run = sample_here,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Returns the table of patches, and that of what each rule wanted and found in each image.

    Patches have one row each: position, image_id, side, row, column, size_px, label and rule.
    `row` and `column` are the top-left pixel on the canvas, `label` is one of five classes. The
    other table has a row for each image and rule: image_id, side, state (of `Scene`), rule, wanted,
    found, tries, cutoff (where it ended, missing where the rule has none) and reason. Both are in
    the order of image_id, then of the rules.

    Args:
        pixels: The store, uint16 (images, rows, columns), 0 is air.
        index: image_id and position in the store, -1 where refused.
        cohort: image_id, side and cancer.
        lesions: image_id, kind, pathology and box on the canvas, half-open.
        sampling: The table of rules.
        run: Samples the scenes, in their order; where, is its own business.

    Raises:
        ValueError: A lesion has no known kind and pathology, or lies outside the canvas; or the
            canvas is smaller than a patch.
    """
    shape_px = (int(pixels.shape[1]), int(pixels.shape[2]))
    if min(shape_px) < sampling.size_px:
        raise ValueError(
            f"the canvas is {shape_px} px, smaller than a patch of {sampling.size_px}: "
            "set patches.size_px"
        )
    scenes = list_scenes(index, cohort, lesions, shape_px)
    drawn = list(zip(scenes, run(pixels, scenes, sampling), strict=True))
    sets = [
        PatchSet(
            *(scene.position, scene.image_id, scene.side), rule, draw.places.corners, draw.labels
        )
        for scene, draws in drawn
        for rule, draw in draws.items()
    ]
    return tabulate_patches(sets, sampling.size_px), _tabulate_draws(drawn)


def sample_image(picture: np.ndarray, scene: Scene, sampling: Sampling) -> Draws:
    """Returns what every rule draws in one image, by name of the rule.

    Args:
        picture: uint16 (rows, columns), 0 is air.
        scene: The image's lesions.
        sampling: The table of rules.
    """
    breast, size_px = sum_breast(picture), sampling.size_px
    draws: dict[str, Draw] = {}
    for name, rule in sampling.rules.items():
        rng = make_rng(sampling.seed, scene.image_id, name)
        if isinstance(rule, LesionRule):
            draws[name] = _draw_lesions(rng, picture.shape, scene, size_px, rule)
            continue
        wanted = count_wanted(rule, scene, draws)
        if isinstance(rule, BackgroundRule):
            places = draw_background(rng, breast, scene.boxes, size_px, wanted, rule)
        else:
            places = draw_on_blobs(picture, breast, scene.boxes, size_px, wanted, rule)
        draws[name] = Draw(wanted, places, np.zeros(len(places.corners), np.int64))
    return draws


def make_rng(seed: int, image_id: str, rule: str) -> np.random.Generator:
    """Returns where the chance of one rule in one image comes from."""
    digest = sha256(f"{rule}\n{image_id}".encode()).digest()
    return np.random.default_rng([seed, *np.frombuffer(digest, "<u4").tolist()])


def count_wanted(rule: Rule, scene: Scene, draws: Draws) -> int:
    """Returns how many patches a rule wants in an image.

    Args:
        rule: One of the table.
        scene: The image.
        draws: What the earlier rules drew there.
    """
    if isinstance(rule, LesionRule):
        return rule.per_lesion * len(scene.boxes)
    taken = {"both": ("with_lesion", "healthy")}.get(rule.images, (rule.images,))
    if scene.state not in taken:
        return 0
    if rule.as_many_as is not None:
        return len(draws[rule.as_many_as].labels)
    if rule.per_lesion is not None:
        return rule.per_lesion * len(scene.boxes)
    return rule.per_image or 0


def _draw_lesions(
    rng: np.random.Generator,
    shape_px: tuple[int, ...],
    scene: Scene,
    size_px: int,
    rule: LesionRule,
) -> Draw:
    shape = (shape_px[0], shape_px[1])
    # A generator for each lesion: one is the same however many tries the one before it took.
    rngs = rng.spawn(len(scene.boxes))
    found = [
        draw_on_lesion(own, box, shape, size_px, rule)
        for own, box in zip(rngs, scene.boxes, strict=True)
    ]
    if not found:
        return Draw(0, NOTHING, np.empty(0, np.int64))
    places = Places(
        corners=np.concatenate([one.corners for one in found]),
        tries=sum(one.tries for one in found),
        cutoff=min(one.cutoff for one in found),
        reason=next((one.reason for one in found if one.reason), ""),
    )
    labels = np.repeat(scene.labels, [len(one.corners) for one in found])
    return Draw(count_wanted(rule, scene, {}), places, labels)


def _tabulate_draws(drawn: list[tuple[Scene, Draws]]) -> pd.DataFrame:
    rows = [
        (
            *(scene.image_id, scene.side, scene.state, rule, draw.wanted, len(draw.labels)),
            *(draw.places.tries, draw.places.cutoff, draw.places.reason),
        )
        for scene, draws in drawn
        for rule, draw in draws.items()
    ]
    return pd.DataFrame(rows, columns=DRAW_COLUMNS)
