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


def test_asking_for_a_checkpoint_does_not_read_it(tmp_path):
    mapping = CheckpointMapping(tmp_path)
    (tmp_path / "stage.npz").write_bytes(b"half a file")
    assert "stage" in mapping
    assert "other" not in mapping


@pytest.mark.parametrize("keep", [0, 1, 40, -30, -1])
def test_a_damaged_checkpoint_is_an_error_that_names_it_and_the_remedy(tmp_path, keep):
    mapping = CheckpointMapping(tmp_path)
    mapping["stage"] = {"w": np.arange(100.0)}
    path = tmp_path / "stage.npz"
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ValueError, match=r"stage\.npz cannot be read .*Remove the file"):
        mapping["stage"]


def test_a_flipped_bit_is_seen(tmp_path):
    mapping = CheckpointMapping(tmp_path)
    mapping["stage"] = {"w": np.arange(100.0)}
    path = tmp_path / "stage.npz"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(ValueError, match="cannot be read"):
        mapping["stage"]


def test_a_write_that_reads_back_otherwise_leaves_the_one_before(tmp_path, monkeypatch):
    mapping = CheckpointMapping(tmp_path)
    mapping["stage"] = {"w": np.ones(2)}
    honest = np.savez

    def spoil(path, **written):
        honest(path, **{name: value + 1 for name, value in written.items()})

    monkeypatch.setattr(np, "savez", spoil)
    with pytest.raises(OSError, match="reads back otherwise"):
        mapping["stage"] = {"w": np.zeros(2)}
    assert mapping["stage"]["w"].tolist() == [1, 1]
    assert [path.name for path in tmp_path.iterdir()] == ["stage.npz"]
