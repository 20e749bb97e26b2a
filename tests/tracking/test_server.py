"""The store is found, made whole once, and missed early."""

from __future__ import annotations

import subprocess
import sys

import pytest

from mammo_pipeline.tracking.server import (
    TrackingError,
    _publish,
    find_experiment,
    load_config,
    open_store,
)


def test_a_server_that_is_away_stops_the_run_before_any_work(project, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    with pytest.raises(TrackingError, match=r"127\.0\.0\.1:9.*pipelines: \[\]"):
        open_store(project, load_config(project, None))


def test_a_password_in_the_address_is_not_printed(project, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://me:secret@127.0.0.1:9")
    with pytest.raises(TrackingError) as error:
        open_store(project, load_config(project, None))
    assert "secret" not in str(error.value)


def test_a_file_that_is_no_database_stops_the_run(project):
    (project / "mlruns/mlflow.db").write_text("not a database, but long enough to be read as one")
    with pytest.raises(TrackingError, match=r"mlflow\.db"):
        open_store(project, load_config(project, None))


def test_the_environment_variable_wins_and_is_anchored_to_the_project(project, monkeypatch):
    (project / "mlruns/mlflow.db").rename(project / "mlruns/other.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///mlruns/other.db")
    monkeypatch.chdir("/")
    uri, _ = open_store(project, load_config(project, None))
    assert uri == f"sqlite:///{project}/mlruns/other.db"


def test_an_experiment_is_made_once_with_artifacts_in_the_project(project):
    uri, client = open_store(project, load_config(project, None))
    first = find_experiment(client, "unit", uri, project / "mlruns/artifacts")
    assert find_experiment(client, "unit", uri, project / "mlruns/artifacts") == first
    assert (
        client.get_experiment(first).artifact_location == f"file://{project}/mlruns/artifacts/unit"
    )


def test_an_unknown_setting_is_refused(project):
    path = project / "conf/base/mlflow.yml"
    path.write_text(path.read_text() + "\nexperimant: x\n")
    with pytest.raises(ValueError, match="did you mean 'experiment'"):
        load_config(project, None)


def test_a_missing_file_is_an_error_and_not_an_untracked_run(project):
    (project / "conf/base/mlflow.yml").unlink()
    with pytest.raises(TrackingError, match=r"conf/base/mlflow\.yml"):
        load_config(project, None)


def test_the_demo_lays_its_names_over_the_base(project):
    (project / "conf/demo").mkdir()
    (project / "conf/demo/mlflow.yml").write_text("registered_model: tiny-demo\n")
    config = load_config(project, "demo")
    assert (config.registered_model, config.experiment) == ("tiny-demo", "unit")


def test_processes_that_open_a_new_database_together_all_succeed(tmp_path):
    code = (
        "import mammo_pipeline, sys; from pathlib import Path;"
        "from mammo_pipeline.tracking.server import create_database;"
        f"root = Path({str(tmp_path)!r}); uri = f'sqlite:///{{root}}/mlflow.db';"
        "create_database(uri, root / 'artifacts');"
        "from mlflow import MlflowClient;"
        "MlflowClient(tracking_uri=uri).search_experiments()"
    )
    started = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(2)]
    assert [process.wait() for process in started] == [0, 0]
    assert [path.name for path in tmp_path.iterdir()] == ["mlflow.db"]


def test_a_database_that_another_process_made_meanwhile_is_kept(tmp_path):
    (tmp_path / "draft").write_text("late")
    (tmp_path / "mlflow.db").write_text("first, and in use")
    _publish(tmp_path / "draft", tmp_path / "mlflow.db")
    assert (tmp_path / "mlflow.db").read_text() == "first, and in use"
