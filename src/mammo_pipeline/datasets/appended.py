"""A file of records that only grows: one JSON line each, none ever changed or removed."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kedro.io import AbstractDataset

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Appended:
    """A handle to such a file; it need not be there.

    Attributes:
        path: The file.
        key: Fields by which a record equals the one before it; all of them when empty.
    """

    path: Path
    key: tuple[str, ...] = ()

    def records(self) -> list[dict[str, Any]]:
        """Returns the records, oldest first.

        A line that is no record, such as one that a power cut left half written, stays in the file
        and is told in a warning with its number.
        """
        if not self.path.exists():
            return []
        with self.path.open("rb") as stream, _locked(stream.fileno(), alone=False):
            content = stream.read()
        return self._read(content)

    def append(self, record: Mapping[str, Any]) -> bool:
        """Returns whether the record was written; one that equals the last by `key` is not.

        The line is on the disk when this returns. A writer beside this one waits.

        Raises:
            ValueError: The record holds what JSON cannot, such as NaN.
            KeyError: A field of the key is not in the record.
        """
        line = json.dumps(dict(record), allow_nan=False).encode()
        self._select(record)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        is_new = not self.path.exists()
        handle = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            with _locked(handle, alone=True):
                content = _read_all(handle)
                known = self._read(content)
                if known and self._select(known[-1]) == self._select(json.loads(line)):
                    return False
                # What a power cut left without its end stays a line of its own.
                start = b"\n" if content and not content.endswith(b"\n") else b""
                _write_all(handle, start + line + b"\n")
                os.fsync(handle)
        finally:
            os.close(handle)
        if is_new:
            _flush_folder(self.path.parent)
        return True

    def _select(self, record: Mapping[str, Any]) -> dict[str, Any]:
        return {name: record[name] for name in self.key} if self.key else dict(record)

    def _read(self, content: bytes) -> list[dict[str, Any]]:
        found, damaged = [], []
        for number, line in enumerate(content.split(b"\n"), 1):
            record = _parse(line)
            if record is not None and set(self.key) <= set(record):
                found.append(record)
            elif line.strip():
                damaged.append(number)
        if damaged:
            log.warning(
                "%s: line %s is no whole record and is left out; it stays in the file.",
                self.path,
                ", ".join(map(str, damaged)),
            )
        return found


def _parse(line: bytes) -> dict[str, Any] | None:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None


def _read_all(handle: int) -> bytes:
    size = os.fstat(handle).st_size
    return os.pread(handle, size, 0)


def _write_all(handle: int, content: bytes) -> None:
    while content:
        content = content[os.write(handle, content) :]


def _flush_folder(folder: Path) -> None:
    """Puts the new file's name on the disk too."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _locked(handle: int, alone: bool) -> Iterator[None]:
    """Waits for other processes: for every one where `alone`, else for writers."""
    import fcntl

    try:
        fcntl.lockf(handle, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
    except OSError as error:  # A network file system without locks.
        log.warning("the file cannot be locked (%s): let only one command write it.", error)
        yield
        return
    try:
        yield
    finally:
        fcntl.lockf(handle, fcntl.LOCK_UN)


class AppendedRecords(AbstractDataset[None, Appended]):
    """A file of JSON lines that a node or a command appends to.

    Args:
        filepath: The file, ending in .jsonl.
        key: Fields by which a record equals the one before it and is not written twice.
        metadata: Free notes of the catalog entry.
    """

    def __init__(
        self,
        *,
        filepath: str,
        key: Sequence[str] = (),
        metadata: dict[str, Any] | None = None,
    ) -> None:
        self._filepath = Path(filepath)
        self._key = tuple(key)
        self.metadata = metadata

    def load(self) -> Appended:
        """Returns the handle; before the first record there is no file."""
        return Appended(self._filepath, self._key)

    def save(self, data: None) -> None:
        """Refused: a file that only grows is never written as a whole."""
        raise NotImplementedError("Records are appended one by one, by who loads the file.")

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath), "key": list(self._key)}
