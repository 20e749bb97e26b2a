"""A folder of files as an archive left it, and the writing of a fabricated one."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from kedro.io import AbstractDataset

from mammo_pipeline.datasets.atomic import replace_folder


@dataclass(frozen=True)
class FolderOfFiles:
    """A folder by its root; cheap to hand to a worker process.

    Names are relative POSIX paths. They may name a patient, so they stay with the reader.
    """

    root: Path

    def names(self) -> list[str]:
        """Returns every file below the root, sorted: hidden ones, links and broken links included.

        Linked folders are followed, each real folder once, so that a circle ends.
        """
        found: list[str] = []
        seen: set[str] = set()
        for folder, below, files in os.walk(self.root, followlinks=True):
            here = os.path.realpath(folder)
            if here in seen:
                below.clear()
                continue
            seen.add(here)
            found += [(Path(folder) / name).relative_to(self.root).as_posix() for name in files]
        return sorted(found)

    def open(self, name: str) -> BinaryIO:
        """Returns the file opened for reading bytes."""
        return (self.root / name).open("rb")

    def size_bytes(self, name: str) -> int:
        """Returns the file's size in bytes."""
        return (self.root / name).stat().st_size


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
