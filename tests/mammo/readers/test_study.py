import json

import numpy as np
import pandas as pd
import pytest

from mammo_pipeline.mammo.readers.study import analyze_study
from mammo_pipeline.mammo.readers.table import arrange_study
from reader_studies import make_table


def analyze(table, threshold=1.0, repeats=200):
    return analyze_study(arrange_study(table), threshold, 0.95, repeats, np.random.default_rng(0))


@pytest.fixture(scope="module")
def record():
    return analyze(make_table(np.random.default_rng(21), readers=5, cases=120, helped=0.9))


def test_the_record_is_plain_json(record):
    assert json.loads(json.dumps(record, allow_nan=False)) == record


def test_a_model_that_helps_readers_is_found_to_help(record):
    (difference,) = record["differences"]
    assert difference["name"] == "aided less unaided"
    assert difference["random"]["figure"]["low"] > 0
    assert difference["random"]["p"] == pytest.approx(record["tests"]["random"]["p"])
    means = {row["modality"]: row["random"]["figure"]["value"] for row in record["means"]}
    gain = means["aided"] - means["unaided"]
    assert difference["random"]["figure"]["value"] == pytest.approx(gain)
    assert [row["reader"] for row in difference["by_reader"]] == record["readers"]


def test_every_reader_and_modality_has_an_area_and_a_point(record):
    pairs = {(row["reader"], row["modality"]) for row in record["areas"]}
    assert pairs == {(row["reader"], row["modality"]) for row in record["points"]}
    assert pairs == {(row["reader"], row["modality"]) for row in record["model"]["points"]}
    assert len(pairs) == 10


def test_without_threshold_or_model_those_parts_are_left_out():
    table = make_table(np.random.default_rng(22), readers=2, cases=40, with_model=False)
    found = analyze(table, threshold=None)
    assert (found["points"], found["model"]) == ([], None)


def test_three_modalities_give_three_differences_and_one_test():
    table = make_table(np.random.default_rng(23), readers=3, cases=40, with_model=False)
    third = table[table["modality"] == "aided"].assign(modality="second opinion")
    third["score"] = third["score"] + np.random.default_rng(0).normal(size=len(third))
    found = analyze(pd.concat([table, third]))
    assert [row["name"] for row in found["differences"]] == [
        "aided less unaided",
        "second opinion less unaided",
        "second opinion less aided",
    ]
    assert found["tests"]["random"]["df"][0] == 2
    assert 0 <= found["tests"]["random"]["p"] <= 1


def test_three_cases_keep_their_areas_and_say_why_they_have_no_interval():
    table = make_table(np.random.default_rng(24), readers=2, cases=3)
    found = analyze(table, repeats=100)
    assert found["areas"][0]["auroc"]["value"] is not None
    assert found["areas"][0]["auroc"]["reason"] == "no interval: a class has fewer than 2 patients"
    figure = found["means"][0]["random"]["figure"]
    assert (figure["low"], figure["reason"]) == (
        None,
        "no interval: a class has fewer than 2 patients",
    )
    json.dumps(found, allow_nan=False)
