"""ResNet50 (He et al. 2016), all-convolutional: of patches, and with a top of whole images."""

from __future__ import annotations

from typing import Any, Literal

from mammo_pipeline.mammo.networks.borrowed import Borrowed, borrow_body, detect, find_stride
from mammo_pipeline.mammo.networks.record import Family, Recipe

LAST_OF_STAGE = {2: "conv2_block3_out", 3: "conv3_block4_out", 4: "conv4_block6_out"}
LAST_OF_STAGE |= {5: "conv5_block3_out"}


class ResNet50(Borrowed):
    """The description of a ResNet50."""

    family: Literal["resnet50"] = "resnet50"
    top: Literal["heatmap", "bottleneck", "vgg_512"] = "bottleneck"


def extract_features(
    network: ResNet50, recipe: Recipe, shape: tuple[int | None, int | None]
) -> tuple[Any, Any]:
    """Returns the input and the features of the last stage."""
    from keras.applications import ResNet50 as lay_out

    return borrow_body(lay_out, LAST_OF_STAGE[network.depth], network, recipe, shape)


FAMILY = Family(ResNet50, extract_features, detect, find_stride)
