"""The epochs of one stage: every step watched, every instant a place to go on from."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from functools import partial
from zlib import crc32

import numpy as np

from mammo_pipeline.mammo.ladder.averages import keep_average
from mammo_pipeline.mammo.ladder.course import Course, DivergedError
from mammo_pipeline.mammo.ladder.examples import draw_epoch
from mammo_pipeline.mammo.ladder.feed import Batch, read_batches, seed_step
from mammo_pipeline.mammo.ladder.judge import tune_auc
from mammo_pipeline.mammo.ladder.nets import assign_state, capture_state
from mammo_pipeline.mammo.ladder.progress import Progress, Row
from mammo_pipeline.mammo.ladder.restore import State
from mammo_pipeline.mammo.ladder.schedule import rate_at
from mammo_pipeline.mammo.ladder.stages import Stage
from mammo_pipeline.mammo.ladder.watch import epoch_row

MEASURED = ("loss", "gradient_norm", "seconds", "wait")


def fit_stage(
    course: Course, progress: Progress | None, save: Callable[[Progress], None]
) -> tuple[State, list[Row]]:
    """Returns the state that the stage keeps, and the history of its epochs.

    The net ends with the raw weights of the last epoch.

    Args:
        course: The stage; its net is in the starting state, or any where `progress` is given.
        progress: Where an interrupted run of the same stage stood.
        save: Told where the stage stands, every `checkpoint_seconds` and after the last epoch.

    Raises:
        DivergedError: A loss or a gradient norm is not finite, its batch is held; or a weight.
    """
    stage = course.stage
    if progress is None:
        progress = Progress(1, 0, 0, capture_state(course.net))
    else:
        assign_state(course.net, progress.state)
    course.step.reload()
    due = Clock(course.ladder.execution.checkpoint_seconds)
    while not is_over(stage, progress):
        progress = fit_epoch(course, progress, lambda stand: save(stand()) if due() else None)
        course.listener.epoch(progress.history[-1])
        if due() and not is_over(stage, progress):
            save(progress)
    save(progress)
    kept = progress.best if stage.keep.epoch == "best" else progress.state
    assert kept is not None
    return keep_weights(stage, kept), list(progress.history)


class Clock:
    """True when called after the given seconds, and then not until they passed again."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._since = time.monotonic()

    def __call__(self) -> bool:
        """Returns whether the time is up; if so it begins again."""
        if time.monotonic() - self._since < self._seconds:
            return False
        self._since = time.monotonic()
        return True


def is_over(stage: Stage, progress: Progress) -> bool:
    """Returns whether a stage has had its epochs, or stopped gaining between two of them."""
    if progress.epoch > stage.epochs:
        return True
    if stage.stop is None or progress.step:
        return False
    best, since = -np.inf, 0
    for row in progress.history:
        if row["tune_auc"] > best + stage.stop.least_gain:
            best, since = row["tune_auc"], 0
        else:
            since += 1
    return since >= stage.stop.patience


def keep_weights(stage: Stage, state: State) -> State:
    """Returns the state as the stage keeps it, with the averages for weights where it says so."""
    return keep_average(state) if stage.keep.weights == "ema" else state


def fit_epoch(
    course: Course,
    progress: Progress,
    keep: Callable[[Callable[[], Progress]], None] = lambda stand: None,
) -> Progress:
    """Returns where the stage stands after the running epoch; the net has learned from it.

    Every draw comes from the seed, the stage's name, the epoch and the step, so that an epoch that
    is entered in its middle sees what it would have seen.

    Args:
        course: The stage, its net in the state of `progress`.
        progress: Where it stands; `fit_stage` begins with step 0 of epoch 1.
        keep: Given, after every step, a function that returns where the stage stands.
    """
    stage, epoch = course.stage, progress.epoch
    rng = seed_epoch(course.ladder.seed, stage.name, epoch)
    steps = draw_epoch(rng, course.train.labels, stage)
    figures = {name: list(progress.figures.get(name, ())) for name in MEASURED}
    for done in _take_steps(course, progress, steps, figures):
        if done < len(steps):
            keep(partial(_stand, course, progress, done, figures))
    course.step.settle()
    state = capture_state(course.net)
    measured = {name: np.array(values) for name, values in figures.items()}
    weight_norm = _measure_weights(course, epoch)
    row = epoch_row(
        stage.name,
        epoch,
        measured,
        pictures=steps.shape[1],
        rate=rate_at(stage, epoch * len(steps) - 1, len(steps)),
        tune_auc=judge_state(course, state),
        weight_norm=weight_norm,
        before=list(progress.history),
    )
    leads = row["tune_auc"] > max((r["tune_auc"] for r in progress.history), default=-np.inf)
    best = state if stage.keep.epoch == "best" and leads else progress.best
    taken = progress.taken + len(steps) - progress.step
    return Progress(epoch + 1, 0, taken, state, {}, (*progress.history, row), best)


def _stand(
    course: Course, progress: Progress, done: int, figures: dict[str, list[float]]
) -> Progress:
    """Returns where the stage stands inside an epoch, `done` steps in."""
    course.step.settle()
    return replace(
        progress,
        step=done,
        taken=progress.taken + done - progress.step,
        state=capture_state(course.net),
        figures={name: np.array(values) for name, values in figures.items()},
    )


def _take_steps(
    course: Course, progress: Progress, steps: np.ndarray, figures: dict[str, list[float]]
) -> Iterator[int]:
    """Takes the steps that are left of an epoch; yields after each how many are done."""
    stage, epoch, count = course.stage, progress.epoch, len(steps)
    batches = read_batches(
        course.pixels,
        course.train,
        steps,
        stage,
        lambda step: seed_step(course.ladder.seed, stage.name, epoch, step),
        first_step=progress.step,
        ahead=course.ladder.execution.prefetch,
    )
    with closing(batches):
        began = time.perf_counter()
        for done, (batch, wait) in enumerate(batches, start=progress.step + 1):
            rate = rate_at(stage, (epoch - 1) * count + done - 1, count)
            loss, norm = (float(figure) for figure in course.step.take(batch, rate))
            _refuse_wild_step(course, epoch, done, batch, loss, norm)
            now = time.perf_counter()
            for name, value in zip(MEASURED, (loss, norm, now - began, wait), strict=True):
                figures[name].append(value)
            course.listener.step(stage.name, epoch, done, count, loss)
            yield done
            began = time.perf_counter()


def _refuse_wild_step(
    course: Course, epoch: int, done: int, batch: Batch, loss: float, norm: float
) -> None:
    """Raises where a step gave no number; its batch goes with the error."""
    if np.isfinite(loss) and np.isfinite(norm):
        return
    stage = course.stage
    images = course.train.image_ids[batch.rows]
    raise DivergedError(
        f"the loss is {loss} and the norm of its gradient {norm} in stage {stage.name}, epoch "
        f"{epoch}, step {done}, on the images {', '.join(sorted(set(images.tolist())))}: lower "
        f"the learning_rate (now {stage.learning_rate:g}), or look at these images",
        {
            "pixels": batch.pixels,
            "labels": batch.labels,
            "weights": batch.weights,
            "image_ids": images.astype(str),
            "corners": course.train.corners[batch.rows],
            **{f"changes/{name}": value for name, value in batch.changes.items()},
        },
    )


def _measure_weights(course: Course, epoch: int) -> float:
    """Returns the norm of all weights that learn.

    Raises:
        DivergedError: It is not finite.
    """
    learning = [np.asarray(v, np.float64) for v in course.net.model.trainable_variables]
    norm = float(np.sqrt(sum(np.sum(weights**2) for weights in learning)))
    if not np.isfinite(norm):
        raise DivergedError(
            f"the weights are not finite after stage {course.stage.name}, epoch {epoch}: lower the "
            f"learning_rate (now {course.stage.learning_rate:g})"
        )
    return norm


def judge_state(course: Course, raw: State) -> float:
    """Returns the area under the ROC curve on `tune` of the weights that the stage would keep.

    The net holds its raw weights again afterwards.

    Args:
        course: The stage and its net.
        raw: What the net holds now.

    Raises:
        DivergedError: The net gives no finite answer.
    """
    kept = keep_weights(course.stage, raw)
    if kept is not raw:
        assign_state(course.net, kept)
    auc = tune_auc(course.net.model, course.stage, course.pixels, course.tune)
    if kept is not raw:
        assign_state(course.net, raw)
    course.step.reload()  # predicting, too, takes the weights away on JAX and puts them back
    if not np.isfinite(auc):
        raise DivergedError(
            f"the net of stage {course.stage.name} gives no finite answer on tune: lower the "
            f"learning_rate (now {course.stage.learning_rate:g})"
        )
    return auc


def seed_epoch(seed: int, stage: str, epoch: int) -> np.random.Generator:
    """Returns the generator of an epoch's order, the same whether or not those before it ran."""
    return np.random.default_rng([seed, crc32(stage.encode()), epoch])
