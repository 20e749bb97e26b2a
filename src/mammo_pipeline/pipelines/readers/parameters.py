"""What may be turned in the room `readers`."""

from __future__ import annotations

from pydantic import Field

from mammo_pipeline.parameters import Parameters


class ReadersParameters(Parameters):
    """How a reader study is analysed.

    Attributes:
        seed: Of the bootstrap.
        threshold: A reader recalls a case that she scores from it on; null leaves points out.
        bootstrap_repeats: Replicates of patients, for the points beside the model's curve.
        level: Of the intervals.
    """

    seed: int
    threshold: float | None
    bootstrap_repeats: int = Field(ge=100)
    level: float = Field(gt=0.5, lt=1)
