"""The source files that a module needs are found, and only those."""

from __future__ import annotations

from pathlib import Path

import pytest

from mammo_pipeline.imports import find_imports

FILES = {
    "__init__.py": "import os\n",
    "room/nodes.py": "from . import page\ndef f():\n    from house.trade import bias\n",
    "room/page.py": "from ..trade.lung import Lung\n",
    "trade/__init__.py": "from house.trade.bias import measure\n",
    "trade/bias.py": "import house.tracking.runs\n",
    "trade/lung.py": "Lung = 1\n",
    "trade/unused.py": "",
    "tracking/runs.py": "from house.trade import unused\n",
    "typed.py": "import typing\nif typing.TYPE_CHECKING:\n    import house.trade.lung\n",
}


@pytest.fixture
def house(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        path = tmp_path / "house" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "house"


def found(house: Path, start: str, **options) -> set[str]:
    files = find_imports([house / start], house, **options)
    return {path.relative_to(house).as_posix() for path in files}


def test_imports_are_followed_through_functions_relative_names_and_other_files(house):
    everything = {"room/nodes.py", "room/page.py", "trade/lung.py", "trade/bias.py"}
    assert found(house, "room/nodes.py") == {*everything, "tracking/runs.py", "trade/unused.py"}


def test_what_is_left_out_is_not_followed(house):
    left = found(house, "room/nodes.py", leave_out=("house.tracking",))
    assert left == {"room/nodes.py", "room/page.py", "trade/lung.py", "trade/bias.py"}


def test_a_name_defined_in_a_package_leads_to_the_package(house):
    (house / "room/nodes.py").write_text("from house.trade import measure\n")
    left = found(house, "room/nodes.py", leave_out=("house.tracking",))
    assert left == {"room/nodes.py", "trade/__init__.py", "trade/bias.py"}


def test_imports_for_type_checkers_do_not_count(house):
    assert found(house, "typed.py") == {"typed.py"}
