"""Room check, the split: the lock is kept, linked women stay together, the test set is sealed."""

from __future__ import annotations

import inspect
import logging
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from kedro.pipeline import Pipeline, node

from mammo_pipeline.dvc_stages import describe_stage, read_catalog
from mammo_pipeline.mammo.links import LINK_COLUMNS
from mammo_pipeline.mammo.sealed import LABELS
from mammo_pipeline.mammo.split import LockError
from mammo_pipeline.pipelines.check import splitting
from mammo_pipeline.pipelines.check.contract import ContractError
from mammo_pipeline.pipelines.check.parameters import CheckParameters

ROOT = Path(__file__).parents[3]
KEPT = {"rules": [{"rule": "A rule.", "held": True, "severity": "stop"}]}
PAGE = {"page": "data/data_check.html"}
NO_LINKS = pd.DataFrame(columns=LINK_COLUMNS, dtype="str")


def settings(near: dict | None = None, **changes) -> CheckParameters:
    """The study's own parameters, with changes."""
    text = (ROOT / "conf/base/parameters/check.yml").read_text()
    base = yaml.safe_load(text)["check"] | {"seed": 1} | changes
    base["near_duplicates"] = base["near_duplicates"] | (near or {})
    return CheckParameters.model_validate(base)


def make_images(patients: int = 60) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    number = np.repeat(np.arange(patients), 2)
    return pd.DataFrame(
        {
            "image_id": [f"i{i:03d}" for i in range(2 * patients)],
            "exam_id": [f"e{n}" for n in number],
            "patient_id": [f"p{n}" for n in number],
            "laterality": "L",
            "view": ["CC", "MLO"] * patients,
            "device": rng.choice(["A", "B"], patients)[number],
            "density": rng.choice(["B", "C"], patients)[number],
            "cancer": pd.array((number % 3 == 0).astype(int), "Int8"),
            "truth": "pathology",
            "birads": "2",
            "image_hash": [rng.bytes(32).hex() for _ in number],
        }
    )


def draw(images: pd.DataFrame, lock=None, links=NO_LINKS, reviewed=None, **changes):
    parameters = settings(**changes)
    near = splitting.find_near_duplicates(images, reviewed, parameters)
    return splitting.draw_split(images, links, near, lock, KEPT, PAGE, parameters)


def side_of(split: pd.DataFrame) -> dict[str, str]:
    return split.set_index("patient_id")["side"].to_dict()


def test_a_broken_stop_rule_stops_the_room_before_the_split():
    rule = {"rule": "Every image states its breast.", "held": False, "severity": "stop"}
    rule |= {"found": "3 images", "remedy": "Fill it."}
    with pytest.raises(ContractError, match=r"states its breast.*3 images"):
        splitting.draw_split(
            make_images(), NO_LINKS, NO_LINKS, None, {"rules": [rule]}, PAGE, settings()
        )


def test_look_alikes_stay_together_until_someone_says_different():
    images = make_images()
    images.loc[images["patient_id"].eq("p9"), "image_hash"] = images["image_hash"][:2].tolist()
    apart = pd.DataFrame(
        {
            "image_id": ["i000", "i019"],
            "other_image_id": ["i018", "i001"],
            "distance_bits": "0",
            "verdict": "different",
        }
    )
    together = [side_of(draw(images, seed=seed)[0]) for seed in range(12)]
    assert all(side["p0"] == side["p9"] for side in together)
    parted = [side_of(draw(images, seed=seed, reviewed=apart)[0]) for seed in range(12)]
    assert any(side["p0"] != side["p9"] for side in parted)
    bold = [
        side_of(draw(images, seed=seed, near={"join_unreviewed": False})[0]) for seed in range(12)
    ]
    assert bold == parted


def test_pairs_that_wait_for_a_review_are_told(caplog):
    images = make_images()
    images.loc[images["patient_id"].eq("p9"), "image_hash"] = images["image_hash"][:2].tolist()
    near = splitting.find_near_duplicates(images, None, settings())
    assert len(near) == 2
    assert "2 pairs of look-alike images wait for a review; they stay on one side" in caplog.text


def test_links_of_ingest_and_the_lock_are_obeyed():
    images = make_images()
    links = pd.DataFrame([["p1", "p2", "study_uid"]], columns=LINK_COLUMNS)
    few = images[images["exam_id"] != "e2"]
    first, _ = draw(few, links=NO_LINKS)
    grown, record = draw(images, lock=first, links=links)
    assert side_of(grown)["p2"] == side_of(first)["p1"]
    assert {name: side_of(grown)[name] for name in side_of(first)} == side_of(first)
    assert record["links"] == {"study_uid": 1}


def test_another_seed_and_other_shares_move_nobody_and_are_told(caplog):
    images = make_images()
    first, record = draw(images)
    shares = {"train": 0.2, "tune": 0.2, "test": 0.6}
    again, unmoved = draw(images, lock=first, seed=2, shares=shares)
    pd.testing.assert_frame_equal(again, first)
    assert unmoved == record
    assert "check.seed is 2, the split was drawn with another: nobody moves" in caplog.text
    assert "test holds 0.200 of the patients, 0.600 was asked for" in caplog.text


def test_the_same_data_give_the_same_record_and_nothing_is_told(caplog):
    first, record = draw(make_images())
    assert draw(make_images(), lock=first)[1] == record
    assert caplog.text == ""


def test_a_new_split_is_drawn_on_request_and_told_loudly(caplog):
    images = make_images()
    first, _ = draw(images)
    new, _ = draw(images, lock=first.assign(side="train"), new_split=True)
    pd.testing.assert_frame_equal(new, first)
    moved = (first["side"] != "train").sum()
    assert f"A NEW SPLIT WAS DRAWN (check.new_split): {moved} of 60 patients moved" in caplog.text


def test_who_is_left_out_is_told_and_is_in_no_cohort(caplog):
    images = make_images()
    first, _ = draw(images)
    side = first.set_index("patient_id")["side"]
    one, other = (side.index[side == name][0] for name in ("tune", "test"))
    links = pd.DataFrame([[one, other, "pixels"]], columns=LINK_COLUMNS)
    split, record = draw(images, lock=first, links=links)
    assert record["left_out"] == {"patients": 1, "images": 2}
    assert "1 patients (2 images) are left out" in caplog.text
    cohort, truth, *_ = splitting.seal_cohort(images, no_lesions(), split)
    assert one not in set(cohort["patient_id"])
    assert len(cohort) == 118
    assert set(truth["image_id"]) == set(cohort.loc[cohort["side"] == "test", "image_id"])


def no_lesions() -> pd.DataFrame:
    return pd.DataFrame({"image_id": pd.Series(dtype="str"), "kind": pd.Series(dtype="str")})


def test_the_cohort_states_no_label_of_a_test_image():
    images = make_images()
    lesions = images[["image_id"]].assign(kind="mass")
    split, _ = draw(images)
    cohort, truth, known, sealed = splitting.seal_cohort(images, lesions, split)
    test = cohort["side"] == "test"
    assert cohort.loc[test, "cancer"].isna().all()
    assert cohort.loc[test, ["truth", "birads"]].eq("").all(axis=None)
    assert cohort.loc[~test, LABELS].notna().all(axis=None)
    assert len(known) + len(sealed) == len(images)
    assert set(sealed["image_id"]) == set(truth["image_id"])


def test_the_closing_block_counts_each_side_and_names_the_page(caplog):
    _, record = draw(make_images())
    with caplog.at_level(logging.INFO):
        splitting.close_check(KEPT, record, PAGE)
    for text in ("test", "left out  0 patients", record["digest"], "data/data_check.html"):
        assert text in caplog.text


NODES = {
    "find_near_duplicates": ["images", "reviewed_pairs", "params:check"],
    "draw_split": ["images", "links", "near_duplicates", "split_lock", "contract", "contract_page"],
    "seal_cohort": ["images", "lesions", "split"],
}


@pytest.mark.parametrize("name", NODES)
def test_each_input_meets_the_argument_of_its_name(name):
    arguments = list(inspect.signature(getattr(splitting, name)).parameters)
    given = ["parameters" if i.startswith("params:") else i for i in NODES[name]]
    assert given == [a for a in arguments if a in given]


def test_dvc_keeps_the_lock_before_a_run_and_waits_for_nobody_to_make_it():
    room = Pipeline(
        [
            node(splitting.draw_split, [*NODES["draw_split"], "params:check"], "split", name="d"),
            node(splitting.seal_cohort, NODES["seal_cohort"], ["cohort", *"abc"], name="s"),
        ]
    )
    catalog = read_catalog(ROOT, "demo")
    catalog |= {name: {"type": "x.Text", "filepath": name} for name in "abc"}
    stage = describe_stage("check", room, catalog, ROOT, "demo")
    lock = "data/demo/03_primary/split.parquet"
    assert {lock: {"persist": True}} in stage["outs"]
    assert lock not in stage["deps"]
    assert "data/demo/03_primary/cohort.parquet" in stage["outs"]


def test_a_lock_that_names_none_of_these_women_stops_the_room():
    images = make_images()
    first, _ = draw(images)
    renamed = images.assign(patient_id="other " + images["patient_id"])
    with pytest.raises(LockError, match="made with another key"):
        draw(renamed, lock=first)
    assert len(draw(renamed, lock=first, new_split=True)[0]) == len(first)


def test_a_side_without_a_cancer_is_told(caplog):
    draw(make_images().assign(cancer=0))
    assert "test holds no breast with cancer" in caplog.text
