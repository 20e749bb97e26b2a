"""Things that a room needs by their place: the key of the pseudonyms, the journal of a sweep."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Any

from kedro.io import AbstractDataset


class SecretKey(AbstractDataset[None, bytes]):
    """The key of the pseudonyms, outside the data folder; made once when it is not there.

    Args:
        filepath: The file: 32 bytes as hexadecimal text, readable by its owner alone.
        metadata: Free notes of the catalog entry.
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._filepath = Path(filepath)
        self.metadata = metadata

    def load(self) -> bytes:
        """Returns the key.

        Raises:
            ValueError: The file does not hold 32 bytes as hexadecimal text.
        """
        if not self._filepath.exists():
            self._create()
        text = self._filepath.read_text().strip()
        try:
            key = bytes.fromhex(text)
        except ValueError:
            key = b""
        if len(key) != 32:
            raise ValueError(
                f"{self._filepath} does not hold a key: expected 64 hexadecimal digits. Restore it "
                "from your backup: with another key every pseudonym changes."
            )
        return key

    def _create(self) -> None:
        self._filepath.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._filepath, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(32) + "\n")

    def save(self, data: None) -> None:
        """Refused: a key is made once and then kept."""
        raise NotImplementedError("The key of the pseudonyms is never overwritten.")

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath)}


class Place(AbstractDataset[None, str]):
    """A path for a library that keeps its own file there, such as Optuna's journal.

    Args:
        filepath: The path; its folder is made on load.
        metadata: Free notes of the catalog entry.
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        self._filepath = Path(filepath)
        self.metadata = metadata

    def load(self) -> str:
        """Returns the path."""
        self._filepath.parent.mkdir(parents=True, exist_ok=True)
        return str(self._filepath)

    def save(self, data: None) -> None:
        """Refused: the library that owns the file writes it."""
        raise NotImplementedError("A place is written by the library that owns the file.")

    def _describe(self) -> dict[str, Any]:
        return {"filepath": str(self._filepath)}
