"""Addresses and the command that open MLflow's page on a run or a model version."""

from __future__ import annotations

from pathlib import Path

from mammo_pipeline.tracking.names import hide_password
from mammo_pipeline.tracking.runs import ActiveRun

# Measured: a local database keeps each run's folder, so the server shows artifacts without
# being told where they are. Telemetry and job workers are of no use to a page.
_SERVER = (
    "MLFLOW_DISABLE_TELEMETRY=true MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false "
    ".venv/bin/mlflow server --workers 1 --backend-store-uri"
)
# MLflow's page starts in its GenAI mode unless the link says otherwise.
_MODE = "?workflowType=machine_learning"


def run_link(run: ActiveRun) -> str:
    """Returns the address of the run's page.

    A local database has no server of its own: the link is the one that `server_command` opens.
    """
    return f"{_page(run)}/#/experiments/{run.experiment_id}/runs/{run.run_id}{_MODE}"


def model_link(run: ActiveRun, version: str) -> str:
    """Returns the address of the page of a registered model version."""
    return f"{_page(run)}/#/models/{run.registered_model}/versions/{version}{_MODE}"


def server_command(tracking_uri: str) -> str | None:
    """Returns the command that shows a local database, or None where a server already does.

    It is typed in the project's folder. The path of the database is relative where it lies below
    the working directory.

    >>> server_command("https://tracking.example") is None
    True
    """
    if tracking_uri.startswith("http"):
        return None
    here = f"sqlite:///{Path.cwd().as_posix()}/"
    uri = hide_password(tracking_uri.replace(here, "sqlite:///", 1))
    return f"{_SERVER} {uri}"


def _page(run: ActiveRun) -> str:
    served = run.tracking_uri.startswith("http")
    return hide_password(run.tracking_uri.rstrip("/")) if served else "http://127.0.0.1:5000"
