"""Pruning removes what no table uses, and nothing at all where it cannot end well."""

from __future__ import annotations

from pathlib import Path

import pytest

from mammo_pipeline.datasets.packs import append_records, list_packs, name_pack, scan_packs
from mammo_pipeline.datasets.prune import prune_packs

RECORDS = [(bytes([n]) * 32, b'{"n":%d}' % n, bytes(range(9 * n))) for n in range(5)]
KEYS = [key for key, _, _ in RECORDS]


@pytest.fixture
def folder(tmp_path) -> Path:
    list(append_records(tmp_path, RECORDS, 300))
    assert list_packs(tmp_path) == [0, 1]
    return tmp_path


def size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir() if path.suffix == ".pack")


def test_a_pack_in_full_use_is_left_as_it_lies(folder):
    before, content = size(folder), name_pack(folder, 0).read_bytes()
    settled = []
    assert prune_packs(folder, [*KEYS[:3], KEYS[4]], 300, settled.append) == before - size(folder)
    assert name_pack(folder, 0).read_bytes() == content
    assert list_packs(folder) == [0, 2]
    assert settled == [scan_packs(folder)]


def test_where_all_is_used_nothing_is_written(folder):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert prune_packs(folder, KEYS, 300, lambda places: None) == 0
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_where_nothing_is_used_nothing_stays(folder):
    assert prune_packs(folder, [], 300, lambda places: None) > 0
    assert list(folder.iterdir()) == []


def test_a_damaged_record_stops_it_before_anything_is_removed(folder):
    pack = name_pack(folder, 0)
    content = bytearray(pack.read_bytes())
    content[-1] ^= 1
    pack.write_bytes(content)
    before = size(folder)
    with pytest.raises(ValueError, match="Remove this file"):
        prune_packs(folder, KEYS[1:], 300, lambda places: pytest.fail("settled"))
    assert size(folder) >= before
    assert scan_packs(folder).keys() == set(KEYS)
