"""Room readers: a table becomes a record, a page and a block; a bad table a refusal."""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd
import pytest
from kedro.io import DataCatalog, MemoryDataset
from kedro.runner import SequentialRunner

from mammo_pipeline.datasets import Report
from mammo_pipeline.pipelines.readers import nodes
from mammo_pipeline.pipelines.readers.parameters import ReadersParameters
from mammo_pipeline.pipelines.readers.pipeline import create_pipeline
from mammo_pipeline.reporting.page import render_page
from reader_studies import make_table

PARAMETERS = ReadersParameters(seed=1, threshold=1.0, bootstrap_repeats=100, level=0.95)


@pytest.fixture(scope="module")
def table():
    return make_table(np.random.default_rng(31), readers=4, cases=60)


def make_page(table, parameters=PARAMETERS):
    record = nodes.analyze_readers(table, parameters)
    return record, nodes.write_reader_page(table, record)


def test_the_room_runs_from_a_csv_to_its_page(tmp_path, table, caplog):
    path = tmp_path / "readings.csv"
    table.to_csv(path, index=False)
    catalog = DataCatalog(
        {
            "reader_table": MemoryDataset(pd.read_csv(path, dtype={"case_id": str})),
            "params:readers": MemoryDataset(PARAMETERS),
            "reader_page": Report(filepath=str(tmp_path / "readers.html")),
        }
    )
    with caplog.at_level(logging.INFO):
        SequentialRunner().run(create_pipeline(), catalog)
    told = caplog.text
    assert "== readers ==" in told
    assert "4 readers, 60 cases of 60 patients, 30 with cancer" in told
    assert "aided less unaided" in told
    page = (tmp_path / "readers.html").read_text()
    assert "<script" not in page
    assert page.count("<svg") == 3


def test_the_page_names_every_reader_and_no_case(table):
    _, page = make_page(table)
    text = render_page(page)
    assert all(f"<td>R{number}</td>" in text or f">R{number}<" in text for number in range(1, 5))
    assert "C001" not in text
    assert "P001" not in text


def test_the_page_shows_the_difference_that_the_record_holds(table):
    record, page = make_page(table)
    value = record["differences"][0]["random"]["figure"]["value"]
    assert f"aided less unaided: {value:.3f} (" in page["verdict"]["text"]
    titles = [section["title"] for section in page["sections"]]
    assert titles == [
        "Means over readers",
        "Differences between modalities",
        "Areas by reader",
        "Points of the readers",
        "Model against readers",
        "Method",
    ]


def test_without_model_and_threshold_the_page_leaves_their_sections_out(table):
    own = table[(table["reader_id"] != "model") & (table["modality"] == "aided")]
    _, page = make_page(own, PARAMETERS.model_copy(update={"threshold": None}))
    titles = [section["title"] for section in page["sections"]]
    assert "Points of the readers" not in titles
    assert "Model against readers" not in titles
    assert "one modality" in page["sections"][1]["text"]
    assert "Mean AUROC of the readers, aided" in page["verdict"]["text"]
    render_page(page)


def test_one_reader_and_three_cases_give_a_page_that_says_what_cannot_be_said():
    table = make_table(np.random.default_rng(32), readers=1, cases=3)
    record, page = make_page(table)
    assert record["means"][0]["random"]["figure"]["low"] is None
    assert "no test: only one reader" in page["sections"][1]["text"]
    render_page(page)


def test_a_bad_table_is_refused_before_anything_is_written(table):
    with pytest.raises(ValueError, match="values are missing: 1 of score"):
        nodes.analyze_readers(table.assign(score=table["score"].where(table.index > 0)), PARAMETERS)
