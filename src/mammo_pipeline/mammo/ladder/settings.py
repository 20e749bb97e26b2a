"""The parts of a stage's declaration, each a small checked record."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from mammo_pipeline.parameters import Parameters

# A spline of displacements below this many cells cannot fold the plane (Choi and Lee 2000).
FOLDS_AT_CELLS = 0.48


class Augmentation(Parameters):
    """How far a training picture may be changed; zero and false leave it as it is.

    Attributes:
        flip_vertical: Turn half of the pictures upside down. The two breasts, brought to one
            side, mirror each other in CC, and MLO loses little by it.
        flip_horizontal: Mirror half of them left to right. A net that reads places, as the
            heatmap's head does, has the chest wall on the left in every whole image.
        rotation_degrees: Largest turn, either way.
        shear: Largest shear, either way, as the tangent of its angle.
        zoom: Largest relative change of size, either way: 0.2 is 0.8 to 1.2.
        gain: Largest relative change of brightness; air stays 0.
        shift: Largest brightness added or taken, as a share of the range; air stays 0.
        elastic: Largest displacement of a smooth random field (Simard et al. 2003), as a share of
            the shorter side.
        elastic_cells: Cells of that field along a side: more are finer.
    """

    flip_vertical: bool = False
    flip_horizontal: bool = False
    rotation_degrees: float = Field(default=0.0, ge=0, le=45)
    shear: float = Field(default=0.0, ge=0, le=0.5)
    zoom: float = Field(default=0.0, ge=0, le=0.5)
    gain: float = Field(default=0.0, ge=0, le=0.5)
    shift: float = Field(default=0.0, ge=0, le=0.5)
    elastic: float = Field(default=0.0, ge=0, le=0.2)
    elastic_cells: int = Field(default=4, ge=2, le=16)

    @model_validator(mode="after")
    def _refuse_a_fold(self) -> Augmentation:
        cells = self.elastic * self.elastic_cells
        if cells >= FOLDS_AT_CELLS:
            raise ValueError(
                f"elastic {self.elastic:g} with elastic_cells {self.elastic_cells} moves places by "
                f"{cells:.2f} cells: from {FOLDS_AT_CELLS} on a picture can fold over itself. Take "
                f"elastic below {FOLDS_AT_CELLS / self.elastic_cells:.3f}, or fewer cells"
            )
        return self


class Optimizer(Parameters):
    """What turns a gradient into a step.

    Attributes:
        name: Adam (Kingma and Ba 2015), Nadam (Dozat 2016) or stochastic gradient descent.
        momentum: Of SGD.
        nesterov: Whether that momentum looks ahead.
        beta_1: Decay of the first moment of Adam and Nadam.
        beta_2: Decay of the second.
        epsilon: Added to the root of the second.
        clip_norm: Largest norm of all gradients together; not clipped where absent.
        weight_decay: On kernels only, never on biases and normalization.
        decay: `decoupled` takes rate x decay x weight off each step (Loshchilov and Hutter 2019);
            `l2` adds the decay x the sum of squares to the loss, as Keras' regularizers do.
    """

    name: Literal["adam", "nadam", "sgd"]
    momentum: float = Field(default=0.0, ge=0, lt=1)
    nesterov: bool = False
    beta_1: float = Field(default=0.9, ge=0, lt=1)
    beta_2: float = Field(default=0.999, ge=0, lt=1)
    epsilon: float = Field(default=1e-7, gt=0)
    clip_norm: float | None = Field(default=None, gt=0)
    weight_decay: float = Field(default=0.0, ge=0)
    decay: Literal["decoupled", "l2"] = "decoupled"

    @model_validator(mode="after")
    def _refuse_what_nobody_reads(self) -> Optimizer:
        if self.name != "sgd" and (self.momentum or self.nesterov):
            raise ValueError(f"momentum and nesterov belong to sgd, {self.name} has its own")
        if self.nesterov and not self.momentum:
            raise ValueError("nesterov needs a momentum above 0")
        return self


class Schedule(Parameters):
    """How the learning rate moves inside a stage, as a factor of its `learning_rate`.

    Attributes:
        kind: Constant; `cosine` and `exponential` go from 1 to `end_factor` over the stage, step
            by step; `steps` multiplies by `drop_factor` at the end of each epoch of `drop_after`.
        end_factor: Factor of the last step.
        drop_after: Epochs, from 1.
        drop_factor: Of each drop.
        warmup_epochs: The factor first climbs from 0 in a straight line.
    """

    kind: Literal["constant", "cosine", "exponential", "steps"] = "constant"
    end_factor: float = Field(default=1.0, gt=0, le=1)
    drop_after: tuple[int, ...] = ()
    drop_factor: float = Field(default=0.1, gt=0, lt=1)
    warmup_epochs: float = Field(default=0.0, ge=0)

    @model_validator(mode="after")
    def _refuse_what_nobody_reads(self) -> Schedule:
        if (self.kind == "steps") != bool(self.drop_after):
            raise ValueError(f"schedule {self.kind} with drop_after {self.drop_after}: give both")
        if self.kind in ("constant", "steps") and self.end_factor != 1:
            raise ValueError(f"schedule {self.kind} has no end_factor: use cosine or exponential")
        return self


class Average(Parameters):
    """An exponential moving average of the weights, taken after every step.

    Attributes:
        momentum: m in average = m x average + (1 - m) x weight.
        of: `weights` are those that the stage trains; `weights_and_statistics` adds the moving
            statistics of batch normalization that the stage updates.
    """

    momentum: float = Field(gt=0, lt=1)
    of: Literal["weights", "weights_and_statistics"] = "weights"


class Balance(Parameters):
    """How classes that are rare get their say.

    Attributes:
        classes: Every batch of patches holds every class as often.
        cancer_fraction: Share of cancers in each batch of images; as they come where absent.
        weights: The loss of a picture is weighted so that every class present in its batch counts
            the same.
        prevalence: What the first bias of a new head answers; what the batches hold where absent.
    """

    classes: bool = False
    cancer_fraction: float | None = Field(default=None, gt=0, lt=1)
    weights: bool = False
    prevalence: float | None = Field(default=None, gt=0, lt=1)


class Keep(Parameters):
    """What a stage leaves behind.

    Attributes:
        epoch: The last, or the one with the best tune AUC.
        weights: `raw`, or `ema`: the moving averages in the place of the weights.
    """

    epoch: Literal["last", "best"] = "last"
    weights: Literal["raw", "ema"] = "raw"


class Stop(Parameters):
    """When a stage ends before its last epoch.

    Attributes:
        patience: Epochs without a gain.
        least_gain: Of the tune AUC.
    """

    patience: int = Field(ge=1)
    least_gain: float = Field(default=0.0, ge=0)


class Mining(Parameters):
    """Background that the net of the stage before takes for a lesion: added as hard negatives.

    Attributes:
        per_image: At most so many patches an image of `train`.
        above: Least probability of any lesion class.
        overlap_most: Overlaps no lesion by more, as a share of either.
    """

    per_image: int = Field(ge=1)
    above: float = Field(ge=0, lt=1)
    overlap_most: float = Field(ge=0, le=1)


class Wiring(Parameters):
    """The checks of a net before it is trained.

    Attributes:
        check: Whether they run.
        steps: On one batch, after which its loss must have fallen.
        learning_rate: Of these steps.
        loss_ratio: The loss ends below this share of where it began.
    """

    check: bool = True
    steps: int = Field(default=20, ge=1)
    learning_rate: float = Field(default=1e-3, gt=0)
    loss_ratio: float = Field(default=0.98, gt=0, lt=1)


class Execution(Parameters):
    """On what, and how exactly, a ladder is computed.

    Attributes:
        devices: `one` device; `mirrored` over all of this machine; `multi_worker` over machines,
            which TF_CONFIG names.
        norm: Statistics of batch normalization `per_replica`, or `synchronized` over all.
        precision: Of the activations; weights, losses and logits stay float32.
        xla: Compile the step with XLA.
        deterministic: The same bits every time on the same machine.
        prefetch: Batches read ahead.
        checkpoint_seconds: A running stage is written down so often, and at its end.
    """

    devices: Literal["one", "mirrored", "multi_worker"] = "one"
    norm: Literal["per_replica", "synchronized"] = "per_replica"
    precision: Literal["float32", "bfloat16"] = "float32"
    xla: bool = False
    deterministic: bool = True
    prefetch: int = Field(default=2, ge=1)
    checkpoint_seconds: float = Field(default=300.0, ge=0)
