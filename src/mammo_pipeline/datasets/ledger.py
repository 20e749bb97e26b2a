"""What was read from each file, kept so that nothing is read twice and a kill loses little."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kedro.io import AbstractDataset

from mammo_pipeline.datasets.files import Entry

_TABLES = """
CREATE TABLE IF NOT EXISTS facts (
    kind TEXT, folder BLOB, name BLOB, size INTEGER, mtime INTEGER, code TEXT, facts BLOB,
    PRIMARY KEY (kind, folder, name)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS finished (
    folder BLOB, name BLOB, sha256 TEXT, PRIMARY KEY (folder, name)
) WITHOUT ROWID;
"""


@dataclass(frozen=True)
class Ledger:
    """A SQLite file of facts by file; a transaction is there as a whole or not at all.

    A fact holds for a file of one name, size and time of change, read by one version of the code:
    where any of these differs the file is read again. It holds names and headers, so it is private.

    Attributes:
        path: The file; made when it is not there.
    """

    path: Path

    def recall(
        self, kind: str, folder: Path, entries: Sequence[Entry], code: str
    ) -> dict[str, dict[str, Any]]:
        """Returns name to facts of those entries that were read before and have not changed.

        Args:
            kind: Of the facts, such as `header`.
            folder: Root of the files.
            entries: Sorted by name.
            code: Version of the code that reads them.
        """
        if not entries:
            return {}
        names = [os.fsencode(entry.name) for entry in entries]
        states = {n: (e.size_bytes, e.mtime_ns, code) for n, e in zip(names, entries, strict=True)}
        with self._connect() as book:
            rows = book.execute(
                "SELECT name, size, mtime, code, facts FROM facts "
                "WHERE kind = ? AND folder = ? AND name BETWEEN ? AND ?",
                (kind, _key(folder), min(names), max(names)),
            )
            return {
                os.fsdecode(name): json.loads(zlib.decompress(facts))
                for name, size, mtime, by, facts in rows
                if states.get(name) == (size, mtime, by)
            }

    def record(
        self, kind: str, folder: Path, facts: Iterable[tuple[Entry, dict[str, Any]]], code: str
    ) -> None:
        """Keeps facts, which must be such as JSON can hold, in one transaction."""
        rows = [
            (
                *(kind, _key(folder), os.fsencode(entry.name), entry.size_bytes, entry.mtime_ns),
                *(code, zlib.compress(json.dumps(fact).encode(), 1)),
            )
            for entry, fact in facts
        ]
        if rows:
            with self._connect() as book:
                book.executemany("INSERT OR REPLACE INTO facts VALUES (?, ?, ?, ?, ?, ?, ?)", rows)

    def recall_finished(self, folder: Path) -> dict[str, str]:
        """Returns name to SHA-256 of the files of the last ingest that came to its end."""
        with self._connect() as book:
            rows = book.execute(
                "SELECT name, sha256 FROM finished WHERE folder = ?", [_key(folder)]
            )
            return {os.fsdecode(name): digest for name, digest in rows}

    def finish(self, folder: Path, digests: dict[str, str]) -> None:
        """Remembers the files of an ingest that came to its end; facts of vanished ones go."""
        same = self.recall_finished(folder) == digests
        rows = [(_key(folder), os.fsencode(name), digest) for name, digest in digests.items()]
        with self._connect() as book:
            if not same:
                book.execute("DELETE FROM finished WHERE folder = ?", [_key(folder)])
                book.executemany("INSERT INTO finished VALUES (?, ?, ?)", rows)
            book.execute(
                "DELETE FROM facts WHERE folder = ? AND name NOT IN "
                "(SELECT name FROM finished WHERE folder = ?)",
                [_key(folder)] * 2,
            )

    @contextmanager
    def _connect(self) -> Iterator[sqlite3.Connection]:
        """Yields a connection inside one transaction.

        Raises:
            OSError: The file cannot be read or written; told with what to do.
        """
        try:
            with closing(sqlite3.connect(self.path, timeout=60)) as book, book:
                book.executescript(_TABLES)
                yield book
        except sqlite3.Error as error:
            raise OSError(
                f"The ledger {self.path} cannot be used: {error}. Make room on the disk or restore "
                "the right to write there, then run the room again: nothing is lost. If the file "
                "is damaged, remove it; every file is then read anew."
            ) from error


class LedgerFile(AbstractDataset[None, Ledger]):
    """The ledger of one room.

    Args:
        filepath: The SQLite file.
        metadata: Free notes of the catalog entry.
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._filepath = Path(filepath)
        self.metadata = metadata

    def load(self) -> Ledger:
        """Returns the ledger; its folder is made, readable by its owner alone."""
        self._filepath.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(PermissionError):  # Another user's folder, or a read-only one.
            self._filepath.parent.chmod(0o700)
        return Ledger(self._filepath)

    def save(self, data: None) -> None:
        """Refused: the room writes the ledger as it reads."""
        raise NotImplementedError("A ledger is written by the room that reads the files.")

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath)}


def _key(folder: Path) -> bytes:
    return os.fsencode(os.path.realpath(folder))
