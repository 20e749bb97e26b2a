"""Writing that is whole or absent: a file or folder appears under its name only when complete."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kedro.io import AbstractDataset


@contextmanager
def replace_file(path: Path) -> Iterator[Path]:
    """Yields a scratch path beside `path`; on success it takes the name of `path` in one step."""
    path.parent.mkdir(parents=True, exist_ok=True)
    _clear_scratches(path, f".{path.stem}.", f".part{path.suffix}")
    scratch = path.with_name(f".{path.stem}.{os.getpid()}.part{path.suffix}")
    try:
        yield scratch
        _flush_to_disk(scratch)
        scratch.replace(path)
    finally:
        scratch.unlink(missing_ok=True)


@contextmanager
def replace_folder(path: Path) -> Iterator[Path]:
    """Yields an empty scratch folder beside `path`; on success it takes the name of `path`.

    The previous folder, if any, is moved aside for the swap and removed after it. A kill within the
    swap leaves it aside; the next write puts it back first.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_name(f".{path.name}.{os.getpid()}.part")
    retired = path.with_name(f".{path.name}.old")
    _settle(path, retired)
    _clear_scratches(path, f".{path.name}.", ".part")
    scratch.mkdir()
    try:
        yield scratch
        if path.exists():
            path.rename(retired)
        scratch.rename(path)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
        _settle(path, retired)


def _settle(path: Path, retired: Path) -> None:
    """Puts the retired folder back where nothing took its name, removes it otherwise."""
    if retired.exists() and not path.exists():
        retired.rename(path)
    shutil.rmtree(retired, ignore_errors=True)


def _clear_scratches(path: Path, before: str, behind: str) -> None:
    """Removes what processes that are gone were writing, and this one before it.

    The name of a scratch is the number of its process between `before` and `behind`.
    """
    form = re.compile(rf"{re.escape(before)}(\d{{1,9}}){re.escape(behind)}")
    for leftover in path.parent.iterdir():
        match = form.fullmatch(leftover.name)
        # Containers count from 1 again, so a number may be ours and the scratch a dead process's.
        if match and (int(match[1]) == os.getpid() or not _is_alive(int(match[1]))):
            if leftover.is_dir():
                shutil.rmtree(leftover, ignore_errors=True)
            else:
                leftover.unlink(missing_ok=True)


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # It lives, and is another user's.
        pass
    return True


def _flush_to_disk(path: Path) -> None:
    with path.open("rb") as written:
        os.fsync(written.fileno())


class AtomicFile(AbstractDataset[Any, Any]):
    """Any one-file Kedro dataset, written beside its place and renamed into it.

    A kill during the write leaves the previous version, never half of the new one.

    Args:
        filepath: Where the file lies.
        dataset: Type of the dataset that reads and writes the format, or its configuration
            without `filepath`.
        metadata: Free notes of the catalog entry; `mlflow` and `dvc` are read by this project.
    """

    def __init__(
        self,
        *,
        filepath: str,
        dataset: str | dict[str, Any],
        metadata: dict[str, Any] | None = None,
    ) -> None:
        self._filepath = Path(filepath)
        self._inner = {"type": dataset} if isinstance(dataset, str) else dict(dataset)
        self.metadata = metadata

    def _at(self, path: Path) -> AbstractDataset[Any, Any]:
        return AbstractDataset.from_config(path.name, {**self._inner, "filepath": str(path)})

    def load(self) -> Any:
        """Returns what the inner dataset reads."""
        return self._at(self._filepath).load()

    def save(self, data: Any) -> None:
        """Writes with the inner dataset, then takes the file's name in one step."""
        with replace_file(self._filepath) as scratch:
            self._at(scratch).save(data)

    def _exists(self) -> bool:
        return self._filepath.is_file()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath), "dataset": self._inner["type"]}
