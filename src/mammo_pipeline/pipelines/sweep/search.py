"""The search over ladders: trials one after the other, which survive a kill."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, MutableMapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from mammo_pipeline.mammo.digest import digest_arrays
from mammo_pipeline.mammo.ladder.climb import climb_ladder, stage_key
from mammo_pipeline.mammo.ladder.course import DivergedError, Listener
from mammo_pipeline.mammo.ladder.lessons import Lessons
from mammo_pipeline.mammo.ladder.progress import Row
from mammo_pipeline.mammo.ladder.restore import State, select_weights
from mammo_pipeline.mammo.ladder.settings import Wiring
from mammo_pipeline.mammo.ladder.space import Search, check_declared, write_values
from mammo_pipeline.mammo.ladder.stages import Ladder, Stage

if TYPE_CHECKING:
    import optuna

OpenRun = Callable[[str, dict[str, Any], dict[str, str]], AbstractContextManager[Any]]


def study_name(ladder: Ladder, search: Search, lessons: Lessons, given: dict[str, State]) -> str:
    """Returns the name of the study: another ladder, space, data or start is another study.

    The number of trials is no part of it, so that a search can be continued with more.
    """
    facts = {
        "ladder": [stage_key(ladder, name, lessons.digest) for name in ladder.stages],
        "search": search.model_dump(mode="json", exclude={"trials"}),
        "given": {name: digest_arrays(state) for name, state in given.items()},
    }
    return f"sweep-{hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:16]}"


def search_ladders(
    study: optuna.Study,
    ladder: Ladder,
    search: Search,
    lessons: Lessons,
    given: dict[str, State],
    members: MutableMapping[str, State],
    open_run: OpenRun,
) -> None:
    """Runs the trials that the study and `members` do not hold yet.

    A trial counts as done when the study knows its end and, if it was completed, `members` holds
    its weights: they are written first. A killed trial is tried again with the same proposal.

    Args:
        study: Maximizes the tune AUC; its journal is what survives a kill.
        ladder: The declared ladder, tried first.
        search: What may vary, and how many trials.
        lessons: What to learn from.
        given: Kept states that no trial trains again.
        members: Where the weights of completed trials are kept, by `member_key`.
        open_run: Opens a tracked run of (name, parameters, tags), a context with `.log`.
    """
    declared = check_declared(ladder, search)
    _close_killed_trials(study)
    for slot in range(search.trials):
        if not is_done(study, slot, members):
            _run_trial(study, slot, declared, ladder, search, lessons, given, members, open_run)


def member_name(slot: int) -> str:
    """Returns the name of a trial's member.

    >>> member_name(7)
    'trial_007'
    """
    return f"trial_{slot:03d}"


def member_key(study: optuna.Study, slot: int) -> str:
    """Returns the name under which a trial's weights are kept."""
    return f"{study.study_name}-{member_name(slot)}"


def find_trial(study: optuna.Study, slot: int) -> optuna.trial.FrozenTrial | None:
    """Returns the last ended trial of a slot, or None where the slot was never finished."""
    ended = [
        trial
        for trial in study.get_trials(deepcopy=False)
        if trial.user_attrs.get("slot") == slot and trial.user_attrs.get("ended")
    ]
    return ended[-1] if ended else None


def is_done(study: optuna.Study, slot: int, members: MutableMapping[str, State]) -> bool:
    """Returns whether a slot needs no more work."""
    trial = find_trial(study, slot)
    if trial is None or not trial.state.is_finished():
        return False
    return trial.state.name != "COMPLETE" or member_key(study, slot) in members


def list_trials(study: optuna.Study, search: Search) -> list[dict[str, Any]]:
    """Returns one row a trial: trial, member, state, tune_auc, seconds, reason and its values."""
    rows = []
    for slot in range(search.trials):
        trial = find_trial(study, slot)
        if trial is None:
            continue
        rows.append(
            {
                "trial": slot,
                "member": member_name(slot) if trial.state.name == "COMPLETE" else "",
                "state": trial.state.name,
                "tune_auc": trial.value,
                "epochs": len(trial.intermediate_values),
                "seconds": trial.user_attrs["seconds"],
                "reason": trial.user_attrs.get("reason", ""),
                **trial.params,
            }
        )
    return rows


def _close_killed_trials(study: optuna.Study) -> None:
    import optuna

    for trial in study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.RUNNING,)):
        study.tell(trial.number, state=optuna.trial.TrialState.FAIL)


def _run_trial(
    study: optuna.Study,
    slot: int,
    declared: dict[str, float],
    ladder: Ladder,
    search: Search,
    lessons: Lessons,
    given: dict[str, State],
    members: MutableMapping[str, State],
    open_run: OpenRun,
) -> None:
    import optuna

    trial = _ask_trial(study, slot, declared, search)
    values = {r.path: trial.suggest_float(r.path, r.low, r.high, log=r.log) for r in search.ranges}
    changes = {"seed": ladder.seed + slot, "wiring": Wiring(check=False)}
    proposed = write_values(ladder, values).model_copy(update=changes)
    began, state, auc = time.perf_counter(), optuna.trial.TrialState.COMPLETE, None
    try:
        with open_run(f"trial {slot}", values, {"optuna.study": study.study_name}) as run:
            listener = Listener(epoch=_follow(trial, proposed, run))
            climb = climb_ladder(proposed, lessons, {}, given=given, listener=listener)
            last = list(proposed.stages)[-1]
            members[member_key(study, slot)] = select_weights(climb.states[last])
            auc = find_kept_auc(proposed.stages[last], climb.history)
    except optuna.TrialPruned:
        state = optuna.trial.TrialState.PRUNED
    except DivergedError as error:
        state = optuna.trial.TrialState.FAIL
        # The climb says where it kept the batch, but a trial's checkpoints go with it.
        trial.set_user_attr("reason", str(error.__cause__ or error))
    trial.set_user_attr("seconds", round(time.perf_counter() - began, 1))
    trial.set_user_attr("ended", True)
    study.tell(trial, auc, state=state)


def find_kept_auc(stage: Stage, history: list[Row]) -> float:
    """Returns the tune AUC of the weights that a stage kept: of its last epoch, or its best.

    Args:
        stage: Says which it kept.
        history: One row an epoch, of any stages.
    """
    areas = [row["tune_auc"] for row in history if row["stage"] == stage.name]
    return float(max(areas) if stage.keep.epoch == "best" else areas[-1])


def _ask_trial(
    study: optuna.Study, slot: int, declared: dict[str, float], search: Search
) -> optuna.Trial:
    import optuna

    waiting = study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.WAITING,))
    if slot == 0 and not waiting:
        study.enqueue_trial(declared)
    # One seed for the whole search would propose its first points again after a resume.
    study.sampler = optuna.samplers.TPESampler(
        seed=search.seed + slot, n_startup_trials=search.random_trials
    )
    trial = study.ask()
    trial.set_user_attr("slot", slot)
    return trial


def _follow(trial: optuna.Trial, ladder: Ladder, run: Any) -> Callable[[dict[str, Any]], None]:
    """Returns what is told of each epoch: the trial, which may stop there, and the tracked run."""
    import optuna

    epochs = iter(range(1, sum(stage.epochs for stage in ladder.stages.values()) + 1))

    def report(row: dict[str, Any]) -> None:
        if ladder.stages[row["stage"]].data != "images":
            return  # the AUC of a patch stage is of patches
        step = next(epochs)
        run.log({"loss": row["loss"], "tune_auc": row["tune_auc"]}, step=step)
        trial.report(row["tune_auc"], step)
        if trial.should_prune():
            raise optuna.TrialPruned

    return report
