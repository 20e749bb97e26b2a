"""What no table uses is removed from every store, and a store that is written to is left alone."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from kedro.framework.startup import bootstrap_project
from kedro.io import DatasetError

from mammo_pipeline.cli import cli
from mammo_pipeline.datasets.codec import encode_canvas
from mammo_pipeline.datasets.store import ImageStore, ImageStream
from mammo_pipeline.pruned import describe, find_stores, prune_store

ROOT = Path(__file__).parents[1]
TYPE = "mammo_pipeline.datasets.ImageStore"
PACK_BYTES = 600


def settings_of(folder: Path) -> dict[str, object]:
    return {"filepath": str(folder), "pack_bytes": PACK_BYTES}


def fill(folder: Path, numbers: list[int]) -> None:
    """Writes the canvases of these numbers, as a run of the room does."""

    def make(wanted):
        for place in wanted:
            pixels = np.random.default_rng(numbers[place]).integers(0, 65536, (8, 6))
            yield place, encode_canvas(pixels.astype(np.uint16)), {"code": "accepted"}

    keys = [hashlib.sha256(str(number).encode()).hexdigest() for number in numbers]
    records = [{"image_id": f"i{number}"} for number in numbers]
    ImageStore(**settings_of(folder)).save(ImageStream((8, 6), keys, records, make))


def weigh(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.glob("packs/*.pack"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A store half of whose first ten images no table uses any more."""
    fill(tmp_path / "store", list(range(10)))
    fill(tmp_path / "store", list(range(0, 20, 2)))
    return tmp_path / "store"


def test_only_what_no_table_uses_is_removed(folder, tmp_path):
    fill(tmp_path / "fresh", list(range(0, 20, 2)))
    before = np.asarray(ImageStore(**settings_of(folder)).load().pixels)
    whole = weigh(folder)
    pruned = prune_store(settings_of(folder))
    after = ImageStore(**settings_of(folder)).load()
    np.testing.assert_array_equal(np.asarray(after.pixels), before)
    assert (pruned.left, pruned.freed) == (weigh(folder), whole - weigh(folder))
    assert pruned.left == weigh(tmp_path / "fresh")
    assert (pruned.images, pruned.packs) == (10, len(list(folder.glob("packs/*.pack"))))
    assert max(p.stat().st_size for p in folder.glob("packs/*.pack")) <= PACK_BYTES
    assert prune_store(settings_of(folder)).freed == 0


def test_a_store_that_a_run_is_writing_is_left_alone(folder):
    code = (
        "import sys, time; from pathlib import Path\n"
        "from mammo_pipeline.datasets.lock import hold_alone\n"
        "with hold_alone(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"
    )
    held, whole = [sys.executable, "-c", code, str(folder)], weigh(folder)
    with subprocess.Popen(held, stdout=subprocess.PIPE, text=True) as other:
        try:
            assert other.stdout.readline() == "held\n"
            with pytest.raises(RuntimeError, match="another run is writing there"):
                prune_store(settings_of(folder))
        finally:
            other.kill()
    assert weigh(folder) == whole


def test_a_store_of_an_older_version_is_refused_by_its_name(folder):
    pd.DataFrame({"image_id": ["i0"], "position": [0]}).to_parquet(folder / "index.parquet")
    with pytest.raises(DatasetError, match="older version"):
        prune_store(settings_of(folder))


def test_stores_of_the_catalog_are_found_that_are_written(folder):
    entries = {
        "store": {"type": TYPE, "filepath": "store", "pack_bytes": PACK_BYTES},
        "current_store": {"type": TYPE, "filepath": "not/yet"},
        "images": {"type": "pandas.ParquetDataset", "filepath": "store/index.parquet"},
        "memory": {"type": "MemoryDataset"},
    }
    assert find_stores(entries, folder.parent) == {"store": settings_of(folder)}


def test_the_block_says_so_where_nothing_is_written():
    assert "none is written yet" in describe({})


@pytest.fixture
def project(tmp_path: Path, monkeypatch) -> Path:
    """A project folder of its own, with the study's catalog and two stores of it."""
    home = tmp_path / "project"
    shutil.copytree(ROOT / "conf/base", home / "conf/base")
    shutil.copy(ROOT / "pyproject.toml", home)
    for name in ("src", "conf/local"):
        (home / name).mkdir(parents=True)
    for place in ("data/03_primary/store", "data/07_model_output/score/store"):
        fill(home / place, list(range(10)))
        fill(home / place, list(range(0, 20, 2)))
    monkeypatch.chdir(home)
    monkeypatch.setenv("MAMMO_PIPELINE_ENV", "")  # The command sets it, and this puts it back.
    return home


def run_command(project: Path):
    metadata = bootstrap_project(ROOT)._replace(project_path=project)
    return CliRunner().invoke(cli, ["prune"], obj=metadata)


def test_the_command_prunes_every_written_store_of_the_catalog(project):
    told = run_command(project)
    assert told.exit_code == 0, told.output
    lines = told.output.split("== prune ==")[1].strip().splitlines()
    assert [line.split()[0] for line in lines] == ["score_store", "store"]
    assert all("0.0 MB freed" in line and "for 10 images" in line for line in lines)
    for place in ("03_primary/store", "07_model_output/score/store"):
        assert prune_store({"filepath": str(project / "data" / place)}).freed == 0


def test_the_command_says_which_store_failed_and_what_was_done_before(project):
    pd.DataFrame({"image_id": []}).to_parquet(project / "data/03_primary/store/index.parquet")
    told = run_command(project)
    assert told.exit_code == 1
    assert "score_store" in told.output and "for 10 images" in told.output
    assert "Error: store: " in told.output and "older version" in told.output
