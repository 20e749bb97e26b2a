"""Where patches are cut."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mammo_pipeline.mammo.patches import (
    breast_shares,
    draw_background,
    draw_on_lesion,
    overlap_shares,
    sample_patches,
)
from toy_study import CANVAS, make_sampling, make_study

BOX = ["row_min", "column_min", "row_max", "column_max"]
SIZE = 14


def sample(cohort=None, lesions=None, **changes) -> pd.DataFrame:
    store, known, boxes = make_study()
    return sample_patches(
        store.pixels,
        store.index,
        known if cohort is None else cohort,
        boxes if lesions is None else lesions,
        make_sampling(**changes),
    )


def best_overlap(patches: pd.DataFrame) -> np.ndarray:
    _, _, lesions = make_study()
    boxes = dict(list(lesions.groupby("image_id")))
    return np.array(
        [
            overlap_shares(np.array([[p.row, p.column]]), boxes[p.image_id][BOX].to_numpy(), SIZE)
            .max(initial=0)
            if p.image_id in boxes
            else 0
            for p in patches.itertuples()
        ]
    )  # fmt: skip


def test_every_lesion_has_its_patches_and_as_many_of_background():
    patches = sample()
    _, cohort, lesions = make_study()
    sides = cohort.set_index("image_id")["side"]
    shown = lesions[lesions["image_id"].map(sides).isin(["train", "tune"])]
    counts = patches["label"].value_counts()
    assert counts[4] == 4 * (shown["pathology"] == "malignant").sum()
    assert counts[2] == 4 * (shown["pathology"] == "benign").sum()
    healthy = cohort[(cohort["cancer"] == 0) & (cohort["side"] != "test")]["image_id"]
    clear = set(healthy) - set(lesions["image_id"])
    assert counts[0] == 4 * len(shown) + 2 * len(clear)
    assert list(patches) == ["position", "image_id", "side", "row", "column", "size_px", "label"]


def test_the_test_side_is_not_opened():
    assert set(sample()["side"]) == {"train", "tune"}


def test_a_lesion_patch_shows_its_lesion_and_a_background_patch_does_not():
    patches = sample()
    overlap = best_overlap(patches)
    assert (overlap[patches["label"] > 0] > 0.7).all()
    assert (overlap[patches["label"] == 0] <= 0.35).all()


def test_patches_lie_on_the_canvas_and_backgrounds_in_the_breast():
    store, _, _ = make_study()
    patches = sample(breast_coverage=0.9)
    assert patches["row"].between(0, CANVAS[0] - SIZE).all()
    assert patches["column"].between(0, CANVAS[1] - SIZE).all()
    for patch in patches[patches["label"] == 0].itertuples():
        window = store.pixels[patch.position][
            patch.row : patch.row + SIZE, patch.column : patch.column + SIZE
        ]
        assert (window > 0).mean() >= 0.9


def test_an_image_has_the_same_patches_whatever_else_is_in_the_cohort():
    _, cohort, _ = make_study()
    some = cohort.iloc[::-3]
    alone = sample(cohort=some)
    together = sample()
    together = together[together["image_id"].isin(some["image_id"])].reset_index(drop=True)
    pd.testing.assert_frame_equal(alone, together)


def test_every_image_draws_its_own_places():
    _, _, lesions = make_study()
    patches = sample(lesions=lesions.assign(row_min=20, row_max=40, column_min=5, column_max=25))
    shown = patches[patches["label"] > 0].groupby("image_id")[["row", "column"]]
    drawn = [tuple(part.to_numpy().ravel()) for _, part in shown]
    assert len(set(drawn)) == len(drawn) > 5


def test_another_seed_draws_other_patches():
    assert not sample(seed=1)[["row", "column"]].equals(sample(seed=2)[["row", "column"]])


def test_a_cancer_without_a_box_gives_no_background():
    _, cohort, lesions = make_study()
    hidden = cohort[(cohort["cancer"] == 1) & (cohort["side"] == "train")]["image_id"].iloc[0]
    patches = sample(lesions=lesions[lesions["image_id"] != hidden])
    assert hidden not in set(patches["image_id"])


def test_a_refused_image_gives_no_patch():
    store, cohort, lesions = make_study()
    gone = lesions["image_id"].iloc[0]
    index = store.index.copy()
    index.loc[index["image_id"] == gone, "position"] = -1
    patches = sample_patches(store.pixels, index, cohort, lesions, make_sampling())
    assert gone not in set(patches["image_id"])


def test_the_cutoff_falls_until_a_hard_lesion_is_shown():
    """A corner lesion of one by sixty pixels: no patch holds three quarters of it or is it."""
    box = np.array([0, 0, 60, 1])
    corners = draw_on_lesion(np.random.default_rng(0), box, CANVAS, make_sampling(), "x")
    shares = overlap_shares(corners, box[np.newaxis], SIZE)
    assert len(corners) == 4
    assert (shares <= SIZE / 60 + 1e-9).all()
    assert (shares > 0.15).all()


def test_a_lesion_larger_than_the_patch_is_shown_from_inside():
    box = np.array([5, 5, 65, 45])
    corners = draw_on_lesion(np.random.default_rng(0), box, CANVAS, make_sampling(), "x")
    assert (overlap_shares(corners, box[np.newaxis], SIZE) > 0.75).all()


def test_a_breast_without_room_gives_fewer_backgrounds():
    picture = np.ones(CANVAS, np.uint16)
    everywhere = np.array([[0, 0, *CANVAS]])
    found = draw_background(np.random.default_rng(0), picture, everywhere, 5, make_sampling())
    assert found.shape == (0, 2)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"kind": "oval"}, "image image.* is 'oval' and"),
        ({"row_min": 400, "row_max": 410}, "outside its canvas"),
        ({"row_max": 0}, "outside its canvas"),
    ],
)
def test_a_wrong_lesion_is_an_error_that_names_the_image(change, message):
    _, _, lesions = make_study()
    with pytest.raises(ValueError, match=message):
        sample(lesions=lesions.assign(**change))


def test_a_patch_larger_than_the_canvas_is_refused():
    with pytest.raises(ValueError, match="smaller than a patch of 60"):
        sample(size_px=60)


def test_breast_shares_count_the_pixels_that_are_not_air():
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 2, CANVAS).astype(np.uint16) * 900
    corners = rng.integers(0, 30, (20, 2))
    direct = [(picture[r : r + SIZE, c : c + SIZE] > 0).mean() for r, c in corners]
    np.testing.assert_allclose(breast_shares(picture, corners, SIZE), direct)
