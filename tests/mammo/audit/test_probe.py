"""The probe finds what is there and no more."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from mammo_pipeline.mammo.audit.probe import (
    Guesses,
    ProbeRule,
    compare_within_folds,
    guess_devices,
    measure_guesses,
    probe_devices,
    rank_features,
)
from mammo_pipeline.mammo.intervals import draw_patient_counts

RULE = ProbeRule(folds=3, draws=200, level=0.95, seed=0)


def cases(
    shift: float, patients: int = 90, seed: int = 0
) -> tuple[np.ndarray, pd.Series, pd.Series]:
    rng = np.random.default_rng(seed)
    who = np.repeat(np.arange(patients), 3)
    device = np.where(who % 3 == 0, "A", np.where(who % 3 == 1, "B", "C"))
    features = rng.normal(size=(len(who), 4))
    features[:, 0] += shift * (device == "A")
    return features, pd.Series(device), pd.Series(who).astype(str)


def probe(shift: float) -> dict:
    features, devices, patients = cases(shift)
    return probe_devices(features, devices, patients, np.ones(len(devices)), RULE)


def test_devices_that_differ_in_nothing_are_at_chance():
    figure = probe(0.0)
    assert figure["low"] < 0.5 < figure["high"]


def test_a_device_with_its_own_shift_is_found():
    figure = probe(3.0)
    assert figure["by_device"]["A"] > 0.9
    assert figure["by_device_interval"]["A"][0] > 0.8
    assert figure["low"] > 0.6
    assert (figure["images"], figure["patients"], figure["devices"]) == (270, 90, 3)


def test_a_trace_in_the_spread_alone_is_found_by_the_forest():
    features, devices, patients = cases(0.0, 150)
    features[:, 1] *= np.where(devices == "A", 6.0, 1.0)
    ones = np.ones(len(devices))
    assert probe_devices(features, devices, patients, ones, RULE)["by_device"]["A"] > 0.7


def test_many_faint_traces_are_added_up_by_the_discriminant():
    rng = np.random.default_rng(0)
    _, devices, patients = cases(0.0, 150)
    features = rng.normal(size=(len(devices), 40)) + 0.3 * (devices == "A").to_numpy()[:, None]
    ones = np.ones(len(devices))
    assert probe_devices(features, devices, patients, ones, RULE)["by_device"]["A"] > 0.85


def test_no_patient_lies_in_two_folds_even_with_exams_on_two_devices():
    features, devices, patients = cases(0.0)
    mixed = devices.where(np.arange(len(devices)) % 3 > 0, "B")
    ones = np.ones(len(mixed))
    guesses = guess_devices(features, mixed, patients, ones, RULE)
    assert pd.Series(guesses.fold).groupby(patients.to_numpy()).nunique().max() == 1
    assert guesses.chances.sum(1) == pytest.approx(ones)


def test_images_of_different_folds_are_never_compared():
    # Within each fold the device is ranked right; across them the second fold's scores are higher.
    chances = np.array([0.2, 0.1, 0.9, 0.8])
    guesses = Guesses(("A", "B"), np.stack([chances, 1 - chances], 1), np.array([0, 0, 1, 1]))
    areas = compare_within_folds(guesses, np.array([0, 1, 0, 1]), np.ones((1, 4)))
    assert areas.tolist() == [[1.0, 1.0]]


def test_a_weight_of_zero_is_an_image_that_is_not_there():
    rng = np.random.default_rng(0)
    chances = rng.random(60)
    guesses = Guesses(("A", "B"), np.stack([chances, 1 - chances], 1), np.arange(60) % 2)
    device_of = rng.integers(0, 2, 60)
    weights = (rng.random(60) < 0.7).astype(float)
    kept = weights > 0
    fewer = Guesses(("A", "B"), guesses.chances[kept], guesses.fold[kept])
    assert compare_within_folds(guesses, device_of, weights[None]) == pytest.approx(
        compare_within_folds(fewer, device_of[kept], np.ones((1, int(kept.sum()))))
    )


def test_the_feature_that_leaks_and_its_device_lead():
    features, devices, _ = cases(3.0)
    table = rank_features(pd.DataFrame(features, columns=list("wxyz")), devices, np.ones(270))
    assert table.loc[0, ["feature", "device"]].tolist() == ["w", "A"]
    assert table.loc[0, "auc"] > 0.95
    assert len(table) == 12


def test_the_same_seed_gives_the_same_figures():
    assert probe(0.5) == probe(0.5)


def test_too_few_patients_of_a_device_are_told():
    features, devices, patients = cases(0.0, patients=4)
    ones = np.ones(len(devices))
    figure = probe_devices(features, devices, patients, ones, RULE)
    assert figure["auc"] is None
    assert "patients for 3 folds" in figure["reason"]
    with pytest.raises(ValueError, match="pool rare devices"):
        guess_devices(features, devices, patients, ones, RULE)


def test_a_single_device_has_nothing_to_be_told_from():
    features, devices, patients = cases(0.0)
    figure = probe_devices(features, devices.mask(devices != "A", "A"), patients, None, RULE)
    assert figure["reason"] == "only one device"


@pytest.mark.slow
def test_the_interval_holds_chance_in_about_95_of_100_studies_without_a_leak():
    held = 0
    for seed in range(60):
        features, devices, patients = cases(0.0, 90, seed)
        own = np.random.default_rng(seed).normal(size=(90, 4))
        features += 2 * own[patients.astype(int)]  # a woman's images are alike
        rule = ProbeRule(5, 300, 0.95, seed)
        figure = probe_devices(features, devices, patients, np.ones(len(devices)), rule)
        held += figure["low"] <= 0.5 <= figure["high"]
    assert held >= 53


def test_the_interval_is_wider_than_a_bootstrap_that_takes_the_training_as_given():
    features, devices, patients = cases(0.0)
    ones = np.ones(len(devices))
    guesses = guess_devices(features, devices, patients, ones, RULE)
    figure = measure_guesses(guesses, devices, patients, ones, RULE)
    device_of = np.searchsorted(guesses.names, devices)
    who = np.unique(patients, return_inverse=True)[1]
    strata = np.zeros(90)
    strata[who] = device_of
    counts = draw_patient_counts(strata, RULE.draws, np.random.default_rng(RULE.seed))
    plain = compare_within_folds(guesses, device_of, counts[:, who]).mean(1)
    low, high = np.quantile(plain, [0.025, 0.975])
    assert figure["high"] - figure["low"] == pytest.approx((high - low) * np.sqrt(1 + 3 / 2))
    assert "widened 1.58 times" in figure["how"]
