"""How the benchmark of layouts counts, and the list of what a remote on S3 needs."""

from __future__ import annotations

import importlib.util
import re
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def layout():
    spec = importlib.util.spec_from_file_location("layout", ROOT / "benchmarks/dvc_layout.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["layout"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["layout"]


def test_the_growth_is_the_line_through_what_was_measured(layout, capsys):
    costs = [
        layout.Cost("", dict.fromkeys(layout.COMMANDS, (1 + n / 100, 2 + n / 50)))
        for n in (100, 200, 400)
    ]
    layout.print_growth([100, 200, 400], costs, costs[0])
    told = capsys.readouterr().out
    assert told.count("1.00 + 10.000/1,000 =   3001 s") == len(layout.COMMANDS)
    assert told.count("2.00 + 20.000/1,000 =   6002 CPU s") == len(layout.COMMANDS)


def test_names_are_counted_wherever_they_stand_and_once(layout, tmp_path):
    layout.write_archives(tmp_path / "raw", 3, 64)
    (tmp_path / "list").write_bytes(b"\0\1DOE_JANE_000002.dcm")
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert layout.count_names(files) == 3


def read_pins(name: str) -> dict[str, set[str]]:
    """Returns the versions that a lock names, by package; several where they hang on the Python."""
    pins: dict[str, set[str]] = {}
    for package, version in re.findall(
        r"^([a-z0-9-]+)(?:\[.*\])?==([^\s;]+)", (ROOT / name).read_text(), re.M
    ):
        pins.setdefault(package, set()).add(version)
    return pins


def test_the_list_for_s3_changes_no_locked_version():
    locked, wanted = read_pins("requirements.lock"), read_pins("requirements-s3.lock")
    assert {name for name in wanted if name in locked and not wanted[name] <= locked[name]} == set()
    group = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]["s3"]
    assert {re.split(r"[<>=~]", entry)[0] for entry in group} <= set(wanted)


def test_the_list_for_s3_names_every_hash_and_no_registry():
    text = (ROOT / "requirements-s3.lock").read_text()
    assert "://" not in text
    assert text.count("--hash=sha256:") >= len(read_pins("requirements-s3.lock")) > 6
