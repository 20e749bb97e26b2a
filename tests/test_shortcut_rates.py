"""The campaign of the shortcut audit runs, is resumed, and counts what rang."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture(scope="module")
def rates():
    with pytest.MonkeyPatch.context() as patched:
        patched.syspath_prepend(str(BENCHMARKS))
        yield import_module("shortcut_rates")


@pytest.fixture(scope="module")
def studies():
    with pytest.MonkeyPatch.context() as patched:
        patched.syspath_prepend(str(BENCHMARKS))
        yield import_module("shortcut_studies")


def test_a_quick_study_is_made_once_audited_and_counted(rates, studies, tmp_path, monkeypatch):
    row = rates.try_seed(901, "planted", rates.QUICK, tmp_path, 50)
    assert len(row["alarms"]) == 8
    assert row["whole"] is not None
    monkeypatch.setattr(studies, "make_study", None)
    again = rates.try_seed(901, "planted", rates.QUICK, tmp_path, 50)
    assert again == row
    record = rates.write_rates([row], tmp_path)
    assert json.loads((tmp_path / "shortcut_rates.json").read_text()) == record


def test_no_woman_teaches_and_is_tested_and_both_arms_have_the_same_women(studies):
    recipe = studies.Recipe(women=6, taught=3, epochs=1, confounding=1.0)
    planted, frames = studies.draw_frames(1, recipe)
    none, _ = studies.draw_frames(1, studies.Recipe(6, 3, 1, 0.0))
    assert planted.groupby("patient_id")["side"].nunique().max() == 1
    assert planted.groupby("patient_id")["side"].first().value_counts().to_dict() == {
        "train": 3,
        "test": 3,
    }
    same = ["patient_id", "laterality", "view", "cancer", "side"]
    assert planted[same].equals(none[same])
    sick = planted.groupby("patient_id")["cancer"].max()[planted["patient_id"]].to_numpy()
    np.testing.assert_array_equal(planted["device"] == studies.ADDED, sick == 1)
    assert frames.shape == (24, *studies.SHAPE_PX)
    assert frames.dtype == np.uint16


def test_rates_are_shares_of_studies_and_what_was_not_measured_did_not_ring(rates):
    rung = [{"a": True, "b": None}, {"a": False, "b": None}]
    rows = [{"arm": "planted", "alarms": alarms} for alarms in rung]
    rows += [{"arm": "none", "alarms": {"a": False, "b": None}}]
    found = rates.tally_rates(rows)
    assert found["planted"]["a"]["value"] == 0.5
    assert found["planted"]["b"]["value"] == 0
    assert found["none"]["any of these"]["value"] == 0
    assert found["none"]["a"]["n"] == 1
    assert found["none"]["a"]["high"] == pytest.approx(0.793, abs=1e-3)


def test_the_page_changes_between_its_marks_only(rates, tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"before\n{rates.OPEN}\nold\n{rates.CLOSE}\nafter\n")
    rows = [{"seed": 7, "arm": arm, "alarms": {"a": True}, "whole": [0.7]} for arm in rates.ARMS]
    record = {"rates": rates.tally_rates(rows), "studies": rows}
    rates.write_page(record, page)
    rates.write_page(record, page)
    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith("\nafter\n")
    assert "old" not in text
    assert text.count("| a | 1 of 1 (0.21 to 1.00) | 1 of 1") == 1


def test_seeds_that_bounds_were_tuned_on_are_not_reported(rates):
    assert not set(rates.TUNED) & set(range(rates.FIRST, rates.FIRST + 20))
