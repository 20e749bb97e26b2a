import json

import numpy as np
import pytest
from scipy.special import expit

from mammo_pipeline.mammo.calibration.choose import (
    choose_calibration,
    order_candidates,
    pick_simplest,
)
from mammo_pipeline.mammo.calibration.errors import log_loss
from mammo_pipeline.mammo.calibration.fit import CalibrationError
from mammo_pipeline.mammo.calibration.maps import apply_calibration


def make_breasts(n=1200, shift=0.0, slope=0.5, seed=0, level=-0.7):
    """Returns labels, logits, patients and devices; device B has its log-odds moved by `shift`."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2, n)
    devices = np.where(rng.random(n) < 0.4, "B", "A")
    truth = slope * logits + level + shift * (devices == "B")
    labels = (rng.random(n) < expit(truth)).astype(float)
    return labels, logits, np.arange(n) // 2, devices


def find(record, method, scope="pooled"):
    [found] = [c for c in record["candidates"] if (c["method"], c["scope"]) == (method, scope)]
    return found


@pytest.fixture(scope="module")
def shifted():
    return choose_calibration(*make_breasts(shift=2.0), seed=3, repeats=200)


def test_devices_with_unlike_prevalence_get_a_map_each(shifted):
    assert (shifted["method"], shifted["scope"]) == ("platt", "by_device")
    assert set(shifted["by_device"]) == {"A", "B"}
    apart = [shifted["by_device"][d]["intercept"] for d in ("A", "B")]
    assert apart == pytest.approx([-0.7, 1.3], abs=0.25)


def test_like_devices_share_one_map_by_the_rule_of_one_standard_error():
    record = choose_calibration(*make_breasts(), seed=3, repeats=200)
    assert (record["method"], record["scope"]) == ("platt", "pooled")
    assert record["by_device"] == {}


def test_without_a_wrong_prevalence_the_temperature_is_enough():
    record = choose_calibration(*make_breasts(level=0.0), seed=3, repeats=200)
    assert (record["method"], record["scope"]) == ("temperature", "pooled")
    assert record["pooled"]["temperature"] == pytest.approx(2, abs=0.3)


def test_the_record_can_be_used_as_it_is(shifted):
    labels, logits, _, devices = make_breasts(shift=2.0, seed=9)
    calibrated = apply_calibration(shifted, logits, devices)
    assert log_loss(labels, calibrated) < log_loss(labels, logits)


def test_exactly_one_candidate_is_chosen_and_each_says_why(shifted):
    assert len(shifted["candidates"]) == 8
    assert [c["chosen"] for c in shifted["candidates"]].count(True) == 1
    assert all(c["reason"] for c in shifted["candidates"])
    assert "simplest within one standard error" in find(shifted, "platt", "by_device")["reason"]


def test_differences_are_paired_and_narrower_than_the_losses(shifted):
    found = find(shifted, "isotonic", "by_device")
    assert found["difference"]["value"] > 0
    widths = [found[key]["high"] - found[key]["low"] for key in ("difference", "log_loss")]
    assert widths[0] < widths[1]


def test_held_out_loss_is_not_that_of_the_fit():
    labels, logits, patients, _ = make_breasts(n=120)
    record = choose_calibration(labels, logits, patients, repeats=200)
    fitted = choose_calibration(labels, logits, patients, methods=["isotonic"], repeats=200)
    flattering = log_loss(labels, apply_calibration(fitted, logits))
    assert find(record, "isotonic")["log_loss"]["value"] > flattering + 0.02


def test_the_same_arguments_give_the_same_record_and_json_holds_it(shifted):
    again = choose_calibration(*make_breasts(shift=2.0), seed=3, repeats=200)
    assert json.loads(json.dumps(shifted)) == again


def test_arguments_are_left_as_they_were():
    breasts = make_breasts(n=200)
    before = [np.array(part) for part in breasts]
    choose_calibration(*breasts, repeats=50)
    assert all((old == new).all() for old, new in zip(before, breasts, strict=True))


def test_a_rare_device_gets_no_map_and_falls_to_the_pooled():
    labels, logits, patients, devices = make_breasts(shift=2.0)
    devices = np.where(np.arange(devices.size) < 12, "rare", devices)
    record = choose_calibration(labels, logits, patients, devices, repeats=100)
    assert set(record["by_device"]) == {"A", "B"}
    alone = apply_calibration(record, [1.0], ["rare"])
    assert alone == apply_calibration(record, [1.0])


def test_one_device_makes_the_candidates_by_device_impossible_when_too_few():
    labels, logits, patients, _ = make_breasts(n=60)
    record = choose_calibration(labels, logits, patients, min_positives=50, repeats=50)
    found = find(record, "platt", "by_device")
    assert found["log_loss"]["value"] is None
    assert "same as pooled" in found["reason"]
    assert not found["chosen"]


def test_the_rule_names_the_order_and_the_least_number(shifted):
    assert "temperature, platt, beta, isotonic" in shifted["rule"]
    assert "at least 20 of its breasts" in shifted["rule"]
    assert "Breiman" in shifted["rule"]


def test_the_first_within_one_standard_error_is_picked():
    def loss(gap, error):
        return {"difference": {"value": gap}, "standard_error": error}

    best, near, far = loss(0.0, 0.0), loss(0.01, 0.02), loss(0.03, 0.02)
    names = [("a", "pooled"), ("b", "pooled"), ("c", "pooled")]
    assert pick_simplest(dict(zip(names, [far, near, best], strict=True)), names) == names[1]
    assert pick_simplest(dict(zip(names, [far, far, best], strict=True)), names) == names[2]
    assert pick_simplest({}, names[1:]) == names[1]


def test_one_patient_with_cancer_cannot_be_cross_validated_and_the_record_says_so():
    record = choose_calibration([0, 1, 0], [0.0, 1.0, 0.5], ["a", "b", "c"], repeats=50)
    assert record["method"] == "temperature"
    assert record["folds"] == 0
    chosen = find(record, "temperature")
    assert chosen["log_loss"]["value"] is None
    assert "1 of 3 patients with cancer" in chosen["log_loss"]["reason"]


def test_fewer_patients_than_folds_get_fewer_folds():
    labels, logits, patients, _ = make_breasts(n=60)
    few = np.flatnonzero(labels == 1)[:3]
    rows = np.sort(np.concatenate([few, np.flatnonzero(labels == 0)]))
    rows = rows[np.argsort(rows)]
    record = choose_calibration(
        labels[rows], logits[rows], patients[rows], folds=5, repeats=50, min_positives=1
    )
    assert 2 <= record["folds"] <= 3


def test_scores_that_rank_backwards_are_refused_in_words():
    labels, logits, patients, devices = make_breasts(n=300)
    with pytest.raises(CalibrationError, match="no better than chance"):
        choose_calibration(labels, -logits, patients, devices)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"logits": [0.0, np.nan, 1.0]}, "not finite, the first at row 1"),
        ({"labels": [0, 0, 0]}, "needs both outcomes"),
        ({"labels": [], "logits": [], "patients": []}, "no breast"),
        ({"patients": ["a"]}, "expected one each"),
        ({"devices": ["a"]}, "1,. devices"),
        ({"methods": ["splines"]}, "splines"),
        ({"methods": []}, "expected some of"),
        ({"scopes": ["by_moon"]}, "by_moon"),
    ],
)
def test_what_cannot_be_calibrated_is_refused(change, words):
    given = {"labels": [0, 1, 0], "logits": [0.0, 1.0, 0.5], "patients": ["a", "b", "c"]}
    with pytest.raises(ValueError, match=words):
        choose_calibration(**(given | change))


def test_every_pooled_candidate_is_simpler_than_any_by_device():
    names = order_candidates(["isotonic", "temperature"], ["by_device", "pooled"])
    assert names == [
        ("temperature", "pooled"),
        ("isotonic", "pooled"),
        ("temperature", "by_device"),
        ("isotonic", "by_device"),
    ]
