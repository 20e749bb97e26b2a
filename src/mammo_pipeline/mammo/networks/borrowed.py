"""Bodies that keras.applications lays out, made narrower, shallower or grey, under their names.

Layers keep the names that keras.applications gives them, so a file of published weights fits by
variable path. Nothing is ever downloaded here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from pydantic import Field, model_validator

from mammo_pipeline.mammo.networks.parts import (
    can_synchronize,
    convolve,
    drop,
    open_pixels,
    read_greys,
    start_kernel,
    start_small,
)
from mammo_pipeline.mammo.networks.record import NetworkRecord, Recipe, refuse_small_map


class Borrowed(NetworkRecord):
    """The description of a net with a borrowed body, all-convolutional (Shen et al. 2019).

    Attributes:
        width: Factor of every convolution's filters; weights were published for 1.
        depth: How many stages of the body are kept; each halves the map.
    """

    width: float = Field(default=1.0, gt=0, le=4)
    depth: int = Field(default=5, ge=2, le=5)

    @model_validator(mode="after")
    def _refuse_what_does_not_fit(self) -> Borrowed:
        stride = find_stride(self)
        if self.patch_px % stride:
            raise ValueError(
                f"patch_px {self.patch_px} is no multiple of {stride}, the stride of {self.depth} "
                f"stages: take {max(1, round(self.patch_px / stride)) * stride}"
            )
        window = self.patch_px // stride if self.top == "heatmap" else 1
        refuse_small_map(self, *(side // stride - window + 1 for side in self.image_shape))
        return self


def find_stride(network: Borrowed) -> int:
    """Returns the pixels from one position of the body's map to the next."""
    return int(2**network.depth)


def borrow_body(
    lay_out: Callable[..., Any],
    last: str,
    network: Borrowed,
    recipe: Recipe,
    shape: tuple[int | None, int | None],
) -> tuple[Any, Any]:
    """Returns the input and the features of a body, all in one flat graph.

    Args:
        lay_out: The function of keras.applications.
        last: Name of the last layer to keep.
        network: Its width, channels and normalization.
        recipe: How it is made.
        shape: Of the pictures, None where any will do.
    """
    import keras

    pixels = open_pixels(shape)
    greys = read_greys(pixels, network.channels)
    whole = lay_out(include_top=False, weights=None, input_tensor=greys)
    kept = keras.Model(pixels, whole.get_layer(last).output)
    body = keras.models.clone_model(
        kept, clone_function=lambda layer: _remake(layer, network, recipe)
    )
    return body.inputs[0], body.outputs[0]


def _remake(layer: Any, network: Borrowed, recipe: Recipe) -> Any:
    """Returns a layer like the given one, of this network's width and recipe."""
    from keras import layers

    config = layer.get_config()
    if not isinstance(layer, layers.Layer):  # an operation without weights
        return type(layer).from_config(config)
    if not isinstance(layer, layers.Identity | layers.Concatenate):
        config["dtype"] = recipe.dtype
    if isinstance(layer, layers.Conv2D):
        config["filters"] = max(1, round(config["filters"] * network.width))
        config["kernel_initializer"] = start_kernel(layer.name, recipe.seed)
    if isinstance(layer, layers.BatchNormalization):
        config["momentum"] = network.batch_norm_momentum
        config["synchronized"] = can_synchronize(recipe)
    return type(layer).from_config(config)


def detect(features: Any, network: Borrowed, recipe: Recipe) -> Any:
    """Returns the class logits at every position: of the mean over a patch's part of the map."""
    from keras import layers

    plain = replace(recipe, precision="float32")
    pooled = layers.AveragePooling2D(
        network.patch_px // find_stride(network), strides=1, dtype="float32", name="patch_pool"
    )(features)
    pooled = drop(pooled, network.dropout, "head_dropout", plain)
    start = start_small("heatmap", recipe.seed)
    return convolve(pooled, network.classes, 1, "heatmap", plain, kernel_initializer=start)
