"""Findings of a breast become one label that says the strongest of them."""

from __future__ import annotations

import pandas as pd

from mammo_pipeline.mammo.collections.record import (
    LISTING_DEFAULTS,
    CollectionOptions,
    fill_listing,
    label_breasts,
    label_opinions,
)


def findings(*rows: dict[str, object]) -> pd.DataFrame:
    common = {"patient": "a", "laterality": "L", "cancer": 0, "truth": "pathology", "line": "2"}
    return pd.DataFrame([{**common, **row} for row in rows])


def test_the_strongest_truth_of_the_decided_outcome_is_kept():
    rows = findings({"truth": "opinion"}, {"truth": "follow_up"}, {"truth": "pathology"})
    assert label_breasts(rows)["truth"].tolist() == ["pathology"]
    rows = findings({"truth": "pathology"}, {"truth": "follow_up", "cancer": 1})
    assert label_breasts(rows)[["cancer", "truth"]].values.tolist() == [[1, "follow_up"]]


def test_a_finding_left_out_decides_nothing_where_another_stays():
    rows = findings({"cancer": 1, "left_out": True}, {"cancer": 0, "left_out": False})
    assert label_breasts(rows)[["cancer", "left_out"]].values.tolist() == [[0, False]]


def test_the_most_concerning_category_is_kept():
    rows = findings({"birads": "4A"}, {"birads": "0"}, {"birads": "3"})
    assert label_breasts(rows)["birads"].tolist() == ["4A"]


def test_the_first_stated_density_and_age_are_kept():
    rows = findings({"density": "", "age": ""}, {"density": "C", "age": "61"})
    assert label_breasts(rows)[["density", "age"]].values.tolist() == [["C", 61.0]]


def test_an_incomplete_assessment_is_no_truth_even_when_opinions_are():
    rows = findings({"birads": "0"}).drop(columns=["cancer", "truth"])
    labels = label_opinions(rows, CollectionOptions(opinion_as_truth=True))
    assert labels["cancer"].isna().all()


def test_a_listing_has_every_column_and_no_missing_text():
    listing = fill_listing(pd.DataFrame({"key": ["a", None]}))
    assert list(listing.columns) == list(LISTING_DEFAULTS)
    assert listing.drop(columns="spacing_mm").notna().all().all()
