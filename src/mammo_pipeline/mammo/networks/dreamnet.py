"""DreamNet: a detector of patches that, run over a whole image, becomes a classifier of images.

Geometry of the DREAM winner (Therapixel, 2017-2020): blocks of two 3x3 convolutions and a pool, a
valid 3x3 convolution and two 1x1 convolutions to the classes. Over a patch this ends as one
position; over an image it is a heatmap, which a small head with a linear shortcut reads.
"""

from __future__ import annotations

from functools import reduce
from typing import Any, Literal

from pydantic import Field, model_validator

from mammo_pipeline.mammo.networks.parts import convolve, drop, normalize, open_pixels, read_greys
from mammo_pipeline.mammo.networks.record import (
    HEATMAP_POOL,
    Family,
    NetworkRecord,
    Recipe,
    refuse_small_map,
)

POOLED_SHAPE = (3, 2)  # rows x columns of the pooled heatmap, what the winner's head is cut for
BLOCK_WIDTHS = (32, 64, 128, 256, 256, 512)


class DreamNet(NetworkRecord):
    """The description of a DreamNet.

    Attributes:
        channels: One: no weights were published for it.
        block_widths: Of the blocks; as many as there are widths.
        head_widths: Of the valid 3x3 and the first 1x1 convolution.
        patch_px: 224 for six blocks, and half of it for each that is missing, where absent.
    """

    family: Literal["dreamnet"] = "dreamnet"
    channels: Literal[1] = 1
    block_widths: tuple[int, ...] = Field(default=BLOCK_WIDTHS, min_length=1)
    head_widths: tuple[int, int] = (1024, 512)

    @model_validator(mode="before")
    @classmethod
    def _cut_patches(cls, values: Any) -> Any:
        if not isinstance(values, dict) or "patch_px" in values:
            return values
        widths = values.get("block_widths", BLOCK_WIDTHS)
        if not isinstance(widths, list | tuple):
            return values
        return {**values, "patch_px": 7 * 2 ** len(widths) // 2}

    @model_validator(mode="after")
    def _refuse_a_patch_of_many_places(self) -> DreamNet:
        found = heatmap_shape((self.patch_px, self.patch_px), len(self.block_widths))
        if found != (1, 1):
            raise ValueError(
                f"patch_px {self.patch_px} with {len(self.block_widths)} blocks ends as {found} "
                f"positions, expected one: take {7 * 2 ** len(self.block_widths) // 2}"
            )
        return self

    @model_validator(mode="after")
    def _refuse_another_map(self) -> DreamNet:
        blocks = len(self.block_widths)
        if self.top != "heatmap":
            refuse_small_map(self, *heatmap_shape(self.image_shape, blocks))
            return self
        found = pooled_shape(self.image_shape, blocks)
        if found != POOLED_SHAPE:
            raise ValueError(
                f"image_shape {self.image_shape} with {blocks} blocks gives a "
                f"pooled map of {found}, the image head expects {POOLED_SHAPE}: change the canvas "
                "or the number of block_widths"
            )
        return self


def heatmap_shape(shape_px: tuple[int, int], blocks: int) -> tuple[int, int]:
    """Returns the rows and columns of the heatmap over an image of `shape_px`.

    >>> heatmap_shape((224, 224), blocks=6), heatmap_shape((56, 56), blocks=4)
    ((1, 1), (1, 1))
    """
    rows, columns = (side // 2**blocks - 2 for side in shape_px)
    return rows, columns


def pooled_shape(shape_px: tuple[int, int], blocks: int) -> tuple[int, int]:
    """Returns the rows and columns of the pooled heatmap over an image of `shape_px`.

    >>> pooled_shape((1152, 896), blocks=6), pooled_shape((288, 224), blocks=4)
    ((3, 2), (3, 2))
    """
    rows, columns = (side // HEATMAP_POOL for side in heatmap_shape(shape_px, blocks))
    return rows, columns


def extract_features(
    network: DreamNet, recipe: Recipe, shape: tuple[int | None, int | None]
) -> tuple[Any, Any]:
    """Returns the input and the features before the class logits."""
    pixels = open_pixels(shape)
    features = reduce(
        lambda x, block: _block(x, block[1], f"block_{block[0]}", network, recipe),
        enumerate(network.block_widths, start=1),
        read_greys(pixels, network.channels),
    )
    for number, (width, size) in enumerate(zip(network.head_widths, (3, 1), strict=True), start=1):
        name = f"head_conv_{number}"
        features = convolve(features, width, size, name, recipe, activation="relu")
        features = drop(features, network.dropout, f"head_dropout_{number}", recipe)
    return pixels, features


def _block(inputs: Any, width: int, name: str, network: DreamNet, recipe: Recipe) -> Any:
    from keras import layers

    features = inputs
    for step in (1, 2):
        features = convolve(
            features, width, 3, f"{name}_conv_{step}", recipe, padding="same", use_bias=False
        )
        momentum = network.batch_norm_momentum
        features = normalize(features, f"{name}_norm_{step}", momentum, recipe)
        features = layers.ReLU(dtype=recipe.dtype, name=f"{name}_relu_{step}")(features)
    return layers.MaxPooling2D(2, dtype=recipe.dtype, name=f"{name}_pool")(features)


def detect(features: Any, network: DreamNet, recipe: Recipe) -> Any:
    """Returns the class logits at every position."""
    return convolve(features, network.classes, 1, "heatmap", recipe, dtype="float32")


FAMILY = Family(DreamNet, extract_features, detect, lambda net: 2 ** len(net.block_widths))
