"""A Dask worker hands its tasks to a guarded process, and keeps none from an earlier run."""

from __future__ import annotations

import pickle
from dataclasses import replace
from typing import Any

import pytest

import hostile_tasks
from mammo_pipeline import relay
from mammo_pipeline.guard import GuardedFailure, Limits, PoolLostError
from mammo_pipeline.relay import Errand, carry_out, describe_code, dismiss_helpers

LIMITS = Limits(seconds=5, memory_mb=2500)


def errand(function: Any, *tasks: Any, run: str = "one") -> Errand:
    return Errand(function, tasks, LIMITS, 0, describe_code(function.__module__), run)


def outcomes(of: Errand) -> list[Any]:
    return [pickle.loads(outcome) for outcome in carry_out(of)]


def test_one_process_serves_a_run_and_another_the_next():
    first = outcomes(errand(hostile_tasks.where, (1,), (2,)))
    again = outcomes(errand(hostile_tasks.where, (3,)))
    other = outcomes(errand(hostile_tasks.where, (4,), run="two"))
    dismiss_helpers("one")
    assert len(relay._helpers) == 1
    dismiss_helpers("two")
    assert relay._helpers == {}
    assert [n for n, _ in first + again + other] == [1, 2, 3, 4]
    assert first[0][1] == first[1][1] == again[0][1] != other[0][1]


def test_a_task_that_breaks_its_process_leaves_the_others_of_its_group():
    got = outcomes(errand(hostile_tasks.misbehave, ("good", 1), ("segfault",), ("good", 2)))
    dismiss_helpers("one")
    assert got == [1, GuardedFailure("crashed", "SIGSEGV"), 2]


def test_a_worker_with_other_code_refuses_and_both_are_named():
    stale = replace(errand(hostile_tasks.double, (1,)), code="code 0 on Python 3.9")
    with pytest.raises(relay.EngineError, match=r"runs code .* the leader code 0 on Python 3\.9"):
        carry_out(stale)


def test_a_process_that_cannot_start_is_forgotten(monkeypatch):
    def fail(*_: Any, **__: Any) -> Any:
        raise PoolLostError("no process starts")
        yield

    monkeypatch.setattr(relay, "run_guarded", fail)
    with pytest.raises(PoolLostError):
        carry_out(errand(hostile_tasks.double, (1,)))
    assert relay._helpers == {}


def test_an_errand_shows_nothing_of_its_arguments():
    assert "Doe" not in repr(errand(hostile_tasks.speak, ("Doe^Jane",)))


def test_the_code_of_two_modules_differs():
    assert describe_code("mammo_pipeline.mammo.mask") != describe_code("mammo_pipeline.guard")
