"""What several test folders share: an MLflow store of their own, made once and copied."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

CONFIG = """
tracking_uri: sqlite:///mlruns/mlflow.db
artifacts: mlruns/artifacts
experiment: unit
registered_model: tiny
pipelines: [train, release]
"""


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MLflow database with its tables; making one takes a second, copying it nothing."""
    from mammo_pipeline.tracking.server import create_database

    root = tmp_path_factory.mktemp("mlflow")
    create_database(f"sqlite:///{root}/mlflow.db", root / "artifacts")
    return root / "mlflow.db"


@pytest.fixture
def project(tmp_path: Path, empty_database: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project folder with a conf/base/mlflow.yml and an empty tracking database."""
    for variable in ("MLFLOW_TRACKING_URI", "MAMMO_PIPELINE_RUN"):
        monkeypatch.delenv(variable, raising=False)
    (tmp_path / "conf/base").mkdir(parents=True)
    (tmp_path / "conf/local").mkdir()
    (tmp_path / "conf/base/mlflow.yml").write_text(CONFIG)
    (tmp_path / "mlruns").mkdir()
    shutil.copy(empty_database, tmp_path / "mlruns/mlflow.db")
    return tmp_path


@pytest.fixture
def tracked(project: Path, monkeypatch: pytest.MonkeyPatch):
    """An open tracked run of that project: (its record, a client)."""
    from mammo_pipeline.tracking.runs import ActiveRun, publish_run
    from mammo_pipeline.tracking.server import find_experiment, load_config, open_store

    config = load_config(project, None)
    uri, client = open_store(project, config)
    experiment = find_experiment(client, "unit", uri, project / config.artifacts)
    run = ActiveRun(uri, experiment, client.create_run(experiment).info.run_id, "tiny")
    publish_run(run)
    yield run, client
    publish_run(None)
