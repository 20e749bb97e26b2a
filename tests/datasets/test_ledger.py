"""What was read is remembered for exactly the file, the folder and the code that it was read by."""

from __future__ import annotations

import os
import sqlite3
from dataclasses import replace

import pytest

from mammo_pipeline.datasets.files import Entry
from mammo_pipeline.datasets.ledger import Ledger, LedgerFile

ENTRIES = [Entry("a/1.dcm", "file", 10, 100), Entry("b/2.dcm", "file", 20, 200)]


@pytest.fixture
def ledger(tmp_path):
    ledger = LedgerFile(filepath=str(tmp_path / "private/ledger.sqlite")).load()
    facts = [(entry, {"size": entry.size_bytes}) for entry in ENTRIES]
    ledger.record("header", tmp_path, facts, "v1")
    return ledger


def test_facts_of_unchanged_files_are_recalled(ledger, tmp_path):
    known = ledger.recall("header", tmp_path, ENTRIES, "v1")
    assert known == {"a/1.dcm": {"size": 10}, "b/2.dcm": {"size": 20}}


@pytest.mark.parametrize("change", [{"size_bytes": 11}, {"mtime_ns": 101}])
def test_a_changed_file_is_read_again(ledger, tmp_path, change):
    changed = [replace(ENTRIES[0], **change), ENTRIES[1]]
    assert list(ledger.recall("header", tmp_path, changed, "v1")) == ["b/2.dcm"]


def test_other_code_another_kind_and_another_folder_recall_nothing(ledger, tmp_path):
    assert ledger.recall("header", tmp_path, ENTRIES, "v2") == {}
    assert ledger.recall("pixels", tmp_path, ENTRIES, "v1") == {}
    assert ledger.recall("header", tmp_path / "other", ENTRIES, "v1") == {}


def test_a_name_that_is_no_utf8_is_kept(ledger, tmp_path):
    odd = Entry(os.fsdecode(b"caf\xe9\n.dcm"), "file", 1, 1)
    ledger.record("header", tmp_path, [(odd, {"n": 1})], "v1")
    assert ledger.recall("header", tmp_path, [odd], "v1") == {odd.name: {"n": 1}}


def test_facts_of_vanished_files_go_when_an_ingest_ends(ledger, tmp_path):
    ledger.finish(tmp_path, {"a/1.dcm": "aa"})
    assert ledger.recall_finished(tmp_path) == {"a/1.dcm": "aa"}
    assert list(ledger.recall("header", tmp_path, ENTRIES, "v1")) == ["a/1.dcm"]


def test_an_ingest_that_changed_nothing_writes_nothing(ledger, tmp_path):
    ledger.finish(tmp_path, {"a/1.dcm": "aa"})
    before = ledger.path.read_bytes()
    ledger.finish(tmp_path, {"a/1.dcm": "aa"})
    ledger.recall("header", tmp_path, ENTRIES, "v1")
    assert ledger.path.read_bytes() == before


def test_a_broken_transaction_leaves_nothing(ledger, tmp_path):
    def facts():
        yield Entry("c/3.dcm", "file", 1, 1), {"n": 1}
        raise RuntimeError("killed")

    with pytest.raises(RuntimeError):
        ledger.record("header", tmp_path, facts(), "v1")
    assert (
        len(ledger.recall("header", tmp_path, [*ENTRIES, Entry("c/3.dcm", "file", 1, 1)], "v1"))
        == 2
    )


def test_a_damaged_ledger_is_told_with_what_to_do(tmp_path):
    (tmp_path / "ledger.sqlite").write_bytes(b"no database at all" * 100)
    with pytest.raises(OSError, match="remove it; every file is then read anew"):
        Ledger(tmp_path / "ledger.sqlite").recall("header", tmp_path, ENTRIES, "v1")


def test_the_ledger_is_one_plain_sqlite_file(ledger):
    with sqlite3.connect(ledger.path) as book:
        assert book.execute("SELECT count(*) FROM facts").fetchone() == (2,)
