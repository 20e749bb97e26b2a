"""The lists that a machine is set up from: complete, by hash, and one study on every machine."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from importlib.metadata import distribution, packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
LOCKS = sorted(path.name for path in ROOT.glob("requirements*.lock"))
CPU, GPU = "requirements.lock", "requirements-gpu.lock"
PIN = re.compile(
    r"^([a-z0-9-]+)(?:\[.*\])?==([^\s;]+)(?: ; (.+?))? \\\n((?:    --hash=.+\n)+)", re.M
)


def read_pins(name: str) -> dict[str, set[str]]:
    """Returns the versions that a lock names, by package; several where they hang on the Python."""
    pins: dict[str, set[str]] = {}
    for package, version, _, _ in PIN.findall((ROOT / name).read_text()):
        pins.setdefault(package, set()).add(version)
    return pins


def read_project() -> dict:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def read_names(entries: list[str]) -> set[str]:
    """The names of requirements, without extras, versions and markers."""
    return {re.split(r"[^A-Za-z0-9_-]", entry)[0].lower().replace("_", "-") for entry in entries}


def test_there_are_four_lists():
    assert set(LOCKS) == {CPU, GPU, "requirements-s3.lock", "requirements-setup.lock"}


@pytest.mark.parametrize("name", LOCKS)
def test_a_list_gives_every_package_hashes_and_names_no_registry(name):
    text = (ROOT / name).read_text()
    assert "://" not in text
    assert "index-url" not in text
    packages = re.findall(r"^[a-z0-9].*==", text, re.M)
    assert len(packages) == len(PIN.findall(text)) > 0
    assert all(
        re.fullmatch(r"(    --hash=sha256:[0-9a-f]{64}( \\)?\n)+", hashes)
        for *_, hashes in PIN.findall(text)
    )


def test_the_list_holds_every_dependency_of_the_project():
    project = read_project()["project"]
    extras = project["optional-dependencies"]
    assert set(extras["cluster"] + extras["jax"]) <= set(extras["dev"])
    assert read_names(project["dependencies"] + extras["dev"]) <= set(read_pins(CPU))


def test_the_list_for_s3_changes_no_locked_version():
    locked, wanted = read_pins(CPU), read_pins("requirements-s3.lock")
    assert {name for name in wanted if name in locked and not wanted[name] <= locked[name]} == set()
    assert read_names(read_project()["dependency-groups"]["s3"]) <= set(wanted)


def test_the_list_for_gpus_is_the_default_list_but_for_tensorflow_and_cuda():
    default, cuda = read_pins(CPU), read_pins(GPU)
    assert set(default) - set(cuda) == {"tensorflow-cpu"}
    assert {name for name in default if name in cuda and default[name] != cuda[name]} == set()
    assert cuda["tensorflow"] == default["tensorflow-cpu"]
    added = set(cuda) - set(default)
    assert {name for name in added if not name.startswith(("nvidia-", "jax-cuda"))} == set()


def test_tensorflow_for_gpus_is_locked_for_every_machine_with_all_its_libraries():
    text = (ROOT / GPU).read_text()
    markers = {name: marker for name, _, marker, _ in PIN.findall(text)}
    assert markers["tensorflow"] == ""
    installed = next(iter(packages_distributions()["tensorflow"]))
    wanted = distribution(installed).requires or []
    libraries = read_names([entry for entry in wanted if "and-cuda" in entry])
    assert {"nvidia-cudnn-cu12", "nvidia-nccl-cu12"} <= libraries
    assert {name: markers.get(name) for name in libraries} == dict.fromkeys(
        libraries, "sys_platform == 'linux'"
    )
    assert cuda_of(libraries) == cuda_of({name for name in markers if name.startswith("nvidia-")})


def cuda_of(libraries: set[str]) -> set[str]:
    """The major versions of CUDA in the names of packages."""
    return {name.rsplit("-", 1)[1] for name in libraries}


def word_setup(folder: Path) -> str:
    """What make would do to set up a machine, without doing it."""
    for name in ("Makefile", "pyproject.toml", *LOCKS):
        shutil.copy(ROOT / name, folder)
    told = subprocess.run(
        ["make", "--dry-run", "demo"], cwd=folder, capture_output=True, text=True, check=True
    )
    return told.stdout


def test_a_machine_without_the_mark_takes_the_default_list(tmp_path):
    told = word_setup(tmp_path)
    assert f"-r {CPU}\n" in told
    assert "gpu" not in told and "uninstall" not in told


def test_a_machine_with_the_mark_takes_the_list_for_gpus_and_never_both_tensorflows(tmp_path):
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv/gpu").touch()
    told = word_setup(tmp_path)
    assert f"-r {CPU}\n" not in told
    assert 0 < told.index("uninstall") < told.index(f"-r {GPU}\n")
    assert re.search(r"uninstall .*tensorflow-cpu\n", told)
