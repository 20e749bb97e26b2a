"""A hostile task costs itself and nothing else."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import hostile_tasks
from mammo_pipeline import guard
from mammo_pipeline.guard import GuardedFailure, Limits, run_guarded

LIMITS = Limits(seconds=1, memory_mb=2000)
LEADER = """
import sys
sys.path.insert(0, sys.argv[1])
import hostile_tasks
from mammo_pipeline.guard import Limits, run_guarded
if __name__ == "__main__":
    tasks = [(sys.argv[2], 60)] * 2
    list(run_guarded(hostile_tasks.note_and_sleep, tasks, Limits(90, 2000), 2))
"""


@pytest.mark.parametrize(
    ("deed", "kind", "detail"),
    [
        ("raise", "crashed", "ZeroDivisionError"),
        ("odd exception", "crashed", "Unpicklable"),
        ("odd result", "crashed", "AttributeError"),
        ("recursion", "crashed", "RecursionError"),
        ("segfault", "crashed", "SIGSEGV"),
        ("stack", "crashed", "SIGSEGV"),
        ("abort", "crashed", "SIGABRT"),
        ("exit", "crashed", "SystemExit"),
        ("hard exit", "crashed", "exit code 3"),
        ("quiet exit", "too_long", "more than 1 s"),
        ("killed", "too_large", "ended by the system"),
        ("memory", "too_large", "more than 2000 MB"),
        ("loop", "too_long", "more than 1 s"),
        ("loop in C", "too_long", "more than 1 s"),
    ],
)
def test_a_hostile_task_costs_itself_alone(deed, kind, detail):
    tasks = [("good", 1), (deed,), ("good", 2), ("good", 3)]
    outcomes = list(run_guarded(hostile_tasks.misbehave, tasks, LIMITS, jobs=2))
    assert outcomes == [(0, 1), (1, GuardedFailure(kind, detail)), (2, 2), (3, 3)]


def test_a_worker_inside_c_code_is_ended_without_delay():
    start = time.monotonic()
    list(run_guarded(hostile_tasks.misbehave, [("loop in C",)], LIMITS, jobs=1))
    assert time.monotonic() - start < 3.8


def test_the_kernel_ends_a_task_that_no_leader_watches():
    code = (
        "import hostile_tasks, sys\nfrom mammo_pipeline import guard\n"
        "guard.GRACE_S = 0.1\n"
        "guard._call(hostile_tasks.sleep_in_c, guard.Limits(0.1, 1000), (30,))"
    )
    alone = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parent, timeout=20)
    assert alone.returncode == -signal.SIGALRM


def test_many_failures_among_good_tasks_keep_their_places():
    def deed(number: int) -> str:
        return "segfault" if number % 9 == 3 else "loop" if number == 20 else "good"

    tasks = [(deed(number), number) for number in range(60)]
    outcomes = list(run_guarded(hostile_tasks.misbehave, tasks, LIMITS, jobs=2))
    assert [number for number, _ in outcomes] == list(range(60))
    for number, outcome in outcomes:
        kinds = {"segfault": "crashed", "loop": "too_long"}
        assert getattr(outcome, "kind", outcome) == kinds.get(deed(number), number)


def test_tasks_are_drawn_as_they_are_needed(monkeypatch):
    monkeypatch.setattr(guard, "AHEAD", 2)
    drawn = []

    def tasks() -> Iterator[tuple[int]]:
        for number in range(10_000):
            drawn.append(number)
            yield (number,)

    outcomes = run_guarded(hostile_tasks.double, tasks(), LIMITS, jobs=2)
    assert [next(outcomes) for _ in range(5)] == [(n, 2 * n) for n in range(5)]
    assert len(drawn) < 12
    outcomes.close()


def test_two_thousand_quick_tasks_cost_less_than_two_milliseconds_each():
    start = time.monotonic()
    outcomes = list(run_guarded(hostile_tasks.double, ((n,) for n in range(2000)), LIMITS, 2))
    assert outcomes == [(n, 2 * n) for n in range(2000)]
    assert time.monotonic() - start < 4


def test_no_tasks_give_no_results():
    assert list(run_guarded(hostile_tasks.double, [], LIMITS, 1)) == []


def test_a_refusal_with_arguments_of_its_own_does_not_end_the_run():
    tasks = [("undecodable",), ("undecodable",)]
    kinds = [o.detail for _, o in run_guarded(hostile_tasks.refuse, tasks, LIMITS, 1)]
    assert kinds == ["RefusedError", "RefusedError"]


def test_what_a_worker_says_is_heard_nowhere(capfd):
    list(run_guarded(hostile_tasks.speak, [("Doe^Jane",)], LIMITS, 1))
    told = capfd.readouterr()
    assert "Doe" not in told.out + told.err


def test_a_lost_pool_is_replaced_and_no_task_is_lost(monkeypatch):
    monkeypatch.setattr(guard, "AHEAD", 1)
    seen: set[int] = set()

    def tasks() -> Iterator[tuple[int]]:
        for number in range(30):
            if number == 15:
                for process in seen:
                    os.kill(process, signal.SIGKILL)
            yield (number,)

    outcomes = []
    for number, outcome in run_guarded(hostile_tasks.where, tasks(), LIMITS, jobs=1):
        seen.add(outcome[1])
        outcomes.append((number, outcome[0]))
    assert outcomes == [(number, number) for number in range(30)]
    assert len(seen) == 2


def test_a_task_that_loses_every_pool_is_given_up(monkeypatch):
    def lose(*_: object) -> None:
        raise guard.PoolLostError("lost")

    monkeypatch.setattr(guard, "_settle", lose)
    given_up = GuardedFailure("crashed", "the worker did not answer")
    assert list(run_guarded(hostile_tasks.double, [(1,)], LIMITS, 1)) == [(0, given_up)]


@pytest.mark.parametrize("name", ["SIGKILL", "SIGINT"])
def test_no_worker_outlives_its_leader(tmp_path, name):
    leader = subprocess.Popen(
        [sys.executable, "-c", LEADER, str(Path(__file__).parent), str(tmp_path)],
        stderr=subprocess.DEVNULL,
    )
    _until(lambda: len(list(tmp_path.iterdir())) == 2)
    workers = [int(note.name) for note in tmp_path.iterdir()]
    leader.send_signal(getattr(signal, name))
    leader.wait(timeout=10)
    _until(lambda: not any(_is_running(worker) for worker in workers))


def _until(holds, seconds: float = 20) -> None:
    start = time.monotonic()
    while not holds():
        assert time.monotonic() - start < seconds
        time.sleep(0.02)


def _is_running(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False
