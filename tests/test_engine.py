"""The same tasks come out the same on every engine, whatever becomes of its machines."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from distributed import Client
from pydantic import ValidationError

import hostile_tasks
from mammo_pipeline import cluster
from mammo_pipeline.engine import Engine, run_tasks
from mammo_pipeline.guard import GuardedFailure, Limits
from mammo_pipeline.relay import EngineError

LIMITS = Limits(seconds=1, memory_mb=2500)
HERE = Path(__file__).parent
LOCAL = Engine(kind="local", jobs=2)


@contextmanager
def running(log: Path, *command: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process of Dask's own command line, with what it says in a file."""
    places = {**os.environ, "PYTHONPATH": str(HERE)}
    with log.open("ab") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "distributed.cli." + command[0], *command[1:]],
            stdout=said, stderr=said, env=places, cwd=log.parent,
        )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@contextmanager
def started(folder: Path, workers: int) -> Iterator[tuple[str, list[Any]]]:
    """The address of a scheduler and its workers, started as docs/cluster.md says."""
    card = folder / "scheduler.json"
    with ExitStack() as stack:
        begin = ["dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard"]
        lead = running(folder / "log", *begin, "--scheduler-file", str(card))
        leader = stack.enter_context(lead)
        _until(lambda: card.exists() and card.read_text().endswith("}"))
        address = json.loads(card.read_text())["address"]
        follow = ["dask_worker", address, "--nthreads", "1", "--no-nanny", "--memory-limit", "0"]
        follow += ["--no-dashboard", "--host", "127.0.0.1", "--death-timeout", "30"]
        hands = [stack.enter_context(running(folder / "log", *follow)) for _ in range(workers)]
        if workers:
            with Client(address, set_as_default=False) as client:
                client.wait_for_workers(workers, timeout=60)
        yield address, [leader, *hands]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cluster")


@pytest.fixture(scope="module")
def there(folder: Path) -> Iterator[Engine]:
    """A running cluster of two workers that every test here leaves as it was."""
    with started(folder, 2) as (address, _):
        yield Engine(kind="dask", scheduler=address)


def test_results_failures_and_order_are_the_same_on_every_engine(there):
    deeds = {3: "raise", 11: "segfault", 17: "killed", 20: "loop in C", 21: "odd result"}
    tasks = [(deeds.get(number, "good"), number) for number in range(24)]
    alone = Engine(kind="local", jobs=1)
    first, second, third = (
        list(run_tasks(hostile_tasks.misbehave, tasks, engine, LIMITS))
        for engine in (alone, LOCAL, there)
    )
    assert first == second == third
    assert [number for number, _ in first] == list(range(24))
    failed = {n: o.kind for n, o in first if isinstance(o, GuardedFailure)}
    assert list(failed) == sorted(deeds)
    assert failed[3] == failed[11] == "crashed" and failed[20] == "too_long"


def test_a_killed_worker_costs_no_result(tmp_path):
    with started(tmp_path, 2) as (address, _):
        tasks = ((number, 0.02) for number in range(160))
        engine = Engine(kind="dask", scheduler=address)
        outcomes = run_tasks(hostile_tasks.rest, tasks, engine, LIMITS)
        got = [next(outcomes)[1] for _ in range(40)]
        workers = {worker for _, worker in got}
        os.kill(got[-1][1], signal.SIGKILL)
        got += [outcome for _, outcome in outcomes]
    assert len(workers) == 2
    assert [number for number, _ in got] == list(range(160))
    assert len({worker for _, worker in got[-20:]}) == 1


def test_a_task_that_ends_every_worker_costs_itself_alone():
    tasks = ((number, (4,)) for number in range(20))
    outcomes = run_tasks(hostile_tasks.take_along, tasks, Engine(kind="dask", jobs=2), LIMITS)
    lost = GuardedFailure("crashed", "every worker that tried it ended")
    assert list(outcomes) == [(n, lost if n == 4 else n) for n in range(20)]


@pytest.mark.parametrize("kind", ["local", "dask"])
def test_tasks_are_drawn_as_they_are_needed(kind, there):
    drawn = []

    def tasks() -> Iterator[tuple[int]]:
        for number in range(10_000):
            drawn.append(number)
            yield (number,)

    engine = LOCAL if kind == "local" else there
    outcomes = run_tasks(hostile_tasks.double, tasks(), engine, LIMITS)
    assert [next(outcomes) for _ in range(5)] == [(n, 2 * n) for n in range(5)]
    time.sleep(0.5)
    assert len(drawn) < 100
    outcomes.close()


def test_a_run_leaves_no_process_on_the_cluster(there):
    outcomes = run_tasks(hostile_tasks.where, ((n,) for n in range(40)), there, LIMITS)
    helpers = {pid for _, (_, pid) in outcomes}
    _until(lambda: not any(_is_running(pid) for pid in helpers))


def test_no_tasks_give_no_results(there):
    assert list(run_tasks(hostile_tasks.double, [], there, LIMITS)) == []


def test_nothing_of_a_task_is_said_anywhere(folder, there, capfd):
    tasks = [("Doe^Jane",), ("Doe^Jane",)]
    list(run_tasks(hostile_tasks.speak, tasks, there, LIMITS))
    list(run_tasks(hostile_tasks.misbehave, [("Doe^Jane",)], there, LIMITS))
    with pytest.raises(EngineError) as told:
        list(run_tasks(_unknown_there(), tasks, there, LIMITS))
    heard = capfd.readouterr()
    assert "Doe" not in heard.out + heard.err + str(told.value) + (folder / "log").read_text()
    assert "there.start" not in str(told.value) and "docs/cluster.md" in str(told.value)


def _unknown_there() -> Any:
    """A function of a module that the workers do not have."""
    module = type(sys)("only_here")
    exec("def work(text): return text", module.__dict__)
    module.work.__module__ = "only_here"
    sys.modules["only_here"] = module
    return module.work


def test_an_address_where_nobody_answers_is_named(monkeypatch):
    monkeypatch.setattr(cluster, "CONNECT_S", 0.3)
    engine = Engine(kind="dask", scheduler="tcp://127.0.0.1:9")
    with pytest.raises(EngineError, match=r"tcp://127.0.0.1:9 .*dask scheduler.*local"):
        list(run_tasks(hostile_tasks.double, [(1,)], engine, LIMITS))


def test_a_cluster_without_workers_and_a_lost_one_end_the_run_with_a_word(tmp_path, monkeypatch):
    monkeypatch.setattr(cluster, "NO_WORKER_S", 0.5)
    monkeypatch.setattr(cluster, "PATROL_S", 0.2)
    monkeypatch.setattr(cluster, "CONNECT_S", 5)
    with started(tmp_path, 0) as (address, (scheduler,)):
        engine = Engine(kind="dask", scheduler=address)
        with pytest.raises(EngineError, match=r"no worker for 0\.5 s"):
            list(run_tasks(hostile_tasks.double, [(1,)], engine, LIMITS))
        monkeypatch.setattr(cluster, "NO_WORKER_S", 60)

        def tasks() -> Iterator[tuple[int]]:
            yield (1,)
            scheduler.kill()

        with pytest.raises(EngineError, match="has gone"):
            list(run_tasks(hostile_tasks.double, tasks(), engine, LIMITS))


def test_a_missing_dask_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(EngineError, match=r"\[cluster\]"):
        list(run_tasks(hostile_tasks.double, [(1,)], Engine(kind="dask"), LIMITS))


@pytest.mark.parametrize(
    "wrong", [{"kind": "local", "jobs": 0}, {"kind": "local", "scheduler": "tcp://a:1"}]
)
def test_a_contradiction_is_refused(wrong):
    with pytest.raises(ValidationError, match="expected"):
        Engine(**wrong)


def _until(holds, seconds: float = 20) -> None:
    start = time.monotonic()
    while not holds():
        assert time.monotonic() - start < seconds
        time.sleep(0.05)


def _is_running(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False
