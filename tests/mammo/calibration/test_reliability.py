import json

import numpy as np
import pytest
from scipy.special import expit

from mammo_pipeline.mammo.calibration.errors import calibration_error
from mammo_pipeline.mammo.calibration.reliability import (
    COMPARED,
    GAPS,
    HOW,
    _centre_changes,
    compute_calibration,
    explain_no_interval,
    measure_calibration,
    reliability_table,
)


@pytest.fixture(scope="module")
def scored():
    rng = np.random.default_rng(4)
    logits = rng.normal(-1, 2, 4000)
    labels = (rng.random(4000) < expit(0.5 * logits - 0.3)).astype(float)
    return labels, logits


def measure(labels, before, after, patients=None, repeats=300):
    patients = np.arange(len(labels)) if patients is None else patients
    rng = np.random.default_rng(0)
    return measure_calibration(labels, before, after, patients, 10, repeats, 0.95, rng)


@pytest.fixture(scope="module")
def record(scored):
    labels, logits = (part[:1000] for part in scored)
    return measure(labels, logits, 0.5 * logits - 0.3, np.arange(1000) // 2)


@pytest.mark.parametrize("spacing", ["equal_count", "equal_width"])
def test_calibration_error_is_the_weighted_gap_of_the_reliability_table(scored, spacing):
    labels, logits = scored
    p = expit(logits)
    table = reliability_table(labels, p, 10, 0.95, spacing)
    gap = (table["n"] * (table["observed"] - table["predicted"]).abs()).sum() / table["n"].sum()
    assert calibration_error(labels, p, 10, None, spacing) == pytest.approx(gap)


def test_reliability_bins_hold_equal_counts_and_lie_in_their_interval(scored):
    labels, logits = scored
    table = reliability_table(labels, expit(logits), 8, 0.95)
    assert table["n"].tolist() == [500] * 8
    assert table["observed"].between(table["low"], table["high"]).all()


def test_calibration_that_is_right_shows_in_every_figure(record):
    after = {name: found["value"] for name, found in record["after"].items()}
    assert after["calibration_slope"] == pytest.approx(1, abs=0.15)
    assert after["calibration_in_the_large"] == pytest.approx(0, abs=0.2)
    assert after["observed_over_expected"] == pytest.approx(1, abs=0.1)
    assert after["brier_skill"] > record["before"]["brier_skill"]["value"]
    for name in COMPARED:
        assert record["change"][name]["high"] < 0, name


def test_every_figure_lies_in_its_interval_and_says_how(record):
    for when in ("before", "after"):
        assert set(record[when]) == set(HOW)
        for name, found in record[when].items():
            assert found["low"] <= found["value"] <= found["high"], name
            assert found["n"] == 1000
            assert "patient bootstrap, 300 replicates, 95%" in found["how"]
            assert "{" not in found["how"]


def test_a_change_is_the_difference_of_the_two(record):
    for name in COMPARED:
        apart = record["after"][name]["value"] - record["before"][name]["value"]
        assert record["change"][name]["value"] == pytest.approx(apart)


def test_the_excess_of_chance_is_taken_off_a_change_of_an_error_alone():
    draws = {
        "after calibration_error": np.array([0.1, 0.3]),
        "change calibration_error": np.array([-0.3, -0.1]),
        "change log_loss": np.array([-0.3, -0.1]),
    }
    values = {"change calibration_error": np.array(-0.3), "change log_loss": np.array(-0.3)}
    moved = _centre_changes(draws, values)
    assert moved["after calibration_error"] == pytest.approx([0.1, 0.3])
    assert moved["change calibration_error"] == pytest.approx([-0.4, -0.2])
    assert moved["change log_loss"] == pytest.approx([-0.3, -0.1])


@pytest.mark.parametrize("name", GAPS)
def test_an_error_that_chance_makes_has_nothing_in_its_interval(name):
    held = []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        x = rng.normal(-1, 1.5, 150)
        y = (rng.random(150) < expit(x)).astype(float)
        right, wrong = x, 3 * x + 2
        record = measure_calibration(y, wrong, right, np.arange(150) // 2, 10, 100, 0.95, rng)
        held.append(record["after"][name]["low"] == 0)
        assert record["before"][name]["low"] > 0
        for when in ("before", "after"):
            found = record[when][name]
            assert found["low"] < found["value"] < found["high"]
    # Replicates keep the prevalence, so that a few per cent more than one in forty may miss it.
    assert sum(held) >= 10


def test_scores_that_are_all_alike_are_not_said_to_part_the_classes_alone():
    record = measure([1, 0, 1, 0], [0.0] * 4, [-800.0] * 4, repeats=20)
    slope, ratio = (record["after"][k] for k in ("calibration_slope", "observed_over_expected"))
    assert "all alike" in slope["reason"]
    assert ratio["value"] is None and "every probability is 0" in ratio["reason"]


def test_nothing_changed_is_exactly_nothing(scored):
    labels, logits = (part[:300] for part in scored)
    for found in measure(labels, logits, logits, repeats=100)["change"].values():
        assert (found["value"], found["low"], found["high"]) == (0, 0, 0)


def test_both_breasts_of_a_patient_are_drawn_together(scored):
    labels, logits = (np.tile(part[:200], 2) for part in scored)
    together = measure(labels, logits, logits, np.tile(np.arange(200), 2))["before"]["brier_loss"]
    apart = measure(labels, logits, logits, np.arange(400))["before"]["brier_loss"]
    widths = [found["high"] - found["low"] for found in (together, apart)]
    assert widths[0] == pytest.approx(np.sqrt(2) * widths[1], rel=0.25)


def test_the_histogram_counts_every_breast(record):
    for when in ("before", "after"):
        assert sum(record["histogram"][when]) == record["n"] == 1000
    assert len(record["histogram"]["edges"]) == len(record["histogram"]["after"]) + 1


def test_the_record_is_plain_json(record):
    assert json.loads(json.dumps(record)) == record


def test_one_class_gives_losses_but_no_slope_and_says_how_many():
    record = measure([0] * 30, np.linspace(-3, 1, 30), np.linspace(-3, 1, 30), repeats=50)
    slope, loss = (record["after"][name] for name in ("calibration_slope", "log_loss"))
    assert slope["value"] is None
    assert slope["reason"] == "cannot be estimated, n = 30: no cancer"
    assert loss["value"] > 0


def test_separated_classes_have_no_slope_and_say_why():
    x = np.r_[np.linspace(-3, -1, 9), np.linspace(1, 3, 9)]
    slope = measure([0] * 9 + [1] * 9, x, x, repeats=50)["after"]["calibration_slope"]
    assert slope["value"] is None
    assert "without error" in slope["reason"]


def test_three_patients_get_values_and_no_interval():
    record = measure([1, 0, 0], [1.0, 0.2, -0.5], [0.5, 0.1, -0.2], list("abc"), repeats=20)
    found = record["after"]["brier_loss"]
    assert found["value"] > 0
    assert found["low"] is None
    assert found["reason"] == "no interval: only 1 patient with cancer"


@pytest.mark.parametrize(
    ("labels", "patients", "words"),
    [
        ([1, 1, 0, 0], "aabc", "only 1 patient with cancer"),
        ([1, 1, 0, 0], "abcc", "only 1 patient without cancer"),
        ([0], "a", "only 0 patients with cancer"),
    ],
)
def test_a_stratum_of_one_patient_has_no_interval(labels, patients, words):
    assert words in explain_no_interval(labels, list(patients))


def test_two_patients_of_each_outcome_have_an_interval():
    assert explain_no_interval([1, 1, 0, 0], list("abcd")) is None


@pytest.mark.parametrize(
    ("labels", "logits", "words"),
    [
        ([], [], "nothing can be measured"),
        ([0, 1], [0.0, np.nan], "logits before calibration are not finite, the first at row 1"),
        ([0, 2], [0.0, 1.0], "0 or 1"),
        ([0, 1], [0.0], "expected one each"),
    ],
)
def test_what_cannot_be_measured_is_refused(labels, logits, words):
    with pytest.raises(ValueError, match=words):
        measure(labels, logits, logits)


def test_weights_give_one_figure_a_replicate(scored):
    labels, logits = (part[:200] for part in scored)
    weights = np.random.default_rng(0).integers(0, 3, (5, 200)).astype(float)
    for name, value in compute_calibration(labels, logits, 5, weights).items():
        assert value.shape == (5,), name
