"""A file that may be there: what an earlier run left, or what a person filled in."""

from __future__ import annotations

from typing import Any

from mammo_pipeline.datasets.atomic import AtomicFile


class OptionalFile(AtomicFile):
    """Any one-file Kedro dataset, read as None where there is no file; never written.

    A node cannot take and give one data set, so a table that a room takes up again, such as the
    lock of the split, has two catalog entries: this one to read, an `AtomicFile` to write.
    """

    def load(self) -> Any:
        """Returns what the inner dataset reads, or None where the file is not there."""
        return super().load() if self._filepath.exists() else None

    def save(self, data: Any) -> None:
        """Refused: another catalog entry writes the file, or a person does."""
        raise NotImplementedError("An optional file is only read here.")
