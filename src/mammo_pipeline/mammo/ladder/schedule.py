"""How the learning rate moves from step to step of a stage."""

from __future__ import annotations

import math

from mammo_pipeline.mammo.ladder.stages import Stage


def rate_at(stage: Stage, step: int, steps_per_epoch: int) -> float:
    """Returns the learning rate of one step: the stage's rate times the factor of its schedule.

    The first steps climb to the rate in a straight line (Goyal et al. 2017), the others follow the
    schedule from there to the last step of the last epoch. A stage that stops early has not gone
    its whole way.

    Args:
        stage: Its `learning_rate`, `schedule` and `epochs`.
        step: Counted from 0 over the whole stage.
        steps_per_epoch: Steps of one epoch.

    Raises:
        ValueError: The stage has no such step.
    """
    total = stage.epochs * steps_per_epoch
    if not 0 <= step < total:
        raise ValueError(
            f"stage {stage.name} has no step {step}: {stage.epochs} epochs of {steps_per_epoch} "
            f"steps are numbered 0 to {total - 1}"
        )
    warmup = stage.schedule.warmup_epochs * steps_per_epoch
    climbed = min(1.0, (step + 1) / (warmup + 1))
    first = math.ceil(warmup)
    way = (step - first) / (total - 1 - first) if total - 1 > first else 1.0
    return stage.learning_rate * climbed * _factor(stage, max(0.0, way), step // steps_per_epoch)


def _factor(stage: Stage, way: float, epochs_done: int) -> float:
    """Returns the schedule's factor, `way` 0 at the first step after the climb, 1 at the last."""
    schedule = stage.schedule
    if schedule.kind == "cosine":
        fallen = (1 + math.cos(math.pi * way)) / 2
        return schedule.end_factor + (1 - schedule.end_factor) * fallen
    if schedule.kind == "exponential":
        return float(schedule.end_factor**way)
    if schedule.kind == "steps":
        drops = sum(epoch <= epochs_done for epoch in schedule.drop_after)
        return float(schedule.drop_factor**drops)
    return 1.0
