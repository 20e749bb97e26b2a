"""Look-alike images are all found, listed for a person, and joined as she says."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mammo_pipeline.mammo.likeness import (
    LikenessError,
    ReviewError,
    add_verdicts,
    link_alike,
    list_near_duplicates,
    read_hashes,
    read_reviewed,
)


def images(count: int, seed: int = 0) -> pd.DataFrame:
    """Hashes of 256 bits, a third of them copies with up to ten bits turned, near and far."""
    rng = np.random.default_rng(seed)
    bits = rng.integers(0, 2, (count, 256), np.uint8)
    for place in range(1, count, 3):
        bits[place] = bits[rng.integers(0, place)]
        bits[place, rng.integers(0, 256, rng.integers(0, 11))] ^= 1
    return pd.DataFrame(
        {
            "image_id": [f"i{n:04d}" for n in rng.permutation(count)],
            "patient_id": [f"p{n}" for n in rng.integers(0, 8, count)],
            "laterality": rng.choice(["L", "R"], count),
            "view": "CC",
            "image_hash": [row.tobytes().hex() for row in np.packbits(bits, axis=1)],
        }
    )


def compare_all(table: pd.DataFrame, bits: int) -> set[tuple[str, str, int]]:
    """The definition, pair by pair."""
    rows = table.sort_values("image_id").to_dict("records")
    found = set()
    for place, one in enumerate(rows):
        for other in rows[place + 1 :]:
            far = (int(one["image_hash"], 16) ^ int(other["image_hash"], 16)).bit_count()
            same = [one[name] == other[name] for name in ("laterality", "view", "patient_id")]
            if far <= bits and same == [True, True, False]:
                found.add((one["image_id"], other["image_id"], far))
    return found


@pytest.mark.parametrize("bits", [0, 4, 8])
def test_every_near_pair_of_two_patients_is_listed_and_no_other(monkeypatch, bits):
    monkeypatch.setattr("mammo_pipeline.mammo.likeness.TILE", (16, 50))
    table = images(300)
    pairs = list_near_duplicates(table, 1000, bits)
    expected = compare_all(table, bits)
    assert set(pairs.drop(columns="verdict").itertuples(index=False, name=None)) == expected
    assert len(expected) > 4
    assert pairs["distance_bits"].is_monotonic_increasing
    again = list_near_duplicates(table.sample(frac=1, random_state=1), 1000, bits)
    pd.testing.assert_frame_equal(pairs, again)


def test_an_image_without_a_hash_is_like_no_other():
    table = images(40).assign(image_hash="")
    table.loc[:1, "image_hash"] = None
    assert list_near_duplicates(table, 10, 8).empty


def test_nothing_is_looked_for_below_zero_bits():
    table = images(40).assign(image_hash="0" * 64)
    assert list_near_duplicates(table, 10, -1).empty


def test_too_many_pairs_stop_the_run_with_a_distance_that_would_do():
    table = images(300)
    counts = [len(list_near_duplicates(table, 1000, bits)) for bits in range(9)]
    fits = max(bits for bits in range(9) if counts[bits] <= counts[4])
    told = f"{counts[8]} pairs.*distance_bits to {fits}, which lists {counts[fits]}"
    with pytest.raises(LikenessError, match=told):
        list_near_duplicates(table, counts[4], 8)


def test_pictures_that_are_all_alike_stop_the_run_at_once():
    table = images(4000).assign(image_hash="f" * 16)
    with pytest.raises(LikenessError, match="distance_bits to -1, which looks for none"):
        list_near_duplicates(table, 100, 8)


@pytest.mark.parametrize("wrong", ["xyz", "F" * 16, "0" * 15, "0" * 32])
def test_a_hash_that_is_none_is_refused(wrong):
    with pytest.raises(LikenessError, match=r"1 of 2 values|2 of 2 values"):
        read_hashes(pd.Series(["0" * 16, wrong]))


def review(*rows: tuple[str, str, str]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["image_id", "other_image_id", "verdict"])


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([("a", "b", "same"), ("a", "c", "maybe")], r"line 3, verdict.*same, different or nothing"),
        ([("a", "", "same")], r"line 2, image_id"),
        ([("a", "a", "same")], r"line 2, other_image_id"),
        ([("a", "b", "same"), ("b", "a", "different")], r"line 2, 3, verdict.*one verdict a pair"),
    ],
)
def test_a_review_that_cannot_be_meant_is_refused_with_its_line(rows, told):
    with pytest.raises(ReviewError, match=told):
        read_reviewed(review(*rows))


def test_a_review_with_other_columns_is_refused():
    with pytest.raises(ReviewError, match="expected the columns image_id, other_image_id"):
        read_reviewed(review(("a", "b", "same")).rename(columns={"verdict": "note"}))


def test_a_review_is_read_in_any_order_and_case_and_what_is_empty_says_nothing():
    read = read_reviewed(review(("b", "a", " Same "), ("c", "d", ""), ("a", "b", "same")))
    assert read.to_numpy().tolist() == [["a", "b", "same"]]
    assert read_reviewed(None).empty


WHO = pd.DataFrame({"image_id": list("abcdef"), "patient_id": ["p", "q", "r", "s", "t", "t"]})
PAIRS = pd.DataFrame(
    {"image_id": ["a", "c"], "other_image_id": ["b", "d"], "distance_bits": [0, 4], "verdict": ""}
)


@pytest.mark.parametrize(
    ("rows", "join_unreviewed", "joined"),
    [
        ([], True, {"pq", "rs"}),
        ([], False, set()),
        ([("a", "b", "same")], False, {"pq"}),
        ([("b", "a", "different")], True, {"rs"}),
        ([("e", "a", "same")], True, {"pq", "rs", "pt"}),
        ([("e", "a", "different"), ("e", "f", "same"), ("gone", "a", "same")], True, {"pq", "rs"}),
    ],
)
def test_a_pair_joins_until_someone_says_different(rows, join_unreviewed, joined):
    listed = add_verdicts(PAIRS, read_reviewed(review(*rows) if rows else None), WHO)
    links = link_alike(listed, WHO, join_unreviewed)
    assert set(links["patient_id"] + links["other_patient_id"]) == joined
    assert set(links["reason"]) <= {"likeness"}


def test_verdicts_stay_with_the_list():
    listed = add_verdicts(PAIRS, read_reviewed(review(("d", "c", "different"))), WHO)
    assert listed["verdict"].tolist() == ["", "different"]
    assert listed["distance_bits"].tolist() == [0, 4]
