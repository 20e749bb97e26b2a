"""What a worker process does: reads one stored image and draws in it by every rule."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from mammo_pipeline.datasets.stored_pixels import StoredPixels
from mammo_pipeline.mammo.patches.rules import Sampling
from mammo_pipeline.mammo.patches.sampling import Draws, sample_image
from mammo_pipeline.mammo.patches.scenes import Scene


def keep_one(pixels: Any, position: int) -> Any:
    """Returns the store with one image alone: its place on disk, so that no pixels travel.

    Args:
        pixels: `StoredPixels`, or a plain array (images, rows, columns).
        position: Of the image.
    """
    if not isinstance(pixels, StoredPixels):
        return pixels[[position]]
    one = np.array([position])
    return replace(
        pixels,
        shape=(1, *pixels.shape[1:]),
        packs=pixels.packs[one],
        starts=pixels.starts[one],
        lengths=pixels.lengths[one],
        image_ids=pixels.image_ids[one],
    )


def sample_stored(pixels: Any, scene: Scene, sampling: Sampling) -> Draws | ValueError:
    """Returns what every rule draws in an image, or what is wrong with it in the store.

    Args:
        pixels: The store with this image alone.
        scene: The image's lesions.
        sampling: The table of rules.
    """
    try:
        picture = pixels[0]
    except ValueError as error:
        return error
    return sample_image(picture, scene, sampling)
