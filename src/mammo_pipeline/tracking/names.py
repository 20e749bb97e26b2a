"""Names and values in the form that MLflow keeps."""

from __future__ import annotations

import json
import re
from typing import Any

LONGEST_VALUE = 5000
# Parameters whose keys the user makes up: names of folders, which may be names of patients.
USER_KEYED = {"ingest.stated_spacing_mm"}


def flatten(value: Any, prefix: str = "") -> dict[str, Any]:
    """Returns the leaves of nested dicts (or pydantic records) under dotted names.

    >>> flatten({"train": {"epochs": 5, "rates": [1, 2]}})
    {'train.epochs': 5, 'train.rates': [1, 2]}
    >>> flatten({"ingest": {"stated_spacing_mm": {"a_folder": 0.09}}})
    {'ingest.stated_spacing_mm': '1 folder: 0.09'}
    """
    if prefix in USER_KEYED:
        return {prefix: count_folders(value)}
    if hasattr(value, "model_dump"):
        value = value.model_dump()
    if not isinstance(value, dict):
        return {prefix: value}
    leaves: dict[str, Any] = {}
    for name, inner in value.items():
        leaves |= flatten(inner, f"{prefix}.{name}" if prefix else str(name))
    return leaves


def count_folders(stated: Any) -> str:
    """Returns how many folders there are and their values, sorted, without any name.

    Only numbers are repeated: a text may hold a name. A dot in a folder's name nests the dict, so
    leaves are counted.

    >>> count_folders({"b": 0.1, "a": 0.09}), count_folders({})
    ('2 folders: 0.09, 0.1', '0 folders')
    """
    leaves = list(flatten(stated).values())
    numbers = sorted(leaf for leaf in leaves if isinstance(leaf, int | float))
    others = ["not a number"] * (len(leaves) - len(numbers))
    values = ", ".join([*map(str, numbers), *others])
    text = "1 folder" if len(leaves) == 1 else f"{len(leaves)} folders"
    return f"{text}: {values}" if values else text


def as_text(value: Any) -> str:
    """Returns a parameter as MLflow should keep it: one string that still shows its type.

    A parameter never needs a path; one that looks like a path may hold a name, and is withheld.

    >>> as_text(True), as_text(0.001), as_text("adam"), as_text("/home/someone/exams")
    ('true', '0.001', 'adam', 'withheld: looks like a path')
    """
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    if "/" in text or "\\" in text:
        return "withheld: looks like a path"
    return text[:LONGEST_VALUE]


def clean_name(name: str) -> str:
    """Returns `name` with what MLflow refuses in a name replaced by an underscore.

    >>> clean_name("auc.density=C/D (n)")
    'auc.density_C/D _n_'
    """
    return re.sub(r"[^\w\-. /]", "_", name)[:250]


def hide_password(uri: str) -> str:
    """Returns an address that can be printed: a user and password in it are replaced.

    >>> hide_password("https://me:secret@tracking.example/x")
    'https://***@tracking.example/x'
    """
    return re.sub(r"//[^/@]+@", "//***@", uri)
