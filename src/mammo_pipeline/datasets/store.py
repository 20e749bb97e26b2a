"""The image store: every standardized image once, found by what it was made from."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from kedro.io import AbstractDataset

from mammo_pipeline.datasets.atomic import replace_file
from mammo_pipeline.datasets.codec import read_shape
from mammo_pipeline.datasets.lock import hold_alone
from mammo_pipeline.datasets.packs import (
    PACK_BYTES,
    Place,
    append_records,
    list_packs,
    name_pack,
    read_leads,
    scan_packs,
)
from mammo_pipeline.datasets.prune import prune_packs
from mammo_pipeline.datasets.stored_pixels import StoredPixels

log = logging.getLogger(__name__)

# Where the payload lies: columns of the file that no reader sees, for moving it changes no image.
PLACE_COLUMNS = ["_pack", "_start", "_bytes"]
_ROWS_AT_ONCE = 10_000

Made = tuple[int, bytes | None, dict[str, Any]]


@dataclass(frozen=True)
class ImageStream:
    """Images on their way into the store.

    Attributes:
        shape_px: Rows and columns of every image.
        keys: SHA-256 of each image's input and parameters, 64 hexadecimal digits; images of one
            key share one record.
        records: What the table says of each image besides what is found when it is made.
        make: Given numbers of images, ascending, yields for each in that order its number, its
            canvas as `encode_canvas` returns it or None where it was refused, and its facts: of
            such as JSON holds, with the `code` of its fate.
        fleeting: Codes of refusals that say nothing of the key, such as a file that changed or a
            time that ran out: they stand in the table and are tried again by the next run.
    """

    shape_px: tuple[int, int]
    keys: list[str]
    records: list[dict[str, Any]]
    make: Callable[[list[int]], Iterator[Made]]
    fleeting: frozenset[str] = field(default=frozenset())


@dataclass(frozen=True)
class StoredImages:
    """The store as a reader sees it.

    Attributes:
        pixels: uint16, images x rows x columns: `StoredPixels`, read from disk where it is touched,
            or a plain array.
        index: One row an image; `position` is its place in `pixels`, -1 where it was refused.
    """

    pixels: Any
    index: pd.DataFrame


class ImageStore(AbstractDataset[ImageStream, StoredImages]):
    """A folder with `packs/`, which are only appended to, and `index.parquet` of the last run.

    Args:
        filepath: The folder.
        pack_bytes: A pack is full before a record would take it over this.
        metadata: Free notes of the catalog entry.
    """

    def __init__(
        self,
        *,
        filepath: str,
        pack_bytes: int = PACK_BYTES,
        metadata: dict[str, Any] | None = None,
    ) -> None:
        self._filepath = Path(filepath)
        self._packs = self._filepath / "packs"
        self._index = self._filepath / "index.parquet"
        self._pack_bytes = pack_bytes
        self.metadata = metadata

    def load(self) -> StoredImages:
        """Returns the pixels, read lazily, and the table.

        Raises:
            ValueError: The folder is of an older version, or a pack is shorter than the table says.
        """
        index = pd.read_parquet(self._index)
        if not {*PLACE_COLUMNS, "position"} <= set(index.columns):
            raise ValueError(f"{self._index} is of an older version. Rerun `standardize`.")
        stored = index[index["position"] >= 0]
        packs, starts, lengths = (stored[name].to_numpy(np.int64) for name in PLACE_COLUMNS)
        for pack, end in pd.Series(starts + lengths).groupby(packs).max().items():
            self._check_length(name_pack(self._packs, int(str(pack))), int(end))
        rows, columns = (int(index.attrs[name]) for name in ("rows_px", "columns_px"))
        names = stored.get("image_id", stored["key"]).to_numpy(object)
        shape = (len(stored), rows, columns)
        pixels = StoredPixels(self._packs, shape, packs, starts, lengths, names)
        return StoredImages(pixels, index.drop(columns=PLACE_COLUMNS))

    def save(self, data: ImageStream) -> None:
        """Makes and appends the images whose keys are not there, then writes the table.

        A run that was interrupted is continued; its bytes are those of a run left alone.

        Raises:
            RuntimeError: Another run is writing.
            OSError: No room; what is written stays and is used by the next run.
            ValueError: The stream breaks its promises.
        """
        keys = _read_keys(data)
        with hold_alone(self._filepath):
            self._remove_old_layout()
            places = scan_packs(self._packs)
            known = len(places)
            fleeting = self._fill(data, keys, places)
            index = _tabulate(data, keys, places, fleeting, self._packs)
            self._write_index(index)
            self._say(keys, places, known)

    def prune(self) -> int:
        """Removes what the table of the last run does not use; returns the bytes that are freed.

        Raises:
            RuntimeError: Another run is writing.
            ValueError: A record is damaged.
        """
        with hold_alone(self._filepath):
            index = pd.read_parquet(self._index)
            used = set(index.loc[index["_pack"] >= 0, "key"].map(bytes.fromhex))

            def settle(places: dict[bytes, Place]) -> None:
                moved = index.copy()
                moved[PLACE_COLUMNS] = [_locate(places.get(bytes.fromhex(k))) for k in index["key"]]
                self._write_index(moved)

            return prune_packs(self._packs, used, self._pack_bytes, settle)

    def _fill(
        self, data: ImageStream, keys: list[bytes], places: dict[bytes, Place]
    ) -> dict[int, bytes]:
        """Adds the missing places; returns the facts that are not kept, by number of image."""
        waiting: dict[bytes, list[int]] = {}
        for number, key in enumerate(keys):
            if key not in places:
                waiting.setdefault(key, []).append(number)
        fleeting: dict[int, bytes] = {}
        # Of images that share a key the first is made; the next only where that says nothing.
        while waiting:
            numbers = sorted(numbers.pop(0) for numbers in waiting.values())
            made = _check_made(data, keys, numbers, fleeting)
            places.update(append_records(self._packs, made, self._pack_bytes))
            waiting = {k: rest for k, rest in waiting.items() if rest and k not in places}
        return fleeting

    def _write_index(self, index: pd.DataFrame) -> None:
        with replace_file(self._index) as scratch:
            index.to_parquet(scratch)

    def _remove_old_layout(self) -> None:
        if (old := self._filepath / "pixels.u16").exists():
            log.info("%s is of an older version and is replaced.", self._filepath)
            self._index.unlink(missing_ok=True)
            old.unlink()

    def _check_length(self, path: Path, expected: int) -> None:
        found = path.stat().st_size if path.exists() else 0
        if found < expected:
            raise ValueError(
                f"{path} has {found} bytes; {self._index} expects {expected}. Rerun `standardize`: "
                "it makes anew what is missing."
            )

    def _say(self, keys: list[bytes], places: dict[bytes, Place], known: int) -> None:
        used = sum(places[key].record_bytes for key in set(keys) if key in places)
        total = sum(name_pack(self._packs, n).stat().st_size for n in list_packs(self._packs))
        log.info(
            "%s: %d images, %d records made, %d bytes; %d bytes of other parameters are unused.",
            *(self._filepath, len(keys), len(places) - known, used, total - used),
        )

    def _exists(self) -> bool:
        return self._index.is_file()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath), "pack_bytes": self._pack_bytes}


def _read_keys(data: ImageStream) -> list[bytes]:
    if len(data.keys) != len(data.records):
        raise ValueError(f"{len(data.keys)} keys for {len(data.records)} images")
    if wrong := [key for key in data.keys if len(key) != 64]:
        raise ValueError(f"a key is a SHA-256 of 64 hexadecimal digits, found {wrong[0]!r}")
    return [bytes.fromhex(key) for key in data.keys]


def _check_made(
    data: ImageStream, keys: list[bytes], numbers: list[int], fleeting: dict[int, bytes]
) -> Iterator[tuple[bytes, bytes, bytes]]:
    """Yields what is kept, as key, facts and payload; puts the rest into `fleeting`."""
    expected = iter(numbers)
    for number, payload, facts in data.make(numbers):
        if number != next(expected, None):
            raise ValueError(f"image {number} was made out of turn: expected the order given")
        if payload is not None and read_shape(payload) != tuple(data.shape_px):
            raise ValueError(
                f"The store takes uint16 images of {data.shape_px}, found {read_shape(payload)}."
            )
        if shared := facts.keys() & {*data.records[number], "key", "position", *PLACE_COLUMNS}:
            raise ValueError(f"facts may not say what the records say: {sorted(shared)}")
        kept = json.dumps(facts, separators=(",", ":")).encode()
        if facts.get("code") in data.fleeting:
            fleeting[number] = kept
        else:
            yield keys[number], kept, payload or b""
    if (left := next(expected, None)) is not None:
        raise ValueError(f"image {left} was not made")


def _tabulate(
    data: ImageStream,
    keys: list[bytes],
    places: dict[bytes, Place],
    fleeting: dict[int, bytes],
    packs: Path,
) -> pd.DataFrame:
    """Returns the table of all images, one part after the other to keep memory flat."""
    import pyarrow as pa

    texts, numbers_of = ["image_id", "code", "found", "key"], ["position", *PLACE_COLUMNS]
    kinds = dict.fromkeys(texts, "string") | dict.fromkeys(numbers_of, "int64")
    parts = [pa.table({name: pa.array([], kind) for name, kind in kinds.items()})]
    position = 0
    for first in range(0, len(keys), _ROWS_AT_ONCE):
        numbers = range(first, min(first + _ROWS_AT_ONCE, len(keys)))
        kept = read_leads(packs, [places[keys[n]] for n in numbers if n not in fleeting])
        rows = []
        for number in numbers:
            place = None if number in fleeting else places[keys[number]]
            facts = json.loads(next(kept).facts if place else fleeting[number])
            stored = place is not None and place.payload_bytes > 0
            row = {**data.records[number], **facts, "key": data.keys[number]}
            row["position"] = position if stored else -1
            rows.append(row | dict(zip(PLACE_COLUMNS, _locate(place), strict=True)))
            position += stored
        columns = dict.fromkeys(name for row in rows for name in row)
        parts.append(pa.table({name: [row.get(name) for row in rows] for name in columns}))
    index = pa.concat_tables([*parts[1:], parts[0]], promote_options="permissive").to_pandas()
    index.attrs = {"rows_px": data.shape_px[0], "columns_px": data.shape_px[1]}
    return index


def _locate(place: Place | None) -> tuple[int, int, int]:
    """Returns pack, first byte and length of a payload; -1, 0, 0 where nothing is kept."""
    return (place.pack, place.payload_start, place.payload_bytes) if place else (-1, 0, 0)
