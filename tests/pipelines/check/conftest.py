"""The contract, run once over a sound study and once over one with every fault planted."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from faulty_study import plant_faults
from mammo_pipeline.pipelines.check import nodes
from screening_study import (
    COUNTS,
    RULES,
    make_files,
    make_images,
    make_lesions,
    no_pairs,
    parameters,
)


def run(tables: dict[str, pd.DataFrame]) -> dict[str, Any]:
    return nodes.check_contract(
        **tables,
        label_counts=COUNTS,
        contract_rules=RULES,
        parameters=parameters(),
        near_duplicates=no_pairs(),
    )[0]


@pytest.fixture(scope="session")
def sound() -> tuple[dict[str, Any], pd.DataFrame]:
    """(contract, images) of 48 women, 16 with cancer, in 60 exams."""
    images = make_images(48)
    tables = {"images": images, "files": make_files(images), "lesions": make_lesions(images)}
    return run(tables), images


@pytest.fixture(scope="session")
def faulty() -> tuple[dict[str, Any], pd.DataFrame, dict[str, set[str]]]:
    """(contract, images, rule to the names that it must tell of)."""
    tables, told = plant_faults()
    return run(tables), tables["images"], told
