"""Tables of labels as a collection ships them: a file, or a folder of them, as text."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
from kedro.io import AbstractDataset

from mammo_pipeline.datasets.atomic import replace_file

ENDINGS = (".csv", ".tsv", ".txt", ".xml")
WORKBOOKS = (".xls", ".xlsx", ".ods")
# The largest table of a public collection, the images of DREAM, has about 60 MB.
LARGEST_BYTES = 512 * 2**20
UTF16 = (b"\xff\xfe", b"\xfe\xff")


class LabelTables(AbstractDataset[pd.DataFrame, dict[str, str]]):
    """The text of every table below a path, by its name relative to it.

    Args:
        filepath: A file, or a folder whose `.csv`, `.tsv`, `.txt` and `.xml` files are read;
            hidden files are not, for archives leave some that only look like tables.
        metadata: Free notes of the catalog entry; `mlflow` and `dvc` are read by this project.
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._filepath = Path(filepath)
        self.metadata = metadata

    def load(self) -> dict[str, str]:
        """Returns relative POSIX name to text, sorted by name.

        The text is read as UTF-8 (with or without mark), UTF-16 with its mark, else Latin-1.

        Raises:
            FileNotFoundError: Nothing is there, or no table.
            ValueError: The tables are larger together than any collection's, or one is broken.
        """
        if not self._filepath.exists():
            raise FileNotFoundError(
                f"There is no label table {self._filepath}. Expected a file or a folder of "
                f"{', '.join(ENDINGS)} files: name it in globals.yml of your environment, or make "
                "a set with `kedro run --env demo --pipelines fabricate`."
            )
        root = self._filepath.parent if self._filepath.is_file() else self._filepath
        paths = [self._filepath] if self._filepath.is_file() else sorted(_list_files(root))
        tables = [path for path in paths if path.suffix.lower() in ENDINGS]
        self._refuse(paths, tables)
        names = {path.relative_to(root).as_posix(): path for path in tables}
        return {name: _decode(path.read_bytes(), name) for name, path in sorted(names.items())}

    def _refuse(self, paths: list[Path], tables: list[Path]) -> None:
        if not tables:
            books = sum(path.suffix.lower() in WORKBOOKS for path in paths)
            hint = f" Save the {books} workbooks there as CSV." if books else ""
            raise FileNotFoundError(
                f"{self._filepath} holds {len(paths)} files and no label table. Expected "
                f"{', '.join(ENDINGS)}: name the place in globals.yml of your environment.{hint}"
            )
        size = sum(path.stat().st_size for path in tables)
        if size > LARGEST_BYTES:
            raise ValueError(
                f"The label tables below {self._filepath} have {size} bytes together, expected at "
                f"most {LARGEST_BYTES}. Name the folder of the tables alone in globals.yml."
            )

    def save(self, data: pd.DataFrame) -> None:
        """Writes one table as CSV; it takes the file's name in one step.

        Raises:
            PermissionError: The path is a folder or no CSV file: tables of a collection are read
                and never written.
        """
        if self._filepath.is_dir() or self._filepath.suffix.lower() != ".csv":
            raise PermissionError(
                f"{self._filepath} is no CSV file, so no table is written there. Name a file that "
                "ends in .csv in globals.yml of your environment."
            )
        with replace_file(self._filepath) as scratch:
            data.to_csv(scratch, index=False)

    def _exists(self) -> bool:
        return self._filepath.exists()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath)}


def _list_files(root: Path) -> Iterator[Path]:
    for folder, below, files in os.walk(root):
        below[:] = sorted(name for name in below if not name.startswith("."))
        yield from (Path(folder) / name for name in files if not name.startswith("."))


def _decode(content: bytes, name: str) -> str:
    if content.startswith(UTF16):
        try:
            return content.decode("utf-16")
        except UnicodeDecodeError:
            # The decoder's error holds the content, which names patients.
            raise ValueError(
                f"Label table {name}: it begins as UTF-16 and breaks off or goes on as something "
                "else. Copy it again from where it came, or save it as CSV in UTF-8."
            ) from None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")
