"""A user's folder is never overwritten, and every file in it is seen."""

from __future__ import annotations

import os

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


def test_a_pipe_is_seen_and_never_opened(tmp_path):
    (tmp_path / "d").mkdir()
    os.mkfifo(tmp_path / "d/pipe.dcm")
    (tmp_path / "d/a.dcm").write_bytes(b"123")
    entries = Folder(filepath=str(tmp_path / "d")).load().entries()
    assert [(e.name, e.kind, e.size_bytes) for e in entries] == [
        ("a.dcm", "file", 3),
        ("pipe.dcm", "special", 0),
    ]


def test_a_link_to_itself_and_a_broken_link_are_entries(tmp_path):
    (tmp_path / "d").mkdir()
    (tmp_path / "d/loop.dcm").symlink_to("loop.dcm")
    (tmp_path / "d/gone.dcm").symlink_to("nowhere")
    entries = Folder(filepath=str(tmp_path / "d")).load().entries()
    assert [e.kind for e in entries] == ["unreadable", "unreadable"]


def test_a_folder_that_may_not_be_listed_has_an_entry(tmp_path, monkeypatch):
    (tmp_path / "d/shut").mkdir(parents=True)
    (tmp_path / "d/a.dcm").write_bytes(b"1")
    scan = os.scandir

    def refuse(folder):
        if str(folder).endswith("shut"):
            raise PermissionError(13, "shut")
        return scan(folder)

    monkeypatch.setattr(os, "scandir", refuse)
    entries = Folder(filepath=str(tmp_path / "d")).load().entries()
    assert [(e.name, e.kind) for e in entries] == [("a.dcm", "file"), ("shut", "unreadable")]


def test_a_name_that_is_no_utf8_can_be_written_and_opened(tmp_path):
    (tmp_path / "d").mkdir()
    odd = os.path.join(os.fsencode(tmp_path), b"d", b"caf\xe9.dcm")  # noqa: PTH118
    with open(odd, "wb") as file:  # noqa: PTH123
        file.write(b"1")
    folder = Folder(filepath=str(tmp_path / "d")).load()
    (name,) = folder.names()
    assert name == "caf\\xe9.dcm"
    with folder.open(name) as stream:
        assert stream.read() == b"1"
