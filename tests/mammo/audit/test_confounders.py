"""Honest differences of population are weighted away, and a leak beside them is still found."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mammo_pipeline.mammo.audit.confounders import describe_confounders, weigh_images
from mammo_pipeline.mammo.audit.probe import ProbeRule, probe_devices

RULE = ProbeRule(folds=4, draws=200, level=0.95, seed=0)


def study(patients: int = 300) -> tuple[pd.DataFrame, np.random.Generator]:
    """Returns two images a woman; device B images older and therefore less dense breasts."""
    rng = np.random.default_rng(0)
    age = rng.normal(58, 9, patients)
    older = rng.random(patients) < 1 / (1 + np.exp(-(age - 58) / 8))
    table = pd.DataFrame({"patient_id": np.arange(patients).astype(str), "age": age})
    table["device"] = np.where(older, "B", "A")
    table["density"] = np.where(age + rng.normal(0, 6, patients) > 58, "A", "C")
    table["laterality"] = "L"
    images = table.loc[np.repeat(table.index, 2)].reset_index(drop=True)
    images["view"] = np.tile(["CC", "MLO"], patients)
    return images, rng


def probe(features: np.ndarray, images: pd.DataFrame, weights: np.ndarray) -> dict:
    return probe_devices(features, images["device"], images["patient_id"], weights, RULE)


def test_devices_that_differ_through_age_alone_fire_unweighted_and_not_weighted():
    images, rng = study()
    features = rng.normal(size=(len(images), 6))
    features[:, 0] += (images["age"] - 58) / 5  # breasts change with age: no device's doing
    plain = probe(features, images, np.ones(len(images)))
    weights, record = weigh_images(images, images["device"], 10.0)
    weighted = probe(features, images, weights)
    assert plain["low"] > 0.55
    assert weighted["low"] < 0.5 < weighted["high"]
    assert record["imbalance_before"]["age"] > 0.25
    assert record["imbalance_after"]["age"] < 0.1


def test_a_planted_leak_is_found_under_the_weights():
    images, rng = study()
    features = rng.normal(size=(len(images), 6))
    features[:, 1] += 1.5 * (images["device"] == "A")
    weights, _ = weigh_images(images, images["device"], 10.0)
    assert probe(features, images, weights)["low"] > 0.65


def test_weights_cost_effective_images_and_say_how_many():
    images, _ = study()
    weights, record = weigh_images(images, images["device"], 10.0)
    for device, n in record["images"].items():
        own = weights[images["device"] == device]
        assert own.mean() == pytest.approx(1.0)
        assert 0.3 * n < record["effective_images"][device] < n


def test_no_weight_is_further_from_the_middle_than_the_trim():
    images, _ = study()
    weights, record = weigh_images(images, images["device"], 1.5)
    own = weights[images["device"] == "A"]
    assert own.max() / np.median(own) <= 1.5 + 1e-9
    assert record["trimmed_share"] > 0.1


def test_balanced_devices_are_left_as_they_are():
    images, _ = study()
    device = pd.Series(np.where(np.arange(len(images)) % 4 < 2, "A", "B"))
    weights, _ = weigh_images(images, device, 10.0)
    assert np.abs(weights - 1).max() < 0.6 and np.abs(weights - 1).mean() < 0.15


def test_missing_is_a_category_of_its_own():
    images, _ = study(20)
    images.loc[:5, "age"] = np.nan
    images.loc[:3, "density"] = None
    table = describe_confounders(images)
    assert table["age missing"].sum() == 6
    assert table["density missing"].sum() == 4
    assert np.isfinite(table.to_numpy()).all()
    assert np.isfinite(weigh_images(images, images["device"], 10.0)[0]).all()


def test_with_nothing_known_every_image_counts_one():
    images, _ = study(20)
    blank = images.assign(age=np.nan, density="", view="CC", laterality="L")
    assert (weigh_images(blank, images["device"], 10.0)[0] == 1).all()
