"""The room's parameters as a test wants them, and a ledger of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from mammo_pipeline.datasets.ledger import Ledger
from mammo_pipeline.pipelines.ingest.parameters import IngestParameters
from small_archive import ingest_rules


@pytest.fixture
def rules() -> IngestParameters:
    return ingest_rules()


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger.sqlite")
