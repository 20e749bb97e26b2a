"""What may be turned in the room `patches`."""

from typing import Self

from pydantic import Field, model_validator

from mammo_pipeline.engine import Engine
from mammo_pipeline.mammo.patches.rules import Rule, RuleName, Sampling, choose_sampling
from mammo_pipeline.parameters import Parameters


class SamplingLimits(Parameters):
    """What the sampling of one image may cost before the run is stopped.

    Attributes:
        seconds: Wall time.
        memory_mb: Address space of the worker process.
    """

    seconds: float = Field(gt=0)
    memory_mb: int = Field(ge=1024)


class PatchesParameters(Parameters):
    """How many patches, how large, by which table of rules, and where they are drawn.

    Attributes:
        seed: Of all draws.
        size_px: Rows and columns of a patch, in pixels of the canvas.
        sampling: The table of `samplings` that is used.
        samplings: By name: tables of rules, each by name; see `mammo.patches.rules`. An
            environment may add a rule, or change one in part.
        engine: Where images are sampled; the patches are the same.
        limits: What one image may cost.
    """

    seed: int = Field(ge=0)
    size_px: int = Field(ge=8)
    sampling: str
    samplings: dict[RuleName, dict[RuleName, Rule]] = Field(min_length=1)
    engine: Engine
    limits: SamplingLimits

    @model_validator(mode="after")
    def _check_tables(self) -> Self:
        for name in [*self.samplings, self.sampling]:
            choose_sampling(name, self.samplings, self.seed, self.size_px)
        return self

    @property
    def chosen(self) -> Sampling:
        """The sampling that is used."""
        return choose_sampling(self.sampling, self.samplings, self.seed, self.size_px)
