"""Work on files that nobody vouches for: in worker processes with limits on time and memory.

A decoder that loops, asks for all memory or breaks down costs the task that made it do so, and
nothing else. `pebble` keeps the processes and ends those that take too long; this module adds the
limits that only the operating system can hold, order, a bounded look-ahead, and a second try when
the pool itself is lost. Linux holds every limit; macOS holds time alone, Windows too.
"""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import pickle
import signal
import sys
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Any

# Tasks handed out ahead of the one that is waited for, a worker: deep enough that a single file
# that runs into its limit does not leave the other workers idle.
AHEAD = 32
# A worker leaves after so many tasks, and what the decoders' C code leaked goes with it.
TASKS_PER_WORKER = 500
# Beyond the limit on time the kernel ends the worker by itself, should the leader be gone or slow.
GRACE_S = 10.0
START_S = 60.0
# Pools that the same task may lose before it is given up.
TRIES = 2
# Each worker decodes one image on one core; libraries that start a thread a core would only wait.
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
_ONE_THREAD |= {"NUMBA_NUM_THREADS": "1", "NUMEXPR_NUM_THREADS": "1", "BLOSC_NTHREADS": "1"}


@dataclass(frozen=True)
class Limits:
    """What one task may take.

    Attributes:
        seconds: Wall time.
        memory_mb: Address space of the worker, its interpreter and libraries included.
    """

    seconds: float
    memory_mb: int


@dataclass(frozen=True)
class GuardedFailure:
    """What became of a task that has no result.

    Attributes:
        kind: `too_long`, `too_large` or `crashed`.
        detail: A number, a signal or the name of an exception; never a text of the file.
    """

    kind: str
    detail: str


class PoolLostError(RuntimeError):
    """The processes are gone for a reason that no task can be blamed for."""


def count_cores() -> int:
    """Returns how many cores this process may use; a container may have fewer than the machine."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return multiprocessing.cpu_count()


def run_guarded(
    function: Callable[..., Any],
    tasks: Iterable[tuple[Any, ...]],
    limits: Limits,
    jobs: int = -1,
    ahead: int | None = None,
) -> Iterator[tuple[int, Any]]:
    """Yields (number of the task, its result or a `GuardedFailure`), in the order of the tasks.

    An exception that the function raises is a `crashed` of that task, whatever it is: what the
    function wants to tell it returns. Tasks are drawn as they are needed, so a generator of any
    length stays flat in memory.

    Args:
        function: At the top level of a module that a worker can import. Results are pickled.
        tasks: Positional arguments of each call. Paths in them should be absolute, for a worker
            does not follow the leader's changes of folder.
        limits: Of each task.
        jobs: Workers; -1 is one a core.
        ahead: Tasks drawn a worker before the first result is waited for.

    Raises:
        PoolLostError: No worker starts at all, as under a limit below what Python itself takes.
    """
    numbered = enumerate(tasks)
    waiting: deque[tuple[int, tuple[Any, ...]]] = deque()
    workers = jobs if jobs > 0 else count_cores()
    room = workers * (AHEAD if ahead is None else ahead)
    lost: dict[int, int] = {}
    while True:
        with _pool(function, limits, workers) as pool:
            try:
                yield from _work_off(pool, (function, limits, room), numbered, waiting)
                return
            except PoolLostError:
                number = waiting[0][0]
                lost[number] = lost.get(number, 0) + 1
        if lost[number] >= TRIES:
            waiting.popleft()
            yield number, GuardedFailure("crashed", "the worker did not answer")


def _work_off(
    pool: Any,
    call: tuple[Callable[..., Any], Limits, int],
    numbered: Iterator[tuple[int, tuple[Any, ...]]],
    waiting: deque[tuple[int, tuple[Any, ...]]],
) -> Iterator[tuple[int, Any]]:
    """Yields outcomes until the tasks end; what a lost pool leaves undone stays in `waiting`."""
    function, limits, room = call
    futures = deque(_hand_out(pool, function, limits, task) for _, task in waiting)
    while True:
        while len(waiting) < room and (following := next(numbered, None)) is not None:
            waiting.append(following)
            futures.append(_hand_out(pool, function, limits, following[1]))
        if not waiting:
            return
        outcome = _settle(futures.popleft(), limits)
        number, _ = waiting.popleft()
        yield number, outcome


def _hand_out(pool: Any, function: Callable[..., Any], limits: Limits, task: Any) -> Any:
    try:
        return pool.schedule(_call, (function, limits, task), timeout=limits.seconds)
    except RuntimeError as error:
        raise PoolLostError(str(error)) from error


def _settle(future: Any, limits: Limits) -> Any:
    from pebble import ProcessExpired

    # The first of the queue waits for a worker at most one limit long, and then runs one more.
    patience_s = 2 * (limits.seconds + GRACE_S)
    try:
        kind, value = future.result(timeout=patience_s)
    except TimeoutError as error:
        if not future.done():
            raise PoolLostError(f"no answer in {patience_s:g} s") from error
        return GuardedFailure("too_long", f"more than {limits.seconds:g} s")
    except ProcessExpired as error:
        return _failure_of_exit(error.exitcode, limits)
    except (BrokenProcessPool, CancelledError) as error:
        raise PoolLostError(type(error).__name__) from error
    return pickle.loads(value) if kind == "done" else GuardedFailure(kind, value)


def _failure_of_exit(code: int, limits: Limits) -> GuardedFailure:
    if code >= 0:
        return GuardedFailure("crashed", f"exit code {code}")
    name = signal.Signals(-code).name
    if name == "SIGALRM":
        return GuardedFailure("too_long", f"more than {limits.seconds:g} s")
    # Nobody but the system, out of memory, sends this one.
    if name == "SIGKILL":
        return GuardedFailure("too_large", "ended by the system")
    return GuardedFailure("crashed", name)


@contextlib.contextmanager
def _pool(function: Callable[..., Any], limits: Limits, workers: int) -> Iterator[Any]:
    from pebble import ProcessPool

    pool = ProcessPool(
        max_workers=workers,
        max_tasks=TASKS_PER_WORKER,
        initializer=_prepare_worker,
        initargs=(limits.memory_mb,),
        context=_start_context(function),
    )
    try:
        _wait_for_start(pool, limits)
        yield pool
    finally:
        # Also after Ctrl-C, and when the caller stops asking for results.
        pool.stop()
        pool.join()


def _wait_for_start(pool: Any, limits: Limits) -> None:
    """Returns once a worker has answered."""
    try:
        pool.schedule(_answer).result(timeout=START_S)
    except Exception as error:
        raise PoolLostError(
            f"no worker process starts within {START_S:g} s and {limits.memory_mb} MB "
            f"({type(error).__name__}); Python and its libraries alone take about 600 MB."
        ) from error


def _answer() -> bool:
    return True


def _start_context(function: Callable[..., Any]) -> Any:
    """Returns how processes are started: from a small server that holds the imports ready.

    No worker is forked from the leader, whose threads and open files it must not inherit, and none
    pays for imports again when it replaces one that was ended.
    """
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    from multiprocessing import forkserver

    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["__main__", __name__, function.__module__])
    before = {name: os.environ.get(name) for name in _ONE_THREAD}
    os.environ.update(_ONE_THREAD)
    try:
        forkserver.ensure_running()
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
    return context


def _call(function: Callable[..., Any], limits: Limits, task: tuple[Any, ...]) -> tuple[str, Any]:
    """Returns ("done", pickled result) or (kind, detail); runs in the worker.

    Exceptions stay here: one that cannot be rebuilt in the leader would end the pool.
    """
    _set_alarm(limits.seconds + GRACE_S)
    try:
        return "done", pickle.dumps(function(*task))
    except MemoryError:
        return "too_large", f"more than {limits.memory_mb} MB"
    except BaseException as error:
        return "crashed", type(error).__name__
    finally:
        _set_alarm(0)


def _set_alarm(seconds: float) -> None:
    if sys.platform != "win32":
        signal.setitimer(signal.ITIMER_REAL, seconds)


def _prepare_worker(memory_mb: int) -> None:
    """Sets the limits of this process, once, before its first task."""
    # Ended at once, also inside a decoder's C code that never returns to Python.
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    logging.disable()
    warnings.simplefilter("ignore")
    if sys.platform != "win32":
        import resource

        memory = memory_mb * 2**20
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        _end_with_leader()
    # What decoders print may hold names: it reaches neither the console nor a log.
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)


def _end_with_leader() -> None:
    """Has the kernel end this process when the leader is gone, even inside C code.

    The leader holds the other end of a pipe; when it closes, SIGIO is sent, which ends a process.
    A signal at the parent's death would not do: the parent is the server, not the leader.
    """
    if sys.platform == "win32":
        return
    import fcntl

    leader = multiprocessing.parent_process()
    if leader is None:
        return
    pipe = int(leader.sentinel)
    fcntl.fcntl(pipe, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(pipe, fcntl.F_SETFL, fcntl.fcntl(pipe, fcntl.F_GETFL) | os.O_ASYNC)
    if not leader.is_alive():
        os._exit(1)
