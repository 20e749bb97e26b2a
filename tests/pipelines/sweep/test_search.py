"""The search: it begins at the declared ladder, survives a kill and loses no member."""

from __future__ import annotations

from contextlib import contextmanager

import numpy as np
import pytest

from mammo_pipeline.mammo.ladder.climb import climb_ladder
from mammo_pipeline.mammo.ladder.lessons import Lessons
from mammo_pipeline.mammo.ladder.space import Search
from mammo_pipeline.pipelines.sweep.search import (
    find_kept_auc,
    list_trials,
    member_key,
    search_ladders,
    study_name,
)
from toy_study import make_ladder, make_lessons

RATE = "stages.image_adam.learning_rate"
LADDER = make_ladder(image_adam={"examples_per_epoch": 16}, finetune_ema={"epochs": 1})


def make_search(**changes) -> Search:
    settings = {
        "seed": 1,
        "trials": 3,
        "start_from": "patch_adam",
        "ranges": [{"path": RATE, "low": 1e-4, "high": 1e-2, "log": True}],
        "random_trials": 10,
        "prune_after_trials": 10,
        "prune_after_epochs": 0,
    }
    return Search.model_validate({**settings, **changes})


@pytest.fixture(scope="module")
def lessons() -> Lessons:
    return make_lessons(LADDER)


@pytest.fixture(scope="module")
def patch_state(lessons) -> dict:
    patch_only = LADDER.model_copy(update={"stages": {"patch_adam": LADDER.stages["patch_adam"]}})
    return climb_ladder(patch_only, lessons, {}).states["patch_adam"]


class Runs(list):
    """Stands for tracking: remembers the runs, and may fail in one of them."""

    def __init__(self, kill_in: str = "") -> None:
        self.kill_in = kill_in

    @contextmanager
    def open(self, name, parameters, tags):
        self.append((name, parameters))
        if name == self.kill_in:
            raise KeyboardInterrupt
        yield self

    def log(self, metrics, step):
        assert step >= 1


def make_study_of_trials(search, lessons, patch_state, storage=None):
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna.create_study(
        study_name=study_name(LADDER, search, lessons, {"patch_adam": patch_state}),
        storage=storage,
        direction="maximize",
        load_if_exists=True,
        pruner=optuna.pruners.MedianPruner(search.prune_after_trials, search.prune_after_epochs),
    )


def run(search, lessons, patch_state, study, members, kill_in="", ladder=LADDER):
    runs, given = Runs(kill_in), {"patch_adam": patch_state}
    try:
        search_ladders(study, ladder, search, lessons, given, members, runs.open)
    except KeyboardInterrupt:
        assert kill_in
    return [name for name, _ in runs]


def test_a_killed_sweep_ends_as_if_it_had_not_been_killed(lessons, patch_state, tmp_path):
    import optuna
    from optuna.storages.journal import JournalFileBackend

    def storage(name):
        return optuna.storages.JournalStorage(JournalFileBackend(str(tmp_path / name)))

    search = make_search()
    straight, members = make_study_of_trials(search, lessons, patch_state, storage("a")), {}
    assert run(search, lessons, patch_state, straight, members) == ["trial 0", "trial 1", "trial 2"]
    broken, kept = make_study_of_trials(search, lessons, patch_state, storage("b")), {}
    run(search, lessons, patch_state, broken, kept, kill_in="trial 1")
    assert len(kept) == 1
    resumed = make_study_of_trials(search, lessons, patch_state, storage("b"))
    assert run(search, lessons, patch_state, resumed, kept) == ["trial 1", "trial 2"]
    told, again = list_trials(straight, search), list_trials(resumed, search)
    assert len({row[RATE] for row in again}) == 3
    for row in told + again:
        del row["seconds"]
    assert told == again
    assert kept.keys() == members.keys()
    for key, member in members.items():
        assert all(np.array_equal(member[path], kept[key][path]) for path in member)


def test_the_first_trial_is_the_declared_ladder(lessons, patch_state):
    search = make_search(trials=1)
    study, members = make_study_of_trials(search, lessons, patch_state), {}
    run(search, lessons, patch_state, study, members)
    declared = climb_ladder(LADDER, lessons, {}, given={"patch_adam": patch_state})
    member = members[member_key(study, 0)]
    assert list_trials(study, search)[0][RATE] == LADDER.stages["image_adam"].learning_rate
    assert not [path for path in member if path.startswith("optimizer/")]
    for path, value in member.items():
        np.testing.assert_array_equal(value, declared.states["finetune_sgd"][path])


def test_a_trial_is_judged_by_the_weights_that_its_member_has():
    history = [{"stage": "a", "tune_auc": 0.99}]
    history += [{"stage": "image_adam", "tune_auc": auc} for auc in (0.7, 0.9, 0.8)]
    best = make_ladder(image_adam={"keep": {"epoch": "best"}}).stages["image_adam"]
    assert find_kept_auc(best, history) == 0.9
    assert find_kept_auc(LADDER.stages["image_adam"], history) == 0.8


def test_a_lost_member_is_trained_again(lessons, patch_state):
    search = make_search(trials=2)
    study, members = make_study_of_trials(search, lessons, patch_state), {}
    run(search, lessons, patch_state, study, members)
    lost = dict(members.pop(member_key(study, 0)))
    assert run(search, lessons, patch_state, study, members) == ["trial 0"]
    assert all(np.array_equal(v, members[member_key(study, 0)][p]) for p, v in lost.items())


def test_a_search_can_be_continued_with_more_trials(lessons, patch_state):
    search = make_search(trials=1)
    study, members = make_study_of_trials(search, lessons, patch_state), {}
    run(search, lessons, patch_state, study, members)
    longer = make_search(trials=2)
    given = {"patch_adam": patch_state}
    assert study_name(LADDER, longer, lessons, given) == study.study_name
    assert run(longer, lessons, patch_state, study, members) == ["trial 1"]


def test_a_diverged_trial_is_told_and_not_repeated(lessons, patch_state):
    ladder = make_ladder(finetune_sgd={"learning_rate": 1e30}, finetune_ema={"epochs": 1})
    search = make_search(trials=1)
    study, members = make_study_of_trials(search, lessons, patch_state), {}
    run(search, lessons, patch_state, study, members, ladder=ladder)
    (row,) = list_trials(study, search)
    assert (row["state"], row["member"], members) == ("FAIL", "", {})
    assert "the loss is" in row["reason"] and "kept as" not in row["reason"]
    assert run(search, lessons, patch_state, study, members, ladder=ladder) == []


def test_a_hopeless_trial_is_stopped_early(lessons, patch_state, monkeypatch):
    from mammo_pipeline.mammo.ladder import fit

    search = make_search(trials=3, prune_after_trials=2)
    study, members = make_study_of_trials(search, lessons, patch_state), {}
    run(make_search(trials=2), lessons, patch_state, study, members)
    monkeypatch.setattr(fit, "tune_auc", lambda *arguments: 0.01)
    run(search, lessons, patch_state, study, members)
    last = list_trials(study, search)[2]
    assert (last["state"], last["member"], last["epochs"]) == ("PRUNED", "", 1)
    assert len(members) == 2
