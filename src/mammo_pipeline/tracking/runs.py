"""Writing to the run that is open, and opening runs nested under it.

The open run is known by an environment variable, not by MLflow's own stack: Kedro runs nodes in
another thread than hooks, and worker processes of a node inherit the environment.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, Any

from mammo_pipeline.tracking.names import LONGEST_VALUE, as_text, clean_name, flatten

if TYPE_CHECKING:
    from mlflow import MlflowClient

_VARIABLE = "MAMMO_PIPELINE_RUN"
_METRICS_A_BATCH = 1000  # limits of MLflow's log-batch call
_PARAMETERS_A_BATCH = 100
# A stopped trial is not a failed one.
_STATUS = {"TrialPruned": "KILLED", "KeyboardInterrupt": "KILLED"}

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ActiveRun:
    """The MLflow run of this `kedro run`."""

    tracking_uri: str
    experiment_id: str
    run_id: str
    registered_model: str


class RunWriter:
    """Writes to one MLflow run.

    What cannot be sent is kept and sent with the next write, so that a server that goes away for a
    while costs neither the work nor the record. What is still waiting at the end is counted in an
    error.
    """

    def __init__(self, client: MlflowClient, run_id: str) -> None:
        self._client = client
        self.run_id = run_id
        self._waiting: list[Callable[[], Any]] = []
        self._lock = Lock()

    def log(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Logs all `metrics` of one `step` (an epoch, a trial) in one call."""
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        points = [Metric(clean_name(k), float(v), now, step or 0) for k, v in metrics.items()]
        for batch in _split(points, _METRICS_A_BATCH):
            self._send(partial(self._client.log_batch, self.run_id, metrics=batch))

    def describe(self, parameters: Mapping[str, Any]) -> None:
        """Logs `parameters`, each as one typed string."""
        from mlflow.entities import Param

        entries = [Param(clean_name(k), as_text(v)) for k, v in parameters.items()]
        for batch in _split(entries, _PARAMETERS_A_BATCH):
            self._send(partial(self._client.log_batch, self.run_id, params=batch))

    def tag(self, name: str, value: str) -> None:
        """Sets one tag."""
        text = str(value)[:LONGEST_VALUE]
        self._send(lambda: self._client.set_tag(self.run_id, clean_name(name), text))

    def attach(self, path: str, folder: str | None = None) -> None:
        """Uploads the file at `path`, or each file of that folder."""
        upload = self._client.log_artifacts if os.path.isdir(path) else self._client.log_artifact  # noqa: PTH112
        self._send(lambda: upload(self.run_id, path, folder))

    def close(self, status: str) -> None:
        """Ends the run as FINISHED, FAILED or KILLED."""
        self._send(lambda: self._client.set_terminated(self.run_id, status))
        if self._waiting:
            logger.error(
                "MLflow is away: %d writes of run %s never reached it. The figures themselves are "
                "in the files that this run saved.",
                len(self._waiting),
                self.run_id,
            )

    def _send(self, call: Callable[[], Any]) -> None:
        from mlflow.exceptions import MlflowException

        with self._lock:
            self._waiting.append(call)
            while self._waiting:
                try:
                    self._waiting[0]()
                except Exception as error:
                    if _is_our_mistake(error, MlflowException):
                        self._waiting.pop(0)
                        raise
                    logger.warning("MLflow did not answer, will try again: %s", error)
                    return
                self._waiting.pop(0)


class Untracked:
    """Stands in for a RunWriter when tracking is off: every call does nothing."""

    run_id = ""

    def log(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Does nothing."""

    def tag(self, name: str, value: str) -> None:
        """Does nothing."""


def active_run() -> ActiveRun | None:
    """Returns the run of this `kedro run`, or None when the pipeline is not tracked."""
    text = os.environ.get(_VARIABLE)
    return ActiveRun(**json.loads(text)) if text else None


def publish_run(run: ActiveRun | None) -> None:
    """Makes `run` the one that nodes and their worker processes see; None ends it."""
    if run is None:
        os.environ.pop(_VARIABLE, None)
    else:
        os.environ[_VARIABLE] = json.dumps(asdict(run))


@contextmanager
def child_run(
    name: str, parameters: Mapping[str, Any] | None = None, tags: Mapping[str, str] | None = None
) -> Iterator[RunWriter | Untracked]:
    """Yields a writer with `.log(metrics, step)` and `.tag(name, value)`, nested under the run.

    Works in the node's process and in worker processes that it starts. When tracking is off the
    writer does nothing, so a node needs no second path. The nested run ends FINISHED, KILLED when
    the trial was pruned or interrupted, FAILED otherwise; of an exception only the type is kept,
    since its text may name a patient's file.

    Args:
        name: What the page shows, such as `stage finetune_ema` or `trial 7`.
        parameters: Numbers and words that were chosen for it; nested ones are flattened.
        tags: Short facts to search by.
    """
    parent = active_run()
    if parent is None:
        yield Untracked()
        return
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=parent.tracking_uri)
    nested = {**(tags or {}), "mlflow.parentRunId": parent.run_id}
    run = client.create_run(parent.experiment_id, tags=nested, run_name=name)
    writer = RunWriter(client, run.info.run_id)
    writer.describe(flatten(dict(parameters or {})))
    try:
        yield writer
    except BaseException as error:
        writer.tag("error.type", type(error).__name__)
        writer.close(_STATUS.get(type(error).__name__, "FAILED"))
        raise
    writer.close("FINISHED")


def _is_our_mistake(error: Exception, mlflow_exception: type[Exception]) -> bool:
    refused = isinstance(error, mlflow_exception)
    return refused and getattr(error, "error_code", "") == "INVALID_PARAMETER_VALUE"


def _split(items: list[Any], size: int) -> list[list[Any]]:
    return [items[start : start + size] for start in range(0, len(items), size)]
