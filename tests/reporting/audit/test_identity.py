"""A reader can find run, model, code and data of a page again."""

from __future__ import annotations

import json

import pytest

from mammo_pipeline.reporting.audit.identity import record_identity, show_identity
from mammo_pipeline.reporting.page import render_page

EVALUATION = {
    "ensemble_sha256": "ab" * 32,
    "data_version": "d1d1d1d1d1d1",
    "test_truth_version": "t1t1t1t1t1t1",
    "count": {"images": 364, "breasts": 182, "patients": 72, "positives": 30},
}
ENSEMBLE = {"members": [{"name": "trial_000", "weight": 1.0, "sha256": "cd" * 32}]}
FACTS = {
    "run_id": "0f" * 16,
    "registered_model": "mammo-ensemble",
    "commit": "12" * 20 + "+changes",
    "split_sha256": "ef" * 32,
    "kedro_env": "demo",
    "evaluated": "2026-01-01T00:00:00+00:00",
}


@pytest.fixture
def rows():
    tables = show_identity(EVALUATION, ENSEMBLE, FACTS)["table"]
    return {row[0]: row[1] for table in tables for row in table["rows"]}


def test_run_model_code_data_split_and_counts_are_named(rows):
    assert rows["MLflow run of this page"] == FACTS["run_id"]
    assert rows["version"] == "given at release; this ensemble is abababababab"
    assert rows["commit"] == "121212121212, with changes"
    assert rows["split"] == "efefefefefef"
    assert rows["data version"] == "d1d1d1d1d1d1"
    assert rows["outcomes of the test set"] == "t1t1t1t1t1t1"
    assert (rows["patients"], rows["breasts with cancer"]) == (72, 30)


def test_every_member_has_its_digest():
    page = render_page({"title": "t", "sections": [show_identity(EVALUATION, ENSEMBLE, FACTS)]})
    assert "trial_000" in page and "cdcdcdcdcdcd" in page


def test_what_is_not_known_is_left_out_and_no_run_is_said():
    tables = show_identity(EVALUATION, ENSEMBLE, {})["table"]
    rows = {row[0]: row[1] for table in tables for row in table["rows"]}
    assert rows["MLflow run of this page"] == "untracked"
    assert not {"registered model", "version", "commit", "split"} & set(rows)


def test_the_record_for_machines_has_whole_digests_and_the_gates():
    gates = [{"name": "auroc", "passed": True}]
    record = record_identity(EVALUATION, gates, FACTS | {"parameters_sha256": None})
    assert record["ensemble_sha256"] == "ab" * 32
    assert record["gates"] == gates
    assert "parameters_sha256" not in record
    json.dumps(record, allow_nan=False)
