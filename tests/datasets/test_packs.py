"""A pack is cut back to its last whole record, and a full one is only ever read."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from mammo_pipeline.datasets.packs import (
    append_records,
    list_packs,
    name_pack,
    read_leads,
    scan_packs,
)
from mammo_pipeline.datasets.records import make_lead, parse_lead

RECORDS = [(bytes([n]) * 32, b'{"n":%d}' % n, bytes(range(9 * n))) for n in range(5)]


def write(folder: Path, records=RECORDS, pack_bytes: int = 300) -> None:
    known = scan_packs(folder)
    list(append_records(folder, [r for r in records if r[0] not in known], pack_bytes))


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def facts_by_key(folder: Path) -> dict[bytes, bytes]:
    places = scan_packs(folder)
    return dict(
        zip(places, (lead.facts for lead in read_leads(folder, places.values())), strict=True)
    )


@pytest.fixture
def whole(tmp_path) -> Path:
    write(tmp_path / "whole")
    assert list_packs(tmp_path / "whole") == [0, 1]
    return tmp_path / "whole"


def test_records_are_found_by_key(whole):
    assert facts_by_key(whole) == {key: facts for key, facts, _ in RECORDS}


def test_a_pack_that_was_cut_at_any_byte_is_continued_to_the_same_bytes(
    whole, tmp_path, monkeypatch
):
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    expected = contents(whole)
    for number in list_packs(whole):
        for size in range(name_pack(whole, number).stat().st_size + 1):
            cut = tmp_path / "cut"
            shutil.copytree(whole, cut)
            for later in range(number + 1, 9):
                name_pack(cut, later).unlink(missing_ok=True)
            name_pack(cut, number).with_suffix(".facts").unlink(missing_ok=True)
            os.truncate(name_pack(cut, number), size)
            write(cut)
            assert contents(cut) == expected, (number, size)
            shutil.rmtree(cut)


@pytest.mark.parametrize("garbage", [b"\0" * 70, b"MPR1" + b"\xff" * 90, os.urandom(300)])
def test_garbage_behind_the_last_record_is_cut_off(whole, garbage):
    expected = contents(whole)
    with name_pack(whole, 1).open("ab") as pack:
        pack.write(garbage)
    write(whole)
    assert contents(whole) == expected


@pytest.mark.parametrize("facts", [None, b"", b"stale", "of another pack", "of its begin", "cut"])
def test_a_facts_file_that_disagrees_is_made_anew(whole, facts):
    expected = contents(whole)
    path = whole / "000000.facts"
    if facts is None:
        path.unlink()
    elif facts == "cut":
        path.write_bytes(path.read_bytes()[:-1])
    elif facts == "of another pack":
        size, other = name_pack(whole, 0).stat().st_size, b"k" * 32
        lead = make_lead(other, b'{"k":0}', b"")
        path.write_bytes(make_lead(other, b'{"k":0}', bytes(size - len(lead))))
    elif facts == "of its begin":
        path.write_bytes(make_lead(*RECORDS[0]))
    else:
        path.write_bytes(facts)
    assert facts_by_key(whole).keys() == {key for key, _, _ in RECORDS}
    assert contents(whole) == expected


def test_a_full_pack_is_never_changed_by_a_run_even_when_damaged(whole, caplog):
    pack = name_pack(whole, 0)
    content = bytearray(pack.read_bytes())
    content[len(make_lead(*RECORDS[0])) + 1] ^= 1
    pack.write_bytes(content)
    (whole / "000000.facts").unlink()
    write(whole)
    assert pack.read_bytes() == content
    assert "is damaged" in caplog.text
    assert facts_by_key(whole).keys() == {key for key, _, _ in RECORDS}


def test_a_pack_that_is_linked_from_elsewhere_is_not_written_to(whole, tmp_path):
    os.link(name_pack(whole, 1), tmp_path / "cache")
    before = (tmp_path / "cache").read_bytes()
    write(whole, [(b"n" * 32, b"{}", b"new")])
    assert (tmp_path / "cache").read_bytes() == before
    assert list_packs(whole) == [0, 1, 2]
    assert b"n" * 32 in scan_packs(whole)


def test_a_record_longer_than_a_pack_has_one_of_its_own(tmp_path):
    write(tmp_path, [(b"a" * 32, b"{}", bytes(500)), (b"b" * 32, b"{}", b"")])
    assert list_packs(tmp_path) == [0, 1]


def test_long_facts_come_back(tmp_path):
    facts = b'"' + b"x" * 100_000 + b'"'
    write(tmp_path, [(b"a" * 32, facts, b"1"), (b"b" * 32, b"{}", b"2")])
    assert facts_by_key(tmp_path)[b"a" * 32] == facts


def test_a_lead_with_any_flipped_bit_is_none(tmp_path):
    lead = make_lead(b"k" * 32, b'{"a":1}', b"payload")
    assert parse_lead(lead, 0) is not None
    for place in range(len(lead)):
        damaged = bytearray(lead)
        damaged[place] ^= 1 << place % 8
        assert parse_lead(bytes(damaged), 0) is None


def test_a_key_of_another_length_is_refused():
    with pytest.raises(ValueError, match="a key of 3 bytes"):
        make_lead(b"abc", b"{}", b"")


def test_work_is_flushed_while_it_goes_on(tmp_path, monkeypatch):
    from mammo_pipeline.datasets import packs

    flushed, fsync = [], os.fsync
    monkeypatch.setattr(packs, "_FLUSH_BYTES", 100)
    monkeypatch.setattr(os, "fsync", lambda d: flushed.append(d) or fsync(d))
    list(
        append_records(tmp_path, [(bytes([n]) * 32, b"{}", bytes(200)) for n in range(4)], 1 << 20)
    )
    assert len(flushed) == 1 + 4 + 1  # The folder, each record, the end.
