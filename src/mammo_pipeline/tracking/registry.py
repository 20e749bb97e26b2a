"""Models in MLflow's registry: logged, registered, and marked as candidate."""

from __future__ import annotations

import os
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mammo_pipeline.tracking.runs import ActiveRun, active_run
from mammo_pipeline.tracking.server import TrackingError, quieten_logs

if TYPE_CHECKING:
    from mlflow import MlflowClient

CANDIDATE = "candidate"
GATES_TAG = "gates"
REFUSED_TAG = "gates.refused_because"
_LONGEST_TAG = 5000


def require_run() -> ActiveRun:
    """Returns the open run.

    Raises:
        TrackingError: Tracking is off, so there is no registry to write to.
    """
    run = active_run()
    if run is None:
        raise TrackingError(
            "a release needs MLflow's registry, but this run is not tracked. Add the room to "
            "`pipelines` in conf/base/mlflow.yml, and see that your environment does not empty it."
        )
    return run


def log_ensemble(
    model_file: Path,
    artifacts: dict[str, Path],
    model_config: dict[str, Any],
    shape_px: tuple[int, int],
) -> str:
    """Returns the URI of the ensemble, logged under the open run as models-from-code.

    The signature takes uint16 canvases (-1, rows, columns, 1) and gives float64 (-1,), so a
    float array (where a NaN could hide) and another size are refused before the model sees them.
    Two parameters of a call are texts: `output`, what is asked for, and `device`, which took the
    images. Requirements are pinned to what is installed: letting MLflow infer them takes 30 s.

    Args:
        model_file: Python file that MLflow stores and runs at load.
        artifacts: Name to file, copied into the model.
        model_config: What the model file reads at load: weights, combination, calibration, digests.
        shape_px: Rows and columns of a canvas.
    """
    import mlflow
    import numpy as np
    from mlflow.models import ModelSignature
    from mlflow.types.schema import ParamSchema, ParamSpec, Schema, TensorSpec

    run = require_run()
    quieten_logs()
    connect(run.tracking_uri)
    canvas = TensorSpec(np.dtype("uint16"), (-1, *shape_px, 1))
    answer = TensorSpec(np.dtype("float64"), (-1,))
    texts = {"output": "probability", "device": ""}
    params = ParamSchema([ParamSpec(name, "string", text) for name, text in texts.items()])
    with mlflow.start_run(run_id=run.run_id):
        info = mlflow.pyfunc.log_model(
            name="ensemble",
            python_model=str(model_file),
            artifacts={name: str(path) for name, path in artifacts.items()},
            model_config=model_config,
            signature=ModelSignature(Schema([canvas]), Schema([answer]), params),
            pip_requirements=pin_requirements(),
        )
    # Leaving the block ended the run, which the hooks will do when the last node is done.
    connect(run.tracking_uri).update_run(run.run_id, status="RUNNING")
    return str(info.model_uri)


def pin_requirements() -> list[str]:
    """Returns the packages that the released model needs, at the versions installed here."""
    names = ["mlflow", "numpy", "keras", _tensorflow_name()]
    return [f"{name}=={version(name)}" for name in names]


def _tensorflow_name() -> str:
    for name in ("tensorflow-cpu", "tensorflow"):
        try:
            version(name)
        except PackageNotFoundError:
            continue
        return name
    raise TrackingError("neither tensorflow-cpu nor tensorflow is installed: nothing to pin")


def register_version(model_uri: str, tags: dict[str, str], description: str) -> str:
    """Returns the number of the new version of the registered model."""
    import mlflow

    run = require_run()
    client = connect(run.tracking_uri)
    made = mlflow.register_model(model_uri, run.registered_model, tags=tags)
    client.update_model_version(run.registered_model, made.version, description)
    return str(made.version)


def read_source() -> dict[str, str]:
    """Returns the open run's tags that say which code, data and environment it came from."""
    run = require_run()
    tags = connect(run.tracking_uri).get_run(run.run_id).data.tags
    kept = ("git.sha", "dvc.lock.sha256", "kedro.env", "mammo_pipeline.version")
    return {name: tags[name] for name in kept if tags.get(name)}


def verdict_tags(passed: bool, because: list[str]) -> dict[str, str]:
    """Returns the tags that carry the gate's verdict and its reasons."""
    if passed:
        return {GATES_TAG: "passed"}
    return {GATES_TAG: "refused", REFUSED_TAG: "; ".join(because)[:_LONGEST_TAG]}


def load_logged(model_uri: str) -> Any:
    """Returns the model behind `model_uri`, loaded as it would be served."""
    import mlflow

    connect(require_run().tracking_uri)
    return mlflow.pyfunc.load_model(model_uri)


def set_candidate(version_number: str) -> None:
    """Points the alias `candidate` at a version."""
    run = require_run()
    client = connect(run.tracking_uri)
    client.set_registered_model_alias(run.registered_model, CANDIDATE, version_number)


def connect(tracking_uri: str) -> MlflowClient:
    """Returns a client, and points MLflow's own functions at the same place."""
    import mlflow

    quieten_logs()
    os.environ["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] = "false"
    os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] = "false"
    mlflow.set_tracking_uri(tracking_uri)
    mlflow.set_registry_uri(tracking_uri)
    return mlflow.MlflowClient(tracking_uri=tracking_uri, registry_uri=tracking_uri)
