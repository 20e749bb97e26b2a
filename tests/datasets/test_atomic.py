"""A write is whole or absent."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mammo_pipeline.datasets.atomic import AtomicFile, replace_file, replace_folder


def test_a_failed_write_leaves_the_file_as_it_was(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("before")
    with pytest.raises(RuntimeError), replace_file(path) as scratch:
        scratch.write_text("half")
        raise RuntimeError
    assert path.read_text() == "before"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_a_failed_folder_leaves_the_folder_as_it_was(tmp_path):
    path = tmp_path / "d"
    path.mkdir()
    (path / "kept").write_text("x")
    with pytest.raises(RuntimeError), replace_folder(path) as scratch:
        (scratch / "half").write_text("y")
        raise RuntimeError
    assert [p.name for p in path.iterdir()] == ["kept"]
    assert [p.name for p in tmp_path.iterdir()] == ["d"]


# Writes a folder and dies: while it writes, between the two renames, or before the clearing.
KILLED = """
import os, signal, sys
from pathlib import Path
from mammo_pipeline.datasets.atomic import replace_folder
path, renames = Path(sys.argv[1]), int(sys.argv[2])
rename = Path.rename
def rename_and_die(self, target):
    global renames
    if renames == 0:
        os.kill(os.getpid(), signal.SIGKILL)
    renames -= 1
    return rename(self, target)
Path.rename = rename_and_die
with replace_folder(path) as scratch:
    (scratch / "second").write_text("y")
    if renames == 0:
        os.kill(os.getpid(), signal.SIGKILL)
"""


def kill_a_write(path: Path, renames: int) -> None:
    """Replaces the folder in a process that is killed when `renames` names were changed."""
    ended = subprocess.run([sys.executable, "-c", KILLED, str(path), str(renames)], check=False)
    assert ended.returncode == -signal.SIGKILL


@pytest.fixture
def folder(tmp_path):
    """A folder with one file, alone in its parent."""
    path = tmp_path / "d"
    path.mkdir()
    (path / "first").write_text("x")
    return path


def test_a_rerun_clears_what_a_kill_left_behind(folder):
    kill_a_write(folder, renames=0)
    assert len(list(folder.parent.iterdir())) == 2
    with replace_folder(folder) as scratch:
        (scratch / "third").write_text("z")
    assert [p.name for p in folder.iterdir()] == ["third"]
    assert [p.name for p in folder.parent.iterdir()] == ["d"]


def test_a_folder_that_a_kill_left_aside_is_put_back_by_the_next_write(folder):
    kill_a_write(folder, renames=1)
    assert not folder.exists()
    with pytest.raises(RuntimeError), replace_folder(folder):
        assert [p.name for p in folder.iterdir()] == ["first"]
        raise RuntimeError
    assert [p.name for p in folder.iterdir()] == ["first"]
    assert [p.name for p in folder.parent.iterdir()] == ["d"]


def test_a_swap_that_fails_puts_the_folder_back(folder, monkeypatch):
    rename = Path.rename

    def refuse_the_scratch(self, target):
        if self.suffix == ".part":
            raise OSError("no space")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", refuse_the_scratch)
    with pytest.raises(OSError, match="no space"), replace_folder(folder):
        pass
    assert [p.name for p in folder.iterdir()] == ["first"]
    assert [p.name for p in folder.parent.iterdir()] == ["d"]


def test_the_scratch_of_a_living_process_is_left_alone(folder):
    living = folder.with_name(f".d.{os.getppid()}.part")
    living.mkdir()
    with replace_folder(folder) as scratch:
        (scratch / "second").write_text("y")
    assert living.is_dir()
    assert [p.name for p in folder.iterdir()] == ["second"]


def test_any_kedro_dataset_can_be_written_atomically(tmp_path):
    dataset = AtomicFile(filepath=str(tmp_path / "x" / "a.json"), dataset="json.JSONDataset")
    dataset.save({"n": 1})
    assert dataset.load() == {"n": 1}
    with pytest.raises(Exception, match="not JSON serializable"):
        dataset.save({"n": object()})
    assert dataset.load() == {"n": 1}


def test_what_a_killed_write_left_goes_with_the_next(tmp_path):
    (tmp_path / ".table.999999999.part.csv").write_text("half")
    with replace_file(tmp_path / "table.csv") as scratch:
        scratch.write_text("whole")
    assert [path.name for path in tmp_path.iterdir()] == ["table.csv"]
