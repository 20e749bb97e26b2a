"""What may be turned in the room `train`."""

from __future__ import annotations

from typing import Any

from pydantic import Field, model_validator

from mammo_pipeline.mammo.ladder.settings import Execution, Wiring
from mammo_pipeline.mammo.ladder.stages import Ladder, Stage, name_stages
from mammo_pipeline.mammo.networks.families import Network
from mammo_pipeline.parameters import Parameters


class Rungs(Parameters):
    """A ladder as it is declared.

    Attributes:
        network: What is trained.
        stages: By name, each after the stage that it starts from.
    """

    network: Network
    stages: dict[str, Stage] = Field(min_length=1)

    @model_validator(mode="before")
    @classmethod
    def _name_stages(cls, values: Any) -> Any:
        return name_stages(values)


class TrainParameters(Parameters):
    """Which ladder is climbed, and how it is computed.

    Attributes:
        seed: Of the initial weights, the order of the pictures and their changes.
        ladder: Name of the ladder to climb.
        ladders: The ready ones and your own, by name; all are checked, one is climbed.
        execution: On what it is computed.
        wiring: The checks of every net before it is trained.
        cases: Images of `tune` whose heatmaps the page shows after each stage.
    """

    seed: int = Field(ge=0)
    ladder: str
    ladders: dict[str, Rungs] = Field(min_length=1)
    execution: Execution
    wiring: Wiring
    cases: int = Field(default=4, ge=0)

    @model_validator(mode="after")
    def _refuse_a_broken_ladder(self) -> TrainParameters:
        if self.ladder not in self.ladders:
            raise ValueError(
                f"train.ladder is '{self.ladder}', declared are: {', '.join(self.ladders)}"
            )
        for name in self.ladders:
            self.read(name)
        return self

    def read(self, name: str) -> Ladder:
        """Returns one of the ladders with the seed and all that it is computed with."""
        rungs = self.ladders[name]
        return Ladder(
            seed=self.seed,
            network=rungs.network,
            stages=rungs.stages,
            execution=self.execution,
            wiring=self.wiring,
        )

    def choose(self) -> Ladder:
        """Returns the ladder to climb."""
        return self.read(self.ladder)
