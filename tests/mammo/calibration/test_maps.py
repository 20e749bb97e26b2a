import json

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit

from mammo_pipeline.mammo.calibration.fit import FITS
from mammo_pipeline.mammo.calibration.maps import MAPS, apply_calibration, apply_map, is_rising

BY_DEVICE = {
    "scope": "by_device",
    "pooled": {"method": "platt", "slope": 1.0, "intercept": 1.0},
    "by_device": {
        "A": {"method": "temperature", "temperature": 2.0},
        "B": {"method": "isotonic", "logits": [0.0, 2.0], "calibrated": [-1.0, 3.0]},
    },
}


def test_beta_bends_by_its_equation():
    x = np.array([-3.0, 0.0, 2.0])
    p = expit(x)
    fitted = {"method": "beta", "a": 0.7, "b": 1.4, "c": 0.2}
    assert np.allclose(apply_map(fitted, x), 0.7 * np.log(p) - 1.4 * np.log(1 - p) + 0.2)


def test_beta_survives_extreme_logits():
    fitted = {"method": "beta", "a": 1.0, "b": 1.0, "c": 0.0}
    assert np.allclose(apply_map(fitted, [-900.0, 900.0]), [-900.0, 900.0])


def test_isotonic_is_held_flat_beyond_its_ends():
    fitted = BY_DEVICE["by_device"]["B"]
    assert apply_map(fitted, [-5.0, 1.0, 9.0]).tolist() == [-1.0, 1.0, 3.0]


def test_identity_gives_a_new_array():
    x = np.array([1.0, 2.0])
    calibrated = apply_map({"method": "identity"}, x)
    calibrated[0] = 9
    assert x[0] == 1


def test_each_device_gets_its_own_map_and_an_unknown_one_the_pooled():
    devices = pd.Series(["A", "B", "C", "A"], dtype="category")
    calibrated = apply_calibration(BY_DEVICE, [4.0, 1.0, 4.0, 2.0], devices)
    assert calibrated.tolist() == [2.0, 1.0, 5.0, 1.0]


def test_without_devices_all_get_the_pooled_map():
    assert apply_calibration(BY_DEVICE, [4.0, 1.0]).tolist() == [5.0, 2.0]


def test_rows_and_devices_of_unlike_number_are_refused():
    with pytest.raises(ValueError, match="expected one each"):
        apply_calibration(BY_DEVICE, [4.0, 1.0], ["A"])


def test_a_bare_map_is_no_calibration_record():
    with pytest.raises(ValueError, match="scope, pooled and by_device"):
        apply_calibration({"method": "platt", "slope": 1.0, "intercept": 0.0}, [0.0])


@pytest.mark.parametrize("fitted", [{"method": "splines"}, {}])
def test_an_unknown_map_is_refused(fitted):
    with pytest.raises(ValueError, match="expected one of identity, platt"):
        apply_map(fitted, [0.0])


def test_every_fit_has_a_map_and_survives_json():
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 1, 500)
    labels = (rng.random(500) < expit(logits)).astype(float)
    assert set(MAPS) == set(FITS)
    for fit in FITS.values():
        fitted = fit(labels, logits)
        again = json.loads(json.dumps(fitted))
        assert (apply_map(again, logits) == apply_map(fitted, logits)).all()
        assert is_rising(fitted)


@pytest.mark.parametrize(
    "fitted",
    [
        {"method": "platt", "slope": 0.0, "intercept": 1.0},
        {"method": "beta", "a": 0.0, "b": 0.0, "c": 1.0},
        {"method": "isotonic", "logits": [0.0, 1.0], "calibrated": [logit(0.3), logit(0.3)]},
        {"method": "isotonic", "logits": [0.0, 1.0, 2.0], "calibrated": [0.0, -1.0, 1.0]},
    ],
    ids=["platt", "beta", "isotonic", "falls between"],
)
def test_a_map_that_is_flat_or_falls_somewhere_does_not_rise(fitted):
    assert not is_rising(fitted)
