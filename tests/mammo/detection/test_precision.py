"""Average precision is that of COCO, in memory and in silence."""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd
import pytest

from mammo_pipeline.mammo.detection.precision import average_precisions, measure_precision
from mammo_pipeline.mammo.exam import BOX_COLUMNS

IMAGES = pd.DataFrame(
    {
        "image_id": ["a", "b", "c", "d"],
        "patient_id": ["p", "p", "q", "r"],
        "has_lesion": [True, True, False, True],
    }
)
ONCE = pd.Series(1, index=IMAGES["image_id"])


def make_table(name: str, *rows: tuple) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["image_id", name, *BOX_COLUMNS])


LESIONS = make_table(
    "ignored",
    ("a", False, 0, 0, 10, 10),
    ("b", False, 20, 20, 40, 30),
    ("d", False, 0, 5, 10, 25),
)


def precise(*rows: tuple, lesions: pd.DataFrame = LESIONS, counts: pd.Series = ONCE) -> float:
    return average_precisions(make_table("score", *rows), lesions, counts)["ap_50"]


def test_every_lesion_outlined_before_any_false_box_is_one():
    hits = [(i, 0.9, *box) for i, _, *box in LESIONS.itertuples(index=False)]
    assert precise(*hits, ("c", 0.1, 0, 0, 9, 9)) == pytest.approx(1.0)


def test_a_false_box_above_halves_precision():
    only = LESIONS.iloc[:1]
    assert precise(("c", 0.9, 0, 0, 9, 9), ("a", 0.5, 0, 0, 10, 10), lesions=only) == pytest.approx(
        0.5
    )


def test_one_of_three_found_gives_the_sensitivities_up_to_a_third():
    # 34 of the 101 sensitivities from 0 to 1 are at most a third.
    assert precise(("a", 0.9, 0, 0, 10, 10)) == pytest.approx(34 / 101)


@pytest.mark.parametrize(("rows", "is_hit"), [(10, True), (20, True), (21, False)])
def test_a_hit_overlaps_by_half_or_more(rows, is_hit):
    found = precise(("a", 0.9, 0, 0, rows, 10), lesions=LESIONS.iloc[:1])
    assert found == pytest.approx(float(is_hit))


def test_rows_are_rows_and_columns_are_columns():
    wide = make_table("ignored", ("a", False, 0, 0, 10, 20))
    assert precise(("a", 0.9, 0, 10, 10, 20), lesions=wide) == pytest.approx(1.0)
    assert precise(("a", 0.9, 0, 0, 20, 10), lesions=wide) == 0.0


def test_a_box_on_an_ignored_lesion_counts_neither_way():
    # That nobody marked the one on d is no miss, either.
    ignored = (("c", True, 0, 0, 9, 9), ("d", True, 0, 0, 9, 9))
    benign = make_table("ignored", ("a", False, 0, 0, 10, 10), *ignored)
    above = ("c", 0.9, 0, 0, 9, 9), ("a", 0.5, 0, 0, 10, 10)
    assert precise(*above, lesions=benign) == pytest.approx(1.0)


def test_an_image_drawn_twice_counts_twice_and_one_not_drawn_not_at_all():
    hit = ("a", 0.9, 0, 0, 10, 10)
    counts = pd.Series([2, 0, 1, 1], index=IMAGES["image_id"])
    # Two of three lesions are found: 67 of the 101 sensitivities.
    assert precise(hit, counts=counts) == pytest.approx(67 / 101)


def test_no_box_is_zero_and_no_lesion_is_undefined():
    assert precise() == 0.0
    assert np.isnan(precise(("a", 0.9, 0, 0, 9, 9), lesions=LESIONS.iloc[:0]))


def test_figures_have_an_interval_only_where_one_was_asked_for():
    marks = make_table("score", ("a", 0.9, 0, 0, 10, 10), ("c", 0.95, 0, 0, 9, 9))
    rng = np.random.default_rng(0)
    some = measure_precision(marks, LESIONS, IMAGES, 30, 0.95, rng)["ap_50"]
    assert 0 <= some["low"] < some["value"] <= some["high"] < 1
    assert "30 replicates" in some["how"]
    none = measure_precision(marks, LESIONS, IMAGES, 0, 0.95, rng)["ap_50"]
    assert (none["low"], none["high"], none["n"]) == (None, None, 3)
    assert none["value"] == some["value"]
    assert "no interval" in none["how"] + none["reason"]


def test_nothing_is_printed_or_logged(capfd, caplog):
    with caplog.at_level(logging.INFO):
        precise(("a", 0.9, 0, 0, 10, 10))
    assert capfd.readouterr() == ("", "")
    assert caplog.records == []
