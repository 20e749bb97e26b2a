"""Named arrays on disk, as .npz without pickles: what a net knows, and nothing that can run."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, MutableMapping
from pathlib import Path
from typing import Any, cast
from zipfile import BadZipFile

import numpy as np
from kedro.io import AbstractDataset

from mammo_pipeline.datasets.atomic import replace_file, replace_folder
from mammo_pipeline.mammo.digest import digest_arrays

Arrays = dict[str, np.ndarray]


def read_arrays(path: Path) -> Arrays:
    """Returns the arrays of one .npz file; a file that holds Python objects is refused."""
    with np.load(path, allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}


def write_arrays(path: Path, arrays: Arrays) -> None:
    """Writes the arrays to one .npz file, whole or not at all."""
    with replace_file(path) as scratch:
        np.savez(scratch, **cast(Any, arrays))


class ArraysFolder(AbstractDataset[dict[str, Arrays], dict[str, Callable[[], Arrays]]]):
    """A folder of .npz files by name; loading gives a function for each, called when needed.

    Args:
        filepath: The folder.
        metadata: Free notes of the catalog entry.
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._filepath = Path(filepath)
        self.metadata = metadata

    def load(self) -> dict[str, Callable[[], Arrays]]:
        """Returns one reader a file, by the file's name without its ending."""
        return {p.stem: _reader(p) for p in sorted(self._filepath.glob("*.npz"))}

    def save(self, data: dict[str, Arrays]) -> None:
        """Writes all files; the folder appears when all are written."""
        with replace_folder(self._filepath) as scratch:
            for name, arrays in data.items():
                np.savez(scratch / f"{name}.npz", **cast(Any, arrays))

    def _exists(self) -> bool:
        return self._filepath.is_dir()

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath)}


def _reader(path: Path) -> Callable[[], Arrays]:
    return lambda: read_arrays(path)


class CheckpointMapping(MutableMapping[str, Arrays]):
    """A folder that behaves like a dictionary of arrays; each write is whole or absent.

    What stood under a name before is replaced only after the new file was read back and is equal.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def _path(self, name: str) -> Path:
        return self.root / f"{name}.npz"

    def __contains__(self, name: object) -> bool:
        """Returns whether there is such a file, which may be damaged; it is not read."""
        return isinstance(name, str) and self._path(name).is_file()

    def __getitem__(self, name: str) -> Arrays:
        """Returns the arrays.

        Raises:
            KeyError: There is no such file.
            ValueError: It is damaged.
        """
        if name not in self:
            raise KeyError(name)
        try:
            return read_arrays(self._path(name))
        except (BadZipFile, ValueError, EOFError, zlib.error, OSError) as error:
            raise ValueError(
                f"The checkpoint {self._path(name)} cannot be read ({type(error).__name__}: "
                f"{error}). Remove the file; what it held is made again."
            ) from error

    def __setitem__(self, name: str, arrays: Arrays) -> None:
        with replace_file(self._path(name)) as scratch:
            np.savez(scratch, **cast(Any, arrays))
            if digest_arrays(read_arrays(scratch)) != digest_arrays(arrays):
                raise OSError(f"{scratch} reads back otherwise than it was written: a bad disk?")

    def __delitem__(self, name: str) -> None:
        if name not in self:
            raise KeyError(name)
        self._path(name).unlink()

    def __iter__(self) -> Iterator[str]:
        return (p.stem for p in sorted(self.root.glob("[!.]*.npz")))

    def __len__(self) -> int:
        return sum(1 for _ in self)


class Checkpoints(AbstractDataset[None, CheckpointMapping]):
    """Where an interrupted room finds what it had finished.

    Args:
        filepath: The folder; made when first needed.
        metadata: Free notes of the catalog entry.
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._filepath = Path(filepath)
        self.metadata = metadata

    def load(self) -> CheckpointMapping:
        """Returns the folder as a mutable mapping of name to arrays."""
        self._filepath.mkdir(parents=True, exist_ok=True)
        return CheckpointMapping(self._filepath)

    def save(self, data: None) -> None:
        """Refused: a room writes through the mapping that it loaded."""
        raise NotImplementedError("Checkpoints are written through the mapping that load returns.")

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath)}
