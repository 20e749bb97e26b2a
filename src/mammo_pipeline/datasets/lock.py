"""One writer at a time."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

log = logging.getLogger(__name__)


@contextmanager
def hold_alone(folder: Path) -> Iterator[None]:
    """Keeps every other process from writing to the folder while the block runs.

    The lock is the process's own (POSIX, fcntl): workers do not inherit it, so it ends with its
    process even where a worker outlives a kill. The lock file lies beside the folder and stays.

    Raises:
        RuntimeError: Another process writes there.
    """
    import fcntl

    folder.mkdir(parents=True, exist_ok=True)
    lock = folder.with_name(f".{folder.name}.lock")
    with lock.open("ab") as stream:
        try:
            fcntl.lockf(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError) as error:
            raise RuntimeError(
                f"Process {os.getpid()} may not write to {folder}: another run is writing there. "
                "Wait for it to end, or stop it, then run again; what it wrote is used."
            ) from error
        except OSError as error:  # A network file system without locks.
            log.warning("%s cannot be locked (%s): let only one run write there.", folder, error)
        yield
