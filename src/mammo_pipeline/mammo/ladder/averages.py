"""Exponential moving averages of the weights: which, where they are kept, how they take over.

Ours and not those of Keras' `use_ema`: these would start at zero after a restore that counts on,
overwrite the raw weights at the end of `fit`, and leave the statistics of batch normalization out.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from mammo_pipeline.mammo.ladder.settings import Average

if TYPE_CHECKING:
    import keras

EMA = "ema/"  # before the path of the averaged variable


def walk_layers(model: Any) -> Iterator[Any]:
    """Yields every layer of a net, those of nets inside it, too."""
    for layer in model.layers:
        if hasattr(layer, "layers"):
            yield from walk_layers(layer)
        else:
            yield layer


def find_statistics(model: keras.Model) -> list[Any]:
    """Returns the moving means and variances that training updates: not those of frozen layers."""
    norms = (
        layer
        for layer in walk_layers(model)
        if type(layer).__name__ == "BatchNormalization" and layer.trainable
    )
    return [v for norm in norms for v in (norm.moving_mean, norm.moving_variance)]


def find_averaged(model: keras.Model, average: Average) -> list[Any]:
    """Returns the variables of a net that an average is taken of."""
    statistics = find_statistics(model) if average.of == "weights_and_statistics" else []
    return [*model.trainable_variables, *statistics]


def make_averages(model: keras.Model, average: Average | None) -> dict[str, keras.Variable]:
    """Returns a variable for the average of each averaged variable, by the path of that variable.

    They start at what the variables hold now. Call it where the net was built: under the scope of
    the strategy, and after its layers were frozen.

    Args:
        model: The net.
        average: What it is taken of; without it there is none.
    """
    import keras

    if average is None:
        return {}
    return {
        v.path: keras.Variable(
            np.array(keras.ops.convert_to_numpy(v)),
            dtype=v.dtype,
            trainable=False,
            # Every replica computes the same average, so that any of them may write it.
            aggregation="only_first_replica",
            name=f"average_{v.path.replace('/', '_')}",
        )
        for v in find_averaged(model, average)
    }


def move_average(average: Any, value: Any, momentum: float) -> Any:
    """Returns momentum x average + (1 - momentum) x value.

    >>> move_average(10.0, 20.0, 0.75)
    12.5
    """
    return momentum * average + (1 - momentum) * value


def keep_average(state: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Returns the state with every average in the place of the raw value; both keys stay.

    >>> keep_average({"a/kernel": 1, "ema/a/kernel": 2, "a/bias": 3})
    {'a/kernel': 2, 'ema/a/kernel': 2, 'a/bias': 3}
    """
    return {path: state.get(EMA + path, value) for path, value in state.items()}
