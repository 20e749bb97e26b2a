"""What the tests of the room share: four images of two devices, and work done in this process."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from mammo_pipeline.datasets.files import FolderOfFiles
from mammo_pipeline.datasets.ledger import Ledger
from mammo_pipeline.pipelines.ingest.nodes import index_files
from mammo_pipeline.pipelines.standardize import audit, nodes
from small_archive import draw_breast, ingest_rules, mammogram, write_folder

KEY = b"k" * 32
NAMES = ("a.dcm", "b.dcm", "c.dcm", "d.dcm")
OTHER = {"Manufacturer": "GE MEDICAL SYSTEMS", "ManufacturerModelName": "Senographe Essential"}


def draw_file(number: int, seed: int) -> bytes:
    """One of the four files; two numbers a woman, left and right, and two a device."""
    laterality = "LR"[number % 2]
    pixels = draw_breast(wall="left" if laterality == "L" else "right", seed=seed)
    # A lesion, so that a test can see where it comes to lie.
    columns = slice(60, 80) if laterality == "L" else slice(160, 180)
    pixels[140:160, columns] = 4000
    tags = OTHER if number > 1 else {}
    return mammogram(f"P{number // 2}", laterality, pixels=pixels, **tags)


@pytest.fixture(scope="session")
def ingested(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, pd.DataFrame]:
    """The folder and its table, made once."""
    root = tmp_path_factory.mktemp("archive")
    folder = write_folder(root / "in", {n: draw_file(i, i) for i, n in enumerate(NAMES)})
    ledger = Ledger(root / "ledger.sqlite")
    images, _, _ = index_files(FolderOfFiles(folder), ledger, KEY, ingest_rules())
    sides = ["train", "tune", "train", "test"]
    return folder, images.sort_values("file_id").reset_index(drop=True).assign(side=sides)


@pytest.fixture
def study(ingested: tuple[Path, pd.DataFrame], tmp_path: Path) -> tuple[FolderOfFiles, Any]:
    """A copy of the folder that a test may change, and one row an image of it, with its side."""
    shutil.copytree(ingested[0], tmp_path / "in")
    return FolderOfFiles(tmp_path / "in"), ingested[1].copy()


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """Work is done in this process, where a worker takes seconds to start; returns the tasks."""
    done: list[tuple[Any, ...]] = []

    def run(function: Any, tasks: Any, engine: Any, limits: Any) -> Any:
        for number, task in enumerate(tasks):
            done.append(task)
            yield number, function(*task)

    for room in (nodes, audit):
        monkeypatch.setattr(room, "run_tasks", run)
    return done
