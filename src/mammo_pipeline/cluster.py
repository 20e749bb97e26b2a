"""Tasks on a Dask cluster, led from here: handed out in groups, settled in order.

Why Dask's own client and not joblib's backend, and why its workers run no task by themselves:
docs/decisions/011. What a worker does is in `relay.py`.
"""

from __future__ import annotations

import contextlib
import logging
import pickle
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError
from dataclasses import replace
from itertools import islice
from time import monotonic
from typing import Any

from mammo_pipeline.guard import GuardedFailure, Limits, PoolLostError, count_cores
from mammo_pipeline.relay import EngineError, Errand, carry_out, describe_code, dismiss_helpers

# Tasks that travel together. One by one each costs the leader and the scheduler 5 ms of a core, in
# eights 0.8.
GROUP = 8
# Groups handed out ahead of the one that is waited for, a thread of the cluster.
GROUPS_AHEAD = 4
CONNECT_S = 30.0
# How long a cluster may be without any worker before the run gives up, and how often that is seen.
NO_WORKER_S = 120.0
PATROL_S = 5.0
# Workers that one group may take down with it, on a cluster that is started here.
DEATHS = 2


def run_on_dask(
    function: Callable[..., Any],
    tasks: Iterable[tuple[Any, ...]],
    scheduler: str,
    jobs: int,
    limits: Limits,
) -> Iterator[tuple[int, Any]]:
    """Yields (number of the task, its result or a `GuardedFailure`), in the order of the tasks.

    Args:
        function: At the top level of a module that every worker can import.
        tasks: Positional arguments of each call.
        scheduler: Address; empty starts a cluster on this machine.
        jobs: Workers of a cluster that is started here; -1 is one a core.
        limits: Of each task.

    Raises:
        EngineError: The cluster cannot be reached, has no worker, or runs other code.
        PoolLostError: No guarded process starts at all.
    """
    code, run = describe_code(function.__module__), uuid.uuid4().hex
    errands = (Errand(function, group, limits, first, code, run) for first, group in _group(tasks))
    with _connect(scheduler, jobs) as client:
        waiting: deque[tuple[Errand, Any]] = deque()
        try:
            yield from enumerate(_work_off(client, errands, waiting))
        finally:
            with contextlib.suppress(Exception):
                client.cancel([future for _, future in waiting])
                client.run(dismiss_helpers, run, on_error="ignore")


def _group(tasks: Iterable[tuple[Any, ...]]) -> Iterator[tuple[int, tuple[tuple[Any, ...], ...]]]:
    """Yields the number of the first task and the tasks of each group."""
    rest, first = iter(tasks), 0
    while group := tuple(islice(rest, GROUP)):
        yield first, group
        first += len(group)


def _work_off(
    client: Any, errands: Iterator[Errand], waiting: deque[tuple[Errand, Any]]
) -> Iterator[Any]:
    """Yields outcomes until the errands end; what is handed out and not settled is in `waiting`."""
    room = 0
    while True:
        # In gulps, for the scheduler is asked each time how large the cluster is by now.
        if len(waiting) <= room // 2:
            room = GROUPS_AHEAD * max(1, _count_threads(client))
            for errand in islice(errands, room - len(waiting)):
                waiting.append((errand, _hand_out(client, errand)))
        if not waiting:
            return
        outcomes = _settle(client, *waiting[0])
        waiting.popleft()
        yield from outcomes


def _hand_out(client: Any, errand: Errand) -> Any:
    # A tuple as key makes a run one group, which the scheduler deals out one by one: a worker that
    # ends takes along what it works at, and not what stands in line.
    key = (f"mammo-{errand.run}", errand.first, len(errand.tasks))
    return client.submit(carry_out, errand, key=key, pure=False)


def _settle(client: Any, errand: Errand, future: Any) -> list[Any]:
    """Returns the outcome of each task of an errand whose workers may have ended."""
    from distributed import KilledWorker

    try:
        return [pickle.loads(outcome) for outcome in _wait(client, future)]
    except KilledWorker:
        if len(errand.tasks) == 1:
            return [GuardedFailure("crashed", "every worker that tried it ended")]
    # One of them did it: each again by itself.
    alone = [
        replace(errand, tasks=(task,), first=errand.first + place)
        for place, task in enumerate(errand.tasks)
    ]
    handed_out = [(single, _hand_out(client, single)) for single in alone]
    return [outcome for pair in handed_out for outcome in _settle(client, *pair)]


def _wait(client: Any, future: Any) -> Any:
    """Returns the result, waited for as long as the cluster has a worker.

    Raises:
        KilledWorker: The workers that tried it ended, as often as the scheduler allows.
        EngineError: There is no cluster any more, or none that can do it.
        PoolLostError: A worker can start no guarded process.
    """
    from distributed import KilledWorker

    seen = monotonic()
    while True:
        try:
            return future.result(timeout=PATROL_S)
        except (EngineError, PoolLostError, KilledWorker):
            raise
        except TimeoutError:
            seen = monotonic() if _count_threads(client) else seen
        except CancelledError:
            raise EngineError(f"The Dask scheduler {_address(client)} has gone.") from None
        except Exception as error:
            # It cannot even be unpickled there. The text may hold arguments.
            raise EngineError(
                f"The workers of {_address(client)} cannot start the task "
                f"({type(error).__name__}). Install this project there, as docs/cluster.md says."
            ) from None
        if monotonic() - seen > NO_WORKER_S:
            raise EngineError(
                f"The Dask scheduler {_address(client)} has had no worker for {NO_WORKER_S:g} s. "
                "Start one on each machine, as docs/cluster.md says, and run again."
            )


def _count_threads(client: Any) -> int:
    """Returns how many tasks the cluster runs at once.

    Raises:
        EngineError: Its scheduler has gone.
    """
    try:
        return int(client.scheduler_info(n_workers=0)["total_threads"])
    except Exception as error:
        raise EngineError(
            f"The Dask scheduler {_address(client)} has gone ({type(error).__name__}). "
            "Start it and its workers again; a rerun goes on where this run ended."
        ) from None


def _address(client: Any) -> str:
    return str(client.scheduler.addr if client.scheduler else "of this run")


@contextlib.contextmanager
def _connect(scheduler: str, jobs: int) -> Iterator[Any]:
    """Yields a client of the cluster, and leaves it again.

    Raises:
        EngineError: Dask is not installed, or no scheduler answers.
    """
    try:
        from distributed import Client
    except ImportError as error:
        raise EngineError(
            'The engine dask needs the extra "cluster": .venv/bin/uv pip install --python '
            '.venv/bin/python -e ".[cluster]". Or set the engine to local.'
        ) from error
    for name in ("distributed", "distributed.client"):
        # A line a worker that comes or goes; what concerns the run is told by its errors.
        logging.getLogger(name).setLevel(logging.CRITICAL)
    with contextlib.ExitStack() as stack:
        place = scheduler or stack.enter_context(_start_cluster(jobs))
        try:
            client = Client(place, timeout=CONNECT_S, set_as_default=False)
        except (OSError, ValueError, RuntimeError) as error:
            raise EngineError(
                f"No Dask scheduler answers at {place} within {CONNECT_S:g} s "
                f"({error}). Start one with `dask scheduler` (docs/cluster.md), "
                "correct the address, or set the engine to local."
            ) from error
        yield stack.enter_context(client)


@contextlib.contextmanager
def _start_cluster(jobs: int) -> Iterator[Any]:
    """Yields a cluster of this machine's processes, without a dashboard.

    It speaks TLS with a key of its own: whoever reached its port could run code as this user.
    """
    import dask
    from distributed import LocalCluster

    settings: dict[str, Any] = {
        # A worker has no task in line but the one it works at.
        "distributed.scheduler.worker-saturation": 1.0,
        # One that ended comes back, however long that takes on a busy machine.
        "distributed.deploy.lost-worker-timeout": "1 day",
        "distributed.scheduler.http.routes": [],
        "distributed.worker.http.routes": [],
    }
    with (
        dask.config.set(settings),
        LocalCluster(
            n_workers=jobs if jobs > 0 else count_cores(),
            threads_per_worker=1,
            memory_limit=0,
            dashboard_address=None,
            security=True,
            silence_logs=logging.CRITICAL,
            scheduler_kwargs={"allowed_failures": DEATHS - 1, "dashboard_address": "127.0.0.1:0"},
        ) as cluster,
    ):
        yield cluster
