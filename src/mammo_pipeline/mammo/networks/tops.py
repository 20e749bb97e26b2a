"""What reads a whole image: a table of tops, each from a map to one logit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from mammo_pipeline.mammo.networks.parts import convolve, drop, log_odds, normalize, start_small
from mammo_pipeline.mammo.networks.record import HEATMAP_POOL, NetworkRecord, Recipe

if TYPE_CHECKING:
    import keras


def read_heatmap(
    heatmap: Any, network: NetworkRecord, recipe: Recipe, prevalence: float
) -> keras.KerasTensor:
    """Returns the logit that the DREAM winner's head reads from the class logits at every place.

    A ReLU, a max pool, a convolution over the whole pooled map, two of one position, and a linear
    shortcut from the pooled map. A fresh head answers the prevalence, moved by what the heatmap
    already says: its last convolution starts at zero, the shortcut as the sum of the malignant
    classes. So the first steps teach the detector; from a random head they would have to undo it.
    """
    import keras
    from keras import layers

    plain = replace(recipe, precision="float32")
    lit = layers.ReLU(dtype="float32", name="heatmap_relu")(heatmap)
    pooled = layers.MaxPooling2D(HEATMAP_POOL, dtype="float32", name="heatmap_pool")(lit)
    whole = tuple(pooled.shape[1:3])
    wide, narrow = network.image_widths
    hidden = convolve(pooled, wide, whole, "image_conv_1", plain, activation="relu")
    hidden = convolve(hidden, narrow, 1, "image_conv_2", plain, activation="relu")
    bias = keras.initializers.Constant(log_odds(prevalence))
    logit = convolve(
        hidden, 1, 1, "image_output", plain, kernel_initializer="zeros", bias_initializer=bias
    )
    shortcut = layers.Conv2D(
        1,
        whole,
        use_bias=False,
        kernel_initializer="zeros",
        dtype="float32",
        name="image_shortcut",
    )
    summed = layers.Add(dtype="float32", name="image_sum")([logit, shortcut(pooled)])
    shortcut.kernel.assign(sum_malignant(network.classes, whole))
    return layers.Flatten(dtype="float32", name="image_logit")(summed)


def sum_malignant(classes: int, shape: tuple[int, int]) -> np.ndarray:
    """Returns the shortcut's first kernel, (*shape, classes, 1): the malignant classes, summed.

    >>> sum_malignant(5, (3, 2)).sum(axis=(0, 1)).ravel().tolist()
    [0.0, 0.0, 0.0, 6.0, 6.0]
    """
    from mammo_pipeline.mammo.patches.classes import first_malignant

    malignant = np.arange(classes) >= first_malignant(classes)
    return np.broadcast_to(malignant[:, None], (*shape, classes, 1)).astype(np.float32)


def read_bottlenecks(
    features: Any, network: NetworkRecord, recipe: Recipe, prevalence: float
) -> keras.KerasTensor:
    """Returns the logit of residual bottleneck blocks over the features (Shen et al. 2019).

    A block of width d has convolutions of 1x1 d, 3x3 d and 1x1 2d, each normalized; it halves the
    map, and its shortcut is a projection. With widths 512 and 512: [512-512-1024] twice.
    """
    from keras import layers

    for number, width in enumerate(network.image_widths, start=1):
        name, add = f"image_block_{number}", partial(_add, network=network, recipe=recipe)
        inner = add(features, width, 1, f"{name}_1", strides=2)
        inner = layers.ReLU(dtype=recipe.dtype, name=f"{name}_1_relu")(inner)
        inner = add(inner, width, 3, f"{name}_2", padding="same")
        inner = layers.ReLU(dtype=recipe.dtype, name=f"{name}_2_relu")(inner)
        inner = add(inner, 2 * width, 1, f"{name}_3")
        shortcut = add(features, 2 * width, 1, f"{name}_shortcut", strides=2)
        features = layers.Add(dtype=recipe.dtype, name=f"{name}_sum")([inner, shortcut])
        features = layers.ReLU(dtype=recipe.dtype, name=f"{name}_relu")(features)
    return _average(features, network, recipe, prevalence)


def read_vgg_blocks(
    features: Any, network: NetworkRecord, recipe: Recipe, prevalence: float
) -> keras.KerasTensor:
    """Returns the logit of VGG blocks over the features, 512x1 of Shen et al. 2019 as published.

    A block is a 3x3 convolution, normalized, and a 2x2 max pool.
    """
    from keras import layers

    for number, width in enumerate(network.image_widths, start=1):
        name = f"image_block_{number}"
        features = _add(features, width, 3, name, network, recipe, padding="same")
        features = layers.ReLU(dtype=recipe.dtype, name=f"{name}_relu")(features)
        features = layers.MaxPooling2D(2, dtype=recipe.dtype, name=f"{name}_pool")(features)
    return _average(features, network, recipe, prevalence)


def _add(
    inputs: Any, width: int, size: int, name: str, network: Any, recipe: Recipe, **options: Any
) -> Any:
    """Returns a convolution and its normalization."""
    convolved = convolve(inputs, width, size, f"{name}_conv", recipe, use_bias=False, **options)
    return normalize(convolved, f"{name}_norm", network.batch_norm_momentum, recipe)


def _average(features: Any, network: NetworkRecord, recipe: Recipe, prevalence: float) -> Any:
    """Returns the logit of the features' mean; a fresh one answers the prevalence."""
    import keras
    from keras import layers

    plain = replace(recipe, precision="float32")
    mean = layers.GlobalAveragePooling2D(dtype="float32", name="image_pool")(features)
    mean = drop(mean, network.dropout, "image_dropout", plain)
    bias = keras.initializers.Constant(log_odds(prevalence))
    return layers.Dense(
        1,
        kernel_initializer=start_small("image_output", recipe.seed),
        bias_initializer=bias,
        dtype="float32",
        name="image_output",
    )(mean)


Top = Callable[[Any, NetworkRecord, Recipe, float], Any]
TOPS: dict[str, Top] = {
    "heatmap": read_heatmap,
    "bottleneck": read_bottlenecks,
    "vgg_512": read_vgg_blocks,
}
