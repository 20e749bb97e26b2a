"""What a net holds of an image just before its logit."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from mammo_pipeline.mammo.networks.families import HEATMAP, build_image_net, read_network
from mammo_pipeline.mammo.networks.predict import assign_variables, predict_batches

if TYPE_CHECKING:
    import keras


def embed_images(
    network: dict[str, Any],
    arrays: dict[str, np.ndarray],
    pixels: Any,
    positions: np.ndarray,
    batch: int,
) -> np.ndarray:
    """Returns the embedding of each image, float32 of shape (n, d).

    A net with the top `bottleneck` or `vgg_512` gives what its last, dense layer reads: the mean
    of the last map, d its channels. A net with the top `heatmap` gives three parts in a row: the
    mean and the maximum over all places of the map from which the class logits are made, and the
    pooled heatmap that the image head reads, d = 2 channels + places x classes. So what the head
    can see, and what the detector could have passed on to it, are both there.

    Args:
        network: The description of the image net, as trained.
        arrays: The member's weights by Keras variable path.
        pixels: The store, uint16 (images, rows, columns), or a view of it as `mask_pixels` gives.
        positions: Places in the store of the n images.
        batch: Images at once.

    Raises:
        ValueError: The arrays do not fit the network, or an embedding is not finite.
    """
    description = read_network(network).model_dump(mode="json")
    model, reader = _build_once(json.dumps(description, sort_keys=True))
    assign_variables({v.path: v for v in model.weights}, arrays)
    places = np.asarray(positions)
    read = predict_batches(
        reader, lambda rows: pixels[places[rows]][..., np.newaxis], len(places), batch
    ).astype(np.float32)
    wrong = np.flatnonzero(~np.isfinite(read).all(axis=1))
    if len(wrong):
        raise ValueError(
            f"the member gives no finite embedding for {len(wrong)} of {len(read)} images, the "
            f"first at store position {places[wrong[0]]}: its weights are damaged or diverged"
        )
    return read


@lru_cache(maxsize=2)
def _build_once(description: str) -> tuple[keras.Model, keras.Model]:
    model = build_image_net(read_network(json.loads(description)), seed=0, prevalence=0.5)
    return model, embedding_net(model)


def embedding_net(model: keras.Model) -> keras.Model:
    """Returns the net from an image net's input to its embedding; it shares the model's weights.

    Args:
        model: What `build_image_net` returned.
    """
    import keras
    from keras import layers

    if HEATMAP not in {layer.name for layer in model.layers}:
        pooled = model.get_layer("image_pool").output
        return keras.Model(model.inputs[0], pooled, name="embedding_net")
    features = model.get_layer(HEATMAP).input
    parts = [
        layers.GlobalAveragePooling2D(dtype="float32", name="embedding_mean")(features),
        layers.GlobalMaxPooling2D(dtype="float32", name="embedding_max")(features),
        layers.Flatten(dtype="float32", name="embedding_heatmap")(
            model.get_layer("heatmap_pool").output
        ),
    ]
    read = layers.Concatenate(dtype="float32", name="embedding")(parts)
    return keras.Model(model.inputs[0], read, name="embedding_net")
