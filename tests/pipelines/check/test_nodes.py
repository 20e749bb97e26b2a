"""Room check: a broken contract stops the run, and the page is there before it does."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mammo_pipeline.pipelines.check import nodes
from mammo_pipeline.pipelines.check.parameters import CheckParameters

RULES = CheckParameters(
    seed=1,
    shares={"train": 0.5, "tune": 0.2, "test": 0.3},
    minimum_patients=5,
    cancer_share=(0.01, 0.6),
    age_years=(25, 100),
    spacing_mm=(0.03, 1.0),
)


def images(patients: int = 40) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    rows = pd.DataFrame(
        {
            "image_id": [f"i{i}" for i in range(patients)],
            "exam_id": [f"e{i}" for i in range(patients)],
            "patient_id": [f"p{i}" for i in range(patients)],
            "laterality": "L",
            "view": "CC",
            "device": rng.choice(["A", "B"], patients),
            "row_spacing_mm": 0.1,
            "column_spacing_mm": 0.1,
            "age": 55.0,
            "density": "B",
            "cancer": (np.arange(patients) % 3 == 0).astype(int),
        }
    )
    return rows.astype({"cancer": "Int8"})


def broken_rules(table: pd.DataFrame) -> set[str]:
    contract = nodes.check_contract(table, RULES)
    return {rule["rule"] for rule in contract["rules"] if not rule["held"]}


def test_a_good_table_keeps_the_contract():
    assert broken_rules(images()) == set()


@pytest.mark.parametrize(
    ("column", "value", "rule"),
    [
        ("view", "XCCL", "Only whole-breast views are read."),
        ("row_spacing_mm", 7.0, "A pixel has a credible size."),
        ("device", None, "Every image states its device."),
        ("image_id", "i1", "No image is counted twice."),
        ("age", 7.0, "Ages are those of screened women."),
    ],
)
def test_each_fault_breaks_its_own_rule(column, value, rule):
    table = images()
    table.loc[0, column] = value
    assert rule in broken_rules(table)


def test_too_few_cancers_break_the_contract():
    table = images()
    table.loc[3:, "cancer"] = 0
    assert "At least 5 patients with cancer." in broken_rules(table)


def test_no_value_of_any_row_is_kept():
    table = images()
    table.loc[0, "patient_id"] = None
    assert "p7" not in str(nodes.check_contract(table, RULES))


def test_a_broken_critical_rule_stops_the_run_and_names_the_page():
    table = images()
    table.loc[0, "view"] = "XCCL"
    contract = nodes.check_contract(table, RULES)
    with pytest.raises(nodes.ContractError, match=r"whole-breast views.*1 images.*page\.html"):
        nodes.split_images(table, contract, {"page": "page.html"}, RULES)


def test_a_warning_does_not_stop_the_run():
    table = images()
    table.loc[0, "age"] = 7.0
    contract = nodes.check_contract(table, RULES)
    assert contract["passed"]
    assert set(nodes.split_images(table, contract, {"page": "x"}, RULES)["side"]) == {
        "train",
        "tune",
        "test",
    }
