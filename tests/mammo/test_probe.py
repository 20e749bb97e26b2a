"""The probe finds what is there and no more."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mammo_pipeline.mammo.probe import FEATURES, describe_image, device_auc, probe_devices


def cases(shift: float, patients: int = 90) -> tuple[pd.DataFrame, pd.Series, pd.Series]:
    rng = np.random.default_rng(0)
    who = np.repeat(np.arange(patients), 3)
    device = np.where(who % 3 == 0, "A", np.where(who % 3 == 1, "B", "C"))
    features = pd.DataFrame(rng.normal(size=(len(who), 4)), columns=list("wxyz"))
    features["w"] += shift * (device == "A")
    return features, pd.Series(device), pd.Series(who).astype(str)


def probe(shift: float) -> dict:
    features, devices, patients = cases(shift)
    chances = probe_devices(features, devices, patients, folds=3, seed=0)
    return device_auc(chances, devices, patients, 200, np.random.default_rng(0))


def test_devices_that_differ_in_nothing_are_at_chance():
    figure = probe(0.0)
    assert figure["low"] < 0.5 < figure["high"]


def test_a_device_with_its_own_shift_is_found():
    figure = probe(3.0)
    assert figure["by_device"]["A"] > 0.9
    assert figure["low"] > 0.6


def test_too_few_patients_of_a_device_are_told():
    features, devices, patients = cases(0.0, patients=4)
    with pytest.raises(ValueError, match="two devices with 3 patients each"):
        probe_devices(features, devices, patients, folds=3, seed=0)


def test_every_feature_is_finite_even_on_an_empty_canvas():
    described = describe_image(np.zeros((64, 48), np.uint16))
    assert list(described) == FEATURES
    assert np.isfinite(list(described.values())).all()
