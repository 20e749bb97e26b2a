"""Test-time flips: a canvas is seen as it is and mirrored, and the logits are averaged.

On every canvas the chest wall is on the left. `up_down` keeps it there: it shows the other breast's
anatomy, which training has seen. `left_right` and `both` put the chest wall on the right, which a
net has only seen if it was trained with that augmentation; without it their logits are those of a
picture from outside the training's distribution, so offer them only to nets that were.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

Flip = Literal["none", "up_down", "left_right", "both"]

# Axes of (images, rows, columns, ...) that are turned round.
FLIPS: dict[str, tuple[int, ...]] = {
    "none": (),
    "up_down": (1,),
    "left_right": (2,),
    "both": (1, 2),
}


def flip_images(images: np.ndarray, flip: str) -> np.ndarray:
    """Returns the images mirrored, as a view.

    Args:
        images: Shape (n, rows, columns, ...).
        flip: One of FLIPS.

    >>> flip_images(np.array([[[1, 2], [3, 4]]]), "up_down").tolist()
    [[[3, 4], [1, 2]]]
    """
    return np.flip(images, FLIPS[flip])


def check_flips(flips: Sequence[str]) -> tuple[str, ...]:
    """Returns the flips as a tuple, in the order of FLIPS.

    Raises:
        ValueError: None is named, one is named twice, or one is unknown.

    >>> check_flips(["up_down", "none"])
    ('none', 'up_down')
    """
    if not flips or len(set(flips)) < len(flips) or not set(flips) <= set(FLIPS):
        raise ValueError(
            f"flips must name one or more of {list(FLIPS)}, each once; found {list(flips)}."
        )
    return tuple(flip for flip in FLIPS if flip in flips)
