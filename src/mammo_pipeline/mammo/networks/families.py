"""The table of network families, and the functions that build a net of any of them."""

from __future__ import annotations

from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from pydantic import Discriminator, Tag, TypeAdapter

from mammo_pipeline.mammo.networks import dreamnet, resnet50, vgg16
from mammo_pipeline.mammo.networks.record import Family, NetworkRecord, Places, Precision, Recipe
from mammo_pipeline.mammo.networks.tops import TOPS

if TYPE_CHECKING:
    import keras
    from numpy.typing import ArrayLike

FAMILIES: dict[str, Family] = {
    "dreamnet": dreamnet.FAMILY,
    "resnet50": resnet50.FAMILY,
    "vgg16": vgg16.FAMILY,
}
HEATMAP = "heatmap"  # the layer with the class logits at every position


def _find_family(description: Any) -> str | None:
    """Returns the family that a description names; the first of the table where it names none."""
    if isinstance(description, dict):
        return description.get("family", next(iter(FAMILIES)))
    return getattr(description, "family", None)


if TYPE_CHECKING:
    Network = NetworkRecord
else:
    # As a field of a parameter record: the family's name chooses the record that checks it.
    Network = Annotated[
        reduce(or_, (Annotated[family.record, Tag(name)] for name, family in FAMILIES.items())),
        Discriminator(
            _find_family,
            custom_error_type="unknown_family",
            custom_error_message=f"unknown network family. Known: {', '.join(FAMILIES)}",
        ),
    ]


def read_network(description: dict[str, Any] | NetworkRecord) -> Network:
    """Returns the checked record of a network that was written as a plain dictionary.

    Raises:
        ValueError: The family is unknown, or its record refuses a value.
    """
    adapter: TypeAdapter[Any] = TypeAdapter(Network)
    return adapter.validate_python(description)


def heatmap_places(network: Network) -> Places:
    """Returns where the positions of a network's heatmap look.

    >>> heatmap_places(read_network({"family": "dreamnet"}))
    Places(stride_px=64, offset_px=0, window_px=224)
    """
    stride_px = FAMILIES[network.family].stride_px(network)
    return Places(stride_px, 0, network.patch_px)


def build_patch_net(
    network: Network,
    seed: int,
    *,
    bias: ArrayLike | None = None,
    precision: Precision = "float32",
    synchronized: bool = False,
) -> keras.Model:
    """Returns the net that names what a patch shows.

    Input (n, rows, columns, 1), the greys 0 to 65535 as uint16 or float32; output (n, rows',
    columns', classes) float32 logits, 1x1 for a patch of `patch_px` and the heatmap for a whole
    image.

    Args:
        network: What to build.
        seed: Of the initial weights; a layer's depend on the seed and its name alone.
        bias: What the output starts at, (classes,), the log odds of what its batches hold; zero
            where absent.
        precision: Of the activations.
        synchronized: Whether batch normalization takes its statistics over all replicas.

    Raises:
        ValueError: The bias is not one finite number a class.
    """
    import keras

    family, recipe = FAMILIES[network.family], Recipe(seed, precision, synchronized)
    pixels, features = family.features(network, recipe, (None, None))
    net = keras.Model(pixels, family.detect(features, network, recipe), name="patch_net")
    if bias is not None:
        _refuse_another_bias(np.asarray(bias), network.classes)
        net.get_layer(HEATMAP).bias.assign(np.asarray(bias, np.float32))
    return net


def _refuse_another_bias(bias: np.ndarray, classes: int) -> None:
    if bias.shape != (classes,) or not np.isfinite(bias).all():
        raise ValueError(f"the first bias is {bias}, expected {classes} finite log odds, one each")


def build_image_net(
    network: Network,
    seed: int,
    prevalence: float,
    *,
    precision: Precision = "float32",
    synchronized: bool = False,
) -> keras.Model:
    """Returns the net that scores one image: the body of the patch net and the network's top.

    Input (n, *image_shape, 1), the greys 0 to 65535 as uint16 or float32; output (n, 1) float32
    logit. A fresh head answers the prevalence; over a heatmap, moved by what that already says.

    Args:
        network: What to build.
        seed: Of the initial weights.
        prevalence: Share of cancers among the images it will learn from, in (0, 1).
        precision: Of the activations.
        synchronized: Whether batch normalization takes its statistics over all replicas.

    Raises:
        ValueError: The prevalence is no share.
    """
    import keras

    if not 0 < prevalence < 1:
        raise ValueError(f"prevalence is {prevalence}, expected a share between 0 and 1")
    family, recipe = FAMILIES[network.family], Recipe(seed, precision, synchronized)
    pixels, features = family.features(network, recipe, network.image_shape)
    read = family.detect(features, network, recipe) if network.top == HEATMAP else features
    logit = TOPS[network.top](read, network, recipe, prevalence)
    return keras.Model(pixels, logit, name="image_net")


def heatmap_net(model: keras.Model) -> keras.Model | None:
    """Returns the net from a model's input to its class logits at every position.

    It shares the model's weights. None where an image net reads features instead of a heatmap.
    """
    import keras

    if HEATMAP not in {layer.name for layer in model.layers}:
        return None
    return keras.Model(model.inputs[0], model.get_layer(HEATMAP).output, name="heatmap_net")
