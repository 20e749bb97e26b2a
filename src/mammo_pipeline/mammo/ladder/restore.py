"""How a stage starts from another: variable by variable, by path, with a report.

A state is a plain dictionary of arrays: a Keras variable path to its value, the optimizer's under
`optimizer/`. The learning rate is no part of a state; it belongs to the stage.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from mammo_pipeline.mammo.ladder.stages import Stage

OPTIMIZER = "optimizer/"
KINDS = {"momentum": "first_moment", "velocity": "second_moment", "average": "ema"}

State = dict[str, np.ndarray]


def find_kind(path: str) -> str:
    """Returns what a variable is: weight, first_moment, second_moment, ema or iteration.

    The buffer of SGD with momentum is a first moment, too.

    >>> find_kind("heatmap/kernel"), find_kind("optimizer/heatmap_kernel_velocity")
    ('weight', 'second_moment')
    """
    if not path.startswith(OPTIMIZER):
        return "weight"
    if path == f"{OPTIMIZER}iteration":
        return "iteration"
    return KINDS[path.rsplit("_", 1)[1]]


def select_weights(state: State) -> State:
    """Returns the network's variables of a state, without the optimizer's."""
    return {path: value for path, value in state.items() if not path.startswith(OPTIMIZER)}


def restore_state(
    fresh: State, source: State | None, stage: Stage
) -> tuple[State, list[dict[str, Any]]]:
    """Returns the state that a stage starts with, and one report row a variable.

    A moving average always starts at the starting weights: Keras would start it at zero whenever
    the restored Adam has counted a step, and the kept weights would be too small.

    Args:
        fresh: The state of the newly built net of this stage.
        source: What the stage named by `stage.start` kept; None from scratch.
        stage: Says what to take over.

    Returns:
        The starting state, and rows of stage, variable, kind, action, from_stage and shape. The
        action is `restored`, `new`, `from_weights` (a moving average) or `dropped` (only the
        source has it).

    Raises:
        ValueError: A shared variable has another shape, or nothing is shared.
    """
    given = source or {}
    if stage.restore and not select_weights(fresh).keys() & given.keys():
        raise ValueError(
            f"stage {stage.name} shares no variable with {stage.start}: the source has "
            f"{sorted(given)[:3]}..., this net {sorted(fresh)[:3]}..."
        )
    start, rows = {}, []
    for path, value in fresh.items():
        action = _choose_action(path, given, stage)
        start[path] = (
            _take_restored(path, value, given[path], stage) if action == "restored" else value
        )
        rows.append(_report(stage, path, action, value))
    dropped = [path for path in given if path not in fresh] if stage.restore else []
    rows += [_report(stage, path, "dropped", given[path]) for path in dropped]
    return _start_averages(start), rows


def _choose_action(path: str, given: State, stage: Stage) -> str:
    kind = find_kind(path)
    if kind == "ema":
        return "from_weights"
    wanted = "weights" if kind == "weight" else "optimizer"
    return "restored" if wanted in stage.restore and path in given else "new"


def _take_restored(path: str, fresh: np.ndarray, given: np.ndarray, stage: Stage) -> np.ndarray:
    if fresh.shape != given.shape:
        raise ValueError(
            f"stage {stage.name}: {path} is {given.shape} in {stage.start}, expected "
            f"{fresh.shape}: both stages need the same network widths"
        )
    return given


def _start_averages(state: State) -> State:
    averages = {
        average_path(path): value for path, value in state.items() if find_kind(path) == "weight"
    }
    return {path: averages.get(path, value) for path, value in state.items()}


def average_path(weight_path: str) -> str:
    """Returns the path of a weight's moving average.

    >>> average_path("heatmap/kernel")
    'optimizer/heatmap_kernel_average'
    """
    return f"{OPTIMIZER}{weight_path.replace('/', '_')}_average"


def keep_average(state: State) -> State:
    """Returns the state with every averaged weight in the place of the raw one."""
    return {path: state.get(average_path(path), value) for path, value in state.items()}


def _report(stage: Stage, path: str, action: str, value: np.ndarray) -> dict[str, Any]:
    return {
        "stage": stage.name,
        "variable": path,
        "kind": find_kind(path),
        "action": action,
        "from_stage": stage.start if action in ("restored", "dropped") else "",
        "shape": "x".join(map(str, value.shape)) or "scalar",
    }
