"""One MLflow run per tracked `kedro run`, kept by Kedro's hooks."""

from __future__ import annotations

import atexit
import getpass
import hashlib
import logging
import os
from numbers import Real
from pathlib import Path
from typing import Any

from kedro.framework.hooks import hook_impl

from mammo_pipeline import __version__
from mammo_pipeline.provenance import read_commit
from mammo_pipeline.tracking.names import flatten
from mammo_pipeline.tracking.runs import ActiveRun, RunWriter, publish_run
from mammo_pipeline.tracking.server import (
    TrackingConfig,
    find_experiment,
    open_store,
    read_config,
)
from mammo_pipeline.tracking.workers import is_chief

logger = logging.getLogger(__name__)


class TrackingHooks:
    """Opens the run before the first node, logs what the catalog marks, closes it at the end.

    A catalog entry says what MLflow gets: `metadata: {mlflow: metrics}` for a JSON of figures,
    `metadata: {mlflow: artifact}` for a file, or for all that a dataset lists as its `artifacts`.
    Parameters are logged for the rooms that run, never globals or paths. Of an error only the type
    and the node are kept. Of several machines that train together the chief alone keeps a run.
    """

    def __init__(self) -> None:
        self._context: Any = None
        self._config: TrackingConfig | None = None
        self._catalog: Any = None
        self._writer: RunWriter | None = None

    @hook_impl
    def after_context_created(self, context: Any) -> None:
        """Reads mlflow.yml; MLflow itself stays out until a tracked pipeline starts."""
        self._context = context
        self._config = read_config(context.config_loader)

    @hook_impl
    def before_pipeline_run(self, run_params: dict[str, Any], pipeline: Any, catalog: Any) -> None:
        """Opens the run with its parameters and tags, or stops here when MLflow is away."""
        names = run_params.get("pipeline_names") or ["__default__"]
        if self._config is None or not set(names) & set(self._config.pipelines):
            return
        if not is_chief(os.environ.get("TF_CONFIG")):
            logger.info("this worker opens no MLflow run: TF_CONFIG names another as the chief")
            return
        root = Path(self._context.project_path)
        uri, client = open_store(root, self._config)
        experiment_id = find_experiment(
            client, self._config.experiment, uri, root / self._config.artifacts
        )
        tags = {**describe_source(root), **describe_command(run_params, names)}
        run = client.create_run(experiment_id, tags=tags, run_name=name_run(names))
        self._catalog = catalog
        self._writer = RunWriter(client, run.info.run_id)
        # Kedro calls no hook after Ctrl-C; without this the page would show a run for ever.
        atexit.register(self._close, "KILLED")
        self._writer.describe(select_parameters(self._context.params, pipeline.inputs()))
        publish_run(ActiveRun(uri, experiment_id, run.info.run_id, self._config.registered_model))

    @hook_impl
    def after_dataset_saved(self, dataset_name: str, data: Any) -> None:
        """Logs what the catalog entry is marked for."""
        if self._writer is None:
            return
        dataset = self._catalog.get(dataset_name)
        kind = (getattr(dataset, "metadata", None) or {}).get("mlflow")
        if kind == "metrics":
            self._writer.log(select_figures(data))
        elif kind == "artifact":
            for path in map(Path, getattr(dataset, "artifacts", None) or [dataset._filepath]):
                # A folder keeps its name, so that its files stay apart from those beside it.
                below = f"{dataset_name}/{path.name}" if path.is_dir() else dataset_name
                self._writer.attach(str(path), below)
        elif kind is not None:
            raise ValueError(
                f"catalog entry {dataset_name} says metadata.mlflow: {kind!r}; "
                "expected metrics or artifact"
            )

    @hook_impl
    def on_node_error(self, error: Exception, node: Any) -> None:
        """Keeps the node and the type of the error; its text may name a patient's file."""
        if self._writer is not None:
            self._writer.tag("error.node", node.name)
            self._writer.tag("error.type", type(error).__name__)

    @hook_impl
    def after_pipeline_run(self) -> None:
        """Closes the run as FINISHED."""
        self._close("FINISHED")

    @hook_impl
    def on_pipeline_error(self) -> None:
        """Closes the run as FAILED."""
        self._close("FAILED")

    def _close(self, status: str) -> None:
        if self._writer is not None:
            self._writer.close(status)
            self._writer = None
            publish_run(None)


def name_run(pipelines: list[str]) -> str:
    """Returns the name that the page shows for a run of these pipelines; several are the study.

    >>> name_run(["train"]), name_run(["ingest", "train"]), name_run(["__default__"])
    ('train', 'study', 'study')
    """
    return "study" if len(pipelines) > 1 else pipelines[0].replace("__default__", "study")


def select_parameters(parameters: dict[str, Any], inputs: set[str]) -> dict[str, Any]:
    """Returns the parameters of the rooms that `inputs` names, flattened.

    Of a table of alternatives only the chosen one is kept: see `drop_unchosen`.

    >>> select_parameters({"train": {"epochs": 5}, "sweep": {"n": 2}}, {"params:train", "images"})
    {'train.epochs': 5}
    """
    marks = [name.removeprefix("params:") for name in inputs if name.startswith("params:")]
    rooms = sorted({mark.split(".")[0] for mark in marks})
    return flatten({room: drop_unchosen(parameters[room]) for room in rooms if room in parameters})


def drop_unchosen(room: Any) -> Any:
    """Returns a room's parameters without the alternatives that are declared and not chosen.

    The choice stands in the singular beside the table in the plural, as `ladder` beside `ladders`
    and `sampling` beside `samplings`.

    >>> drop_unchosen({"rate": "a", "rates": {"a": {"low": 1}, "b": {"low": 2}}})
    {'rate': 'a', 'rates': {'a': {'low': 1}}}
    """
    values = room.model_dump() if hasattr(room, "model_dump") else room
    if not isinstance(values, dict):
        return values
    tables = {f"{name}s": choice for name, choice in values.items() if isinstance(choice, str)}
    chosen = {
        name: {tables[name]: table[tables[name]]}
        for name, table in values.items()
        if isinstance(table, dict) and tables.get(name) in table
    }
    return values | chosen


def select_figures(record: dict[str, Any]) -> dict[str, float]:
    """Returns the numbers of a nested record under dotted names; texts, lists and gaps stay out.

    >>> select_figures({"auc": {"value": 0.9, "low": None}, "passed": True, "curve": [1, 2]})
    {'auc.value': 0.9, 'passed': 1.0}
    """
    leaves = flatten(record).items()
    return {name: float(value) for name, value in leaves if isinstance(value, Real)}


def describe_source(root: Path) -> dict[str, str]:
    """Returns the tags that say which code and which data this run saw.

    `git.sha` ends in `+changes` when tracked files differ from the commit. `dvc.lock.sha256` is
    the version of the data; it is absent before the first `dvc repro`.
    """
    tags = {"git.sha": read_commit(root), "mammo_pipeline.version": __version__}
    lock = root / "dvc.lock"
    if lock.exists():
        tags["dvc.lock.sha256"] = hashlib.sha256(lock.read_bytes()).hexdigest()
    return tags


def describe_command(run_params: dict[str, Any], names: list[str]) -> dict[str, str]:
    """Returns the tags that say which command was given, by whom."""
    return {
        "kedro.run_id": str(run_params.get("run_id", "")),
        "kedro.env": str(run_params.get("env") or ""),
        "kedro.pipelines": ",".join(sorted(names)),  # Kedro hands them over without order
        "mlflow.user": getpass.getuser(),
        "mlflow.source.name": "kedro run",
        "mlflow.source.type": "LOCAL",
    }
