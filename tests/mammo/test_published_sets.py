"""Whom the published figures of 22 models on CBIS-DDSM are measured on, and what that is worth.

Their unit is the film, not the breast, and a film stands twice where it shows both a mass and a
calcification.
"""

import json
import os
from pathlib import Path

import pandas as pd
import pytest

from mammo_pipeline.mammo import scoring
from mammo_pipeline.mammo.score_table import read_score_table

ROOT = Path(os.environ.get("MAMMO_REALDATA", "../shared/realdata"))
RESULTS = ROOT / "mammo_second_reader_predictions/results"
PARTS = ("validation", "test")

pytestmark = pytest.mark.skipif(
    not RESULTS.is_dir(), reason=f"no published predictions at {RESULTS}; set MAMMO_REALDATA"
)


@pytest.fixture(scope="module")
def runs():
    found = json.loads((RESULTS / "metrics.json").read_text())["runs"]
    assert len(found) == 22
    return found


@pytest.fixture(scope="module")
def tables(runs):
    """Returns (model, part) to its scores."""
    names = [(run["model"], part) for run in runs for part in PARTS]
    return {key: pd.read_csv(RESULTS / "predictions/{}.{}.csv".format(*key)) for key in names}


def test_one_patient_of_theirs_is_on_both_sides_and_is_refused(tables):
    parts = [
        tables["ensemble", part].assign(side=side)
        for part, side in zip(PARTS, ("tune", "test"), strict=True)
    ]
    both = set(parts[0]["patient_id"]) & set(parts[1]["patient_id"])
    assert len(both) == 1
    joined = pd.concat(parts).rename(columns={"label": "cancer", "logit": "score_ensemble"})
    with pytest.raises(ValueError, match=r"^2 of 893 rows .* on both tune and test"):
        read_score_table(joined, "logit")
    told = read_score_table(joined[~joined["patient_id"].isin(both)], "logit")
    assert len(told) == 891


def test_the_patient_on_both_sides_moves_no_area_by_more_than_a_thousandth(runs, tables):
    on_validation = set(tables["ensemble", "validation"]["patient_id"])
    moved = []
    for run in runs:
        test = tables[run["model"], "test"]
        without = test[~test["patient_id"].isin(on_validation)]
        area = scoring.auroc(without["label"], without["logit"])
        moved.append(abs(float(area) - run["test"]["auc"]))
    assert 0 < max(moved) < 0.001


def test_films_that_stand_twice_are_few_and_two_of_them_bear_both_truths(runs, tables):
    for part, pairs, conflicts in (("validation", 3, 0), ("test", 4, 2)):
        scores = pd.DataFrame({run["model"]: tables[run["model"], part]["logit"] for run in runs})
        same = scores.groupby(list(scores)).ngroup()
        twice = (
            tables["ensemble", part]
            .groupby(same)
            .agg(
                rows=("label", "size"),
                truths=("label", "nunique"),
                patients=("patient_id", "nunique"),
            )
        )
        twice = twice[twice["rows"] > 1]
        assert (len(twice), (twice["truths"] == 2).sum()) == (pairs, conflicts)
        assert (twice["rows"] == 2).all()
        assert (twice["patients"] == 1).all()
