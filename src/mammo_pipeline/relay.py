"""What a Dask worker does with a task: it hands it to a guarded process of its own, and waits.

So a task that breaks its process breaks no worker, and the limits on time and memory hold on a
cluster as they do on one machine. Each thread of a worker keeps one such process.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import pickle
import platform
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from typing import Any

from mammo_pipeline.guard import Limits, run_guarded
from mammo_pipeline.imports import digest_code

# Another version of one of these may give other bytes for the same file.
DECIDING = ["blosc2", "numba", "numpy", "pillow", "pydicom", "pyjpegls", "pylibjpeg-openjpeg"]
DECIDING += ["pylibjpeg-rle", "python-gdcm", "scipy"]


class EngineError(RuntimeError):
    """The engine itself is not there, or not fit: no task can be blamed."""


@dataclass(frozen=True, repr=False)
class Errand:
    """Some calls as they travel; without a representation, for Dask logs what it was given.

    Attributes:
        function: At the top level of a module.
        tasks: The positional arguments of each call.
        limits: Of each call.
        first: Number of the first call.
        code: What `describe_code` says where the run is led.
        run: A name for the run, unlike any other's.
    """

    function: Callable[..., Any]
    tasks: tuple[tuple[Any, ...], ...]
    limits: Limits
    first: int
    code: str
    run: str


@dataclass(frozen=True, repr=False)
class Helper:
    """The guarded process of one thread.

    Attributes:
        run: For which it was started.
        box: Where its next task is put.
        outcomes: The generator that its outcome comes out of.
    """

    run: str
    box: deque[tuple[Any, ...]]
    outcomes: Any


_helpers: dict[int, Helper] = {}


def carry_out(errand: Errand) -> list[bytes]:
    """Returns the result or `GuardedFailure` of each call, pickled, for Dask to carry as it is.

    Raises:
        EngineError: This machine has other code than the leader.
        PoolLostError: No guarded process starts at all.
    """
    code = describe_code(errand.function.__module__)
    if code != errand.code:
        raise EngineError(
            f"{platform.node()} runs {code}, the leader {errand.code}. Install the same version "
            "from the same lock on both, and start the workers there again."
        )
    helper = _find_helper(errand)
    try:
        return [pickle.dumps(_ask(helper, task)) for task in errand.tasks]
    except BaseException:
        del _helpers[threading.get_ident()]
        raise


def _ask(helper: Helper, task: tuple[Any, ...]) -> Any:
    helper.box.append(task)
    return next(helper.outcomes)[1]


def _find_helper(errand: Errand) -> Helper:
    """Returns this thread's helper for the run; another run's is sent away first."""
    thread = threading.get_ident()
    if thread in _helpers and _helpers[thread].run != errand.run:
        _helpers.pop(thread).outcomes.close()
    if thread not in _helpers:
        # Dask's nanny starts workers as daemons, which may not have processes of their own. This
        # one's end with it: the guard sees to that.
        multiprocessing.current_process().daemon = False
        box: deque[tuple[Any, ...]] = deque()
        tasks = iter(box.popleft, None)
        outcomes = run_guarded(errand.function, tasks, errand.limits, jobs=1, ahead=1)
        _helpers[thread] = Helper(errand.run, box, outcomes)
    return _helpers[thread]


def dismiss_helpers(run: str) -> None:
    """Ends the idle processes that a run leaves on this worker."""
    for thread, helper in list(_helpers.items()):
        if helper.run == run:
            # One that still works stays until its thread is given a task of another run.
            with contextlib.suppress(ValueError):
                helper.outcomes.close()
                _helpers.pop(thread, None)


@cache
def describe_code(module: str) -> str:
    """Returns what decides the result of a module's functions, in a word.

    Args:
        module: Dotted name.
    """
    versions = ", ".join(f"{name} {version(name)}" for name in DECIDING)
    return f"code {digest_code(module)} on Python {platform.python_version()}, {versions}"
