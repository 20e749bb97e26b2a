"""Sampling a study by its table of rules."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mammo_pipeline.mammo.patches.overlap import overlap_shares
from mammo_pipeline.mammo.patches.sampling import make_rng, sample_image, sample_patches
from mammo_pipeline.mammo.patches.scenes import Scene
from toy_study import CANVAS, make_sampling, make_study

BOX = ["row_min", "column_min", "row_max", "column_max"]
SIZE = 14
BLOBS = {
    "kind": "blob",
    "images": "both",
    "per_image": 2,
    "overlap_with": "either",
    "overlap_most": 0.35,
    "overlap_among": 0.5,
    "breast_coverage": 0.5,
    "scales": [0.1],
    "strength": 0.005,
}


def sample_both(cohort=None, lesions=None, **changes) -> tuple[pd.DataFrame, pd.DataFrame]:
    store, known, boxes = make_study()
    return sample_patches(
        store.pixels,
        store.index,
        known if cohort is None else cohort,
        boxes if lesions is None else lesions,
        make_sampling(**changes),
    )


def sample(cohort=None, lesions=None, **changes) -> pd.DataFrame:
    return sample_both(cohort, lesions, **changes)[0]


def best_overlap(patches: pd.DataFrame) -> np.ndarray:
    _, _, lesions = make_study()
    boxes = {name: part[BOX].to_numpy() for name, part in lesions.groupby("image_id")}
    none = np.empty((0, 4), int)
    corners = patches[["row", "column"]].to_numpy()
    own = [boxes.get(name, none) for name in patches["image_id"]]
    shares = [overlap_shares(c[None], b, SIZE) for c, b in zip(corners, own, strict=True)]
    return np.array([share.max(initial=0) for share in shares])


def count_images() -> tuple[pd.DataFrame, set[str]]:
    """The shown lesions, and the images without a lesion and without cancer."""
    _, cohort, lesions = make_study()
    sides = cohort.set_index("image_id")["side"]
    shown = lesions[lesions["image_id"].map(sides).isin(["train", "tune"])]
    healthy = cohort[(cohort["cancer"] == 0) & (cohort["side"] != "test")]["image_id"]
    return shown, set(healthy) - set(lesions["image_id"])


def test_every_lesion_has_its_patches_and_as_many_of_background():
    patches = sample()
    shown, clear = count_images()
    counts = patches["label"].value_counts()
    assert counts[4] == 4 * (shown["pathology"] == "malignant").sum()
    assert counts[2] == 4 * (shown["pathology"] == "benign").sum()
    assert counts[0] == 4 * len(shown) + 2 * len(clear)
    by_rule = patches["rule"].value_counts().to_dict()
    assert by_rule == {
        "lesion": 4 * len(shown),
        "beside": 4 * len(shown),
        "healthy": 2 * len(clear),
    }
    assert set(patches["side"]) == {"train", "tune"}


def test_a_lesion_patch_shows_its_lesion_and_a_background_patch_does_not():
    patches = sample(blobs=BLOBS)
    overlap = best_overlap(patches)
    assert (overlap[patches["label"] > 0] > 0.7).all()
    assert (overlap[patches["label"] == 0] <= 0.35).all()


def test_patches_lie_on_the_canvas_and_backgrounds_in_the_breast():
    store, _, _ = make_study()
    coverage = {"breast_coverage": 0.9}
    patches = sample(beside=coverage, healthy=coverage, blobs={**BLOBS, **coverage})
    assert set(patches["rule"]) == {"lesion", "beside", "healthy", "blobs"}
    assert patches["row"].between(0, CANVAS[0] - SIZE).all()
    assert patches["column"].between(0, CANVAS[1] - SIZE).all()
    for patch in patches[patches["label"] == 0].itertuples():
        window = store.pixels[patch.position][
            patch.row : patch.row + SIZE, patch.column : patch.column + SIZE
        ]
        assert (window > 0).mean() >= 0.9


def test_an_image_has_the_same_patches_whatever_else_is_in_the_cohort_and_in_any_order():
    _, cohort, lesions = make_study()
    some = cohort.iloc[::-3]
    alone = sample(cohort=some, lesions=lesions[::-1])
    together = sample()
    together = together[together["image_id"].isin(some["image_id"])].reset_index(drop=True)
    pd.testing.assert_frame_equal(alone, together)


@pytest.mark.parametrize(
    "another",
    [
        {"kind": "lesion", "per_lesion": 7, "overlap_with": "patch"},
        {"kind": "background", "images": "both", "per_image": 3},
        BLOBS,
    ],
)
def test_a_rule_more_or_fewer_changes_nothing_of_the_others(another):
    base = make_sampling().model_dump()["rules"]
    like = base["lesion" if another["kind"] == "lesion" else "healthy"]
    rest = {} if another["kind"] == "blob" else like
    before = sample()
    after = sample(more={**rest, **another})
    assert (after["rule"] == "more").any()
    kept = after[after["rule"] != "more"].reset_index(drop=True)
    pd.testing.assert_frame_equal(kept, before)


def test_every_image_and_every_rule_draws_its_own_places():
    _, _, lesions = make_study()
    same = lesions.assign(row_min=20, row_max=40, column_min=5, column_max=25)
    rules = make_sampling().model_dump()["rules"]
    patches = sample(lesions=same, again=rules["lesion"])
    shown = patches[patches["label"] > 0].groupby(["image_id", "rule"])[["row", "column"]]
    drawn = [tuple(part.to_numpy().ravel()) for _, part in shown]
    assert len(set(drawn)) == len(drawn) > 10


def test_a_lesion_draws_the_same_however_hard_the_one_before_it_is():
    easy, hard, last = [10, 5, 20, 15], [0, 0, 60, 1], [40, 10, 52, 24]
    drawn = []
    for before in (easy, hard):
        boxes = np.array([before, last])
        scene = Scene("x", "train", 0, "with_lesion", boxes, np.array([2, 4]))
        drawn.append(sample_image(np.ones(CANVAS, np.uint16), scene, make_sampling())["lesion"])
    assert drawn[1].places.tries > drawn[0].places.tries + 1000
    np.testing.assert_array_equal(*(one.places.corners[one.labels == 4] for one in drawn))


def test_another_seed_draws_other_patches_but_the_same_blobs():
    one, other = (sample(seed=seed, blobs=BLOBS) for seed in (1, 2))
    for rule in ("lesion", "beside", "healthy", "blobs"):
        places = [p.loc[p["rule"] == rule, ["row", "column"]].to_numpy() for p in (one, other)]
        assert np.array_equal(*places) == (rule == "blobs"), rule


def test_chance_depends_on_seed_image_and_rule():
    drawn = [make_rng(*key).random() for key in ((1, "a", "b"), (2, "a", "b"), (1, "b", "a"))]
    assert len(set(drawn)) == 3 and make_rng(1, "a", "b").random() == drawn[0]


def test_a_cancer_without_a_box_gives_no_background_and_is_counted():
    _, cohort, lesions = make_study()
    hidden = cohort[(cohort["cancer"] == 1) & (cohort["side"] == "train")]["image_id"].iloc[0]
    patches, draws = sample_both(lesions=lesions[lesions["image_id"] != hidden], blobs=BLOBS)
    assert hidden not in set(patches["image_id"])
    own = draws[draws["image_id"] == hidden]
    assert set(own["state"]) == {"unlocated"} and (own["wanted"] == 0).all() and len(own) == 4


def test_rules_choose_their_images():
    anywhere = make_sampling().model_dump()["rules"]["healthy"]
    shown, clear = count_images()
    ill = set(shown["image_id"])
    for images, expected in {"with_lesion": ill, "healthy": clear, "both": ill | clear}.items():
        patches = sample(more={**anywhere, "images": images, "per_image": 1})
        assert set(patches.loc[patches["rule"] == "more", "image_id"]) == expected


def test_as_many_as_counts_what_was_found_and_per_lesion_what_is_marked():
    beside = make_sampling().model_dump()["rules"]["beside"]
    few = {"tries": 2}
    each = {**beside, "as_many_as": None, "per_lesion": 3}
    patches, draws = sample_both(lesion=few, each=each)
    wanted = draws.pivot_table(index="image_id", columns="rule", values=["wanted", "found"])
    assert (wanted["wanted", "beside"] == wanted["found", "lesion"]).all()
    assert (wanted["found", "lesion"] < wanted["wanted", "lesion"]).any()
    shown, _ = count_images()
    assert (patches["rule"] == "each").sum() == 3 * len(shown)


def test_what_was_wanted_and_not_found_is_told():
    patches, draws = sample_both(beside={"breast_coverage": 1.0, "tries": 5})
    counts = patches.groupby(["image_id", "rule"]).size()
    found = draws.set_index(["image_id", "rule"])["found"]
    assert found[found > 0].sort_index().to_dict() == counts.to_dict()
    short = draws[draws["found"] < draws["wanted"]]
    assert set(short["rule"]) == {"beside"} and "too little breast" in set(short["reason"])
    assert ((draws["reason"] == "") == (draws["found"] == draws["wanted"])).all()
    assert draws["cutoff"].notna().eq((draws["rule"] == "lesion") & (draws["wanted"] > 0)).all()


def test_thirty_a_lesion_are_thirty_and_as_many_beside():
    patches = sample(lesion={"per_lesion": 30}, beside={"tries": 1000})
    shown, _ = count_images()
    counts = patches["rule"].value_counts()
    assert counts["lesion"] == counts["beside"] == 30 * len(shown)


def test_intensity_between_patches_is_kept():
    from mammo_pipeline.mammo.ladder.examples import read_windows, select_patches

    store, cohort, lesions = make_study()
    patches, _ = sample_patches(store.pixels, store.index, cohort, lesions, make_sampling())
    examples = select_patches(patches, "train")
    windows = read_windows(store.pixels, examples, np.arange(len(examples.labels)))
    assert windows.dtype == np.uint16
    train = patches[patches["side"] == "train"]
    for patch, window in zip(train.itertuples(), windows[..., 0], strict=True):
        stored = store.pixels[patch.position][patch.row :, patch.column :][:SIZE, :SIZE]
        np.testing.assert_array_equal(window, stored)
    assert len(np.unique(windows.max(axis=(1, 2)))) > 10


def test_a_patch_larger_than_the_canvas_is_refused():
    with pytest.raises(ValueError, match="smaller than a patch of 60"):
        sample(size_px=60)
