"""Where a trained member sees something malignant: a map of probability over each image."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import expit

from mammo_pipeline.mammo.ladder.judge import malignancy_scores
from mammo_pipeline.mammo.networks.families import (
    HEATMAP,
    build_image_net,
    heatmap_net,
    read_network,
)
from mammo_pipeline.mammo.networks.predict import assign_variables, predict_batches
from mammo_pipeline.mammo.networks.record import Places
from mammo_pipeline.mammo.patches.overlap import breast_shares, sum_breast

if TYPE_CHECKING:
    import keras


def explain_no_heatmap(network: dict[str, Any]) -> str | None:
    """Returns why a network gives no map of malignancy, or None where it gives one.

    >>> explain_no_heatmap({"family": "vgg16", "top": "vgg_512"})
    'the top vgg_512 reads features, it has no heatmap: lesions are not measured'
    """
    top = read_network(network).top
    if top == HEATMAP:
        return None
    return f"the top {top} reads features, it has no heatmap: lesions are not measured"


def find_map_shape(network: dict[str, Any]) -> tuple[int, int]:
    """Returns rows and columns of the heatmap over one image of a network that has one."""
    _, heat_net = _build_once(_describe(network))
    rows, columns = heat_net.output_shape[1:3]
    return rows, columns


def malignancy_maps(
    network: dict[str, Any],
    arrays: dict[str, np.ndarray],
    pixels: np.ndarray,
    positions: np.ndarray,
    batch: int,
    loss: str = "one_against_rest",
) -> np.ndarray | None:
    """Returns the probability of a malignant class at each place, float32 (n, rows', columns').

    None where `explain_no_heatmap` says why. Place k looks where `heatmap_places` says. The class
    logits are the patch net's, as the training of whole images has changed them: a ranking of
    places, of which nobody has shown that it is calibrated.

    Args:
        network: The description of the image net, as trained.
        arrays: The member's weights by Keras variable path.
        pixels: The store, uint16 (images, rows, columns).
        positions: Places in the store of the n images.
        batch: Images at once.
        loss: What the class logits were trained with: see `judge.malignancy_scores`.

    Raises:
        ValueError: The arrays do not fit the network, or an answer is not finite.
    """
    if explain_no_heatmap(network) is not None:
        return None
    image_net, heat_net = _build_once(_describe(network))
    assign_variables({v.path: v for v in image_net.weights}, arrays)
    places = np.asarray(positions)
    logits = predict_batches(
        heat_net, lambda rows: pixels[places[rows]][..., np.newaxis], len(places), batch
    )
    _refuse_not_finite(logits, places)
    flat = logits.reshape(-1, logits.shape[-1]).astype(np.float64)
    return expit(malignancy_scores(flat, loss)).astype(np.float32).reshape(logits.shape[:3])


def _describe(network: dict[str, Any]) -> str:
    return json.dumps(read_network(network).model_dump(mode="json"), sort_keys=True)


@lru_cache(maxsize=4)
def _build_once(description: str) -> tuple[keras.Model, keras.Model]:
    image_net = build_image_net(read_network(json.loads(description)), seed=0, prevalence=0.5)
    return image_net, heatmap_net(image_net)


def _refuse_not_finite(logits: np.ndarray, positions: np.ndarray) -> None:
    wrong = np.flatnonzero(~np.isfinite(logits).all(axis=(1, 2, 3)))
    if len(wrong):
        raise ValueError(
            f"the member's heatmap is not finite for {len(wrong)} of {len(positions)} images, the "
            f"first at store position {positions[wrong[0]]}: its weights are damaged or diverged"
        )


def find_tissue(
    pixels: np.ndarray,
    positions: np.ndarray,
    places: Places,
    map_shape: tuple[int, int],
    least_share: float,
) -> np.ndarray:
    """Returns which places of the maps lie on breast, bool (n, rows', columns').

    A place is the square of one stride in the middle of its window; it lies on breast where so
    large a share of that square does.

    Args:
        pixels: The store, uint16 (images, rows, columns), 0 for air.
        positions: Places in the store of the n images.
        places: Where the positions of the map look.
        map_shape: Rows and columns of the map.
        least_share: Of the square, in (0, 1].
    """
    margin = places.offset_px + (places.window_px - places.stride_px) // 2
    corners = np.indices(map_shape).reshape(2, -1).T * places.stride_px + margin
    shares = np.empty((len(positions), len(corners)))
    for row, position in enumerate(np.asarray(positions)):
        total = sum_breast(np.asarray(pixels[int(position)]))
        shares[row] = breast_shares(total, corners, places.stride_px)
    return (shares >= least_share).reshape(-1, *map_shape)
