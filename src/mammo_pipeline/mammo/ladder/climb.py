"""The climb: stage after stage, each finished one kept, so that a killed run goes on from there."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, MutableMapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mammo_pipeline import __version__
from mammo_pipeline.mammo.ladder.lessons import Lessons
from mammo_pipeline.mammo.ladder.restore import State
from mammo_pipeline.mammo.ladder.stages import SCRATCH, Ladder, Stage, find_rungs

RECORD = "record"  # in a checkpoint: the stage's history and restore report as JSON


@dataclass(frozen=True)
class Climb:
    """What a climb left behind.

    Attributes:
        states: The kept state of every stage, by name.
        history: One row an epoch.
        report: One row a variable and stage.
    """

    states: dict[str, State] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)
    report: list[dict[str, Any]] = field(default_factory=list)


def stage_key(ladder: Ladder, name: str, digest: str) -> str:
    """Returns the name of a stage's checkpoint: it changes with all that the result depends on."""
    facts = {
        "version": __version__,
        "data": digest,
        "seed": ladder.seed,
        "network": ladder.network.model_dump(mode="json"),
        "rungs": [rung.model_dump(mode="json") for rung in find_rungs(ladder, name)],
    }
    text = json.dumps(facts, sort_keys=True)
    return f"{name}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"


def climb_ladder(
    ladder: Ladder,
    lessons: Lessons,
    checkpoints: MutableMapping[str, State],
    *,
    given: dict[str, State] | None = None,
    on_epoch: Callable[[dict[str, Any]], None] = lambda row: None,
) -> Climb:
    """Returns the states, history and restore report of all stages that are not given.

    Args:
        ladder: The schedule.
        lessons: What to learn from.
        checkpoints: Where finished stages are kept and found again.
        given: Kept states of stages that are not to be trained again.
        on_epoch: Told of every epoch that is trained; it may raise to stop.

    Raises:
        DivergedError: The loss is not finite.
        ValueError: A state does not fit the next stage's net.
    """
    done = dict(given or {})
    climb = Climb()
    for stage in ladder.stages.values():
        if stage.name in done:
            continue
        key = stage_key(ladder, stage.name, lessons.digest)
        if key not in checkpoints:
            checkpoints[key] = _climb_stage(ladder, stage, lessons, done, on_epoch)
        state = dict(checkpoints[key])
        record = json.loads(str(state.pop(RECORD)))
        done[stage.name] = climb.states[stage.name] = state
        climb.history.extend(record["history"])
        climb.report.extend(record["report"])
    return climb


def _climb_stage(
    ladder: Ladder,
    stage: Stage,
    lessons: Lessons,
    done: dict[str, State],
    on_epoch: Callable[[dict[str, Any]], None],
) -> State:
    from mammo_pipeline.mammo.ladder.compiled import assign_state, capture_state, compile_stage
    from mammo_pipeline.mammo.ladder.fit import fit_stage, make_deterministic
    from mammo_pipeline.mammo.ladder.restore import keep_average, restore_state

    make_deterministic()
    train, tune = lessons.examples[stage.data]
    prevalence = stage.cancer_fraction or find_prevalence(train.labels)
    model, fresh = compile_stage(ladder.network, stage, ladder.seed, prevalence)
    source = None if stage.start == SCRATCH else done[stage.start]
    start, report = restore_state(fresh, source, stage)
    assign_state(model, start)
    history = fit_stage(model, stage, lessons.pixels, (train, tune), ladder.seed, on_epoch)
    record = np.array(json.dumps({"history": history, "report": report}))
    return {**keep_average(capture_state(model)), RECORD: record}


def find_prevalence(labels: Iterable[int]) -> float:
    """Returns the share of labels that are not 0, held inside (0, 1) by one pseudo-count each.

    >>> find_prevalence([0, 0, 1, 0])
    0.3333333333333333
    """
    known = np.asarray(labels)
    return float((np.count_nonzero(known) + 1) / (len(known) + 2))
