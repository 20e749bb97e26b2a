"""What may be turned in the room `release`."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from mammo_pipeline.parameters import Parameters


class GateRule(Parameters):
    """One row of the gate's table: a measured figure and the bound that it must keep.

    Attributes:
        name: Path of the figure, such as `evaluation.auroc.low`.
        direction: Which side of the bound is good.
        bound: The bound itself.
        why: Why the rule is there, kept beside its verdict.
        may_be_undefined: Whether a study that cannot define the figure may pass without it.
    """

    name: str
    direction: Literal["at_least", "at_most"]
    bound: float
    why: str
    may_be_undefined: bool = False


class ReleaseParameters(Parameters):
    """The gate, and the check that what is served is what was trained.

    Attributes:
        seed: Of the random canvases.
        gates: The rules; all must hold.
        served_images: On how many random canvases the logged model is compared with its members.
        served_tolerance: Largest difference allowed, of the logit (relative above 1).
    """

    seed: int
    gates: list[GateRule] = Field(min_length=1)
    served_images: int = Field(ge=1)
    served_tolerance: float = Field(gt=0)
