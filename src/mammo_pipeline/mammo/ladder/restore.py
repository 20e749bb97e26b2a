"""How a stage starts from another: variable by variable, by path, with a report.

A state is a plain dictionary of arrays. The net's variables have their Keras path, as in
`heatmap/kernel`; the optimizer's stand under `optimizer/`, as in
`optimizer/heatmap_kernel_momentum`; the moving averages under `ema/`, as in `ema/heatmap/kernel`.
The learning rate is no part of a state; it belongs to the stage.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Any

import numpy as np

from mammo_pipeline.mammo.ladder.averages import EMA
from mammo_pipeline.mammo.ladder.stages import FILE, Stage

OPTIMIZER = "optimizer/"
SLOTS = {"momentum": "first_moment", "velocity": "second_moment"}
GROUPS = {"weight": "weights", "ema": "ema"}  # of a kind; all others are the optimizer's
# What counts the steps: the number itself, and Nadam's product of its momenta so far.
COUNTERS = {f"{OPTIMIZER}iteration": "iteration", f"{OPTIMIZER}u_product": "momentum_product"}

State = dict[str, np.ndarray]
Rows = list[dict[str, Any]]


def find_kind(path: str) -> str:
    """Returns what a variable is.

    It is a weight, a first_moment, a second_moment, an iteration, a momentum_product (of Nadam) or
    an ema. The buffer of SGD with momentum is a first moment, too.

    >>> find_kind("heatmap/kernel"), find_kind("optimizer/heatmap_kernel_velocity")
    ('weight', 'second_moment')

    Raises:
        ValueError: The optimizer has a variable of another kind.
    """
    if path.startswith(EMA):
        return "ema"
    if not path.startswith(OPTIMIZER):
        return "weight"
    slot = path.rsplit("_", 1)[-1]
    if path not in COUNTERS and slot not in SLOTS:
        raise ValueError(f"'{path}' is of no known kind: expected {', '.join(SLOTS)} at its end")
    return COUNTERS[path] if path in COUNTERS else SLOTS[slot]


def select_weights(state: State) -> State:
    """Returns the network's variables of a state, without the optimizer's and the averages."""
    return {path: value for path, value in state.items() if find_kind(path) == "weight"}


def find_layers(state: State) -> dict[str, str]:
    """Returns the layer that each variable of a state belongs to; "" for what counts steps.

    >>> find_layers({"heatmap/bias": np.zeros(5), "optimizer/heatmap_bias_momentum": np.zeros(5)})
    {'heatmap/bias': 'heatmap', 'optimizer/heatmap_bias_momentum': 'heatmap'}

    Raises:
        ValueError: An optimizer's variable belongs to no weight, or to more than one.
    """
    owners: dict[str, list[str]] = {}
    for path in select_weights(state):
        # Keras writes a weight's path into the name of its moments with every slash as a line.
        owners.setdefault(path.replace("/", "_"), []).append(path)
    return {path: _find_layer(path, owners) for path in state}


def _find_layer(path: str, owners: dict[str, list[str]]) -> str:
    kind = find_kind(path)
    if kind in ("weight", "ema"):
        return path.removeprefix(EMA).rpartition("/")[0]
    if path in COUNTERS:
        return ""
    found = owners.get(path.removeprefix(OPTIMIZER).rpartition("_")[0], [])
    if len(found) != 1:
        raise ValueError(
            f"'{path}' belongs to {' and '.join(found) or 'no weight of the state'}, expected one "
            "weight: give the layers names that differ in more than a slash"
        )
    return found[0].rpartition("/")[0]


def match_layers(patterns: Iterable[str], layers: Iterable[str], where: str) -> set[str]:
    """Returns the layers whose names match one of the shell patterns.

    >>> sorted(match_layers(["block_*"], ["block_1", "block_2", "heatmap"], "trainable"))
    ['block_1', 'block_2']

    Args:
        patterns: As in `block_*`, `*_norm_[12]`, `heatmap`.
        layers: The names to choose from.
        where: What the patterns are, for the error.

    Raises:
        ValueError: A pattern matches no layer; names that are close to it are told.
    """
    names, chosen = sorted(set(layers)), set()
    for pattern in patterns:
        found = {name for name in names if fnmatchcase(name, pattern)}
        if not found:
            near = get_close_matches(pattern.strip("*?"), names, n=4, cutoff=0.4) or names[:4]
            raise ValueError(
                f"{where}: no layer matches '{pattern}'; close to it: {', '.join(near) or 'none'}"
            )
        chosen |= found
    return chosen


def restore_state(fresh: State, source: State | None, stage: Stage) -> tuple[State, Rows]:
    """Returns the state that a stage starts with, and one report row a variable.

    A variable is taken over where the stage restores its group, the source has it, and its layer
    is one of `restore_layers`. A moving average that is not taken over starts at the starting
    weight: from zero, the kept weights would be too small.

    Args:
        fresh: The state of the newly built net of this stage.
        source: What the stage or the file of `stage.start` holds; None from scratch.
        stage: Says what to take over.

    Returns:
        The starting state, and rows of stage, variable, layer, kind, action, from_stage, shape and
        maximum_difference, which `verify_restored` fills. The action is `restored`, `new`,
        `restarted` (a counter that begins at its first value by rule), `from_weights` (a moving
        average) or `dropped` (only the source has it).

    Raises:
        ValueError: A shared variable has another shape or a finer type, nothing is shared, or a
            pattern of `restore_layers` names no shared layer.
    """
    given = source or {}
    layers = find_layers(fresh)
    _refuse_strangers(fresh, given, stage)
    shared = {layers[path] for path in select_weights(fresh) if path in given}
    chosen: set[str] = set()
    if stage.restore:
        chosen = match_layers(stage.restore_layers, shared, f"stage {stage.name}, restore_layers")
    actions = {
        path: _choose_action(path, path in given, layers[path] in chosen, stage) for path in fresh
    }
    start = {
        path: _take(path, value, given[path], stage) if actions[path] == "restored" else value
        for path, value in fresh.items()
    }
    for path, action in actions.items():
        if action == "from_weights":
            start[path] = start[path.removeprefix(EMA)]
    rows = [_report(stage, path, layers[path], actions[path], fresh[path]) for path in fresh]
    return start, rows + _report_dropped(fresh, given, stage)


def _refuse_strangers(fresh: State, given: State, stage: Stage) -> None:
    if stage.restore and not select_weights(fresh).keys() & given.keys():
        raise ValueError(
            f"stage {stage.name} shares no variable with {_origin(stage)}: the source has "
            f"{sorted(given)[:3]}..., this net {sorted(fresh)[:3]}..."
        )


def _choose_action(path: str, given: bool, chosen: bool, stage: Stage) -> str:
    kind = find_kind(path)
    if path in COUNTERS:
        if not given or "optimizer" not in stage.restore:
            return "new"
        return "restored" if stage.iteration == "continued" else "restarted"
    if given and chosen and GROUPS.get(kind, "optimizer") in stage.restore:
        return "restored"
    return "from_weights" if kind == "ema" else "new"


def _take(path: str, fresh: np.ndarray, given: np.ndarray, stage: Stage) -> np.ndarray:
    """Returns the given value in the type that the net holds it in."""
    if fresh.shape != given.shape:
        raise ValueError(
            f"stage {stage.name}: {path} is {given.shape} in {_origin(stage)}, expected "
            f"{fresh.shape}: both need the same network widths"
        )
    held = given.astype(fresh.dtype)
    if not _is_same(held, given):
        raise ValueError(
            f"stage {stage.name}: {path} is {given.dtype} in {_origin(stage)}, which {fresh.dtype} "
            f"cannot hold to the bit: save it as {fresh.dtype}"
        )
    return held


def _is_same(held: np.ndarray, given: np.ndarray) -> bool:
    """Returns whether two arrays hold the same bits, once they are of one type."""
    if held.shape != given.shape:
        return False
    alike = bool(np.array_equal(given.astype(held.dtype).astype(given.dtype), given, True))
    return alike and given.astype(held.dtype).tobytes() == held.tobytes()


def _origin(stage: Stage) -> str:
    return stage.file.name if stage.start == FILE and stage.file else stage.start


def _report(stage: Stage, path: str, layer: str, action: str, value: np.ndarray) -> dict[str, Any]:
    return {
        "stage": stage.name,
        "variable": path,
        "layer": layer,
        "kind": find_kind(path),
        "action": action,
        "from_stage": _origin(stage) if action in ("restored", "dropped") else "",
        "shape": "x".join(map(str, value.shape)) or "scalar",
        "maximum_difference": None,
    }


def _report_dropped(fresh: State, given: State, stage: Stage) -> Rows:
    if not stage.restore:
        return []
    layers = find_layers(given)
    return [
        _report(stage, path, layers[path], "dropped", value)
        for path, value in given.items()
        if path not in fresh
    ]


def verify_restored(rows: Rows, held: State, source: State | None) -> Rows:
    """Returns the report with what was compared: the net's own values against the source's.

    Args:
        rows: Of `restore_state`.
        held: What the net holds after it was given its starting state.
        source: What `restore_state` was given.

    Returns:
        The rows; `maximum_difference` is 0 for what was restored and for an average that started
        at its weight, and absent for the others.

    Raises:
        ValueError: A restored variable is not bit-equal to the saved one, or an average to its
            weight.
    """
    expected = {
        row["variable"]: held[row["variable"].removeprefix(EMA)]
        if row["action"] == "from_weights"
        else (source or {})[row["variable"]]
        for row in rows
        if row["action"] in ("restored", "from_weights")
    }
    wrong = [path for path, value in expected.items() if not _is_same(held[path], value)]
    if wrong:
        raise ValueError(
            f"{len(wrong)} of {len(expected)} restored variables are not what was saved, the first "
            f"'{wrong[0]}': it differs by up to {_differ(held[wrong[0]], expected[wrong[0]]):g}"
        )
    return [
        {**row, "maximum_difference": _differ(held[path], expected[path])}
        if (path := row["variable"]) in expected
        else row
        for row in rows
    ]


def _differ(held: np.ndarray, expected: np.ndarray) -> float:
    if held.shape != expected.shape:
        return float("inf")
    apart = np.abs(held.astype(np.float64) - expected.astype(np.float64))
    return float(apart.max(initial=0.0))
