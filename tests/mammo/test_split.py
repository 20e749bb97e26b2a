"""The split is by woman, balanced, and nobody moves when the data grow."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
import pytest

from mammo_pipeline.mammo.likeness import link_alike, list_near_duplicates
from mammo_pipeline.mammo.links import LINK_COLUMNS, GroupError, list_links
from mammo_pipeline.mammo.split import LockError, describe_groups, split_patients

SHARES = {"train": 0.5, "tune": 0.2, "test": 0.3}
NO_LINKS = pd.DataFrame(columns=LINK_COLUMNS, dtype="str")


def cohort(patients: int = 200) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    rows = pd.DataFrame(
        {
            "patient_id": [f"p{i}" for i in range(patients)],
            "cancer": (rng.random(patients) < 0.3).astype(int),
            "device": rng.choice(["A", "B", "C"], patients),
            "density": rng.choice(list("ABCD"), patients),
        }
    )
    return pd.concat([rows, rows.assign(cancer=0)], ignore_index=True)


def link(*pairs: str) -> pd.DataFrame:
    rows = [[*pair.split(), "pixels"] for pair in pairs]
    return pd.DataFrame(rows, columns=LINK_COLUMNS)


def split(images: pd.DataFrame, links=NO_LINKS, lock=None, seed: int = 1) -> pd.DataFrame:
    return split_patients(images, links, SHARES, seed, 20, lock)


def sides(*arguments, **more) -> dict[str, str]:
    return split(*arguments, **more).set_index("patient_id")["side"].to_dict()


def test_every_patient_has_one_row_sorted_by_name():
    images = cohort()
    table = split(images)
    assert table["patient_id"].tolist() == sorted(images["patient_id"].unique())
    assert set(table["draw"]) == {1}
    assert not table["left_out"].any()


def test_shares_hold_overall_and_among_cancers_devices_and_densities():
    images = cohort()
    images["side"] = images["patient_id"].map(sides(images))
    patients = images.drop_duplicates("patient_id")
    groups = [patients, patients[patients["cancer"] == 1]]
    groups += [patients[patients["device"] == name] for name in "ABC"]
    groups += [patients[patients["density"] == name] for name in "ABCD"]
    for group in groups:
        found = group["side"].value_counts(normalize=True)
        for side, share in SHARES.items():
            assert found[side] == pytest.approx(share, abs=0.1)


def test_cancers_are_dealt_by_their_share_to_within_two_patients():
    for seed in range(5):
        images = cohort()
        images["side"] = images["patient_id"].map(sides(images, seed=seed))
        cancers = images[images["cancer"] == 1].groupby("side")["patient_id"].nunique()
        for side, share in SHARES.items():
            assert abs(cancers[side] - share * cancers.sum()) < 2


def test_the_same_seed_splits_alike_whatever_the_pseudonyms():
    images = cohort()
    links = link("p1 p2", "p5 p7", "p7 p1")
    other_key = np.random.default_rng(5).permutation(1000)
    names = {name: f"x{other_key[int(name[1:])]}" for name in sides(images)}
    renamed = images.assign(patient_id=images["patient_id"].map(names))
    relinked = links.replace(names)
    one = images["patient_id"].map(sides(images, links))
    other = renamed["patient_id"].map(sides(renamed, relinked))
    assert one.tolist() == other.tolist()
    assert one.tolist() != images["patient_id"].map(sides(images, links, seed=2)).tolist()


def test_shares_must_add_up():
    with pytest.raises(ValueError, match="adding up to one"):
        split_patients(cohort(), NO_LINKS, {"train": 0.5, "tune": 0.2, "test": 0.2}, 0, 20)


def test_a_group_has_the_worst_outcome_and_what_most_of_its_images_state():
    images = pd.DataFrame(
        {
            "cancer": pd.array([0, 1, 0, None, None, None], "Int8"),
            "device": ["B", "A", "B", "A", "B", None],
            "density": ["", "", "C", "", None, ""],
        }
    )
    strata = describe_groups(images, np.array([0, 0, 0, 1, 1, 2]))
    assert strata["outcome"].tolist() == [1, -1, -1]
    assert strata["device"].tolist() == ["B", "A", ""]
    assert strata["density"].tolist() == ["C", "", ""]


def test_linked_patients_lie_on_one_side():
    links = link("p3 p90", "p90 p150", "p4 unseen", "unseen p60")
    for seed in range(20):
        side = sides(cohort(), links, seed=seed)
        assert side["p3"] == side["p90"] == side["p150"]
        assert side["p4"] == side["p60"]
        assert "unseen" not in side


def test_a_patient_never_moves_and_new_ones_keep_the_shares():
    images = cohort(300)
    first = split(images[images["patient_id"].str[1:].astype(int) < 90])
    whole = split(images, lock=first, seed=9)
    kept = whole.set_index("patient_id").loc[first["patient_id"]].reset_index()
    pd.testing.assert_frame_equal(kept, first)
    assert whole["draw"].value_counts().to_dict() == {2: 210, 1: 90}
    assert set(whole.loc[whole["draw"] == 2, "seed"]) == {9}
    for side, share in SHARES.items():
        assert abs((whole["side"] == side).sum() - share * 300) < 2


def test_new_patients_make_up_for_shares_that_were_others_before():
    images = cohort(300)
    lock = split(images[images["patient_id"].str[1:].astype(int) < 30]).assign(side="train")
    counts = split(images, lock=lock)["side"].value_counts()
    assert {side: counts[side] / 300 for side in SHARES} == pytest.approx(SHARES, abs=0.02)


def test_within_a_stratum_the_old_ones_count_first():
    images = cohort(60).assign(cancer=0, device="A", density="B")
    lock = split(images[images["patient_id"].str[1:].astype(int) < 20]).assign(side="train")
    counts = split(images, lock=lock)["side"].value_counts()
    assert {side: counts[side] / 60 for side in SHARES} == pytest.approx(SHARES, abs=0.02)


def test_a_group_counts_by_its_patients():
    links = link(*(f"p{n} p{n + 1}" for n in range(100) if n % 10 < 9))
    for seed in range(5):
        counts = split(cohort(), links, seed=seed)["side"].value_counts()
        for side, share in SHARES.items():
            assert abs(counts[side] - share * 200) <= 10


def test_a_run_on_the_same_data_changes_nothing():
    images = cohort()
    first = split(images, link("p1 p2"))
    pd.testing.assert_frame_equal(split(images, link("p1 p2"), first, seed=5), first)


def test_a_patient_who_went_away_and_came_back_has_her_side():
    images = cohort()
    first = split(images)
    fewer = split(images[images["patient_id"] != "p7"], lock=first)
    pd.testing.assert_frame_equal(fewer, first)


def test_a_new_patient_takes_the_side_of_the_one_she_is_linked_to():
    images = cohort(60)
    first = split(images[images["patient_id"] != "p59"])
    for other, side in zip(first["patient_id"], first["side"], strict=True):
        assert sides(images, link(f"p59 {other}"), first)["p59"] == side


def test_where_a_link_joins_two_sides_nobody_moves_and_the_lesser_side_is_left_out():
    images = cohort(60)
    first = split(images[images["patient_id"] != "p59"])
    one = {side: first.loc[first["side"] == side, "patient_id"].iloc[0] for side in SHARES}
    for kept, gone in (("test", ["train"]), ("test", ["tune", "train"]), ("tune", ["train"])):
        links = link(f"p59 {one[kept]}", *(f"p59 {one[name]}" for name in gone))
        grown = split(images, links, first).set_index("patient_id")
        assert grown.loc["p59", "side"] == kept
        assert set(grown.index[grown["left_out"]]) == {one[name] for name in gone}
        assert grown.loc[first["patient_id"], "side"].tolist() == first["side"].tolist()


def test_who_is_left_out_does_not_count_for_the_shares():
    images = cohort(100)
    old = images[images["patient_id"].str[1:].astype(int) < 20]
    lock = split(old).assign(side=["train", "test"] * 10)
    pairs = zip(lock["patient_id"][::2], lock["patient_id"][1::2], strict=True)
    grown = split(images, link(*(f"{one} {other}" for one, other in pairs)), lock)
    assert grown["left_out"].sum() == 10
    counts = grown.loc[~grown["left_out"], "side"].value_counts()
    assert {side: counts[side] / 90 for side in SHARES} == pytest.approx(SHARES, abs=0.02)


def test_who_is_left_out_comes_back_when_the_link_is_refuted():
    images = cohort(60)
    first = split(images)
    one = {side: first.loc[first["side"] == side, "patient_id"].iloc[0] for side in SHARES}
    apart = split(images, link(f"{one['train']} {one['test']}"), first)
    assert apart["left_out"].sum() == 1
    pd.testing.assert_frame_equal(split(images, lock=apart), first)


def test_a_group_of_too_many_is_refused():
    with pytest.raises(GroupError, match="21 patients hang together"):
        split(cohort(), link(*(f"p0 p{n}" for n in range(1, 21))))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda lock: lock.drop(columns="side"), r"lacks \['side'\]"),
        (lambda lock: lock.assign(side="tset"), "names 200 sides beside"),
        (lambda lock: pd.concat([lock, lock.head(1)]), "1 patients twice"),
    ],
)
def test_a_lock_that_is_none_stops_the_run_and_says_how_to_restore_it(change, told):
    images = cohort()
    with pytest.raises(LockError, match=rf"{told}.*dvc checkout"):
        split(images, lock=change(split(images)))


# One thousand data sets that grow in two or three steps, in one table: what is shared carries the
# number of its set.
SETS, STEPS = 1000, 3


def plant_studies(rng: np.random.Generator) -> pd.DataFrame:
    """Returns one row an image of a thousand data sets: `came` is the step in which it came.

    Every value by which patients may be linked is drawn from a pool that is small, so
    that some are shared by chance: by images of one step, or by a late one with an early one.
    """
    size = rng.integers(8, 30, SETS)
    number = np.repeat(np.arange(SETS), size)
    patient = rng.integers(0, size[number])
    pool = 12 * size[number] ** 1.2

    def draw() -> np.ndarray:
        return (rng.random(len(number)) * pool).astype(int)

    bits = rng.integers(0, 2, (len(number), 64), np.uint8)
    same = rng.random(len(number)) < 0.04
    model = np.maximum(np.arange(len(number)) - rng.integers(1, 8, len(number)), 0)
    bits[same] = bits[model[same]]
    bits[same, rng.integers(0, 64, same.sum())] ^= 1
    label = [f"{n}-" for n in number]
    shared = {name: np.char.add(label, draw().astype(str)) for name in ("study", "sop", "pixels")}
    return pd.DataFrame(
        {
            "number": number,
            "came": rng.integers(0, STEPS - number % 2),
            "image_id": [f"i{n:06d}" for n in range(len(number))],
            "patient_id": np.char.add(label, patient.astype(str)),
            "laterality": number,
            "view": "CC",
            "cancer": (rng.random(len(number)) < 0.2).astype(int),
            "device": rng.choice(["A", "B", "C"], len(number)),
            "density": rng.choice(list("ABCD"), len(number)),
            "study_key": shared["study"],
            "sop_key": shared["sop"],
            "pixel_sha256": shared["pixels"],
            "image_hash": [row.tobytes().hex() for row in np.packbits(bits, axis=1)],
        }
    )


def link_all(images: pd.DataFrame) -> dict[int, pd.DataFrame]:
    """Returns the links of each data set, shared values and look-alikes."""
    alike = link_alike(list_near_duplicates(images, 10**6, 2), images, True)
    links = pd.concat([list_links(images), alike], ignore_index=True)
    number = links["patient_id"].str.split("-").str[0].astype(int)
    return dict(list(links.groupby(number)))


def who_is_joined(images: pd.DataFrame) -> list[set[str]]:
    """The definition: patients who share a value or nearly a hash, merged one after the other."""
    names = images["patient_id"].tolist()
    group_of = {name: {name} for name in names}

    def merge(one: str, other: str) -> None:
        if group_of[one] is not group_of[other]:
            group_of[one] |= group_of[other]
            group_of.update(dict.fromkeys(group_of[other], group_of[one]))

    for column in ("study_key", "sop_key", "pixel_sha256"):
        holder: dict[str, str] = {}
        for name, value in zip(names, images[column].tolist(), strict=True):
            merge(holder.setdefault(value, name), name)
    hashes = [int(text, 16) for text in images["image_hash"]]
    for (one, first), (other, second) in combinations(zip(names, hashes, strict=True), 2):
        if (first ^ second).bit_count() <= 2:
            merge(one, other)
    return list({id(group): group for group in group_of.values()}.values())


def check_step(table: pd.DataFrame, groups: list[set[str]], before: dict[str, str]) -> int:
    """Asserts what must hold after every step; returns how many groups joined patients."""
    side = dict(zip(table["patient_id"], table["side"], strict=True))
    out = set(table.loc[table["left_out"], "patient_id"])
    assert {name: side[name] for name in before} == before  # nobody moved
    assert out <= set(before)  # nobody new is left out
    for group in groups:
        assert len({side[name] for name in group - out}) == 1  # nobody straddles
        held = {before[name] for name in group if name in before}
        assert bool(group & out) == (len(held) > 1)  # none is left out without need
    used = len(side) - len(out)
    # A woman whose cancer shows later changes her stratum after it was balanced: two patients.
    slack = max(len(group) for group in groups) + len(out) + 2
    for name, share in SHARES.items():
        here = sum(side[who] == name for who in side.keys() - out)
        assert abs(here - share * used) <= slack
    return sum(len(group) > 1 for group in groups)


def test_a_thousand_growing_data_sets_with_planted_duplicates_keep_every_promise():
    images = plant_studies(np.random.default_rng(42))
    joined = left_out = 0
    locks: dict[int, pd.DataFrame] = {}
    for step in range(STEPS):
        so_far = images[images["came"] <= step]
        links = link_all(so_far)
        grown = so_far["number"].isin(set(images.loc[images["came"] == step, "number"]))
        for number, mine in so_far[grown].groupby("number"):
            lock, here = locks.get(number), links.get(number, NO_LINKS)
            table = split_patients(mine, here, SHARES, number, 40, lock)
            before = {} if lock is None else lock.set_index("patient_id")["side"].to_dict()
            joined += check_step(table, who_is_joined(mine), before)
            left_out += int(table["left_out"].sum())
            locks[number] = table
            if number % 20 == step:
                again = split_patients(mine, here[::-1], SHARES, number, 40, table)
                pd.testing.assert_frame_equal(again, table)
    assert joined > 1500
    assert left_out > 200
