"""The page of the room `standardize`."""

from __future__ import annotations

from typing import Any

import pandas as pd

from mammo_pipeline.datasets.store import StoredImages


def write_standardize_page(
    store: StoredImages,
    cohort: pd.DataFrame,
    image_features: pd.DataFrame,
    device_audit: dict[str, Any],
) -> dict[str, Any]:
    """Returns the page."""
    state = "failed" if device_audit["failed"] else "passed"
    return {
        "title": "Standardization",
        "subtitle": "Whether the images still tell their device.",
        "verdict": {"state": state, "text": device_audit["verdict"]},
        "sections": [],
    }
