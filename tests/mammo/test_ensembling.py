import sys
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from mammo_pipeline.mammo import ensembling
from mammo_pipeline.mammo.digest import digest_arrays
from mammo_pipeline.mammo.scoring import auroc


@pytest.fixture
def offered():
    """Five members: two good and unlike each other, one copy of the first, two of noise."""
    rng = np.random.default_rng(8)
    labels = (np.arange(400) % 4 == 0).astype(float)
    good = rng.normal(size=(400, 2)) + 1.2 * labels[:, None]
    return labels, np.column_stack([good, good[:, 0], rng.normal(size=(400, 2))])


@pytest.mark.parametrize("metric", ["auroc", "log_loss"])
def test_selection_beats_the_best_member_and_leaves_noise_out(offered, metric):
    labels, logits = offered
    counts, path = ensembling.select_members(labels, logits, metric, rounds=10)
    assert counts[3:].sum() <= 1
    assert counts[0] + counts[2] > 0 and counts[1] > 0
    assert max(path) > path[0]
    mean = ensembling.mean_logits(logits, counts)
    assert auroc(labels, mean) > max(auroc(labels, column) for column in logits.T)


def test_equal_members_go_to_the_earlier_one_every_time(offered):
    labels, logits = offered
    runs = [ensembling.select_members(labels, logits, "auroc", 10)[0] for _ in range(2)]
    assert (runs[0] == runs[1]).all()
    assert runs[0][2] == 0


def test_the_bag_of_the_best_round_is_kept(offered):
    labels, logits = offered
    counts, path = ensembling.select_members(labels, logits, "auroc", 30)
    mean = ensembling.mean_logits(logits, counts)
    assert auroc(labels, mean) == pytest.approx(max(path), abs=1e-12)
    assert counts.sum() < 30


def test_selection_needs_both_classes(offered):
    with pytest.raises(ValueError, match="no positive"):
        ensembling.select_members(np.zeros(400), offered[1], "auroc", 3)


@pytest.fixture
def network(monkeypatch):
    """A stand-in for Keras: the logit is the member's scale times the image's mean."""
    fake = ModuleType("predict")
    fake.member_logits = lambda network, arrays, pixels, positions, batch: (
        arrays["scale"] * pixels[positions].mean((1, 2))
    ).astype(np.float32)
    monkeypatch.setitem(sys.modules, "mammo_pipeline.mammo.networks.predict", fake)


@pytest.fixture
def frozen():
    members = {"a": {"scale": np.float32([1.0])}, "b": {"scale": np.float32([3.0])}}
    ensemble = {
        "members": [
            {"name": name, "weight": weight, "sha256": digest_arrays(members[name])}
            for name, weight in (("a", 0.25), ("b", 0.75))
        ],
        "network": {},
        "aggregation": "mean",
        "calibration": {"method": "platt", "slope": 2.0, "intercept": -1.0},
        "operating_point": {"threshold": 0.5},
    }
    return ensemble, members


def test_images_are_scored_by_weighted_members_at_their_positions(network, frozen):
    pixels = np.arange(3, dtype=np.uint16)[:, None, None] * np.ones((1, 2, 2), np.uint16)
    logits = ensembling.score_images(*frozen, pixels, np.array([2, 1]), batch=4)
    assert logits.tolist() == [5.0, 2.5]


def test_a_changed_member_is_refused_before_it_speaks(network, frozen):
    ensemble, members = frozen
    members["b"]["scale"] = np.float32([3.0001])
    with pytest.raises(ValueError, match=r"'b' has digest .* the weights changed"):
        ensembling.score_images(ensemble, members, np.zeros((1, 2, 2)), np.array([0]), 1)


def test_a_missing_member_is_named(frozen):
    ensemble, members = frozen
    del members["a"]
    with pytest.raises(ValueError, match=r"'a' of the ensemble is missing; found \['b'\]"):
        ensembling.check_members(ensemble, members)


def test_a_logit_that_is_not_finite_stops(network, frozen):
    pixels = np.full((2, 2, 2), np.nan)
    with pytest.raises(ValueError, match="2 images got no finite logit"):
        ensembling.score_images(*frozen, pixels, np.array([0, 1]), 1)


def test_only_chosen_members_are_read(frozen):
    ensemble, members = frozen
    readers = {name: (lambda n=name: members[n]) for name in members}
    readers["rejected"] = lambda: pytest.fail("a rejected member was read")
    assert set(ensembling.read_members(ensemble, readers)) == {"a", "b"}


def test_breast_probability_is_the_calibrated_mean_of_its_images(frozen):
    images = pd.DataFrame(
        {
            "image_id": ["i", "j"],
            "exam_id": "e",
            "laterality": "L",
            "patient_id": "p",
            "view": ["CC", "MLO"],
            "cancer": 0,
            "logit": [0.0, 1.0],
        }
    )
    breast = ensembling.score_breasts(images, frozen[0]).iloc[0]
    assert breast["calibrated_logit"] == 2 * 0.5 - 1
    assert breast["probability"] == 0.5
    assert breast["recalled"]
