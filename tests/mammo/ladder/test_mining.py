"""Hard negatives: where a net sees lesions that are none, and nowhere else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from mammo_pipeline.datasets.arrays import CheckpointMapping
from mammo_pipeline.mammo.ladder import rung
from mammo_pipeline.mammo.ladder.climb import ReadOnly, climb_ladder
from mammo_pipeline.mammo.ladder.examples import Examples, read_windows
from mammo_pipeline.mammo.ladder.mining import MINED_COLUMNS, add_negatives, mine_negatives
from mammo_pipeline.mammo.ladder.stages import Ladder
from mammo_pipeline.mammo.ladder.strategy import ONE, Strategy
from mammo_pipeline.mammo.patches.overlap import most_overlap
from toy_study import make_ladder, make_lessons

BOX = ["row_min", "column_min", "row_max", "column_max"]
RULE = {"per_image": 2, "above": 0.4, "overlap_most": 0.2}


class SpotNet:
    """Stands for a patch net: its log odds of a mass are the brightest grey of each place."""

    def predict_on_batch(self, inputs):
        picture = np.asarray(inputs, float)[0, ..., 0]
        rows, columns = (side // 4 - 2 for side in picture.shape)
        logits = np.full((1, rows, columns, 5), -9.0)
        for row, column in np.ndindex(rows, columns):
            window = picture[4 * row : 4 * row + 14, 4 * column : 4 * column + 14]
            logits[0, row, column, 2] = (window.max() - 30000) / 5000
        return logits


def make_mining_ladder(**rule: float) -> Ladder:
    second = {
        "data": "patches",
        "start": "patch_adam",
        "restore": ["weights", "optimizer"],
        "optimizer": {"name": "adam"},
        "learning_rate": 1e-3,
        "epochs": 1,
        "batch": 8,
        "mine": {**RULE, **rule},
    }
    described = make_ladder().model_dump(mode="json")
    first = described["stages"]["patch_adam"]
    return Ladder.model_validate(
        {**described, "stages": {"patch_adam": first, "patch_hard": second}}
    )


def find(
    spots: dict[str, tuple[int, int]],
    labels: list[int],
    lesions: dict,
    pathology: str = "malignant",
    loss: str = "one_against_rest",
    **rule,
) -> pd.DataFrame:
    """What is mined from grey images with a bright spot each."""
    ladder = make_mining_ladder(**rule)
    pixels = np.full((len(labels), 68, 48), 20000, np.uint16)
    names = [f"image{n}" for n in range(len(labels))]
    for name, (row, column) in spots.items():
        pixels[names.index(name), row, column] = 60000
    count = len(labels)
    images = Examples(
        np.array(names),
        np.arange(count),
        np.zeros((count, 2), int),
        (68, 48),
        np.array(labels),
        np.array(names),
    )
    boxes = pd.DataFrame(
        [{"image_id": n, **dict(zip(BOX, box, strict=True))} for n, box in lesions.items()],
        columns=["image_id", *BOX],
    ).assign(pathology=pathology)
    stage = ladder.stages["patch_hard"]
    return mine_negatives(SpotNet(), ladder.network, stage, loss, pixels, images, boxes)


def test_a_bright_spot_of_a_healthy_breast_is_found_where_it_is():
    mined = find({"image0": (30, 20)}, [0], {})
    assert list(mined) == MINED_COLUMNS
    row, column = mined.iloc[0][["row", "column"]]
    assert row <= 30 < row + 14
    assert column <= 20 < column + 14
    assert mined.iloc[0]["probability"] > 0.99
    assert set(mined["stage"]) == {"patch_hard"}


def test_a_lesion_is_no_hard_negative():
    lesions = {"image0": (26, 16, 35, 25)}
    spots = {"image0": (30, 20)}
    assert len(find(spots, [0], {})) > 0
    mined = find(spots, [1], lesions)
    corners = mined[["row", "column"]].to_numpy(int).reshape(-1, 2)
    box = np.array([lesions["image0"]], float)
    assert (most_overlap(corners, box, 14, "either") <= RULE["overlap_most"]).all()


def test_a_breast_with_cancer_and_no_box_gives_none():
    assert len(find({"image0": (30, 20)}, [1], {})) == 0


def test_a_breast_with_cancer_whose_boxes_are_benign_gives_none():
    spots, benign = {"image0": (30, 20)}, {"image0": (2, 2, 8, 8)}
    assert len(find(spots, [0], benign, pathology="benign")) > 0
    assert len(find(spots, [1], benign, pathology="benign")) == 0


def test_probabilities_are_those_of_the_loss_that_the_net_was_trained_with():
    spots, logit = {"image0": (30, 20)}, (60000 - 30000) / 5000
    told = {loss: find(spots, [0], {}, loss=loss) for loss in ("one_against_rest", "softmax")}
    # Of the four other classes each has the logit -9.
    assert told["one_against_rest"]["probability"].max() == pytest.approx(expit(logit))
    lesions = np.exp(logit) + 3 * np.exp(-9)
    assert told["softmax"]["probability"].max() == pytest.approx(lesions / (lesions + np.exp(-9)))


def test_only_peaks_above_the_rule_count():
    assert len(find({}, [0], {})) == 0
    assert len(find({"image0": (30, 20)}, [0], {}, above=0.999)) == 0


def test_no_more_than_the_rule_allows():
    spots = {"image0": (8, 8), "image1": (50, 30)}
    assert len(find(spots, [0, 0], {}, per_image=1)) == 2


def test_mined_patches_are_background_behind_the_others():
    names = np.array(["image0", "image0"])
    patches = Examples(
        names,
        np.zeros(2, int),
        np.zeros((2, 2), int),
        (14, 14),
        np.array([3, 0]),
        np.array(["0", "1"]),
    )
    mined = pd.DataFrame([["s", "image1", 1, 5, 6, 0.9]], columns=MINED_COLUMNS)
    both = add_negatives(patches, mined)
    assert both.labels.tolist() == [3, 0, 0]
    assert both.image_ids.tolist() == ["image0", "image0", "image1"]
    pixels = np.arange(2 * 68 * 48, dtype=np.uint16).reshape(2, 68, 48)
    window = read_windows(pixels, both, np.array([2]))
    np.testing.assert_array_equal(window[0, ..., 0], pixels[1, 5:19, 6:20])


@pytest.fixture(scope="module")
def climbed():
    ladder = make_mining_ladder(above=0.0)
    ladder = ladder.model_copy(update={"wiring": ladder.wiring.model_copy(update={"check": False})})
    lessons = make_lessons(ladder)
    kept: dict = {}
    return ladder, lessons, kept, climb_ladder(ladder, lessons, kept)


def test_the_second_round_learns_from_the_mistakes_of_the_first(climbed):
    _, lessons, _, climb = climbed
    mined = pd.DataFrame(climb.mined)
    assert set(mined["stage"]) == {"patch_hard"}
    train, _ = lessons.examples["images"]
    assert set(mined["image_id"]) <= set(train.image_ids)
    steps = {row["stage"]: row["steps"] for row in climb.history}
    patches, _ = lessons.examples["patches"]
    assert steps["patch_adam"] == len(patches.labels) // 8
    assert steps["patch_hard"] == (len(patches.labels) + len(mined)) // 8


def test_what_was_mined_is_not_mined_again(climbed, monkeypatch):
    ladder, lessons, kept, climb = climbed
    monkeypatch.setattr("mammo_pipeline.mammo.ladder.rung.mine_negatives", None)
    left = {key: value for key, value in kept.items() if "patch_adam" in key or "mined" in key}
    again = climb_ladder(ladder, replace(lessons), left)
    assert again.mined == climb.mined


def test_what_was_mined_can_be_kept_even_where_nothing_was(climbed, tmp_path):
    _, lessons, _, climb = climbed
    ladder, kept = make_mining_ladder(above=0.999999), CheckpointMapping(tmp_path)
    done = {"patch_adam": climb.states["patch_adam"]}
    asked = (ladder, ladder.stages["patch_hard"], lessons, done, kept, "key", ONE)
    mined = rung._mine_once(*asked)
    assert mined.empty and list(mined) == MINED_COLUMNS
    assert rung._mine_once(*asked).equals(mined)
    patches, _ = lessons.examples["patches"]
    assert add_negatives(patches, mined).labels.tolist() == patches.labels.tolist()


def test_a_worker_waits_for_what_the_chief_mined(climbed, monkeypatch):
    ladder, lessons, kept, climb = climbed
    (place,) = [key for key in kept if key.endswith(".mined")]
    found: dict = {}

    class Second(Strategy):
        def barrier(self):
            found[place] = kept[place]

    monkeypatch.setattr(rung, "mine_negatives", None)
    stage, key = ladder.stages["patch_hard"], place.removesuffix(".mined")
    told = (ladder, stage, lessons, {}, ReadOnly(found), key, Second(worker=1, workers=2))
    assert rung._mine_once(*told).to_dict("records") == climb.mined
