import sys
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from mammo_pipeline.mammo.digest import digest_arrays
from mammo_pipeline.mammo.ensembling import score


@pytest.fixture
def network(monkeypatch):
    """A stand-in for Keras: the logit is the member's scale times the mean, plus 1 a flip."""
    fake = ModuleType("predict")
    fake.member_logits = lambda network, arrays, pixels, positions, batch, flips: (
        arrays["scale"] * pixels[positions].mean((1, 2)) + len(flips) - 1
    ).astype(np.float32)
    monkeypatch.setitem(sys.modules, "mammo_pipeline.mammo.networks.predict", fake)


@pytest.fixture
def frozen():
    members = {"a": {"scale": np.float32([1.0])}, "b": {"scale": np.float32([3.0])}}
    platt = {"method": "platt", "slope": 2.0, "intercept": -1.0}
    ensemble = {
        "members": [
            {"name": name, "weight": weight, "sha256": digest_arrays(members[name])}
            for name, weight in (("a", 0.25), ("b", 0.75))
        ],
        "combination": {"method": "greedy", "intercept": 0.0, "reference": None},
        "flips": ["none"],
        "network": {},
        "aggregation": "mean",
        "calibration": {"scope": "pooled", "pooled": platt, "by_device": {}},
        "operating_point": {"threshold": 0.5},
        "scale": {"edges": [-4.0, -3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0, 4.0]},
    }
    return ensemble, members


PIXELS = np.arange(3, dtype=np.uint16)[:, None, None] * np.ones((1, 2, 2), np.uint16)


def test_images_are_scored_by_weighted_members_at_their_positions(network, frozen):
    logits = score.score_images(*frozen, PIXELS, np.array([2, 1]), batch=4)
    assert logits.tolist() == [5.0, 2.5]


def test_each_member_s_own_logit_is_given_in_the_ensemble_s_order(network, frozen):
    logits = score.score_members(*frozen, PIXELS, np.array([2, 1]), batch=4)
    assert logits.tolist() == [[2.0, 6.0], [1.0, 3.0]]
    assert logits.dtype == np.float64


def test_members_see_the_flips_that_the_ensemble_was_frozen_with(network, frozen):
    ensemble, members = frozen
    both = ensemble | {"flips": ["none", "up_down"]}
    assert score.score_images(both, members, PIXELS, np.array([2]), 4).tolist() == [6.0]


def test_a_changed_member_is_refused_before_it_speaks(network, frozen):
    ensemble, members = frozen
    members["b"]["scale"] = np.float32([3.0001])
    with pytest.raises(ValueError, match=r"'b' has digest .* the weights changed"):
        score.score_images(ensemble, members, np.zeros((1, 2, 2)), np.array([0]), 1)


def test_a_missing_member_is_named(frozen):
    ensemble, members = frozen
    del members["a"]
    with pytest.raises(ValueError, match=r"'a' of the ensemble is missing; found \['b'\]"):
        score.check_members(ensemble, members)


def test_a_logit_that_is_not_finite_stops(network, frozen):
    pixels = np.full((2, 2, 2), np.nan)
    with pytest.raises(ValueError, match="2 images got no finite logit"):
        score.score_images(*frozen, pixels, np.array([0, 1]), 1)


def test_only_chosen_members_are_read(frozen):
    ensemble, members = frozen
    readers = {name: (lambda n=name: members[n]) for name in members}
    readers["rejected"] = lambda: pytest.fail("a rejected member was read")
    assert set(score.read_members(ensemble, readers)) == {"a", "b"}


def two_views(**columns):
    table = {
        "image_id": ["i", "j"],
        "exam_id": "e",
        "laterality": "L",
        "patient_id": "p",
        "view": ["CC", "MLO"],
        "cancer": 0,
        "logit": [0.0, 1.0],
    }
    return pd.DataFrame(table | columns)


def test_a_breast_is_calibrated_after_its_images_were_aggregated(frozen):
    breast = score.score_breasts(two_views(), frozen[0]).iloc[0]
    assert breast["calibrated_logit"] == 2 * 0.5 - 1
    assert breast["probability"] == 0.5
    assert breast["recalled"]
    assert breast["score"] == 6


def test_noisy_or_joins_before_the_map(frozen):
    asked = frozen[0] | {"aggregation": "noisy_or"}
    breast = score.score_breasts(two_views(logit=[0.0, 0.0]), asked).iloc[0]
    assert breast["calibrated_logit"] == pytest.approx(2 * np.log(3) - 1)


def test_a_breast_has_the_map_of_its_device(frozen):
    own = {"X": {"method": "temperature", "temperature": 0.5}}
    calibration = frozen[0]["calibration"] | {"scope": "by_device", "by_device": own}
    asked = frozen[0] | {"calibration": calibration}
    found = [
        score.score_breasts(table, asked)["probability"].iloc[0]
        for table in (two_views(device="X"), two_views(device="new"), two_views())
    ]
    assert found == pytest.approx([expit(1.0), expit(0.0), expit(0.0)])
