"""Packs rewritten without the records that no table uses."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import xxhash

from mammo_pipeline.datasets.packs import (
    Place,
    append_records,
    list_packs,
    name_pack,
    read_leads,
    scan_packs,
)


def prune_packs(
    folder: Path,
    used: Iterable[bytes],
    pack_bytes: int,
    settle: Callable[[dict[bytes, Place]], None],
) -> int:
    """Returns the bytes that are freed.

    The used records of a pack that holds others are copied behind all packs, `settle` writes the
    table that points at the copies, and only then the old packs go. A kill leaves a store that is
    whole; the next call removes what it left. Room is needed for the copies.

    Args:
        folder: Of the packs.
        used: Keys to keep.
        pack_bytes: Size of a full pack.
        settle: Given the places of the used records, makes them the ones that readers find.

    Raises:
        ValueError: A record to be copied is damaged; nothing was removed.
        OSError: No room for the copies; nothing was removed.
    """
    found = scan_packs(folder)
    places = {key: found[key] for key in used if key in found}
    before = {number: name_pack(folder, number).stat().st_size for number in list_packs(folder)}
    unused = dict(before)
    for place in places.values():
        unused[place.pack] -= place.record_bytes
    old = sorted(number for number, size in unused.items() if size)
    moving = sorted(
        (place for place in places.values() if unused[place.pack]),
        key=lambda place: (place.pack, place.start),
    )
    places.update(append_records(folder, _read_records(folder, moving), pack_bytes, fresh=True))
    settle(places)
    for number in old:
        name_pack(folder, number).unlink()
        name_pack(folder, number).with_suffix(".facts").unlink(missing_ok=True)
    after = sum(name_pack(folder, number).stat().st_size for number in list_packs(folder))
    return sum(before.values()) - after


def _read_records(folder: Path, places: list[Place]) -> Iterator[tuple[bytes, bytes, bytes]]:
    for place, lead in zip(places, read_leads(folder, places), strict=True):
        yield lead.key, lead.facts, _read_payload(folder, place, lead.payload_xxh3)


def _read_payload(folder: Path, place: Place, checksum: int) -> bytes:
    """Returns a payload.

    Raises:
        ValueError: It does not match the checksum.
    """
    path = name_pack(folder, place.pack)
    with path.open("rb") as stream:
        stream.seek(place.payload_start)
        payload = stream.read(place.payload_bytes)
    if xxhash.xxh3_64_intdigest(payload) != checksum:
        raise ValueError(
            f"{path} is damaged at byte {place.payload_start}. Remove this file and run "
            "`standardize` again: only its images are made anew."
        )
    return payload
