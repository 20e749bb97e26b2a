"""A file that is not the listed one is refused, and the lists themselves are counted."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pandas as pd
import pytest

from mammo_pipeline.datasets.files import FolderOfFiles
from mammo_pipeline.pipelines.ingest.sums import check_sums, read_sums
from small_archive import write_folder


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def files(**digests: str) -> pd.DataFrame:
    rows = [
        {"name": name, "code": "accepted", "found": "", "file_sha256": digest}
        for name, digest in digests.items()
    ]
    return pd.DataFrame(rows)


def test_a_list_in_the_folder_is_read_relative_to_its_own_folder(tmp_path):
    content = f"{digest(b'1')}  a.dcm\n{digest(b'2')} *deeper/b.dcm\n".encode()
    root = write_folder(tmp_path, {"x/a.dcm": b"1", "x/SHA256SUMS": content})
    folder = FolderOfFiles(root)
    lists, sums = read_sums(folder, folder.entries())
    assert lists == ["x/SHA256SUMS"]
    assert sums == {"x/a.dcm": digest(b"1"), "x/deeper/b.dcm": digest(b"2")}


def test_a_folder_without_a_list_states_nothing(tmp_path):
    folder = FolderOfFiles(write_folder(tmp_path, {"a.dcm": b"1"}))
    assert read_sums(folder, folder.entries()) == ([], {})


def test_a_changed_file_is_refused_and_a_missing_one_counted():
    found = files(a="aa", b="changed", c="cc")
    checked, counts = check_sums(found, [], {"a": "aa", "b": "bb", "gone": "dd"})
    assert checked["code"].tolist() == ["accepted", "changed_since_manifest", "accepted"]
    assert counts == {
        "listed": 3,
        "listed_not_found": 1,
        "listed_not_read": 0,
        "listed_and_changed": 1,
        "found_not_listed": 1,
    }


def test_the_list_itself_has_a_fate_of_its_own():
    checked, _ = check_sums(files(SHA256SUMS="x", a="aa"), ["SHA256SUMS"], {"a": "aa"})
    assert checked["code"].tolist() == ["manifest", "accepted"]


def test_a_file_that_was_not_read_to_its_end_is_counted_and_keeps_its_reason():
    found = files(a="").assign(code="tomosynthesis")
    checked, counts = check_sums(found, [], {"a": "aa"})
    assert checked["code"].tolist() == ["tomosynthesis"]
    assert (counts["listed_not_read"], counts["listed_and_changed"]) == (1, 0)


def test_a_list_that_a_bag_lists_too_is_counted_once():
    found = files(**{"manifest-sha256.txt": "x", "a": "aa"})
    sums = {"manifest-sha256.txt": "x", "a": "aa"}
    assert check_sums(found, ["manifest-sha256.txt"], sums)[1]["found_not_listed"] == 0


def test_a_name_that_is_no_utf8_is_found_in_the_list(tmp_path):
    odd = os.fsdecode(b"M\xfcller")
    (tmp_path / odd).mkdir()
    (tmp_path / odd / "a.dcm").write_bytes(b"1")
    (tmp_path / "SHA256SUMS").write_bytes(f"{digest(b'1')}  ".encode() + b"M\xfcller/a.dcm\n")
    folder = FolderOfFiles(tmp_path)
    _, sums = read_sums(folder, folder.entries())
    assert set(sums) == {name for name in folder.names() if name.endswith("dcm")}


def test_a_list_that_may_not_be_read_is_told_by_its_number(tmp_path, monkeypatch):
    folder = FolderOfFiles(write_folder(tmp_path, {"DOE.sha256": b"x"}))
    entries = folder.entries()

    def refuse(_):
        raise PermissionError(13, "denied", "DOE.sha256")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(ValueError, match="List 1 of the 1 lists") as told:
        read_sums(folder, entries)
    assert "DOE" not in str(told.value)


def test_a_broken_list_stops_the_room(tmp_path):
    folder = FolderOfFiles(write_folder(tmp_path, {"SHA256SUMS": b"not a sum\n"}))
    with pytest.raises(ValueError, match="line 1 of a list of SHA-256 sums"):
        read_sums(folder, folder.entries())
