import numpy as np
import pytest
from scipy.special import expit

from mammo_pipeline.mammo.calibration.errors import row_losses
from mammo_pipeline.mammo.calibration.fit import CalibrationError, fit_platt
from mammo_pipeline.mammo.calibration.held_out import (
    divide_patients,
    fit_scope,
    gather_scored,
    hold_out,
    list_devices,
)
from mammo_pipeline.mammo.calibration.maps import apply_map


@pytest.fixture(scope="module")
def scored():
    rng = np.random.default_rng(2)
    logits = rng.normal(0, 2, 400)
    labels = (rng.random(400) < expit(logits - 1)).astype(float)
    return gather_scored(labels, logits, rng.integers(0, 90, 400), rng.choice(["A", "B"], 400))


def test_no_patient_is_fitted_on_and_measured_on(scored):
    parts = divide_patients(scored, 5, 0)
    assert len(parts) == 5
    for seen, held in parts:
        assert not set(scored.patients[seen]) & set(scored.patients[held])
        assert 0 < scored.labels[held].mean() < 1
    assert sorted(np.concatenate([held for _, held in parts])) == list(range(400))


def test_a_row_is_scored_by_the_map_of_the_others(scored):
    parts = divide_patients(scored, 4, 1)
    losses = hold_out(scored, parts, "platt", "pooled", 20)
    seen, held = parts[2]
    fitted = fit_platt(scored.labels[seen], scored.logits[seen])
    known = row_losses(scored.labels[held], apply_map(fitted, scored.logits[held]))
    assert np.allclose(losses[held], known)


def test_devices_are_listed_when_they_have_enough_of_both_outcomes():
    scored = gather_scored([1, 1, 0, 0, 1, 0], np.arange(6.0), range(6), list("AAAABB"))
    assert list_devices(scored, 2) == ["A"]
    assert list_devices(scored, 1) == ["A", "B"]
    assert list_devices(scored, 3) == []
    few = gather_scored([1, 1, 1, 0, 0, 0, 1], np.arange(7.0), range(7), list("AAAABBB"))
    assert list_devices(few, 2) == []


def test_a_device_that_cannot_be_fitted_is_named():
    scored = gather_scored([1, 0, 1, 0], [1.0, 0.0, 2.0, 2.0], range(4), list("AABB"))
    with pytest.raises(CalibrationError, match="device B: Platt scaling: all 2"):
        fit_scope(scored, "platt", "by_device", 1)


def test_a_fold_that_cannot_be_fitted_is_named(scored):
    parts = [(np.flatnonzero(scored.labels == 0), np.flatnonzero(scored.labels == 1))]
    with pytest.raises(CalibrationError, match=r"in fold 1: .*both outcomes"):
        hold_out(scored, parts, "platt", "pooled", 20)


def test_a_fold_with_too_few_of_a_device_pools_it_as_the_record_would(scored):
    parts = divide_patients(scored, 4, 1)
    most = int(min(np.bincount(scored.labels[scored.devices == d].astype(int)).min() for d in "AB"))
    assert list_devices(scored, most)
    assert any(not list_devices(scored.take(seen), most) for seen, _ in parts)
    losses = hold_out(scored, parts, "platt", "by_device", most)
    assert np.isfinite(losses).all()


def test_one_patient_of_an_outcome_gives_no_folds():
    scored = gather_scored([1, 0, 0], [1.0, 0.0, 0.5], list("abc"), None)
    assert divide_patients(scored, 5, 0) == []
