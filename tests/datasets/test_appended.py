"""A file of records only grows: nothing that stood in it is lost, doubled or hidden."""

from __future__ import annotations

import fcntl
import json
import logging
import multiprocessing
import os

import pytest

from mammo_pipeline.datasets.appended import Appended, AppendedRecords


@pytest.fixture
def file(tmp_path):
    return Appended(tmp_path / "history/records.jsonl")


def test_records_come_back_in_the_order_of_writing(file):
    assert file.records() == []
    assert file.append({"n": 1}) and file.append({"n": 2, "text": "ü\nx"})
    assert file.records() == [{"n": 1}, {"n": 2, "text": "ü\nx"}]
    assert file.path.read_bytes().count(b"\n") == 2


def test_a_record_that_equals_the_last_is_not_doubled(file):
    assert file.append({"n": 1})
    assert not file.append({"n": 1})
    assert file.append({"n": 2}) and file.append({"n": 1})
    assert [one["n"] for one in file.records()] == [1, 2, 1]


def test_the_key_alone_decides_what_is_equal(file):
    keyed = Appended(file.path, ("digest",))
    assert keyed.append({"digest": "a", "when": 1})
    assert not keyed.append({"digest": "a", "when": 2})
    assert keyed.append({"digest": "b", "when": 3})
    with pytest.raises(KeyError, match="digest"):
        keyed.append({"when": 4})
    assert [one["when"] for one in keyed.records()] == [1, 3]


@pytest.mark.parametrize("cut", [b'{"n": 2, "na', b'{"n": \xff\xfe', b"[1, 2]", b"7"])
def test_a_torn_last_line_is_told_kept_and_followed_by_a_new_line(file, caplog, cut):
    file.append({"n": 1})
    with file.path.open("ab") as stream:
        stream.write(cut)
    with caplog.at_level(logging.WARNING):
        assert file.records() == [{"n": 1}]
    assert "line 2 is no whole record" in caplog.text
    assert file.append({"n": 3})
    assert file.records() == [{"n": 1}, {"n": 3}]
    assert cut in file.path.read_bytes()


def test_every_cut_of_the_last_line_leaves_the_records_before_it(file):
    file.append({"n": 1})
    file.append({"n": 2, "name": "A. Reader"})
    whole = file.path.read_bytes()
    first = whole.index(b"\n") + 1
    for end in range(first, len(whole)):
        file.path.write_bytes(whole[:end])
        file.append({"n": 3})
        found = [one["n"] for one in file.records()]
        # Only the line's end was missing: the record is whole.
        assert found == ([1, 2, 3] if end == len(whole) - 1 else [1, 3])


def test_what_json_cannot_hold_is_refused_before_anything_is_written(file):
    with pytest.raises(ValueError, match="JSON"):
        file.append({"n": float("nan")})
    assert not file.path.exists()


def append_many(path, writer):
    for number in range(25):
        Appended(path).append({"writer": writer, "number": number, "fill": "x" * 5000})


def test_two_writers_never_mix_their_lines(file):
    context = multiprocessing.get_context("fork")
    writers = [context.Process(target=append_many, args=(file.path, n)) for n in range(3)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    records = file.records()
    assert len(records) == 75
    for writer in range(3):
        assert [one["number"] for one in records if one["writer"] == writer] == list(range(25))


def test_a_writer_waits_for_the_one_before_it(file):
    file.append({"n": 1})
    context = multiprocessing.get_context("fork")
    writer = context.Process(target=file.append, args=({"n": 2},))
    with file.path.open("r+b") as stream:
        fcntl.lockf(stream, fcntl.LOCK_EX)
        writer.start()
        writer.join(0.5)
        assert writer.is_alive()
        assert stream.read().count(b"\n") == 1
        fcntl.lockf(stream, fcntl.LOCK_UN)
    writer.join(10)
    assert [one["n"] for one in file.records()] == [1, 2]


def test_a_record_is_on_the_disk_when_append_returns(file, monkeypatch):
    flushed = []
    monkeypatch.setattr(os, "fsync", lambda handle: flushed.append(os.fstat(handle).st_size))
    file.append({"n": 1})
    assert flushed[0] == len(json.dumps({"n": 1})) + 1
    assert len(flushed) == 2  # the folder too: the file is new
    file.append({"n": 2})
    assert len(flushed) == 3


def test_the_catalog_entry_gives_the_handle_and_cannot_be_saved(tmp_path):
    entry = AppendedRecords(filepath=str(tmp_path / "r.jsonl"), key=["digest"])
    assert entry.load() == Appended(tmp_path / "r.jsonl", ("digest",))
    with pytest.raises(Exception, match="appended one by one"):
        entry.save({})
