"""A write is whole or absent."""

from __future__ import annotations

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


def test_a_rerun_clears_what_a_kill_left_behind(tmp_path):
    path = tmp_path / "d"
    with pytest.raises(RuntimeError), replace_folder(path) as scratch:
        (scratch / "half").write_text("y")
        raise RuntimeError
    with replace_folder(path) as scratch:
        (scratch / "whole").write_text("z")
    assert [p.name for p in path.iterdir()] == ["whole"]
    assert [p.name for p in tmp_path.iterdir()] == ["d"]


def test_any_kedro_dataset_can_be_written_atomically(tmp_path):
    dataset = AtomicFile(filepath=str(tmp_path / "x" / "a.json"), dataset="json.JSONDataset")
    dataset.save({"n": 1})
    assert dataset.load() == {"n": 1}
    with pytest.raises(Exception, match="not JSON serializable"):
        dataset.save({"n": object()})
    assert dataset.load() == {"n": 1}
