"""Where a stage stands between two steps, as plain arrays that a killed run goes on from."""

from __future__ import annotations

import json
from collections.abc import Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from mammo_pipeline.mammo.ladder.restore import State

Row = dict[str, Any]

STATE, BEST, FIGURES, VIEWS, RECORD = "state/", "best/", "figures/", "views/", "record"
SLOTS = 2


@dataclass(frozen=True)
class Progress:
    """Where a stage stands.

    Attributes:
        epoch: The one that runs, from 1; one more than there are when all have run.
        step: Steps done of it.
        taken: Steps done of the whole stage.
        state: Of the net, the optimizer and the averages, before the next step.
        figures: What was measured in the steps of this epoch so far, by name, shape (step,).
        history: Rows of the epochs that ended.
        best: The state after the epoch with the best tune AUC, where the stage keeps that one.
        count: Number of the write that kept it, from 0.
    """

    epoch: int
    step: int
    taken: int
    state: State
    figures: dict[str, np.ndarray] = field(default_factory=dict)
    history: tuple[Row, ...] = ()
    best: State | None = None
    count: int = 0


def pack_progress(progress: Progress) -> State:
    """Returns the progress as one dictionary of arrays."""
    record = {
        "epoch": progress.epoch,
        "step": progress.step,
        "taken": progress.taken,
        "history": progress.history,
        "count": progress.count,
    }
    return {
        **mark_arrays(STATE, progress.state),
        **mark_arrays(BEST, progress.best or {}),
        **mark_arrays(FIGURES, progress.figures),
        RECORD: np.array(json.dumps(record)),
    }


def unpack_progress(arrays: State) -> Progress:
    """Returns what `pack_progress` was given."""
    record = json.loads(str(arrays[RECORD]))
    return Progress(
        epoch=record["epoch"],
        step=record["step"],
        taken=record["taken"],
        state=take_marked(STATE, arrays),
        figures=take_marked(FIGURES, arrays),
        history=tuple(record["history"]),
        best=take_marked(BEST, arrays) or None,
        count=record["count"],
    )


def mark_arrays(mark: str, arrays: State) -> State:
    """Returns the arrays with the mark before their names.

    >>> mark_arrays("best/", {"kernel": 1})
    {'best/kernel': 1}
    """
    return {f"{mark}{name}": value for name, value in arrays.items()}


def take_marked(mark: str, arrays: State) -> State:
    """Returns the arrays whose names begin with `mark`, without it.

    >>> take_marked("best/", {"best/kernel": 1, "record": 2})
    {'kernel': 1}
    """
    return {name[len(mark) :]: value for name, value in arrays.items() if name.startswith(mark)}


def save_progress(checkpoints: MutableMapping[str, State], key: str, progress: Progress) -> None:
    """Writes the progress of the stage `key` into one of two slots, in turn by its count.

    So the one before stays until the next is written whole and was read back.

    Args:
        checkpoints: Where it is kept; each write is whole or absent.
        key: Of the stage.
        progress: What to keep.
    """
    checkpoints[_slot(key, progress.count)] = pack_progress(progress)


def load_progress(
    checkpoints: MutableMapping[str, State], key: str, note: Callable[[str], None]
) -> Progress | None:
    """Returns the farthest readable progress of a stage, or None where there is none.

    Args:
        checkpoints: Where it was kept; one that cannot be read raises ValueError.
        key: Of the stage.
        note: Told of each one that cannot be read, and is passed over.
    """
    found = []
    for count in range(SLOTS):
        if _slot(key, count) not in checkpoints:
            continue
        try:
            found.append(unpack_progress(checkpoints[_slot(key, count)]))
        except ValueError as error:
            note(f"{error} An earlier one is taken, or the stage begins anew.")
    return max(found, key=lambda progress: progress.taken, default=None)


def clear_progress(checkpoints: MutableMapping[str, State], key: str) -> None:
    """Removes the progress of a stage that is finished."""
    for count in range(SLOTS):
        if _slot(key, count) in checkpoints:
            del checkpoints[_slot(key, count)]


def _slot(key: str, count: int) -> str:
    return f"{key}.running_{count % SLOTS}"
