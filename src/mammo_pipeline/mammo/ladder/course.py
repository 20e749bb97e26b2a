"""What one stage learns with, whom it tells, and how it says that it cannot go on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from mammo_pipeline.mammo.ladder.examples import Examples
from mammo_pipeline.mammo.ladder.nets import Net
from mammo_pipeline.mammo.ladder.progress import Row
from mammo_pipeline.mammo.ladder.restore import State
from mammo_pipeline.mammo.ladder.stages import Ladder, Stage
from mammo_pipeline.mammo.ladder.steps import Step


class DivergedError(ArithmeticError):
    """The loss, a gradient or a weight is no number any more.

    Attributes:
        batch: What the net saw in that step, as plain arrays; None where no step is to blame.
    """

    def __init__(self, message: str, batch: State | None = None) -> None:
        super().__init__(message)
        self.batch = batch


@dataclass(frozen=True)
class Listener:
    """What is told while a ladder is climbed; each may raise to stop.

    Attributes:
        epoch: Of every epoch that was trained, its row.
        found: Of the rows of a stage that an earlier run left, the stage's name and they.
        step: After every step: stage, epoch, step from 1, steps of the epoch, loss.
        note: Of what a reader of the log must know.
    """

    epoch: Callable[[Row], None] = lambda row: None
    found: Callable[[str, list[Row]], None] = lambda stage, rows: None
    step: Callable[[str, int, int, int, float], None] = lambda *figures: None
    note: Callable[[str], None] = lambda text: None


@dataclass(frozen=True)
class Course:
    """What one stage learns with.

    Attributes:
        ladder: For its seed and how it is computed.
        stage: How to learn.
        net: In the state to go on from.
        step: Of this net and stage.
        pixels: The image store, uint16 (images, rows, columns).
        train: What to learn from.
        tune: What to judge on.
        listener: What is told.
    """

    ladder: Ladder
    stage: Stage
    net: Net
    step: Step
    pixels: np.ndarray
    train: Examples
    tune: Examples
    listener: Listener = field(default_factory=Listener)
