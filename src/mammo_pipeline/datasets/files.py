"""A folder of files as an archive left it, and the writing of a fabricated one."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

from kedro.io import AbstractDataset

from mammo_pipeline.datasets.atomic import replace_folder
from mammo_pipeline.mammo.pseudonym import pseudonym


@dataclass(frozen=True)
class Entry:
    r"""What a folder says of one of its files, without opening it.

    Attributes:
        name: Relative POSIX path; a backslash is written twice, a byte that is no UTF-8 as `\xe9`.
        kind: `file`; `special` for a pipe, socket or device, which must never be opened;
            `unreadable` for a broken link or a folder that may not be listed.
        size_bytes: Length.
        mtime_ns: Time of the last change in nanoseconds, of its content or of its attributes: a
            program may put the first of the two back, not the second.
    """

    name: str
    kind: str
    size_bytes: int = 0
    mtime_ns: int = 0


@dataclass(frozen=True)
class FolderOfFiles:
    """A folder by its root; cheap to hand to a worker process.

    Names are relative POSIX paths. They may name a patient, so they stay with the reader.
    """

    root: Path

    def entries(self) -> list[Entry]:
        """Returns every file below the root, sorted by name: hidden ones and broken links included.

        Linked folders are followed, each real folder once, so that a circle ends. A folder that may
        not be listed has an entry of its own: what it hides is not passed over in silence.
        """
        found: list[Entry] = []
        seen: set[str] = set()
        waiting = [str(self.root)]
        while waiting:
            folder = waiting.pop()
            here = os.path.realpath(folder)
            if here in seen:
                continue
            seen.add(here)
            files, below = _list_folder(folder)
            waiting += sorted(below, reverse=True)
            found += files
        length = len(str(self.root)) + 1
        named = (replace(e, name=write_name(e.name[length:])) for e in found)
        return sorted(named, key=lambda entry: entry.name)

    def names(self) -> list[str]:
        """Returns the names of `entries`."""
        return [entry.name for entry in self.entries()]

    def find_again(self, file_ids: Sequence[str], key: bytes) -> dict[str, str]:
        """Returns file_id to name, by making the pseudonym of every name anew.

        So no table needs to hold a name (docs/decisions/002).

        Args:
            file_ids: Pseudonyms of files that the room ingest found.
            key: The secret of the pseudonyms.

        Raises:
            FileNotFoundError: A file is no longer there, or the key is another.
        """
        names = {pseudonym(key, "file", name): name for name in self.names()}
        gone = [file_id for file_id in file_ids if file_id not in names]
        if gone:
            raise FileNotFoundError(
                f"{len(gone)} of {len(file_ids)} files that `ingest` found are no longer in the "
                f"folder, or the key is another (the first has file_id {gone[0]}). Restore them, "
                "or run `ingest` and `check` again."
            )
        return {file_id: names[file_id] for file_id in file_ids}

    def path_of(self, name: str) -> Path:
        """Returns where the file of that name lies, without looking whether it does."""
        return self.root / (read_name(name) if "\\" in name else name)

    def open(self, name: str) -> BinaryIO:
        """Returns the file opened for reading bytes."""
        return self.path_of(name).open("rb")


def write_name(path: str) -> str:
    r"""Returns a path as text that any table can hold, and that `read_name` turns back.

    >>> write_name("a/\udce9.dcm"), write_name("b\\c")
    ('a/\\xe9.dcm', 'b\\\\c')
    """
    if os.sep != "/":
        path = path.replace(os.sep, "/")
    plain = path.replace("\\", "\\\\")
    return os.fsencode(plain).decode("utf-8", "backslashreplace")


def read_name(name: str) -> str:
    """Returns the path that `write_name` wrote."""
    parts = re.sub(
        rb"\\(\\|x[0-9a-f]{2})",
        lambda m: b"\\" if m[1] == b"\\" else bytes.fromhex(m[1][1:].decode()),
        name.encode(),
    )
    return os.fsdecode(parts)


def _list_folder(folder: str) -> tuple[list[Entry], list[str]]:
    """Returns the files of one folder and the paths of the folders in it."""
    files, below = [], []
    try:
        with os.scandir(folder) as scan:
            items = list(scan)
    except OSError:
        return [Entry(folder, "unreadable")], []
    for item in items:
        try:
            facts = item.stat()
        except OSError:  # A link that leads nowhere, or to itself.
            files.append(Entry(item.path, "unreadable"))
            continue
        if stat.S_ISDIR(facts.st_mode):
            below.append(item.path)
        else:
            kind = "file" if stat.S_ISREG(facts.st_mode) else "special"
            changed_ns = max(facts.st_mtime_ns, facts.st_ctime_ns)
            files.append(Entry(item.path, kind, facts.st_size, changed_ns))
    return files, below


class Folder(AbstractDataset[Iterable[tuple[str, bytes]], FolderOfFiles]):
    """A folder of files: read as a handle, written only where this project wrote it before.

    Args:
        filepath: The folder.
        metadata: Free notes of the catalog entry.
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._filepath = Path(filepath)
        self.metadata = metadata

    @property
    def _mark(self) -> Path:
        return self._filepath.with_name(f"{self._filepath.name}.fabricated")

    def load(self) -> FolderOfFiles:
        """Returns a handle to the folder.

        Raises:
            FileNotFoundError: The folder is not there.
        """
        if not self._filepath.is_dir():
            raise FileNotFoundError(
                f"There is no folder {self._filepath}. Expected a folder of DICOM files: name it "
                "in globals.yml of your environment, or make a set with `kedro run --env demo "
                "--pipelines fabricate`."
            )
        return FolderOfFiles(self._filepath)

    def save(self, data: Iterable[tuple[str, bytes]]) -> None:
        """Writes pairs of relative name and content; the folder appears when all are written.

        Raises:
            PermissionError: The folder exists and this project did not make it.
        """
        if self._filepath.exists() and not self._mark.exists():
            raise PermissionError(
                f"{self._filepath} holds files that this project did not make, so it will not be "
                "replaced. Name another folder in globals.yml, or move this one away."
            )
        self._mark.parent.mkdir(parents=True, exist_ok=True)
        self._mark.write_text(
            "Made by mammo_pipeline; a rerun of `fabricate` replaces the folder.\n"
        )
        with replace_folder(self._filepath) as scratch:
            for name, content in data:
                target = scratch / name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content)

    def _exists(self) -> bool:
        return self._filepath.is_dir()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath)}
