"""Packs: logs of records that describe themselves, only ever appended to.

A record is its lead (magic, key, lengths, checksum of the payload, facts as JSON, checksum of all
that) and its payload. `000000.pack` is full, or the last; a full pack never changes, and
`000000.facts` repeats its leads without the payloads, so that its keys and facts are found in one
short read. A full pack's `.facts` may be removed: it is made anew.
"""

from __future__ import annotations

import contextlib
import logging
import os
import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path

import xxhash

from mammo_pipeline.datasets.atomic import replace_file
from mammo_pipeline.datasets.records import (
    LONGEST_LEAD,
    USUAL_LEAD,
    Lead,
    make_lead,
    pack_lead,
    parse_lead,
)

log = logging.getLogger(__name__)

# A pack is full before a record would take it over this: an hour's work for DVC's or rsync's reuse.
PACK_BYTES = 512 << 20
# What a power cut may cost, at most: this much work is done again.
_FLUSH_BYTES, _FLUSH_SECONDS = 64 << 20, 30.0
_PACK_NAME = re.compile(r"(\d{6,9})\.pack")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a record lies.

    Attributes:
        pack: Number of the pack.
        start: Of the record in its pack.
        lead_bytes: Length of the lead; the payload follows it.
        payload_bytes: Length of the payload.
        lead_start: Of the lead in the `.facts` file, -1 where only the pack has it.
    """

    pack: int
    start: int
    lead_bytes: int
    payload_bytes: int
    lead_start: int = -1

    @property
    def payload_start(self) -> int:
        """First byte of the payload in its pack."""
        return self.start + self.lead_bytes

    @property
    def record_bytes(self) -> int:
        """Length of the record."""
        return self.lead_bytes + self.payload_bytes


def name_pack(folder: Path, number: int) -> Path:
    """Returns the path of a pack."""
    return folder / f"{number:06d}.pack"


def list_packs(folder: Path) -> list[int]:
    """Returns the numbers of the packs in the folder, ascending."""
    if not folder.is_dir():
        return []
    matches = (_PACK_NAME.fullmatch(path.name) for path in folder.iterdir())
    return sorted(int(match[1]) for match in matches if match)


def scan_packs(folder: Path) -> dict[bytes, Place]:
    """Returns key to place of every whole record; the first place of a key stands.

    A record at the end of the last pack that a kill left unfinished is cut off. What cannot be read
    of a full pack is left as it lies, and said.
    """
    places: dict[bytes, Place] = {}
    numbers = list_packs(folder)
    for number in numbers:
        grows = number == numbers[-1] and _may_grow(name_pack(folder, number))
        found = _cut_torn_tail(folder, number) if grows else _scan_full(folder, number)
        for key, place in found:
            places.setdefault(key, place)
    return places


def append_records(
    folder: Path,
    records: Iterable[tuple[bytes, bytes, bytes]],
    pack_bytes: int,
    fresh: bool = False,
) -> Iterator[tuple[bytes, Place]]:
    """Yields key and place of each record once it is written behind the last one.

    Call `scan_packs` before, which cuts what a kill left.

    Args:
        folder: Of the packs.
        records: Key, facts and payload.
        pack_bytes: A pack is closed before a record would take it over this.
        fresh: Begin a new pack in any case.

    Raises:
        OSError: No room, or no right to write; whole records stay.
    """
    folder.mkdir(parents=True, exist_ok=True)
    number, end = _find_end(folder, fresh)
    descriptor, flushed, flushed_at = -1, end, time.monotonic()
    try:
        for key, facts, payload in records:
            lead = make_lead(key, facts, payload)
            if end and end + len(lead) + len(payload) > pack_bytes:
                descriptor = _close(descriptor)
                _scan_full(folder, number)
                number, end, flushed = number + 1, 0, 0
            if descriptor < 0:
                descriptor = _open_to_write(name_pack(folder, number))
            _write(descriptor, lead + payload, end, name_pack(folder, number))
            yield key, Place(number, end, len(lead), len(payload))
            end += len(lead) + len(payload)
            if end - flushed > _FLUSH_BYTES or time.monotonic() - flushed_at > _FLUSH_SECONDS:
                os.fsync(descriptor)
                flushed, flushed_at = end, time.monotonic()
    finally:
        _close(descriptor)


def read_leads(folder: Path, places: Iterable[Place]) -> Iterator[Lead]:
    """Yields the lead of each place; fast where neighbours lie in one pack.

    Raises:
        ValueError: It is not there any more.
    """
    for (number, in_pack), group in groupby(places, lambda p: (p.pack, p.lead_start < 0)):
        path = name_pack(folder, number)
        path = path if in_pack else path.with_suffix(".facts")
        with path.open("rb", buffering=0) as stream:
            for place in group:
                start = place.start if in_pack else place.lead_start
                yield _read_lead(path, stream.fileno(), start, place.lead_bytes)


def _read_lead(path: Path, descriptor: int, start: int, length: int) -> Lead:
    lead = parse_lead(os.pread(descriptor, length, start), 0)
    if lead is None:
        raise ValueError(f"{path} changed while it was read. Run the room again.")
    return lead


def _walk_pack(path: Path, check_payloads: bool) -> Iterator[tuple[int, Lead]]:
    """Yields start and lead of every record up to the first that is not whole."""
    with path.open("rb", buffering=0) as stream:
        size, start = os.fstat(stream.fileno()).st_size, 0
        while start < size:
            lead = parse_lead(os.pread(stream.fileno(), USUAL_LEAD, start), 0)
            lead = lead or parse_lead(os.pread(stream.fileno(), LONGEST_LEAD, start), 0)
            if lead is None or start + lead.length + lead.payload_bytes > size:
                return
            if check_payloads and not _is_whole(stream.fileno(), start, lead):
                return
            yield start, lead
            start += lead.length + lead.payload_bytes


def _is_whole(descriptor: int, start: int, lead: Lead) -> bool:
    payload = os.pread(descriptor, lead.payload_bytes, start + lead.length)
    return xxhash.xxh3_64_intdigest(payload) == lead.payload_xxh3


def _cut_torn_tail(folder: Path, number: int) -> list[tuple[bytes, Place]]:
    """Returns the records of the last pack; every payload is checked, for none may be on disk."""
    path = name_pack(folder, number)
    found = [
        (lead.key, Place(number, start, lead.length, lead.payload_bytes))
        for start, lead in _walk_pack(path, check_payloads=True)
    ]
    end = sum(place.record_bytes for _, place in found)
    if (torn := path.stat().st_size - end) > 0:
        log.warning("%s: %d bytes of an interrupted run are cut off and made anew.", path, torn)
        os.truncate(path, end)
    return found


def _scan_full(folder: Path, number: int) -> list[tuple[bytes, Place]]:
    """Returns the records of a full pack, by its `.facts` file where that fits."""
    path = name_pack(folder, number)
    return _read_facts_file(path, number) or _rebuild_facts_file(path, number)


def _read_facts_file(path: Path, number: int) -> list[tuple[bytes, Place]]:
    """Returns the records, or none where the file is absent or tells of another pack."""
    try:
        content = path.with_suffix(".facts").read_bytes()
    except OSError:
        return []
    found: list[tuple[bytes, Place]] = []
    start = lead_start = 0
    last = None
    while (lead := parse_lead(content, lead_start)) is not None:
        place = Place(number, start, lead.length, lead.payload_bytes, lead_start)
        found.append((lead.key, place))
        start, lead_start, last = start + place.record_bytes, lead_start + lead.length, lead
    if lead_start != len(content) or start != path.stat().st_size or last is None:
        return []
    try:
        told = next(read_leads(path.parent, [replace(found[-1][1], lead_start=-1)]))
    except ValueError:
        return []
    return found if told == last else []


def _rebuild_facts_file(path: Path, number: int) -> list[tuple[bytes, Place]]:
    found = []
    end = 0
    with replace_file(path.with_suffix(".facts")) as scratch, scratch.open("wb") as facts:
        for start, lead in _walk_pack(path, check_payloads=False):
            place = Place(number, start, lead.length, lead.payload_bytes, facts.tell())
            found.append((lead.key, place))
            facts.write(pack_lead(lead.key, lead.facts, lead.payload_bytes, lead.payload_xxh3))
            end = start + place.record_bytes
    if (lost := path.stat().st_size - end) > 0:
        log.warning(
            "%s is damaged: its last %d bytes cannot be read, and their images are made anew.",
            *(path, lost),
        )
    return found


def _may_grow(path: Path) -> bool:
    """Whether no other name leads to the bytes, such as a link in DVC's cache."""
    return not path.is_symlink() and path.stat().st_nlink == 1


def _find_end(folder: Path, fresh: bool) -> tuple[int, int]:
    """Returns the number of the pack that grows, and its size."""
    numbers = list_packs(folder)
    if not numbers:
        return 0, 0
    last = name_pack(folder, numbers[-1])
    return (
        (numbers[-1] + 1, 0) if fresh or not _may_grow(last) else (numbers[-1], last.stat().st_size)
    )


def _open_to_write(path: Path) -> int:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o666)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # The name is on disk before what is found by it.
    finally:
        os.close(folder)
    return descriptor


def _write(descriptor: int, content: bytes, start: int, path: Path) -> None:
    rest, at = memoryview(content), start
    try:
        while rest:
            written = os.pwrite(descriptor, rest, at)
            rest, at = rest[written:], at + written
    except OSError as error:
        with contextlib.suppress(OSError):
            os.ftruncate(descriptor, start)
        raise OSError(
            error.errno,
            f"{path} cannot be written: {error.strerror}. Make room on the disk or restore the "
            "right to write there, then run the room again: it continues where it stopped",
        ) from error


def _close(descriptor: int) -> int:
    """Flushes to disk and closes; returns the number of no file."""
    if descriptor >= 0:
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    return -1
