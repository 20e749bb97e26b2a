"""Fingerprints of arrays and tables: two that are equal in content have the same one."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

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

    A missing value, such as the outcome of a test image under seal, is a value of its own.

    >>> table = pd.DataFrame({"image_id": ["b", "a"], "side": ["test", "train"]})
    >>> digest_table(table, ["image_id", "side"]) == digest_table(table[::-1], ["image_id", "side"])
    True
    """
    texts = [table[name].astype(str).fillna("<NA>").tolist() for name in columns]
    rows = sorted(map("|".join, zip(*texts, strict=True)))
    return hashlib.sha256("\n".join(rows).encode()).hexdigest()[:12]


def digest_record(record: Mapping[str, Any]) -> str:
    """Returns the SHA-256, in hex, of a JSON-able record, whatever the order of its keys.

    >>> digest_record({"a": 1, "b": 2}) == digest_record({"b": 2, "a": 1})
    True
    """
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()


def digest_data(cohort: pd.DataFrame, index: pd.DataFrame) -> str:
    """Returns the version of the data that members learn from and figures are measured on.

    Outcomes and sides come from the cohort; the store's table stands for the pixels, for it holds
    the key of each, a digest of what it was made from and by. The labels of the test
    side are under seal and no part of it: `evaluate` names their version beside this one.

    Args:
        cohort: image_id, side and cancer (missing on the test side).
        index: The store's table.
    """
    parts = [
        digest_table(cohort, ["image_id", "side", "cancer"]),
        digest_table(index, sorted(index.columns)),
    ]
    return hashlib.sha256("|".join(parts).encode()).hexdigest()[:12]


def refuse_other_data(stated: str, found: str, made_by: str) -> None:
    """Raises ValueError when something was made on other data than those at hand.

    Args:
        stated: The version of the data that it was made on.
        found: The version at hand.
        made_by: The room that made it, and must run again.
    """
    if stated != found:
        raise ValueError(
            f"what the room `{made_by}` left was made on data version {stated}, the cohort and the "
            f"images at hand are version {found}: a patient it learnt from may now be on the test "
            f"side. Run `{made_by}` again, and the rooms after it."
        )
