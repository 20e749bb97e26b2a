"""The house holds to its plan: one name in five places, nothing heavy at the door."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from mammo_pipeline.pipeline_registry import ROOMS

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "src/mammo_pipeline"
PYTHON_FILES = sorted(SOURCE.rglob("*.py"))
CONFIGURATIONS = sorted((ROOT / "conf").rglob("parameters/*.yml"))
DEMO_ONLY = {"fabricate"}
ON_REQUEST = {"score", "readers", "compare"}


def functions(path: Path) -> list[ast.FunctionDef]:
    tree = ast.parse(path.read_text())
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]


def lines_of(function: ast.FunctionDef) -> int:
    documented = ast.get_docstring(function) is not None
    first = function.body[0]
    docstring = (first.end_lineno or 0) - first.lineno + 1 if documented else 0
    return (function.end_lineno or 0) - function.lineno + 1 - docstring


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_has_one_name_in_five_places(room):
    env = "demo" if room in DEMO_ONLY else "base"
    for door in ("pipeline.py", "nodes.py", "parameters.py"):
        assert (SOURCE / "pipelines" / room / door).is_file()
    assert (ROOT / f"conf/{env}/catalog/{room}.yml").is_file()
    parameters = yaml.safe_load((ROOT / f"conf/{env}/parameters/{room}.yml").read_text())
    assert list(parameters) == [room]
    assert list((ROOT / "tests/pipelines" / room).glob("test_*.py"))
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    assert (room in stages) == (room not in ON_REQUEST)


def test_no_function_is_longer_than_forty_lines():
    long = [
        f"{path.relative_to(ROOT)}:{f.lineno} {f.name} {lines_of(f)}"
        for path in PYTHON_FILES
        for f in functions(path)
        if lines_of(f) > 40
    ]
    assert long == []


def test_no_file_is_longer_than_three_hundred_lines():
    assert [p.name for p in PYTHON_FILES if len(p.read_text().splitlines()) > 300] == []


@pytest.mark.parametrize("path", CONFIGURATIONS, ids=lambda p: f"{p.parts[-3]}-{p.stem}")
def test_a_configuration_is_headed_by_purpose_cost_and_result(path):
    head = path.read_text().splitlines()[:3]
    assert all(line.startswith("#") and len(line) > 20 for line in head)


@pytest.mark.parametrize("path", CONFIGURATIONS, ids=lambda p: f"{p.parts[-3]}-{p.stem}")
def test_a_demo_changes_no_name(path):
    if "demo" not in path.parts or path.stem in DEMO_ONLY:
        return
    demo = yaml.safe_load(path.read_text())[path.stem]
    base = yaml.safe_load((ROOT / f"conf/base/parameters/{path.name}").read_text())[path.stem]
    assert set(demo) <= set(base)


def test_the_commands_list_imports_nothing_heavy():
    code = (
        "import sys; from pathlib import Path\n"
        "from kedro.framework.startup import bootstrap_project\n"
        "bootstrap_project(Path('.').resolve())\n"
        "from kedro.framework.project import pipelines; list(pipelines)\n"
        "import mammo_pipeline.cli\n"
        "heavy = {'tensorflow', 'keras', 'mlflow', 'great_expectations', 'optuna', 'matplotlib'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    told = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert told.stdout.strip().splitlines()[-1] == "[]"


def test_every_telemetry_is_off():
    code = (
        "import mammo_pipeline, os\n"
        "print(os.environ['DO_NOT_TRACK'], os.environ['DVC_NO_ANALYTICS'])"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.split() == ["true", "1"]
    for name in ("KEDRO_DISABLE_TELEMETRY", "MLFLOW_DISABLE_TELEMETRY", "GX_ANALYTICS_ENABLED"):
        assert name in (SOURCE / "__init__.py").read_text()
        assert name in (ROOT / "Makefile").read_text()
    assert yaml.safe_load((ROOT / ".telemetry").read_text()) == {"consent": False}


def test_the_plain_suite_leaves_out_the_slow_campaigns():
    tools = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
    assert "-m 'not slow'" in tools["pytest"]["ini_options"]["addopts"]


def test_data_and_runs_never_enter_git():
    for path in ("data/demo/x.dcm", "mlruns/mlflow.db", "conf/local/pseudonym.key"):
        told = subprocess.run(["git", "check-ignore", "-q", path], cwd=ROOT, check=False)
        assert told.returncode == 0, path


def test_the_readme_names_commands_that_exist():
    readme = (ROOT / "README.md").read_text()
    makefile = (ROOT / "Makefile").read_text()
    for target in set(re.findall(r"make ([a-z]+)", readme)):
        assert (
            f"\n{target}:" in makefile
            or f" {target}" in makefile.split(".PHONY:")[1].split("\n")[0]
        )
    for room in set(re.findall(r"--pipelines ([a-z]+)", readme)):
        assert room in ROOMS
