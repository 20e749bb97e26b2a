"""`kedro dvc-stages`: dvc.yaml, rendered from the rooms' pipelines and the catalog.

One stage a room, in the order of the story, so that the two cannot drift apart. A stage depends on
the files that the room reads, on its parameter files, on the installed packages, and on exactly
the source files that it imports or opens: a change in how bias is measured does not standardize the
images again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

import click
import yaml
from kedro.framework.startup import ProjectMetadata
from kedro.pipeline import Pipeline

from mammo_pipeline.imports import find_imports

# A raw folder that no room makes is neither copied nor hashed nor listed by DVC: the names of its
# files may name patients. The room that writes its manifest looks at it on every `dvc repro`; for
# every other room the manifest stands for the folder (docs/decisions/006).
MANIFEST_OF = {"raw_dicom": "raw_manifest"}
HEADER = "# Rendered by `kedro dvc-stages --env {env}`: do not edit. A test compares the two.\n"
# What runs beside a room and shapes none of its outputs, but for what OPENED_SOURCES names.
SIDE_MODULES = ("mammo_pipeline.tracking", "mammo_pipeline.closing")
# What a source file opens by its path, or lets shape its output, and does not import as such.
OPENED_SOURCES = {
    "reporting/page.py": ["reporting/page.html"],
    "pipelines/release/nodes.py": ["serving/ensemble_model.py", "tracking/registry.py"],
}
# Another version of a package may compute another result.
LOCK = "requirements.lock"
# `dvc repro` from a fresh shell finds no `kedro` on its path.
KEDRO = ".venv/bin/kedro"
_PARAMETERS = "params:"

Catalog = Mapping[str, Mapping[str, Any]]


class StageError(ValueError):
    """A room cannot be written as a DVC stage; the message says what to add."""


def render_stages(root: Path, env: str) -> str:
    """Returns the text of dvc.yaml for the environment `env`.

    Raises:
        StageError: DVC could not see what a room makes, or a raw folder change.
    """
    from mammo_pipeline.pipeline_registry import register_pipelines

    pipelines, catalog = register_pipelines(), read_catalog(root, env)
    rooms = list_rooms(root, env)
    outside = find_outside(pipelines[room] for room in rooms)
    stages = {
        room: describe_stage(room, pipelines[room], catalog, root, env, outside) for room in rooms
    }
    return HEADER.format(env=env) + yaml.safe_dump({"stages": stages}, sort_keys=False, width=100)


def list_rooms(root: Path, env: str) -> list[str]:
    """Returns the rooms that have a stage: all of them where phantoms are made, else the study."""
    from mammo_pipeline.pipeline_registry import ON_REQUEST, ROOMS, STUDY

    fabricates = (root / f"conf/{env}/parameters/fabricate.yml").exists()
    return [room for room in (ROOMS if fabricates else STUDY) if room not in ON_REQUEST]


def find_outside(pipelines: Iterable[Pipeline]) -> set[str]:
    """Returns the raw folders, keys of `MANIFEST_OF`, that none of the pipelines makes.

    Raises:
        StageError: None of them makes a folder's manifest either.
    """
    made = set().union(*(pipeline.all_outputs() for pipeline in pipelines))
    outside = set(MANIFEST_OF) - made
    if missing := sorted(MANIFEST_OF[name] for name in outside if MANIFEST_OF[name] not in made):
        raise StageError(
            f"no room makes {', '.join(missing)}, and its folder comes from outside, so DVC could "
            "not see it change. Let the room that lists the folder write it."
        )
    return outside


def read_catalog(root: Path, env: str) -> dict[str, dict[str, Any]]:
    """Returns the catalog as configured, with every interpolated path resolved."""
    from kedro.config import OmegaConfigLoader

    loader = OmegaConfigLoader(
        str(root / "conf"), env=env, base_env="base", default_run_env="local"
    )
    return {name: entry for name, entry in loader["catalog"].items() if not name.startswith("_")}


def describe_stage(
    room: str,
    pipeline: Pipeline,
    catalog: Catalog,
    root: Path,
    env: str,
    outside: Collection[str] = (),
) -> dict[str, Any]:
    """Returns one stage: cmd, deps, params, outs and metrics, each in a stable order.

    Args:
        room: Its name.
        pipeline: The room's pipeline.
        catalog: The catalog with every path resolved.
        root: The project's folder.
        env: Configuration environment.
        outside: Keys of `MANIFEST_OF` that no room of the environment makes.

    Raises:
        StageError: Something that the room reads or makes has no catalog entry.
    """
    refuse_unseen_outputs(room, pipeline, catalog)
    written = {n for n in pipeline.all_outputs() if n in catalog} - _private(catalog)
    read = {n for n in inputs_of(pipeline) - written if n in catalog} - _private(catalog)
    metrics = {n for n in written if _metadata(catalog, n).get("mlflow") == "metrics"}
    types = {str(catalog[n]["type"]) for n in read | written}
    manifests = {MANIFEST_OF[name] for name in read & set(outside)}
    read = read - set(outside) | manifests - written
    # What a room takes up again and goes on with is its output alone: DVC allows no circle.
    reads, outs = set(_paths(catalog, read)), set(_paths(catalog, written))
    again = reads & outs
    watches = bool(manifests & written)
    # The folder that a room watches may not be mounted today; then its last tables stay.
    kept = outs if watches else again
    # A store takes up what it has made before.
    stores = {n for n in written if str(catalog[n]["type"]).endswith(".ImageStore")}
    kept = kept | set(_paths(catalog, stores))
    stage = {
        "cmd": f"{KEDRO} run --env {env} --pipelines {room}",
        "always_changed": watches,
        "deps": sorted({LOCK, *reads - again, *list_sources(room, types, root)}),
        "params": [{path: None} for path in list_parameter_files(pipeline, root, env)],
        "outs": _keep(sorted(_paths(catalog, written - metrics)), kept),
        "metrics": _keep(sorted(_paths(catalog, metrics)), kept),
    }
    return {key: value for key, value in stage.items() if value}


def inputs_of(pipeline: Pipeline) -> set[str]:
    """Returns the data sets that the room reads and does not make, parameters left out."""
    return {name for name in pipeline.inputs() if not name.startswith((_PARAMETERS, "parameters"))}


def refuse_unseen_outputs(room: str, pipeline: Pipeline, catalog: Catalog) -> None:
    """Raises StageError when the room makes, or wants, something that lies in no file."""
    unseen = sorted((pipeline.outputs() | inputs_of(pipeline)) - set(catalog))
    if unseen:
        raise StageError(
            f"room {room}: {', '.join(unseen)} stand in no catalog file, so DVC cannot see them. "
            f"Add them to conf/base/catalog/{room}.yml."
        )


def list_parameter_files(pipeline: Pipeline, root: Path, env: str) -> list[str]:
    """Returns the files that parameters of this room come from, globals included."""
    marks = {name for name in pipeline.inputs() if name.startswith(_PARAMETERS)}
    rooms = sorted(mark.removeprefix(_PARAMETERS).split(".")[0] for mark in marks)
    names = ["globals.yml", *[f"parameters/{room}.yml" for room in rooms]]
    files = [f"conf/{layer}/{name}" for name in names for layer in dict.fromkeys(["base", env])]
    return [file for file in files if (root / file).exists()]


def list_sources(room: str, types: set[str], root: Path) -> set[str]:
    """Returns the room's folder and every file of ours that it imports or opens, however deep."""
    package = root / "src/mammo_pipeline"
    folder = package / "pipelines" / room
    own = sorted(folder.glob("*.py"))
    datasets = [_file_of(kind, root) for kind in sorted(types) if kind.startswith("mammo_pipeline")]
    files = find_imports([*own, *datasets], package, leave_out=SIDE_MODULES)
    for opener, opened in OPENED_SOURCES.items():
        if package / opener in files:
            files |= {package / name for name in opened}
    outside = {file for file in files if folder not in file.parents}
    return {path.relative_to(root).as_posix() for path in {folder, *outside}}


def _file_of(kind: str, root: Path) -> Path:
    module, _, name = kind.rpartition(".")
    source = getattr(import_module(module), name).__module__
    return root / "src" / f"{source.replace('.', '/')}.py"


def _paths(catalog: Catalog, names: Iterable[str]) -> list[str]:
    paths = []
    for name in names:
        path = Path(catalog[name].get("filepath") or catalog[name]["path"])
        paths.append(path.as_posix())
        if str(catalog[name]["type"]).endswith(".Report"):
            paths.append(path.with_suffix(".json").as_posix())
    return paths


def _keep(paths: list[str], kept: set[str]) -> list[Any]:
    """Returns the outputs, those in `kept` marked so that DVC does not clear them before a run."""
    return [{path: {"persist": True}} if path in kept else path for path in paths]


def _metadata(catalog: Catalog, name: str) -> Mapping[str, Any]:
    return catalog.get(name, {}).get("metadata") or {}


def _private(catalog: Catalog) -> set[str]:
    return {name for name in catalog if _metadata(catalog, name).get("dvc") == "private"}


@click.command("dvc-stages")
@click.option("--env", "-e", default="demo", show_default=True, help="Configuration environment.")
@click.option("--check", is_flag=True, help="Write nothing; fail when dvc.yaml is stale.")
@click.pass_obj
def dvc_stages(metadata: ProjectMetadata, env: str, check: bool) -> None:
    """Write dvc.yaml: one stage a room, from the pipelines and the catalog."""
    root = Path(metadata.project_path)
    path = root / "dvc.yaml"
    try:
        text = render_stages(root, env)
    except StageError as error:
        raise click.ClickException(str(error)) from error
    if not check:
        path.write_text(text)
        click.echo(f"wrote {path.name}\n  next  .venv/bin/dvc repro")
    elif not path.exists() or path.read_text() != text:
        raise click.ClickException(
            f"dvc.yaml differs from pipelines and catalog. Run: kedro dvc-stages --env {env}"
        )
    else:
        click.echo("dvc.yaml agrees with pipelines and catalog")
