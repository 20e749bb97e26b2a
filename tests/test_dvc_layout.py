"""How the benchmark of layouts counts."""

from __future__ import annotations

import importlib.util
import sys
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
