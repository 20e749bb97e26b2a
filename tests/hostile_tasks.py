"""Functions that a worker runs in the tests of the guard, most of them ill-meaning."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from mammo_pipeline.mammo.fates import RefusedError


class Unpicklable(Exception):
    def __init__(self, one: int, two: int) -> None:
        super().__init__("made of two, rebuilt from one")


def double(value: int) -> int:
    return 2 * value


def where(value: int) -> tuple[int, int]:
    return value, os.getpid()


def take_memory(megabytes: int) -> int:
    return len(bytearray(megabytes * 2**20))


def sleep_in_c(seconds: int) -> int:
    """Sleeps without letting Python run, as a decoder does."""
    return ctypes.PyDLL(None).sleep(seconds)


def note_and_sleep(folder: str, seconds: int) -> None:
    (Path(folder) / f"{os.getpid()}").touch()
    sleep_in_c(seconds)


def recurse(depth: int = 0) -> int:
    return recurse(depth + 1) + 1


def speak(text: str) -> None:
    print(text)
    print(text, file=sys.stderr, flush=True)
    os.write(2, text.encode())


def refuse(code: str) -> None:
    raise RefusedError(code, "found")


def misbehave(deed: str, value: int = 0) -> Any:
    deeds = {
        "good": lambda: value,
        "raise": lambda: 1 // 0,
        "odd exception": lambda: (_ for _ in ()).throw(Unpicklable(1, 2)),
        "odd result": lambda: lambda: None,
        "memory": lambda: take_memory(8000),
        "loop": lambda: time.sleep(60),
        "loop in C": lambda: sleep_in_c(60),
        "segfault": lambda: ctypes.string_at(0),
        "abort": os.abort,
        "exit": lambda: sys.exit(3),
        "hard exit": lambda: os._exit(3),
        "quiet exit": lambda: os._exit(0),
        "killed": lambda: os.kill(os.getpid(), signal.SIGKILL),
        "recursion": recurse,
        "stack": lambda: ctypes.CDLL(None).qsort(
            ctypes.c_char_p(b"21"), 2, 1, ctypes.c_void_p(0xDEAD)
        ),
    }
    return deeds[deed]()


def take_along(number: int, killers: tuple[int, ...]) -> int:
    """Ends the process that leads this one, as a machine does that breaks down at a task."""
    leader = multiprocessing.parent_process()
    if number in killers and leader is not None:
        os.kill(leader.pid or 0, signal.SIGKILL)
        time.sleep(5)
    return number


def rest(number: int, seconds: float) -> tuple[int, int]:
    time.sleep(seconds)
    leader = multiprocessing.parent_process()
    return number, (leader.pid or 0) if leader else 0
