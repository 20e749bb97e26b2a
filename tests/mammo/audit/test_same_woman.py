"""A device's scale is read from the same women's breasts, or said to be unknown."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mammo_pipeline.mammo.audit.planted import plant_scale
from mammo_pipeline.mammo.audit.same_woman import estimate_scales


def study(
    pairs: list[tuple[str, str]], women: int, noise: float = 0.01, seed: int = 0
) -> pd.DataFrame:
    """Returns four views of every exam of women imaged on each pair of devices, in turn."""
    rng = np.random.default_rng(seed)
    rows = []
    for woman in range(women):
        size = np.exp(rng.normal(0, 0.25))
        for device in pairs[woman % len(pairs)]:
            for view in ("CC", "MLO"):
                for side in ("L", "R"):
                    length = size * np.exp(rng.normal(0, noise))
                    rows.append(
                        {
                            "patient_id": str(woman),
                            "laterality": side,
                            "view": view,
                            "device": device,
                            "breast_mm2": 9000 * length**2,
                            "breast_height_mm": 140 * length,
                        }
                    )
    return pd.DataFrame(rows)


def plant(images: pd.DataFrame, device: str, factor: float) -> pd.DataFrame:
    rows = images.to_dict("records")
    return pd.DataFrame([plant_scale(r, factor) if r["device"] == device else r for r in rows])


TRIANGLE = [("A", "B"), ("B", "C"), ("C", "A")]


def test_a_scale_error_of_two_per_cent_is_found_in_its_device_alone():
    images = plant(study(TRIANGLE, 60), "C", 1.02)
    for devices in estimate_scales(images, 500, 0.95, 0).values():
        assert devices["C"]["percent"] == pytest.approx(2.0, abs=0.6)
        assert devices["C"]["low"] > 0.5
        assert all(abs(devices[name]["percent"]) < 0.6 for name in "AB")


def test_without_an_error_no_device_stands_out():
    for seed in range(5):
        found = estimate_scales(study(TRIANGLE, 60, seed=seed), 500, 0.95, 0)["breast_mm2"]
        assert all(record["low"] <= 0.05 and record["high"] >= -0.05 for record in found.values())


def test_other_women_on_another_device_say_nothing_of_its_scale():
    images = study(TRIANGLE, 60)
    larger = study([("C",)], 40, seed=1).assign(patient_id=lambda t: "x" + t["patient_id"])
    larger["breast_mm2"] *= 2
    both = pd.concat([images, larger], ignore_index=True)
    assert estimate_scales(both, 200, 0.95, 0) == estimate_scales(images, 200, 0.95, 0)


def test_a_device_that_no_woman_links_cannot_be_estimated():
    images = pd.concat([study(TRIANGLE, 60), study([("D",)], 20)], ignore_index=True)
    images.loc[images["device"] == "D", "patient_id"] += "d"
    record = estimate_scales(images, 200, 0.95, 0)["breast_mm2"]["D"]
    assert record["percent"] is None
    assert record["reason"] == "cannot be estimated: 0 women imaged on it and on another device"


def test_too_few_women_cannot_be_estimated():
    found = estimate_scales(study([("A", "B")], 4), 200, 0.95, 0)["breast_mm2"]
    assert found["A"]["percent"] is None and "4 women" in found["A"]["reason"]


def test_no_woman_on_two_devices_is_no_estimate_and_no_failure():
    found = estimate_scales(study([("A",), ("B",)], 20), 200, 0.95, 0)["breast_mm2"]
    assert [record["percent"] for record in found.values()] == [None, None]


def test_women_and_their_breast_views_are_counted():
    record = estimate_scales(study([("A", "B")], 20), 200, 0.95, 0)["breast_mm2"]["A"]
    assert (record["women"], record["pairs"]) == (20, 80)
