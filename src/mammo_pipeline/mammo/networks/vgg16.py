"""VGG16 (Simonyan and Zisserman 2015), all-convolutional: of patches, and of whole images."""

from __future__ import annotations

from typing import Any, Literal

from mammo_pipeline.mammo.networks.borrowed import Borrowed, borrow_body, detect, find_stride
from mammo_pipeline.mammo.networks.record import Family, Recipe


class Vgg16(Borrowed):
    """The description of a VGG16."""

    family: Literal["vgg16"] = "vgg16"
    top: Literal["heatmap", "bottleneck", "vgg_512"] = "vgg_512"


def extract_features(
    network: Vgg16, recipe: Recipe, shape: tuple[int | None, int | None]
) -> tuple[Any, Any]:
    """Returns the input and the features of the last block."""
    from keras.applications import VGG16 as lay_out

    return borrow_body(lay_out, f"block{network.depth}_pool", network, recipe, shape)


FAMILY = Family(Vgg16, extract_features, detect, find_stride)
