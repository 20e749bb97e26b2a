"""A user's folder is never overwritten, and every file in it is seen."""

from __future__ import annotations

import pytest

from mammo_pipeline.datasets.files import Folder


def test_a_folder_that_the_project_did_not_make_is_left_alone(tmp_path):
    mine = tmp_path / "dicom"
    mine.mkdir()
    (mine / "a.dcm").write_bytes(b"precious")
    with pytest.raises(Exception, match="will not be replaced"):
        Folder(filepath=str(mine)).save([("b.dcm", b"new")])
    assert (mine / "a.dcm").read_bytes() == b"precious"


def test_a_fabricated_folder_is_replaced_whole(tmp_path):
    folder = Folder(filepath=str(tmp_path / "dicom"))
    folder.save([("p/a.dcm", b"1"), ("p/b.dcm", b"2")])
    folder.save([("p/c.dcm", b"3")])
    assert folder.load().names() == ["p/c.dcm"]


def test_a_missing_folder_is_told_with_what_to_do(tmp_path):
    with pytest.raises(Exception, match=r"no folder .*globals\.yml"):
        Folder(filepath=str(tmp_path / "nowhere")).load()


def test_linked_folders_and_broken_links_are_seen_and_a_circle_ends(tmp_path):
    real = tmp_path / "real"
    (real / "p1").mkdir(parents=True)
    (real / "p1/a.dcm").write_bytes(b"1")
    (tmp_path / "d").mkdir()
    (tmp_path / "d/p1").symlink_to(real / "p1")
    (tmp_path / "d/gone.dcm").symlink_to(tmp_path / "nowhere")
    (real / "p1/again").symlink_to(tmp_path / "d")
    assert Folder(filepath=str(tmp_path / "d")).load().names() == ["gone.dcm", "p1/a.dcm"]


def test_hidden_files_are_seen(tmp_path):
    (tmp_path / "d").mkdir()
    (tmp_path / "d/.x").write_bytes(b"1")
    assert Folder(filepath=str(tmp_path / "d")).load().names() == [".x"]
