"""Names and values in the form that MLflow keeps."""

from __future__ import annotations

import json
import re
from typing import Any

LONGEST_VALUE = 5000


def flatten(value: Any, prefix: str = "") -> dict[str, Any]:
    """Returns the leaves of nested dicts (or pydantic records) under dotted names.

    >>> flatten({"train": {"epochs": 5, "rates": [1, 2]}})
    {'train.epochs': 5, 'train.rates': [1, 2]}
    """
    if hasattr(value, "model_dump"):
        value = value.model_dump()
    if not isinstance(value, dict):
        return {prefix: value}
    leaves: dict[str, Any] = {}
    for name, inner in value.items():
        leaves |= flatten(inner, f"{prefix}.{name}" if prefix else str(name))
    return leaves


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
