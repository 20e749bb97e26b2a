"""Arrays come back as they were, and nothing that can run is read."""

from __future__ import annotations

import numpy as np
import pytest

from mammo_pipeline.datasets.arrays import ArraysFolder, CheckpointMapping, read_arrays


def test_a_folder_of_arrays_is_read_when_asked(tmp_path):
    folder = ArraysFolder(filepath=str(tmp_path / "m"))
    folder.save({"one": {"conv/kernel": np.arange(3)}, "two": {"w": np.zeros(1)}})
    readers = folder.load()
    assert sorted(readers) == ["one", "two"]
    assert readers["one"]()["conv/kernel"].tolist() == [0, 1, 2]


def test_a_file_with_python_objects_is_refused(tmp_path):
    np.savez(tmp_path / "evil.npz", x=np.array([{"a": 1}], dtype=object))
    with pytest.raises(ValueError, match="allow_pickle"):
        read_arrays(tmp_path / "evil.npz")


def test_checkpoints_behave_like_a_dictionary(tmp_path):
    mapping = CheckpointMapping(tmp_path)
    mapping["stage"] = {"w": np.ones(2)}
    assert list(mapping) == ["stage"]
    assert mapping["stage"]["w"].tolist() == [1, 1]
    del mapping["stage"]
    assert "stage" not in mapping
