"""dvc.yaml says what pipelines and catalog say, and a change reruns what it touches, no more."""

from __future__ import annotations

import hashlib
import shutil
import sys
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from kedro.pipeline import Pipeline, node

from mammo_pipeline.dvc_stages import (
    OPENED_SOURCES,
    StageError,
    describe_stage,
    dvc_stages,
    find_outside,
    list_rooms,
    read_catalog,
    render_stages,
)
from mammo_pipeline.pipeline_registry import ON_REQUEST, ROOMS, STUDY

ROOT = Path(__file__).parents[1]


class Project:
    def __init__(self, path: Path) -> None:
        self.project_path = path


@pytest.fixture(scope="module")
def stages() -> dict:
    return yaml.safe_load(render_stages(ROOT, "demo"))["stages"]


def test_dvc_yaml_agrees_with_pipelines_and_catalog():
    result = CliRunner().invoke(dvc_stages, ["--check"], obj=Project(ROOT))
    assert result.exit_code == 0, result.output


def test_there_is_one_stage_a_room_in_the_order_of_the_story(stages):
    assert list(stages) == [room for room in ROOMS if room not in ON_REQUEST]


def test_every_stage_depends_on_its_own_folder_and_on_globals(stages):
    for room, stage in stages.items():
        assert f"src/mammo_pipeline/pipelines/{room}" in stage["deps"]
        assert {"conf/demo/globals.yml": None} in stage["params"]
        assert stage["cmd"] == f".venv/bin/kedro run --env demo --pipelines {room}"
        assert "requirements.lock" in stage["deps"]


def test_a_source_file_reruns_only_the_rooms_that_import_it(stages):
    bias = "src/mammo_pipeline/mammo/bias/measure.py"
    assert bias in stages["evaluate"]["deps"]
    assert bias not in stages["standardize"]["deps"]
    assert "src/mammo_pipeline/mammo/standard.py" in stages["standardize"]["deps"]


def test_a_file_that_is_opened_by_its_path_is_a_source_too(stages):
    served = "src/mammo_pipeline/serving/ensemble_model.py"
    page = "src/mammo_pipeline/reporting/page.html"
    assert [room for room in stages if served in stages[room]["deps"]] == ["release"]
    for room, stage in stages.items():
        if any(str(out).endswith(".html") for out in stage["outs"]):
            assert page in stage["deps"], room
    assert page not in stages["sweep"]["deps"]


def test_every_opened_source_is_there():
    for opener, opened in OPENED_SOURCES.items():
        for name in (opener, *opened):
            assert (ROOT / "src/mammo_pipeline" / name).is_file()


def test_of_tracking_only_the_registry_shapes_an_output(stages):
    deps = {(room, path) for room in stages for path in stages[room]["deps"] if "tracking" in path}
    assert deps == {("release", "src/mammo_pipeline/tracking/registry.py")}


def test_names_and_keys_of_patients_are_not_in_dvc(stages):
    text = yaml.safe_dump(stages)
    catalog = read_catalog(ROOT, "demo")
    private = [e for e in catalog.values() if (e.get("metadata") or {}).get("dvc") == "private"]
    assert private
    for entry in private:
        assert entry["filepath"] not in text


CATALOG = {
    "table": {"type": "pandas.CSVDataset", "filepath": "data/table.csv"},
    "key": {"type": "x.Key", "filepath": "conf/local/key", "metadata": {"dvc": "private"}},
    "page": {"type": "x.Report", "filepath": "data/page.html"},
    "figures": {"type": "x.Json", "filepath": "data/f.json", "metadata": {"mlflow": "metrics"}},
}


def describe(*nodes) -> dict:
    return describe_stage("check", Pipeline(list(nodes)), CATALOG, ROOT, "demo")


def work(*_):
    """Stands in for a node."""


def test_marks_of_the_catalog_become_deps_outs_and_metrics():
    stage = describe(node(work, ["table", "key", "params:check"], ["page", "figures"], name="a"))
    assert "data/table.csv" in stage["deps"]
    assert stage["outs"] == ["data/page.html", "data/page.json"]
    assert stage["metrics"] == ["data/f.json"]
    assert {"conf/base/parameters/check.yml": None} in stage["params"]
    assert "conf/local/key" not in str(stage)


def test_what_stays_within_a_room_needs_no_file():
    stage = describe(
        node(work, "table", "memory", name="a"), node(work, "memory", "page", name="b")
    )
    assert "memory" not in str(stage)


def test_an_output_without_a_catalog_entry_is_refused():
    with pytest.raises(StageError, match=r"room check: lost .*conf/base/catalog/check\.yml"):
        describe(node(work, "table", "lost", name="a"))


def test_what_a_room_takes_up_again_is_its_output_and_outlives_the_next_run():
    same = {"type": "x.Table", "filepath": "data/split.parquet"}
    catalog = {**CATALOG, "split_lock": same, "split": same}
    pipeline = Pipeline([node(work, ["table", "split_lock"], ["split", "page"], name="a")])
    stage = describe_stage("check", pipeline, catalog, ROOT, "demo")
    assert {"data/split.parquet": {"persist": True}} in stage["outs"]
    assert "data/page.html" in stage["outs"]
    assert "data/split.parquet" not in stage["deps"]


def test_a_store_keeps_what_it_made_when_its_room_runs_again(stages):
    assert {"data/demo/03_primary/store": {"persist": True}} in stages["standardize"]["outs"]
    assert {"data/demo/03_primary/current_store": {"persist": True}} in stages["drift"]["outs"]
    persisted = [out for stage in stages.values() for out in stage["outs"] if isinstance(out, dict)]
    assert not any("image_features" in next(iter(out)) for out in persisted)


def test_what_is_standardized_later_depends_on_the_maps_of_the_study(stages):
    maps = "data/demo/03_primary/device_maps.json"
    assert maps in list_outs(stages["standardize"])
    for room in ("drift", "release"):
        assert maps in stages[room]["deps"], room


def test_a_stale_file_fails_the_check_and_says_what_to_run(monkeypatch, tmp_path):
    monkeypatch.setattr("mammo_pipeline.dvc_stages.render_stages", lambda *_: "stages: {}\n")
    project = Project(tmp_path)
    assert CliRunner().invoke(dvc_stages, [], obj=project).exit_code == 0
    assert CliRunner().invoke(dvc_stages, ["--check"], obj=project).exit_code == 0
    (tmp_path / "dvc.yaml").write_text("stages: {other: {}}\n")
    result = CliRunner().invoke(dvc_stages, ["--check"], obj=project)
    assert result.exit_code == 1
    assert "kedro dvc-stages --env demo" in result.output


STUB = """
import hashlib, pathlib, sys
reads, writes = sys.argv[1].split(","), sys.argv[2].split(",")
total = hashlib.sha256()
for name in reads:
    path = pathlib.Path(name)
    for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
        total.update(file.read_bytes() if file.is_file() else b"")
for name in writes:
    pathlib.Path(name).parent.mkdir(parents=True, exist_ok=True)
    pathlib.Path(name).write_text(name + total.hexdigest())
"""


# A part of the story is enough, and DVC needs half a second a stage.
CHAIN = ("fabricate", "ingest", "standardize", "train", "sweep")


@pytest.fixture
def repository(tmp_path, monkeypatch, stages):
    """A DVC repository with real stages, whose commands only hash what they depend on."""
    from dvc.repo import Repo

    for folder in ("src", "conf"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__py*"))
    (tmp_path / "stub.py").write_text(STUB)
    kept = {room: stub(stages[room]) for room in CHAIN}
    made = {path for stage in kept.values() for path in list_outs(stage)}
    for path in {path for stage in kept.values() for path in stage["deps"]} - made:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        if not (tmp_path / path).exists():
            (tmp_path / path).write_text(path)
    (tmp_path / "dvc.yaml").write_text(yaml.safe_dump({"stages": kept}, sort_keys=False))
    monkeypatch.chdir(tmp_path)
    return Repo.init(no_scm=True)


OWN_STUDY = {
    "ingest": node(work, ["raw_dicom", "labels"], ["images", "raw_manifest"], name="i"),
    "check": node(work, "images", "cohort", name="c"),
    "standardize": node(work, ["raw_dicom", "cohort"], "store", name="s"),
}
MADE = {"images", "raw_manifest", "cohort", "store"}


def describe_own_study(root: Path) -> dict[str, dict]:
    """Returns the stages of a study whose raw folder lies outside of the project."""
    catalog = {name: {"type": "x.Text", "filepath": f"data/{name}"} for name in MADE}
    catalog["labels"] = {"type": "x.Text", "filepath": (root / "archive/labels.csv").as_posix()}
    catalog["raw_dicom"] = {"type": "x.Folder", "path": (root / "archive/dicom").as_posix()}
    pipelines = {room: Pipeline([work]) for room, work in OWN_STUDY.items()}
    outside = find_outside(pipelines.values())
    return {
        room: describe_stage(room, pipeline, catalog, root, "mine", outside)
        for room, pipeline in pipelines.items()
    }


def test_a_study_of_ones_own_has_the_rooms_of_the_study_and_no_phantoms():
    assert list_rooms(ROOT, "base") == list_rooms(ROOT, "mine") == list(STUDY)


def test_a_raw_folder_that_no_room_makes_is_known_by_its_manifest(tmp_path):
    stages = describe_own_study(tmp_path)
    assert "archive/dicom" not in yaml.safe_dump(stages)
    assert [room for room in stages if "always_changed" in stages[room]] == ["ingest"]
    assert "data/raw_manifest" in list_outs(stages["ingest"])
    assert "data/raw_manifest" in stages["standardize"]["deps"]
    assert "data/raw_manifest" not in stages["ingest"]["deps"]


def test_a_raw_folder_that_a_room_makes_is_a_dependency_like_any_other(stages):
    for room in ("ingest", "standardize"):
        assert "data/demo/01_raw/dicom" in stages[room]["deps"]
    assert not any("always_changed" in stage for stage in stages.values())


def test_a_raw_folder_from_outside_wants_a_manifest():
    with pytest.raises(StageError, match=r"no room makes raw_manifest"):
        find_outside([Pipeline([node(work, "raw_dicom", "images", name="i")])])
    assert find_outside([Pipeline([node(work, "design", "raw_dicom", name="f")])]) == set()


def list_outs(stage: dict) -> list[str]:
    """Returns the paths that a stage writes."""
    outs = [*stage["outs"], *stage.get("metrics", [])]
    return [out if isinstance(out, str) else next(iter(out)) for out in outs]


def stub(stage: dict, *outside: str) -> dict:
    """Returns the stage with a command that writes, into each output, a hash of all it reads."""
    params = [path for entry in stage.get("params", []) for path in entry]
    reads = [*stage["deps"], *params, *outside]
    words = [sys.executable, "-I", "-S", "stub.py", ",".join(reads), ",".join(list_outs(stage))]
    return {**stage, "cmd": " ".join(words)}


def change(path: Path) -> None:
    """Adds one parameter to the only room of a parameters file."""
    content = yaml.safe_load(path.read_text())
    room = next(iter(content))
    content[room]["changed"] = hashlib.sha256(path.read_bytes()).hexdigest()
    path.write_text(yaml.safe_dump(content))


def names(stages) -> set[str]:
    """Returns the names of stages that DVC has run."""
    return {stage.name for stage in stages}


def test_a_changed_parameter_of_train_reruns_train_and_what_follows(repository, tmp_path):
    assert names(repository.reproduce()) == set(CHAIN)
    change(tmp_path / "conf/demo/parameters/train.yml")
    assert names(repository.reproduce()) == {"train", "sweep"}
    assert names(repository.reproduce()) == set()


@pytest.fixture
def own_repository(tmp_path, monkeypatch):
    """A DVC repository of one's own study; its `ingest` alone reads the folder outside."""
    from dvc.repo import Repo

    stages = describe_own_study(tmp_path)
    for path in [path for stage in stages.values() for path in stage["deps"] if "src/" in path]:
        (tmp_path / path).mkdir(parents=True)
        (tmp_path / path / "nodes.py").write_text("")
    for name in ("stub.py", "requirements.lock", "archive/labels.csv", "archive/dicom/DOE_JANE"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(STUB if name == "stub.py" else name)
    folder = (tmp_path / "archive/dicom").as_posix()
    kept = {room: stub(stage) for room, stage in stages.items()}
    kept["ingest"] = stub(stages["ingest"], folder)
    (tmp_path / "dvc.yaml").write_text(yaml.safe_dump({"stages": kept}, sort_keys=False))
    monkeypatch.chdir(tmp_path)
    return Repo.init(no_scm=True)


def test_an_unchanged_folder_outside_is_looked_at_and_no_work_follows(own_repository, tmp_path):
    assert names(own_repository.reproduce()) == set(OWN_STUDY)
    lock = (tmp_path / "dvc.lock").read_text()
    (tmp_path / "archive/dicom/DOE_JANE").touch()
    assert names(own_repository.reproduce()) == {"ingest"}
    assert (tmp_path / "dvc.lock").read_text() == lock
    (tmp_path / "archive/dicom/ROE_JANE").write_text("a new file")
    assert names(own_repository.reproduce()) == set(OWN_STUDY)


def test_dvc_keeps_no_name_of_a_file_outside(own_repository, tmp_path):
    own_repository.reproduce()
    kept = [*(tmp_path / ".dvc").rglob("*"), *tmp_path.glob("dvc.*")]
    kept += Path(own_repository.site_cache_dir).rglob("*")
    assert len([path for path in kept if path.is_file()]) > 5
    assert not [p for p in kept if p.is_file() and b"DOE_JANE" in p.read_bytes()]


def test_tables_stay_while_the_archive_is_not_mounted(own_repository, tmp_path):
    from dvc.exceptions import ReproductionError

    own_repository.reproduce()
    (tmp_path / "archive").rename(tmp_path / "unmounted")
    with pytest.raises(ReproductionError):
        own_repository.reproduce()
    assert (tmp_path / "data/images").is_file()
    assert (tmp_path / "data/raw_manifest").is_file()
