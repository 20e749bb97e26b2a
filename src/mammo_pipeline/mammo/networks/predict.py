"""How a trained member answers: arrays and pixels in, one logit an image out."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

import numpy as np

from mammo_pipeline.mammo.ensembling.flips import check_flips, flip_images
from mammo_pipeline.mammo.networks.families import build_image_net, read_network

if TYPE_CHECKING:
    import keras


def member_logits(
    network: dict[str, Any],
    arrays: dict[str, np.ndarray],
    pixels: np.ndarray,
    positions: np.ndarray,
    batch: int,
    flips: Sequence[str] = ("none",),
) -> np.ndarray:
    """Returns the member's logit of each image, float32 of shape (n,).

    The net is built and compiled once a process for each description; members only swap weights.

    Args:
        network: The description of the image net, as trained.
        arrays: The member's weights by Keras variable path.
        pixels: The store, uint16 (images, rows, columns).
        positions: Places in the store of the n images to score.
        batch: Images at once.
        flips: How the image is mirrored; the logits are averaged over them.

    Raises:
        ValueError: The arrays do not fit the network, a flip is unknown, or an answer is not
            finite.
    """
    flips = check_flips(flips)
    model = _build_once(json.dumps(read_network(network).model_dump(mode="json"), sort_keys=True))
    assign_variables({v.path: v for v in model.weights}, arrays)
    places = np.asarray(positions)
    outputs = [
        predict_batches(model, partial(_read_flipped, pixels, places, flip), len(places), batch)
        for flip in flips
    ]
    logits = np.mean(outputs, axis=0, dtype=float).reshape(-1).astype(np.float32)
    wrong = np.flatnonzero(~np.isfinite(logits))
    if len(wrong):
        raise ValueError(
            f"the member gives no finite logit for {len(wrong)} of {len(logits)} images, the first "
            f"at store position {places[wrong[0]]}: its weights are damaged or diverged"
        )
    return logits


def _read_flipped(
    pixels: np.ndarray, places: np.ndarray, flip: str, rows: np.ndarray
) -> np.ndarray:
    return flip_images(pixels[places[rows]], flip)[..., np.newaxis]


@lru_cache(maxsize=4)
def _build_once(description: str) -> keras.Model:
    return build_image_net(read_network(json.loads(description)), seed=0, prevalence=0.5)


def predict_batches(
    model: keras.Model, read: Callable[[np.ndarray], np.ndarray], count: int, batch: int
) -> np.ndarray:
    """Returns the model's outputs for `count` inputs, in order.

    Every call has a full batch, the last filled up by repetition: another shape would be traced
    anew.

    Args:
        model: What answers.
        read: Gives the inputs of the given rows.
        count: Number of inputs.
        batch: Inputs at once.
    """
    if not count:
        return np.empty((0, *model.output_shape[1:]), np.float32)
    # A net that lives on several devices answers once on each, one answer behind the other.
    outputs = [
        model.predict_on_batch(read(np.arange(first, first + batch) % count))[:batch]
        for first in range(0, count, batch)
    ]
    return np.concatenate(outputs)[:count]


def assign_variables(variables: dict[str, Any], values: dict[str, np.ndarray]) -> None:
    """Gives every Keras variable its value, by path.

    Raises:
        ValueError: A path is missing or unknown, or a shape differs; each is named.
    """
    missing, extra = sorted(variables.keys() - values.keys()), sorted(values.keys() - variables)
    reshaped = [
        f"{path} is {values[path].shape}, expected {tuple(v.shape)}"
        for path, v in variables.items()
        if path in values and values[path].shape != tuple(v.shape)
    ]
    if missing or extra or reshaped:
        raise ValueError(
            f"the arrays do not fit the network. Missing: {missing or 'none'}. "
            f"Unknown: {extra or 'none'}. Shapes: {reshaped or 'equal'}. "
            "Use the network description that these arrays were trained with."
        )
    for path, variable in variables.items():
        variable.assign(values[path])
