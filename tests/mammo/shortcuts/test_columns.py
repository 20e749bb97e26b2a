"""Metadata become one row a breast, and finite numbers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mammo_pipeline.mammo.shortcuts.columns import (
    COLUMNS,
    choose_columns,
    encode_metadata,
    gather_metadata,
)


def test_images_become_breasts():
    images = pd.DataFrame(
        {
            "exam_id": ["e", "e", "e"],
            "laterality": ["L", "L", "R"],
            "patient_id": "p",
            "cancer": [1, 1, 0],
            "size_bytes": [10, 30, None],
            "device": [None, "A", ""],
        }
    )
    breasts = gather_metadata(images, COLUMNS)
    assert breasts["images"].tolist() == [2, 1]
    assert breasts["size_bytes"].fillna(-1).tolist() == [20, -1]
    assert breasts["device"].fillna("none").tolist() == ["A", "none"]
    assert list(images["size_bytes"].fillna(0)) == [10, 30, 0]
    assert choose_columns(breasts, COLUMNS, has_age=True).keys() == {
        "device", "size_bytes", "images"
    }  # fmt: skip


def test_unknown_categories_missing_numbers_and_far_values_stay_finite():
    known = pd.DataFrame({"device": ["A"] * 20 + ["B"] * 20 + ["C"], "size_bytes": 1.0})
    known.loc[0, "size_bytes"] = np.nan
    asked = pd.DataFrame({"device": ["A", "D", None, "C"], "size_bytes": [1e9, None, 1.0, 2.0]})
    columns = {"device": "category", "size_bytes": "number"}
    matrix = encode_metadata(known, asked, columns)[1]
    assert np.isfinite(matrix).all()
    assert np.abs(matrix).max() <= 5
    assert matrix[1, :3].tolist() == [0, 0, 0]
    assert matrix[3, :3].tolist() == [0, 0, 1]


def test_bad_input_is_refused():
    images = pd.DataFrame({"exam_id": ["e"], "laterality": "L", "patient_id": "p", "cancer": 1})
    with pytest.raises(ValueError, match="lack patient_id"):
        gather_metadata(images.drop(columns="patient_id"), COLUMNS)
    with pytest.raises(ValueError, match="category or a number"):
        gather_metadata(images, {"device": "text"})
