"""Fingerprints of arrays and tables: two that are equal in content have the same one."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import numpy as np
import pandas as pd


def digest_arrays(arrays: Mapping[str, np.ndarray]) -> str:
    """Returns the SHA-256, in hex, over names, types, shapes and bytes of arrays sorted by name.

    The bytes are taken little-endian and row by row, so that the digest does not depend on the
    machine, on the order of the keys or on the memory layout.

    >>> digest_arrays({"a": np.zeros(2), "b": np.ones(1)})[:12]
    '30b2202c86b0'
    """
    total = hashlib.sha256()
    for name in sorted(arrays):
        array = np.asarray(arrays[name])
        if array.dtype.hasobject:
            raise ValueError(f"array {name!r} holds Python objects; expected numbers to digest.")
        array = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
        total.update(f"{name}|{array.dtype.str}|{np.shape(arrays[name])}|".encode())
        total.update(array.tobytes())
    return total.hexdigest()


def digest_table(table: pd.DataFrame, columns: list[str]) -> str:
    """Returns the first 12 hex digits of a SHA-256 over named columns, whatever the rows' order.

    It stands in reports as the version of the data that a figure was measured on.

    >>> table = pd.DataFrame({"image_id": ["b", "a"], "side": ["test", "train"]})
    >>> digest_table(table, ["image_id", "side"]) == digest_table(table[::-1], ["image_id", "side"])
    True
    """
    rows = table[columns].astype(str).agg("|".join, axis=1).sort_values()
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()[:12]
