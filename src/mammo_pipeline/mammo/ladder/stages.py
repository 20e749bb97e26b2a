"""What a ladder is: its network, its stages, and which stage starts from which."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from mammo_pipeline.mammo.networks.dreamnet import DreamNet
from mammo_pipeline.parameters import Parameters

SCRATCH = "scratch"


class Augmentation(Parameters):
    """How far a training picture may be changed; zero and false leave it as it is.

    Attributes:
        flip_vertical: Turn half of the pictures upside down. The two breasts, brought to one
            side, mirror each other in CC, and MLO loses little by it.
        flip_horizontal: Mirror half of them left to right. For patches only: in a whole image the
            chest wall is on the left, always, and the image head knows its places.
        rotation_degrees: Largest turn, either way.
        zoom: Largest relative change of size; small, for calcifications are told by their size.
        gain: Largest relative change of brightness; air stays 0.
    """

    flip_vertical: bool = False
    flip_horizontal: bool = False
    rotation_degrees: float = Field(default=0.0, ge=0, le=45)
    zoom: float = Field(default=0.0, ge=0, le=0.5)
    gain: float = Field(default=0.0, ge=0, le=0.5)


class Stage(Parameters):
    """One stage: what it learns from, how, and where it starts.

    Attributes:
        name: Of the stage; its key in the ladder.
        data: Patches with their class, or whole images with the outcome of their breast.
        start: `scratch`, or the earlier stage whose kept weights it starts from.
        restore: What it takes over from there, for every variable that both nets have.
        optimizer: Adam (Kingma and Ba 2015) or stochastic gradient descent.
        learning_rate: Of every step of the stage.
        momentum: Of SGD.
        ema_momentum: Where given, the stage keeps the exponential moving average of its weights.
        weight_decay: Decoupled (Loshchilov and Hutter 2019), on kernels only.
        dropout: In the head of the detector; the network's own where absent.
        epochs: Passes.
        batch: Pictures a step.
        examples_per_epoch: Pictures a pass; as many as there are where absent.
        cancer_fraction: Share of cancers in each batch of images; as they come where absent.
        balance_classes: Whether a batch of patches holds every class as often; else as they come.
        augment: How the pictures are changed while learning.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    data: Literal["patches", "images"]
    start: str
    restore: tuple[Literal["weights", "optimizer"], ...] = ()
    optimizer: Literal["adam", "sgd"]
    learning_rate: float = Field(gt=0)
    momentum: float = Field(default=0.0, ge=0, lt=1)
    ema_momentum: float | None = Field(default=None, gt=0, lt=1)
    weight_decay: float = Field(default=0.0, ge=0)
    dropout: float | None = Field(default=None, ge=0, lt=1)
    epochs: int = Field(ge=1)
    batch: int = Field(ge=1)
    examples_per_epoch: int | None = Field(default=None, ge=1)
    cancer_fraction: float | None = Field(default=None, gt=0, lt=1)
    balance_classes: bool = False
    augment: Augmentation = Augmentation()

    @model_validator(mode="after")
    def _refuse_contradictions(self) -> Stage:
        if (self.start == SCRATCH) != (not self.restore):
            raise ValueError(
                f"stage {self.name} starts from {self.start} and restores {list(self.restore)}: "
                "a stage from scratch restores nothing, any other at least its weights"
            )
        if self.restore and "weights" not in self.restore:
            raise ValueError(f"stage {self.name} restores an optimizer without its weights")
        if self.data == "patches" and self.cancer_fraction is not None:
            raise ValueError(f"stage {self.name}: cancer_fraction is for images, not patches")
        if self.data == "images" and self.balance_classes:
            raise ValueError(f"stage {self.name}: balance_classes is for patches, not images")
        if self.data == "images" and self.augment.flip_horizontal:
            raise ValueError(
                f"stage {self.name} flips whole images horizontally: the chest wall would move "
                "to the right, where no image has it"
            )
        if self.optimizer == "adam" and self.momentum:
            raise ValueError(f"stage {self.name}: momentum belongs to sgd, adam has its own")
        return self


class Ladder(Parameters):
    """The whole schedule.

    Attributes:
        seed: Of the initial weights, the order of the pictures and their changes.
        network: What is trained.
        stages: By name, each after the stage that it starts from.
    """

    seed: int = Field(ge=0)
    network: DreamNet
    stages: dict[str, Stage] = Field(min_length=1)

    @model_validator(mode="before")
    @classmethod
    def _name_stages(cls, values: Any) -> Any:
        if not isinstance(values, dict) or not isinstance(values.get("stages"), dict):
            return values
        stages = {
            name: {**stage, "name": name} if isinstance(stage, dict) else stage
            for name, stage in values["stages"].items()
        }
        return {**values, "stages": stages}

    @model_validator(mode="after")
    def _refuse_a_missing_rung(self) -> Ladder:
        earlier: dict[str, Stage] = {}
        for stage in self.stages.values():
            if stage.start != SCRATCH and stage.start not in earlier:
                raise ValueError(
                    f"stage {stage.name} starts from '{stage.start}', expected {SCRATCH} or an "
                    f"earlier stage: {', '.join(earlier) or 'none'}"
                )
            source = earlier.get(stage.start)
            if source and "optimizer" in stage.restore and source.optimizer != stage.optimizer:
                raise ValueError(
                    f"stage {stage.name} restores the optimizer of {source.name}, but one is "
                    f"{stage.optimizer} and the other {source.optimizer}: restore [weights] only"
                )
            earlier[stage.name] = stage
        return self


def find_rungs(ladder: Ladder, name: str) -> list[Stage]:
    """Returns the stages that lead to the named one, from scratch up to and with it.

    Raises:
        KeyError: The ladder has no such stage.
    """
    if name not in ladder.stages:
        raise KeyError(f"no stage '{name}' in the ladder, it has: {', '.join(ladder.stages)}")
    stage = ladder.stages[name]
    below = [] if stage.start == SCRATCH else find_rungs(ladder, stage.start)
    return [*below, stage]
