"""The record of a split counts what a reader would count."""

from __future__ import annotations

import json

import pandas as pd

from mammo_pipeline.mammo.balance import count_split, list_missed_shares
from mammo_pipeline.mammo.digest import digest_table
from mammo_pipeline.mammo.links import LINK_COLUMNS
from mammo_pipeline.mammo.split import split_patients

SHARES = {"train": 0.5, "tune": 0.2, "test": 0.3}
IMAGES = pd.DataFrame(
    {
        "patient_id": [f"p{n // 2:02d}" for n in range(80)],
        "exam_id": [f"e{n // 2:02d}" for n in range(80)],
        "laterality": ["L", "R"] * 40,
        "cancer": pd.array([int(n % 6 == 0) for n in range(80)], "Int8"),
        "device": ["A"] * 40 + ["B"] * 40,
        "density": "C",
    }
)
LINKS = pd.DataFrame([["p00", "p01", "pixels"], ["p01", "p02", "likeness"]], columns=LINK_COLUMNS)


def draw(images: pd.DataFrame, links: pd.DataFrame, lock=None) -> tuple[pd.DataFrame, dict]:
    split = split_patients(images, links, SHARES, 1, 20, lock)
    return split, json.loads(json.dumps(count_split(images, split, links), allow_nan=False))


def test_sides_and_strata_add_up_to_the_patients():
    split, record = draw(IMAGES, LINKS)
    assert record["digest"] == digest_table(split, ["patient_id", "side"])
    assert sum(side["patients"] for side in record["sides"].values()) == 40
    assert sum(side["images"] for side in record["sides"].values()) == 80
    assert sum(side["breasts_with_cancer"] for side in record["sides"].values()) == 14
    assert sum(row[side] for row in record["strata"] for side in SHARES) == 40
    assert {row["outcome"] for row in record["strata"]} == {"cancer", "no cancer"}
    assert record["links"] == {"likeness": 1, "pixels": 1}
    assert record["linked_patients"] == 3
    assert record["earlier_digest"] is None


def test_a_second_run_writes_the_same_record_and_a_grown_one_names_the_earlier_split():
    first, record = draw(IMAGES.head(60), LINKS)
    _, again = draw(IMAGES.head(60), LINKS, first)
    assert again == record
    _, grown = draw(IMAGES, LINKS, first)
    assert grown["earlier_digest"] == record["digest"] != grown["digest"]
    assert [d["patients"] for d in grown["draws"]] == [30, 10]


def test_who_is_left_out_or_absent_is_counted():
    first, _ = draw(IMAGES, LINKS.head(0))
    side = first.set_index("patient_id")["side"]
    one, other = (side.index[side == name][0] for name in ("train", "test"))
    links = pd.DataFrame([[one, other, "sop_uid"]], columns=LINK_COLUMNS)
    fewer = IMAGES[IMAGES["patient_id"] != side.index[side == "tune"][0]]
    _, record = draw(fewer, links, first)
    assert record["left_out"] == {"patients": 1, "images": 2}
    assert (record["patients"], record["absent"]) == (40, 1)
    assert sum(side["patients"] for side in record["sides"].values()) == 38


def test_a_share_is_missed_only_by_more_than_a_patient_or_two():
    _, record = draw(IMAGES, LINKS)
    assert list_missed_shares(record, SHARES, 0.02) == {}
    wanted = {"train": 0.2, "tune": 0.2, "test": 0.6}
    assert set(list_missed_shares(record, wanted, 0.02)) == {"train", "test"}
