"""One door to an engine: the same tasks on the cores of this machine, or on a Dask cluster.

Both engines mean the same: results come in the order of the tasks, a bounded number of tasks is
drawn ahead, what breaks a task costs that task alone, and the limits on time and memory hold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from mammo_pipeline.cluster import run_on_dask
from mammo_pipeline.guard import Limits, run_guarded
from mammo_pipeline.parameters import Parameters


class Engine(Parameters):
    """Where tasks are run.

    Attributes:
        kind: `local`, processes of this machine; `dask`, a cluster.
        jobs: Processes, of this machine or of the cluster that is started on it; -1 is one a core.
        scheduler: Address of a running Dask scheduler, such as `tcp://host:8786`, whose workers
            are as many as were started there; empty starts a cluster on this machine.
    """

    kind: Literal["local", "dask"]
    jobs: int = Field(default=-1, ge=-1)
    scheduler: str = ""

    @model_validator(mode="after")
    def _refuse_contradiction(self) -> Self:
        if self.jobs == 0:
            raise ValueError("jobs is 0; expected a number of processes, or -1 for one a core")
        if self.scheduler and self.kind == "local":
            raise ValueError(f"scheduler is {self.scheduler} while kind is local; expected dask")
        return self


def run_tasks(
    function: Callable[..., Any],
    tasks: Iterable[tuple[Any, ...]],
    engine: Engine,
    limits: Limits,
) -> Iterator[tuple[int, Any]]:
    """Yields (number of the task, its result or a `GuardedFailure`), in the order of the tasks.

    Tasks are drawn as they are needed, so a generator of any length stays flat in memory.

    Args:
        function: At the top level of a module that every worker can import.
        tasks: Positional arguments of each call. Paths in them must be absolute, and lead to the
            same files on every machine.
        engine: Where to run.
        limits: Of each task.

    Raises:
        EngineError: The cluster cannot be reached, has no worker, or runs other code.
        PoolLostError: No guarded process starts at all.
    """
    if engine.kind == "local":
        return run_guarded(function, tasks, limits, engine.jobs)
    return run_on_dask(function, tasks, engine.scheduler, engine.jobs, limits)
