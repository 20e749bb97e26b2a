"""One rung of the ladder: restored, checked, trained, looked at, and written down."""

from __future__ import annotations

import itertools
import json
from collections.abc import MutableMapping
from dataclasses import replace

import numpy as np
import pandas as pd

from mammo_pipeline.mammo.ladder.course import Course, DivergedError, Listener
from mammo_pipeline.mammo.ladder.examples import draw_epoch
from mammo_pipeline.mammo.ladder.feed import Batch, make_batch, seed_step
from mammo_pipeline.mammo.ladder.fit import fit_stage, seed_epoch
from mammo_pipeline.mammo.ladder.lessons import Lessons, expect_classes
from mammo_pipeline.mammo.ladder.mining import MINED_COLUMNS, add_negatives, mine_negatives
from mammo_pipeline.mammo.ladder.nets import assign_state, build_net, capture_state
from mammo_pipeline.mammo.ladder.progress import (
    RECORD,
    VIEWS,
    Progress,
    Row,
    load_progress,
    mark_arrays,
    save_progress,
)
from mammo_pipeline.mammo.ladder.restore import (
    State,
    restore_state,
    select_weights,
    verify_restored,
)
from mammo_pipeline.mammo.ladder.stages import SCRATCH, Ladder, Stage
from mammo_pipeline.mammo.ladder.steps import make_deterministic, make_step
from mammo_pipeline.mammo.ladder.strategy import Strategy
from mammo_pipeline.mammo.ladder.views import show_stage
from mammo_pipeline.mammo.ladder.wiring import check_wiring


def climb_stage(
    ladder: Ladder,
    stage: Stage,
    lessons: Lessons,
    done: dict[str, State],
    checkpoints: MutableMapping[str, State],
    key: str,
    listener: Listener,
    strategy: Strategy,
) -> State:
    """Returns all that one stage leaves behind: its kept state, its record and what was seen.

    Args:
        ladder: The schedule.
        stage: The one to climb.
        lessons: What to learn from.
        done: Kept states of the stages before it.
        checkpoints: Where it finds where it stood, and keeps where it stands.
        key: Of the stage there.
        listener: What is told.
        strategy: The devices.

    Raises:
        DeadNetError: The net cannot learn.
        DivergedError: A loss, a gradient or a weight is not finite.
        ValueError: The state that it starts from does not fit its net.
    """
    if ladder.execution.deterministic:
        make_deterministic()
    source = _find_source(stage, lessons, done)
    mined = _mine_once(ladder, stage, lessons, done, checkpoints, key, strategy)
    course, report = _begin(ladder, stage, lessons, source, mined, listener, strategy)
    wiring = _check(course, strategy)
    progress = load_progress(checkpoints, key, listener.note)
    if progress is not None:
        listener.found(stage.name, list(progress.history))
    counts = itertools.count(0 if progress is None else progress.count + 1)

    def save(at: Progress) -> None:
        save_progress(checkpoints, key, replace(at, count=next(counts)))

    try:
        state, history = fit_stage(course, progress, save)
    except DivergedError as error:
        raise _keep_batch(error, checkpoints, key) from error
    record = {"history": history, "report": report, "wiring": wiring}
    record["mined"] = mined.to_dict("records")
    views = _look(course, lessons, state)
    return {**state, **mark_arrays(VIEWS, views), RECORD: np.array(json.dumps(record))}


def _find_source(stage: Stage, lessons: Lessons, done: dict[str, State]) -> State | None:
    """Returns the state that a stage starts from, None from scratch."""
    if stage.start == SCRATCH:
        return None
    if stage.file is not None:
        return lessons.read_weights(stage.file)
    return done[stage.start]


def _mine_once(
    ladder: Ladder,
    stage: Stage,
    lessons: Lessons,
    done: dict[str, State],
    checkpoints: MutableMapping[str, State],
    key: str,
    strategy: Strategy,
) -> pd.DataFrame:
    """Returns the hard negatives of a stage; a run that goes on finds them where it left them.

    The chief finds them for all workers: one patch more on one of them, and each would draw other
    batches.
    """
    if stage.mine is None:
        return pd.DataFrame(columns=MINED_COLUMNS)
    place = f"{key}.mined"
    if strategy.is_chief and place not in checkpoints:
        checkpoints[place] = _mine(ladder, stage, lessons, done[stage.start])
    strategy.barrier()
    kept = checkpoints[place]
    return pd.DataFrame({name: kept[name] for name in MINED_COLUMNS})


def _mine(ladder: Ladder, stage: Stage, lessons: Lessons, source: State) -> State:
    """Returns the columns of the hard negatives that the net of the stage before takes for more."""
    before = ladder.stages[stage.start]
    net, fresh = build_net(ladder, before, 0.5)
    assign_state(net, {**fresh, **select_weights(source)})
    images, _ = lessons.examples["images"]
    data = (lessons.pixels, images, lessons.lesions)
    mined = mine_negatives(net.model, ladder.network, stage, before.loss, *data)
    columns = {name: mined[name].to_numpy() for name in MINED_COLUMNS}
    texts = {name: columns[name].astype(str) for name in ("stage", "image_id")}
    return {**columns, **texts}


def _begin(
    ladder: Ladder,
    stage: Stage,
    lessons: Lessons,
    source: State | None,
    mined: pd.DataFrame,
    listener: Listener,
    strategy: Strategy,
) -> tuple[Course, list[Row]]:
    """Returns the stage with its net in the starting state, and the restore report."""
    train, tune = lessons.examples[stage.data]
    if len(mined):
        train = add_negatives(train, mined)
    expected = expect_classes(train.labels, stage, ladder.network.classes)
    net, fresh = build_net(ladder, stage, expected, strategy)
    start, report = restore_state(fresh, source, stage)
    assign_state(net, start)
    step = make_step(net, stage, ladder.execution, strategy)
    if source is not None:
        report = verify_restored(report, capture_state(net), source)
    return Course(ladder, stage, net, step, lessons.pixels, train, tune, listener), report


def _check(course: Course, strategy: Strategy) -> list[Row]:
    """Returns what the checks of the wiring found; the net is in its starting state again."""
    wiring = course.ladder.wiring
    if not wiring.check:
        return []
    batch = first_batch(course)
    return check_wiring(course.net, course.step, course.stage, batch, wiring, strategy.replicas)


def first_batch(course: Course) -> Batch:
    """Returns the first batch that the stage learns from."""
    seed, stage = course.ladder.seed, course.stage
    steps = draw_epoch(seed_epoch(seed, stage.name, 1), course.train.labels, stage)
    rng = seed_step(seed, stage.name, 1, 0)
    return make_batch(course.pixels, course.train, steps[0], stage, rng)


def _look(course: Course, lessons: Lessons, state: State) -> State:
    """Returns what the page shows of the stage: pictures as the net saw them, and heatmaps."""
    if not lessons.cases:
        return {}
    assign_state(course.net, {**capture_state(course.net), **select_weights(state)})
    return show_stage(course, first_batch(course), lessons)


def _keep_batch(
    error: DivergedError, checkpoints: MutableMapping[str, State], key: str
) -> DivergedError:
    """Returns the error with the place where its batch is kept."""
    if error.batch is None:
        return error
    place = f"{key}.diverged"
    checkpoints[place] = error.batch
    return DivergedError(f"{error}. What the net saw is kept as {place}.npz", error.batch)
