"""The climb: stage after stage, each written down, so that a killed run goes on from there."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mammo_pipeline import __version__
from mammo_pipeline.mammo.ladder.lessons import Lessons
from mammo_pipeline.mammo.ladder.progress import RECORD, VIEWS, Row, clear_progress, take_marked
from mammo_pipeline.mammo.ladder.restore import State
from mammo_pipeline.mammo.ladder.stages import Ladder, find_rungs

if TYPE_CHECKING:
    from mammo_pipeline.mammo.ladder.course import Listener

# What decides how fast a ladder is computed, but not what it learns.
SPEED_ONLY = {"prefetch", "checkpoint_seconds"}


@dataclass(frozen=True)
class Climb:
    """What a climb left behind.

    Attributes:
        states: The kept state of every stage, by name.
        history: One row an epoch.
        report: One row a variable and stage: what was restored.
        wiring: One row a layer and stage: what the checks before training found.
        mined: One row a hard negative and stage.
        views: By stage, what the page shows: arrays by name, and `record`.
    """

    states: dict[str, State] = field(default_factory=dict)
    history: list[Row] = field(default_factory=list)
    report: list[Row] = field(default_factory=list)
    wiring: list[Row] = field(default_factory=list)
    mined: list[Row] = field(default_factory=list)
    views: dict[str, State] = field(default_factory=dict)


def stage_key(ladder: Ladder, name: str, digest: str) -> str:
    """Returns the name of a stage's checkpoint: it changes with all that the result depends on."""
    from mammo_pipeline.mammo.ladder.strategy import open_strategy

    facts = {
        "version": __version__,
        "data": digest,
        "seed": ladder.seed,
        "network": ladder.network.model_dump(mode="json"),
        "execution": ladder.execution.model_dump(mode="json", exclude=SPEED_ONLY),
        "replicas": open_strategy(ladder.execution).replicas,
        "wiring": ladder.wiring.model_dump(mode="json"),
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
    listener: Listener | None = None,
) -> Climb:
    """Returns what all stages that are not given leave behind.

    Args:
        ladder: The schedule.
        lessons: What to learn from.
        checkpoints: Where finished and running stages are kept and found again.
        given: Kept states of stages that are not to be trained again.
        listener: What is told of every epoch; it may raise to stop.

    Raises:
        DeadNetError: A net cannot learn.
        DivergedError: A loss, a gradient or a weight is not finite; the batch is kept beside the
            checkpoints.
        ValueError: A state does not fit the next stage's net.
    """
    from mammo_pipeline.mammo.ladder.course import Listener
    from mammo_pipeline.mammo.ladder.rung import climb_stage
    from mammo_pipeline.mammo.ladder.strategy import open_strategy

    listener = listener or Listener()
    strategy = open_strategy(ladder.execution)
    notes = checkpoints if strategy.is_chief else ReadOnly(checkpoints)
    done = dict(given or {})
    climb = Climb()
    for stage in ladder.stages.values():
        if stage.name in done:
            continue
        key = stage_key(ladder, stage.name, lessons.digest)
        if key not in checkpoints:
            left = climb_stage(ladder, stage, lessons, done, notes, key, listener, strategy)
            notes[key] = left
        else:
            left = checkpoints[key]
            listener.found(stage.name, json.loads(str(left[RECORD]))["history"])
        clear_progress(notes, key)  # also what a kill right after the last write left
        strategy.barrier()
        done[stage.name] = _add_stage(climb, stage.name, left)
    return climb


def _add_stage(climb: Climb, name: str, left: State) -> State:
    """Returns the stage's state, and adds all that it left to the climb."""
    record = json.loads(str(left[RECORD]))
    climb.history.extend(record["history"])
    climb.report.extend(record["report"])
    climb.wiring.extend(record["wiring"])
    climb.mined.extend(record["mined"])
    climb.views[name] = take_marked(VIEWS, left)
    climb.states[name] = {
        path: value for path, value in left.items() if path != RECORD and not path.startswith(VIEWS)
    }
    return climb.states[name]


class ReadOnly(MutableMapping[str, State]):
    """Checkpoints as a worker has them that is not the chief: it reads what the chief wrote."""

    def __init__(self, checkpoints: MutableMapping[str, State]) -> None:
        self._checkpoints = checkpoints

    def __contains__(self, key: object) -> bool:
        """Returns whether there is one; it is not read, for it may be damaged or just removed."""
        return key in self._checkpoints

    def __getitem__(self, key: str) -> State:
        return self._checkpoints[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._checkpoints)

    def __len__(self) -> int:
        return len(self._checkpoints)

    def __setitem__(self, key: str, value: State) -> None:
        """Leaves the writing to the chief, who holds the same."""

    def __delitem__(self, key: str) -> None:
        """Leaves the removing to the chief."""
