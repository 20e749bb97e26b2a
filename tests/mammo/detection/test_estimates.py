"""A share claims no more than its patients can carry."""

from __future__ import annotations

import numpy as np
import pytest

from mammo_pipeline.mammo.detection.estimates import estimate_share


def estimate(value, draws, n=20, patients=10, reason=None):
    return estimate_share(value, np.asarray(draws, float), n, patients, 5, 0.95, "found", reason)


def test_too_few_patients_give_no_value_but_say_how_many():
    few = estimate(0.5, [0.4, 0.6], n=9, patients=3)
    assert (few["value"], few["low"], few["n"]) == (None, None, 9)
    assert few["reason"].startswith("cannot be estimated, n = 3 patients")


@pytest.mark.parametrize(("value", "low", "high"), [(1.0, 0.7225, 1.0), (0.0, 0.0, 0.2775)])
def test_all_or_none_gets_the_width_of_its_patients_not_of_its_lesions(value, low, high):
    found = estimate(value, np.full(50, value))
    assert (found["low"], found["high"]) == pytest.approx((low, high), abs=1e-4)
    assert "Wilson 95% with 10 patients" in found["how"]


def test_a_share_between_keeps_its_bootstrap():
    draws = np.linspace(0.3, 0.7, 101)
    found = estimate(0.5, draws)
    assert (found["low"], found["high"]) == pytest.approx((0.31, 0.69))
    assert "Wilson" not in found["how"]


def test_what_is_undefined_has_its_reason():
    nothing = estimate(np.nan, [np.nan], n=0, patients=0, reason="nothing drawn")
    assert (nothing["value"], nothing["reason"]) == (None, "nothing drawn")
