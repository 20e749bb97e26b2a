"""DreamNet: a detector of patches that, run over a whole image, becomes a classifier of images.

Geometry of the DREAM winner (Therapixel, 2017-2020): blocks of two 3x3 convolutions and a pool, a
valid 3x3 convolution and two 1x1 convolutions to five classes. Over a patch this ends as one
position; over an image it is a heatmap, which a small head with a linear shortcut reads.
"""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING, Any, Literal
from zlib import crc32

import numpy as np
from pydantic import Field, model_validator

from mammo_pipeline.parameters import Parameters

if TYPE_CHECKING:
    import keras

BRIGHTEST = 65535  # of a stored pixel: uint16, 0 is air
HEATMAP_POOL = 5  # positions, size and stride
FIRST_MALIGNANT = 3  # class: 0 background, 1 and 2 benign, 3 and 4 malignant
POOLED_SHAPE = (3, 2)  # rows x columns of the pooled heatmap, what the image head is cut for


class DreamNet(Parameters):
    """The description of one network: everything that decides its variables and their shapes."""

    family: Literal["dreamnet"] = "dreamnet"
    block_widths: tuple[int, ...] = Field(default=(32, 64, 128, 256, 256, 512), min_length=1)
    head_widths: tuple[int, int] = (1024, 512)
    image_widths: tuple[int, int] = (16, 8)
    classes: int = Field(default=5, gt=FIRST_MALIGNANT)
    dropout: float = Field(default=0.0, ge=0, lt=1)
    batch_norm_momentum: float = Field(default=0.9, gt=0, lt=1)
    image_shape: tuple[int, int] = (1152, 896)

    @model_validator(mode="after")
    def _refuse_another_pooled_map(self) -> DreamNet:
        found = pooled_shape(self.image_shape, len(self.block_widths))
        if found != POOLED_SHAPE:
            raise ValueError(
                f"image_shape {self.image_shape} with {len(self.block_widths)} blocks gives a "
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


def read_network(description: dict[str, Any] | DreamNet) -> DreamNet:
    """Returns the checked record of a network that was written as a plain dictionary."""
    return DreamNet.model_validate(description)


def build_patch_net(network: DreamNet, seed: int) -> keras.Model:
    """Returns the net that names what a patch shows.

    Input (n, rows, columns, 1) uint16; output (n, rows', columns', classes) float32 logits, 1x1
    for a patch of the training size and the heatmap for a whole image.

    Args:
        network: What to build.
        seed: Of the initial weights; a layer's depend on the seed and its name alone.
    """
    import keras

    inputs = keras.Input((None, None, 1), dtype="uint16", name="pixels")
    return keras.Model(inputs, _heatmap(inputs, network, seed), name="patch_net")


def build_image_net(network: DreamNet, seed: int, prevalence: float) -> keras.Model:
    """Returns the net that scores one image: the patch net, its pooled heatmap and a head.

    Input (n, *image_shape, 1) uint16; output (n, 1) float32 logit. A fresh head answers the
    prevalence, moved by what the heatmap already says: its last convolution starts at zero, the
    shortcut as the sum of the malignant classes. So the first steps teach the detector; from
    a random head they would have to undo it.

    Args:
        network: What to build.
        seed: Of the initial weights.
        prevalence: Share of cancers among the images it will learn from, in (0, 1).
    """
    import keras
    from keras import layers

    if not 0 < prevalence < 1:
        raise ValueError(f"prevalence is {prevalence}, expected a share between 0 and 1")
    inputs = keras.Input((*network.image_shape, 1), dtype="uint16", name="pixels")
    heatmap = layers.ReLU(name="heatmap_relu")(_heatmap(inputs, network, seed))
    pooled = layers.MaxPooling2D(HEATMAP_POOL, name="heatmap_pool")(heatmap)
    wide, narrow = network.image_widths
    hidden = _convolve(pooled, wide, POOLED_SHAPE, "image_conv_1", seed, activation="relu")
    hidden = _convolve(hidden, narrow, 1, "image_conv_2", seed, activation="relu")
    bias = keras.initializers.Constant(float(np.log(prevalence / (1 - prevalence))))
    logit = layers.Conv2D(
        1, 1, kernel_initializer="zeros", bias_initializer=bias, name="image_output"
    )(hidden)
    shortcut = layers.Conv2D(
        1, POOLED_SHAPE, use_bias=False, kernel_initializer="zeros", name="image_shortcut"
    )(pooled)
    summed = layers.Add(name="image_sum")([logit, shortcut])
    net = keras.Model(inputs, layers.Flatten(name="image_logit")(summed), name="image_net")
    net.get_layer("image_shortcut").kernel.assign(sum_malignant(network.classes))
    freeze_normalization(net)
    return net


def freeze_normalization(net: keras.Model) -> None:
    """Makes every batch normalization of a net keep what the patches taught it.

    More than half of a canvas is air, and a batch holds few canvases: their statistics would
    change every feature that the patch net had learned. A layer that is not trainable uses its
    moving averages in training too, and keeps its scale and offset.
    """
    for layer in net.layers:
        if type(layer).__name__ == "BatchNormalization":
            layer.trainable = False


def sum_malignant(classes: int) -> np.ndarray:
    """Returns the shortcut's first kernel, (3, 2, classes, 1): the malignant classes, summed.

    >>> sum_malignant(5).sum(axis=(0, 1)).ravel().tolist()
    [0.0, 0.0, 0.0, 6.0, 6.0]
    """
    malignant = np.arange(classes) >= FIRST_MALIGNANT
    return np.broadcast_to(malignant[:, None], (*POOLED_SHAPE, classes, 1)).astype(np.float32)


def _heatmap(inputs: Any, network: DreamNet, seed: int) -> Any:
    """Returns the class logits at every position; both nets share these layers' names."""
    from keras import layers

    numbered = enumerate(network.block_widths, start=1)
    features = reduce(
        lambda x, block: _block(x, block[1], f"block_{block[0]}", network, seed),
        numbered,
        layers.Rescaling(1 / BRIGHTEST, name="rescale")(inputs),
    )
    first, second = network.head_widths
    features = _convolve(features, first, 3, "head_conv_1", seed, activation="relu")
    features = layers.Dropout(network.dropout, seed=0, name="head_dropout_1")(features)
    features = _convolve(features, second, 1, "head_conv_2", seed, activation="relu")
    features = layers.Dropout(network.dropout, seed=0, name="head_dropout_2")(features)
    return _convolve(features, network.classes, 1, "heatmap", seed)


def _block(inputs: Any, width: int, name: str, network: DreamNet, seed: int) -> Any:
    from keras import layers

    features = inputs
    for step in (1, 2):
        features = _convolve(
            features, width, 3, f"{name}_conv_{step}", seed, padding="same", use_bias=False
        )
        features = layers.BatchNormalization(
            momentum=network.batch_norm_momentum, synchronized=False, name=f"{name}_norm_{step}"
        )(features)
        features = layers.ReLU(name=f"{name}_relu_{step}")(features)
    return layers.MaxPooling2D(2, name=f"{name}_pool")(features)


def _convolve(inputs: Any, width: int, size: Any, name: str, seed: int, **options: Any) -> Any:
    import keras

    start = np.random.SeedSequence([seed, crc32(name.encode())]).generate_state(1)[0]
    return keras.layers.Conv2D(
        width,
        size,
        kernel_initializer=keras.initializers.HeNormal(int(start)),
        name=name,
        **options,
    )(inputs)
