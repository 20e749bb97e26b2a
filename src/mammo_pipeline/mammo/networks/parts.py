"""The parts that networks share: how they read greys, convolve, normalize and start."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from zlib import crc32

import numpy as np

from mammo_pipeline.mammo.networks.record import Recipe

if TYPE_CHECKING:
    import keras

BRIGHTEST = 65535  # of a stored pixel: uint16, 0 is air
IMAGENET_MEANS = (103.939, 116.779, 123.68)  # blue, green, red, of 255: keras.applications, `caffe`
SMALL = 0.01  # Standard deviation of a last kernel (Lin et al. 2017, RetinaNet)


def open_pixels(shape: tuple[int | None, int | None]) -> keras.KerasTensor:
    """Returns the input of a net: pictures (n, rows, columns, 1) with the greys 0 to 65535.

    It is declared float32, so that a net takes two kinds of pictures: those of the store, uint16,
    which Keras casts on the device, to the bit; and augmented ones, whose greys lie between whole
    numbers. An input declared uint16 would cut these down without a word.
    """
    import keras

    return keras.Input((*shape, 1), dtype="float32", name="pixels")


def read_greys(pixels: Any, channels: int) -> Any:
    """Returns what the first convolution reads, float32: see `NetworkRecord.channels`.

    Keras' own layer for this asks TensorFlow whether it may, on every backend (Keras 3.15).
    """
    from keras import layers, ops

    if channels == 1:
        scaled = ops.multiply(pixels, 1 / BRIGHTEST)
    else:
        grey = ops.multiply(pixels, 255 / BRIGHTEST)
        each = [ops.subtract(grey, mean) for mean in IMAGENET_MEANS[:channels]]
        scaled = layers.Concatenate(dtype="float32", name="repeat_grey")(each)
    return layers.Identity(dtype="float32", name="rescale")(scaled)


def seed_layer(name: str, seed: int) -> int:
    """Returns the seed of one layer, so that it starts the same whatever the layers around it."""
    return int(np.random.SeedSequence([seed, crc32(name.encode())]).generate_state(1)[0])


def start_kernel(name: str, seed: int) -> keras.initializers.Initializer:
    """Returns what a kernel starts as (He et al. 2015), by the seed and the layer's name."""
    import keras

    return keras.initializers.HeNormal(seed_layer(name, seed))


def start_small(name: str, seed: int) -> keras.initializers.Initializer:
    """Returns what a last kernel starts as, so that a fresh head answers its bias.

    Not as zero: nothing below it would learn in the first step.
    """
    import keras

    return keras.initializers.RandomNormal(stddev=SMALL, seed=seed_layer(name, seed))


def convolve(
    inputs: Any, width: int, size: Any, name: str, recipe: Recipe, **options: Any
) -> keras.KerasTensor:
    """Returns a convolution, valid and linear where the options say nothing else."""
    from keras import layers

    settings = {"dtype": recipe.dtype, "kernel_initializer": start_kernel(name, recipe.seed)}
    return layers.Conv2D(width, size, name=name, **{**settings, **options})(inputs)


def normalize(inputs: Any, name: str, momentum: float, recipe: Recipe) -> keras.KerasTensor:
    """Returns a batch normalization."""
    from keras import layers

    return layers.BatchNormalization(
        momentum=momentum, synchronized=can_synchronize(recipe), dtype=recipe.dtype, name=name
    )(inputs)


def can_synchronize(recipe: Recipe) -> bool:
    """Returns whether Keras has to be told to take statistics over all replicas.

    JAX has no replicas: a step over sharded arrays sees the whole batch anyway, and Keras refuses
    the word there.
    """
    import keras

    return recipe.synchronized and keras.backend.backend() == "tensorflow"


def drop(inputs: Any, share: float, name: str, recipe: Recipe) -> keras.KerasTensor:
    """Returns a dropout; whoever trains gives it its seed for each step."""
    from keras import layers

    return layers.Dropout(share, seed=0, dtype=recipe.dtype, name=name)(inputs)


def log_odds(share: float) -> float:
    """Returns the logit that answers a share.

    >>> log_odds(0.5)
    0.0
    """
    return float(np.log(share / (1 - share)))
