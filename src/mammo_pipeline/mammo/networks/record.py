"""What all networks are described by, and what a family must give to be built from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import Field, model_validator

from mammo_pipeline.parameters import Parameters

HEATMAP_POOL = 5  # positions of the heatmap, size and stride
TOP_WIDTHS = {"heatmap": (16, 8), "bottleneck": (512, 512), "vgg_512": (512,)}

Precision = Literal["float32", "bfloat16"]


class NetworkRecord(Parameters):
    """The description of one network: everything that decides its variables and their shapes.

    Attributes:
        family: Name in the table of families.
        classes: What a patch may show: see `mammo/patches/classes.py`.
        channels: 1 reads the grey from 0 to 1. 3 repeats it and takes off the means of ImageNet,
            as weights that were published for colour pictures expect.
        dropout: Share of features that the head leaves out while it learns.
        batch_norm_momentum: Of the moving statistics.
        image_shape: Rows and columns of a whole image.
        patch_px: Side of a patch, which ends as one position.
        top: What reads a whole image: `heatmap` the class logits at every place, `bottleneck` and
            `vgg_512` the features below them.
        image_widths: Of the top. `heatmap`: its two hidden convolutions; else one a block.
    """

    family: str
    classes: Literal[2, 3, 5] = 5
    channels: Literal[1, 3] = 1
    dropout: float = Field(default=0.0, ge=0, lt=1)
    batch_norm_momentum: float = Field(default=0.9, gt=0, lt=1)
    image_shape: tuple[int, int] = (1152, 896)
    patch_px: int = Field(default=224, ge=1)
    top: Literal["heatmap", "bottleneck", "vgg_512"] = "heatmap"
    image_widths: tuple[int, ...] = Field(
        default_factory=lambda known: TOP_WIDTHS[known["top"]], min_length=1
    )

    @model_validator(mode="after")
    def _refuse_a_third_convolution(self) -> NetworkRecord:
        if self.top == "heatmap" and len(self.image_widths) != 2:
            raise ValueError(
                f"image_widths {self.image_widths}: the heatmap's top has two hidden convolutions, "
                "give two widths"
            )
        return self


def refuse_small_map(network: NetworkRecord, rows: int, columns: int) -> None:
    """Raises where the top would end on nothing, from the map of an image that it reads.

    Args:
        network: Its `top` reads the heatmap, or the features.
        rows: Of that map.
        columns: Of that map.

    Raises:
        ValueError: The map is too small to be pooled.
    """
    least = {"heatmap": HEATMAP_POOL, "bottleneck": 1, "vgg_512": 2 ** len(network.image_widths)}
    if min(rows, columns) < least[network.top]:
        raise ValueError(
            f"image_shape {network.image_shape} gives a map of {(rows, columns)}, the top "
            f"{network.top} needs {least[network.top]} or more either way: take larger images, a "
            "shallower body or another top"
        )


@dataclass(frozen=True)
class Recipe:
    """How a described network is made, where that does not change what it is.

    Attributes:
        seed: Of the initial weights; a layer's depend on it and on the layer's name alone.
        precision: Of the activations. `bfloat16` has eight significant bits; variables, the
            reading of the greys and all logits stay float32.
        synchronized: Whether batch normalization takes its statistics over all replicas.
    """

    seed: int
    precision: Precision = "float32"
    synchronized: bool = False

    @property
    def dtype(self) -> str:
        """The Keras policy of the layers that compute in `precision`."""
        return {"float32": "float32", "bfloat16": "mixed_bfloat16"}[self.precision]


@dataclass(frozen=True)
class Places:
    """Where a position of the heatmap looks: position k at `offset + k * stride`, either way.

    Attributes:
        stride_px: From one position to the next.
        offset_px: Of the first window's upper and left edge.
        window_px: Side of the window.
    """

    stride_px: int
    offset_px: int
    window_px: int


@dataclass(frozen=True)
class Family:
    """What one file of a family gives.

    Attributes:
        record: The description.
        features: (network, recipe, shape) to (input, features), both Keras tensors; the shape is
            of the pictures, None where any will do.
        detect: (features, network, recipe) to the class logits at every position, a layer called
            `heatmap`.
        stride_px: Pixels from one position of the heatmap to the next.
    """

    record: type[NetworkRecord]
    features: Callable[[Any, Recipe, tuple[int | None, int | None]], tuple[Any, Any]]
    detect: Callable[[Any, Any, Recipe], Any]
    stride_px: Callable[[Any], int]
