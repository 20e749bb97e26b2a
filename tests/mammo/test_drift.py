import numpy as np
import pandas as pd
import pytest

from mammo_pipeline.mammo import drift
from mammo_pipeline.mammo.drift import Feature, Thresholds

LIMITS = Thresholds(0.1, 0.25)


def cohort(patients, rng, shift=0.0, devices=(0.5, 0.5)):
    """Four images a patient that share most of their value, as breasts of one woman do."""
    own = np.repeat(rng.normal(size=patients) + shift, 4)
    return pd.DataFrame(
        {
            "patient_id": np.repeat([f"p{i}" for i in range(patients)], 4),
            "width": own + rng.normal(0, 0.1, 4 * patients),
            "device": np.repeat(rng.choice(["a", "b"], patients, p=devices), 4),
        }
    )


FEATURES = [Feature("width", "numeric", "after"), Feature("device", "categorical", "acquisition")]


def compare(reference, current, features=FEATURES, repeats=200):
    rng = np.random.default_rng(0)
    return drift.compare_features(reference, current, features, LIMITS, 10, repeats, 0.95, rng)


def test_psi_of_shifted_normals_is_near_its_theory():
    rng = np.random.default_rng(0)
    reference, current = (pd.Series(rng.normal(m, 8, 20000)) for m in (60, 65))
    codes = drift.code_feature(reference, current, "numeric", 40)
    value = drift.psi(*(np.bincount(c, minlength=42) for c in codes))
    assert value == pytest.approx((5 / 8) ** 2, rel=0.05)


def test_an_empty_bin_gives_a_finite_psi():
    assert np.isfinite(drift.psi([10, 0], [0, 10]))


def test_equal_cohorts_are_stable_and_shifted_ones_drift():
    rng = np.random.default_rng(1)
    reference = cohort(150, rng)
    same = compare(reference, cohort(150, rng))
    moved = compare(reference, cohort(150, rng, 1.0, (0.05, 0.95)))
    assert [f["verdict"] for f in same] == ["stable", "stable"]
    assert [f["verdict"] for f in moved] == ["drift", "drift"]
    assert moved[0]["p"] < 0.001 and moved[1]["p"] < 0.001


def test_a_small_cohort_is_not_called_drifted_for_being_small():
    rng = np.random.default_rng(2)
    found = compare(cohort(60, rng), cohort(8, rng))[0]
    assert found["psi"] > LIMITS.drift
    assert found["psi"] <= found["psi_chance"]
    assert found["verdict"] == "stable"


def test_chance_deals_patients_not_images():
    rng = np.random.default_rng(3)
    table = cohort(80, rng)
    by_patient = compare(table, cohort(40, rng))[0]["psi_chance"]
    alone = table.assign(patient_id=np.arange(len(table)).astype(str))
    other = cohort(40, rng)
    other["patient_id"] = [f"q{i}" for i in range(len(other))]
    by_image = compare(alone, other)[0]["psi_chance"]
    assert by_patient > 2 * by_image


def test_values_gone_missing_are_drift():
    rng = np.random.default_rng(4)
    current = cohort(100, rng)
    current.loc[current.index[:200], "width"] = np.nan
    found = compare(cohort(100, rng), current)[0]
    assert found["missing_current"] == 200
    assert found["verdict"] == "drift"


def test_a_feature_that_one_side_never_states_is_not_compared():
    rng = np.random.default_rng(5)
    found = compare(cohort(30, rng), cohort(30, rng).assign(device=None))
    assert found[1]["verdict"] == "not compared"
    assert found[1]["psi"] is None
    assert "current cohort states no value" in found[1]["reason"]
    assert found[0]["verdict"] == "stable"


def test_a_device_never_seen_before_is_a_bin_of_its_own():
    rng = np.random.default_rng(6)
    found = compare(cohort(60, rng), cohort(60, rng).assign(device="new"))[1]
    assert found["verdict"] == "drift"


def test_a_value_beyond_the_reference_cannot_hide_in_the_outer_bin():
    rng = np.random.default_rng(8)
    reference, current = cohort(60, rng), cohort(60, rng)
    reference["width"] = np.repeat([0.07, 0.085], 120)
    current["width"] = np.repeat([0.05, 0.1], 120)
    assert compare(reference, current)[0]["verdict"] == "drift"


def test_interval_and_chance_repeat_with_the_same_seed():
    rng = np.random.default_rng(7)
    tables = cohort(40, rng), cohort(40, rng)
    assert compare(*tables) == compare(*tables)


def test_an_empty_cohort_is_refused():
    table = cohort(5, np.random.default_rng(0))
    with pytest.raises(ValueError, match="current cohort has no image"):
        compare(table, table.head(0))


def test_a_group_takes_its_worst_verdict():
    records = [{"group": "g", "verdict": v} for v in ("stable", "watch", "not compared")]
    found = drift.summarise_drift(records)["g"]
    assert (found["verdict"], found["features"], found["stable"]) == ("watch", 3, 1)
