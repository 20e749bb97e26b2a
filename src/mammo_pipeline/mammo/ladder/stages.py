"""What a ladder is: its network, its stages, and which stage starts from which."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from mammo_pipeline.mammo.ladder.settings import (
    Augmentation,
    Average,
    Balance,
    Execution,
    Keep,
    Mining,
    Optimizer,
    Schedule,
    Stop,
    Wiring,
)
from mammo_pipeline.mammo.networks.families import Network
from mammo_pipeline.parameters import Parameters

SCRATCH = "scratch"
FILE = "file"

Group = Literal["weights", "optimizer", "ema"]


class WeightFile(Parameters):
    """A file of weights that somebody else trained, of `01_raw/weights`.

    Attributes:
        name: File name: `.npz` with one array a variable path, or `.h5` as keras.applications
            publishes them.
        sha256: What the file must have.
    """

    name: str = Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*\.(npz|h5)$")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class Stage(Parameters):
    """One stage: what it learns from, how, and where it starts.

    Attributes:
        name: Of the stage; its key in the ladder.
        data: Patches with their class, or whole images with the outcome of their breast.
        start: `scratch`, `file`, or the earlier stage whose kept state it starts from.
        file: Of `start: file`.
        restore: What it takes over from there, for every variable that both nets have.
        restore_layers: Shell patterns of the layers it takes them for.
        iteration: Whether a restored optimizer goes on counting its steps, or begins at 0.
        trainable: Shell patterns of the layers that learn; the others keep what they have.
        normalization: `batch` normalization uses and updates the batch's statistics, or stays
            `frozen` as it was restored: statistics, scale and offset.
        optimizer: What turns a gradient into a step.
        learning_rate: Of the stage, before its schedule.
        schedule: How the rate moves.
        ema: Where given, a moving average is taken along.
        keep: What the stage leaves behind.
        dropout: In the head of the detector; the network's own where absent.
        loss: Of patches: every class against the rest, or a softmax over all.
        epochs: Passes, at most.
        stop: When to end earlier; never where absent.
        batch: Pictures a step, over all devices.
        accumulate: Parts that a batch is computed in, one after the other, to save memory.
        examples_per_epoch: Pictures a pass; as many as there are where absent.
        balance: How rare classes get their say.
        augment: How the pictures are changed while learning.
        mine: Hard negatives to add first, found by the net that the stage starts from.
    """

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    data: Literal["patches", "images"]
    start: str
    file: WeightFile | None = None
    restore: tuple[Group, ...] = ()
    restore_layers: tuple[str, ...] = Field(default=("*",), min_length=1)
    iteration: Literal["continued", "restarted"] = "continued"
    trainable: tuple[str, ...] = Field(default=("*",), min_length=1)
    normalization: Literal["batch", "frozen"] = "batch"
    optimizer: Optimizer
    learning_rate: float = Field(gt=0)
    schedule: Schedule = Schedule()
    ema: Average | None = None
    keep: Keep = Keep()
    dropout: float | None = Field(default=None, ge=0, lt=1)
    loss: Literal["one_against_rest", "softmax"] = "one_against_rest"
    epochs: int = Field(ge=1)
    stop: Stop | None = None
    batch: int = Field(ge=1)
    accumulate: int = Field(default=1, ge=1)
    examples_per_epoch: int | None = Field(default=None, ge=1)
    balance: Balance = Balance()
    augment: Augmentation = Augmentation()
    mine: Mining | None = None

    @model_validator(mode="after")
    def _refuse_contradictions(self) -> Stage:
        for wrong, why in _CONTRADICTIONS:
            if wrong(self):
                raise ValueError(f"stage {self.name}: {why}")
        return self


# A rule a line: what contradicts itself, and what to say of it.
_CONTRADICTIONS: tuple[tuple[Any, str], ...] = (
    (
        lambda s: (s.start == SCRATCH) != (not s.restore),
        "from scratch it restores nothing, from anywhere else at least its weights",
    ),
    (lambda s: s.restore and "weights" not in s.restore, "it restores more, but not its weights"),
    (lambda s: (s.start == FILE) != (s.file is not None), "start: file needs `file`, and only it"),
    (
        lambda s: s.start == FILE and set(s.restore) != {"weights"},
        "a file has weights only: restore [weights]",
    ),
    (lambda s: "ema" in s.restore and s.ema is None, "it restores an ema, but takes none along"),
    (lambda s: s.keep.weights == "ema" and s.ema is None, "it keeps an ema, but takes none along"),
    (
        lambda s: s.data == "patches" and s.balance.cancer_fraction is not None,
        "cancer_fraction is for images, patches have `classes`",
    ),
    (
        lambda s: s.data == "images" and s.balance.classes,
        "balance.classes is for patches, images have `cancer_fraction`",
    ),
    (
        lambda s: s.balance.cancer_fraction is not None and s.batch < 2,
        "cancer_fraction needs both outcomes in each batch: take a batch of 2 or more",
    ),
    (lambda s: s.data == "images" and s.mine is not None, "only patches are mined"),
    (lambda s: s.mine is not None and s.start in (SCRATCH, FILE), "an untrained net cannot mine"),
    (lambda s: s.data == "images" and s.loss == "softmax", "softmax is for the classes of patches"),
    (lambda s: s.batch % s.accumulate, "accumulate does not divide the batch"),
    (
        lambda s: s.iteration == "restarted" and "optimizer" not in s.restore,
        "iteration says how a restored optimizer counts, but none is restored",
    ),
)


class Ladder(Parameters):
    """The whole schedule.

    Attributes:
        seed: Of the initial weights, the order of the pictures and their changes.
        network: What is trained.
        stages: By name, each after the stage that it starts from.
        execution: On what it is computed.
        wiring: The checks of every net before it is trained.
    """

    seed: int = Field(ge=0)
    network: Network
    stages: dict[str, Stage] = Field(min_length=1)
    execution: Execution = Execution()
    wiring: Wiring = Wiring()

    @model_validator(mode="before")
    @classmethod
    def _name_stages(cls, values: Any) -> Any:
        return name_stages(values)

    @model_validator(mode="after")
    def _refuse_a_missing_rung(self) -> Ladder:
        earlier: dict[str, Stage] = {}
        for stage in self.stages.values():
            if stage.start not in (SCRATCH, FILE) and stage.start not in earlier:
                raise ValueError(
                    f"stage {stage.name} starts from '{stage.start}', expected {SCRATCH}, {FILE} "
                    f"or an earlier stage: {', '.join(earlier) or 'none'}"
                )
            if stage.start in earlier:
                _refuse_a_false_step(stage, earlier[stage.start])
            _refuse_late_changes(stage)
            _refuse_few_pictures(stage, self.network)
            _refuse_shared_norm_in_parts(stage, self.execution)
            earlier[stage.name] = stage
        return self


def _refuse_a_false_step(stage: Stage, source: Stage) -> None:
    """Raises where a stage wants from another what that does not leave behind."""
    if "optimizer" in stage.restore and source.optimizer.name != stage.optimizer.name:
        raise ValueError(
            f"stage {stage.name} restores the optimizer of {source.name}, but one is "
            f"{stage.optimizer.name} and the other {source.optimizer.name}: restore [weights] only"
        )
    if "ema" in stage.restore and source.ema is None:
        raise ValueError(
            f"stage {stage.name} restores the ema of {source.name}, which takes none along"
        )
    if stage.mine is not None and source.data != "patches":
        raise ValueError(
            f"stage {stage.name} mines with {source.name}, which learns {source.data}: only a "
            "patch net names what a place shows"
        )


def _refuse_late_changes(stage: Stage) -> None:
    """Raises where a schedule speaks of epochs that the stage does not have."""
    late = [epoch for epoch in stage.schedule.drop_after if epoch >= stage.epochs]
    if late or stage.schedule.warmup_epochs >= stage.epochs:
        raise ValueError(
            f"stage {stage.name} has {stage.epochs} epochs, its schedule drops after {late} and "
            f"warms up for {stage.schedule.warmup_epochs:g}: both must lie inside"
        )


def _refuse_few_pictures(stage: Stage, network: Network) -> None:
    """Raises where a batch has no room for every class: the last would never be drawn."""
    if stage.balance.classes and stage.batch < network.classes:
        raise ValueError(
            f"stage {stage.name} balances {network.classes} classes in a batch of {stage.batch}: "
            f"take a batch of {network.classes} or more, or balance.weights"
        )


def _refuse_shared_norm_in_parts(stage: Stage, execution: Execution) -> None:
    """Raises where several devices would have to share statistics inside a loop of TensorFlow."""
    shared = execution.norm == "synchronized" and execution.devices != "one"
    if shared and stage.normalization == "batch" and (stage.accumulate > 1 or execution.xla):
        raise ValueError(
            f"stage {stage.name}: norm: synchronized over several devices works neither with "
            f"accumulate (here {stage.accumulate}) nor with xla: take norm: per_replica"
        )


def name_stages(values: Any) -> Any:
    """Returns a ladder as written, each stage with its key as its name."""
    if not isinstance(values, dict) or not isinstance(values.get("stages"), dict):
        return values
    stages = {
        name: {**stage, "name": name} if isinstance(stage, dict) else stage
        for name, stage in values["stages"].items()
    }
    return {**values, "stages": stages}


def find_rungs(ladder: Ladder, name: str) -> list[Stage]:
    """Returns the stages that lead to the named one, from its start up to and with it.

    Raises:
        KeyError: The ladder has no such stage.
    """
    if name not in ladder.stages:
        raise KeyError(f"no stage '{name}' in the ladder, it has: {', '.join(ladder.stages)}")
    stage = ladder.stages[name]
    below = [] if stage.start in (SCRATCH, FILE) else find_rungs(ladder, stage.start)
    return [*below, stage]
