"""One run per tracked `kedro run`, with what the catalog marks and nothing that names a patient."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from kedro.framework.hooks.manager import _create_hook_manager
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline, node
from kedro.runner import SequentialRunner
from kedro_datasets.json import JSONDataset
from mlflow import MlflowClient

from mammo_pipeline.tracking import TrackingHooks, active_run
from mammo_pipeline.tracking.hooks import describe_source, select_figures, select_parameters
from mammo_pipeline.tracking.server import load_config

PARAMETERS = {
    "train": {"epochs": 5, "rate": 1e-4, "reader": {"folder": "/home/x"}},
    "other": {"n": 1},
}


def run_pipeline(project: Path, function, names=("train",)) -> MlflowClient:
    """Runs one node as `kedro run` would, hooks included, and returns a client on its store."""
    metadata = {"mlflow": "metrics"}
    catalog = DataCatalog(
        {
            "figures": JSONDataset(filepath=str(project / "figures.json"), metadata=metadata),
            "page": JSONDataset(
                filepath=str(project / "page.json"), metadata={"mlflow": "artifact"}
            ),
            "plain": JSONDataset(filepath=str(project / "plain.json")),
        }
    )
    catalog["params:train"] = PARAMETERS["train"]
    pipeline = Pipeline([node(function, "params:train", ["figures", "page", "plain"], name="fit")])
    hooks, manager = TrackingHooks(), _create_hook_manager()
    manager.register(hooks)
    hooks._context = SimpleNamespace(project_path=project, params=PARAMETERS)
    hooks._config = load_config(project, None)
    run_params = {"pipeline_names": list(names), "env": "demo", "run_id": "now"}
    hooks.before_pipeline_run(run_params, pipeline, catalog)
    try:
        SequentialRunner().run(pipeline, catalog, manager)
    except Exception:
        hooks.on_pipeline_error()
    else:
        hooks.after_pipeline_run()
    return client_of(project)


def client_of(project: Path) -> MlflowClient:
    """Returns a client on the project's store."""
    return MlflowClient(tracking_uri=f"sqlite:///{project}/mlruns/mlflow.db")


def only_run(client: MlflowClient):
    experiment = client.get_experiment_by_name("unit")
    (run,) = client.search_runs([experiment.experiment_id])
    return run


def fit(parameters):
    assert active_run() is not None
    return {"auc": {"value": 0.9, "low": None}, "n": 4}, {"page": 1}, {"secret": 7}


def test_a_tracked_run_keeps_parameters_tags_metrics_and_artifacts(project):
    client = run_pipeline(project, fit)
    run = only_run(client)
    assert run.info.status == "FINISHED"
    assert run.data.params == {
        "train.epochs": "5",
        "train.rate": "0.0001",
        "train.reader.folder": "withheld: looks like a path",
    }
    assert run.data.metrics == {"auc.value": 0.9, "n": 4.0}
    assert {"kedro.env": "demo", "kedro.pipelines": "train"}.items() <= run.data.tags.items()
    assert "git.sha" in run.data.tags
    assert [f.path for f in client.list_artifacts(run.info.run_id, "page")] == ["page/page.json"]
    assert active_run() is None


class Pages(JSONDataset):
    """A dataset of several files, as a report with its tables is."""

    @property
    def artifacts(self):
        page = Path(str(self._filepath))
        return [page, page.with_name("page_tables")]


def test_all_files_that_a_dataset_lists_are_attached(project, monkeypatch):
    monkeypatch.setitem(globals(), "JSONDataset", Pages)
    (project / "page_tables").mkdir()
    (project / "page_tables/01_figures.csv").write_text("a\n")
    client = run_pipeline(project, fit)
    run_id = only_run(client).info.run_id
    found = {f.path for f in client.list_artifacts(run_id, "page")}
    assert found == {"page/page.json", "page/page_tables"}
    (table,) = client.list_artifacts(run_id, "page/page_tables")
    assert table.path == "page/page_tables/01_figures.csv"


def test_a_folder_of_a_patient_is_no_parameter_name(project, monkeypatch):
    rooms = {"ingest": {"minimum_field_mm": 100, "stated_spacing_mm": {"DOE_JANE": 0.09}}}
    marks = {"params:ingest"}
    monkeypatch.setattr(
        "mammo_pipeline.tracking.hooks.select_parameters",
        lambda *_: select_parameters(rooms, marks),
    )
    run = only_run(run_pipeline(project, fit))
    assert run.data.params == {
        "ingest.minimum_field_mm": "100",
        "ingest.stated_spacing_mm": "1 folder: 0.09",
    }
    assert "DOE" not in json.dumps(run.to_dictionary())


def test_a_failed_run_is_closed_as_failed_and_keeps_no_text_of_the_error(project):
    def fail(parameters):
        raise ValueError("cannot read /archive/JANE^DOE.dcm")

    run = only_run(run_pipeline(project, fail))
    assert run.info.status == "FAILED"
    assert run.data.tags["error.node"] == "fit"
    assert run.data.tags["error.type"] == "ValueError"
    assert "JANE" not in json.dumps(run.to_dictionary())


def test_a_run_that_is_interrupted_is_closed_as_killed(project, monkeypatch):
    at_exit = []
    monkeypatch.setattr("atexit.register", lambda *call: at_exit.append(call))

    def interrupt(parameters):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_pipeline(project, interrupt)
    [(close, status)] = [call for call in at_exit if call[1:] == ("KILLED",)]
    close(status)
    assert only_run(client_of(project)).info.status == "KILLED"
    assert active_run() is None


def test_a_room_that_is_not_listed_opens_no_run(project):
    def untracked(parameters):
        assert active_run() is None
        return {"auc": 1.0}, {}, {}

    client = run_pipeline(project, untracked, names=("ingest",))
    assert client.get_experiment_by_name("unit") is None


def test_a_worker_that_is_not_the_chief_opens_no_run(project, monkeypatch):
    cluster = {"worker": ["one:1", "two:1"]}
    task = {"type": "worker", "index": 1}
    monkeypatch.setenv("TF_CONFIG", json.dumps({"cluster": cluster, "task": task}))

    def work(parameters):
        assert active_run() is None
        return {"auc": 1.0}, {}, {}

    assert run_pipeline(project, work).get_experiment_by_name("unit") is None


def test_of_alternatives_the_chosen_one_alone_is_kept():
    train = {
        "ladder": "mine",
        "ladders": {"mine": {"stages": {"one": {"batch": 8}}}, "other": {"stages": {}}},
        "seeds": {"one": 1},
        "seed": 3,
    }
    assert select_parameters({"train": train}, {"params:train"}) == {
        "train.ladder": "mine",
        "train.ladders.mine.stages.one.batch": 8,
        "train.seeds.one": 1,
        "train.seed": 3,
    }


def test_importing_the_hooks_imports_no_mlflow():
    code = "import sys, mammo_pipeline.tracking; sys.exit('mlflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_an_unknown_mark_in_the_catalog_is_refused(project):
    hooks = TrackingHooks()
    hooks._writer = object()
    hooks._catalog = {"x": SimpleNamespace(metadata={"mlflow": "metric"})}
    with pytest.raises(ValueError, match="expected metrics or artifact"):
        hooks.after_dataset_saved("x", {})


def test_the_data_version_is_the_digest_of_dvc_lock(tmp_path):
    assert "dvc.lock.sha256" not in describe_source(tmp_path)
    (tmp_path / "dvc.lock").write_text("")
    empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert describe_source(tmp_path)["dvc.lock.sha256"] == empty
    assert describe_source(tmp_path)["git.sha"] == "unknown"


def test_lists_and_texts_are_no_figures():
    assert select_figures({"a": [1.0], "b": "1", "c": 2, "d": None}) == {"c": 2.0}
