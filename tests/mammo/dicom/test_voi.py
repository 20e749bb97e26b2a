"""Windows are the standard's equations, worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mammo_pipeline.mammo.dicom.voi import apply_window, choose


# PS3.3 C.11.2.1.2.1, worked example with y from 0 to 255: c=2048, w=4096 is
# y = ((x - 2047.5) / 4095 + 0.5) * 255; c=2048, w=1 is 0 up to x = 2047.5 and 255 above; c=0, w=100
# is 0 up to x = -50 and 255 above 49.
@pytest.mark.parametrize(
    ("center", "width", "values", "expected"),
    [
        (2048, 4096, [0, 819, 2047.5, 4095], [0, 0.2, 0.5, 1]),
        (2048, 1, [2047, 2047.5, 2048], [0, 0, 1]),
        (0, 100, [-51, -50, -0.5, 49, 50], [0, 0, 0.5, 1, 1]),
        (0, 2, [-1, -0.5, 0, 1], [0, 0.5, 1, 1]),
    ],
)
def test_linear_is_the_standard_s_equation(center, width, values, expected):
    shown = apply_window(np.array(values, float), center, width, "LINEAR")
    np.testing.assert_allclose(shown, expected, atol=1e-12)


def test_linear_exact_is_the_standard_s_equation():
    values = np.array([-51, -50, 0, 25, 50, 51.0])
    shown = apply_window(values, 0, 100, "LINEAR_EXACT")
    np.testing.assert_allclose(shown, [0, 0, 0.5, 0.75, 1, 1])
    assert apply_window(np.array([0.25]), 0.5, 0.5, "LINEAR_EXACT")[0] == 0


def test_sigmoid_is_the_standard_s_equation():
    shown = apply_window(np.array([2262, 2262 + 95, 2262 - 190, -1e9]), 2262, 380, "SIGMOID")
    np.testing.assert_allclose(
        shown, [0.5, 1 / (1 + math.exp(-1)), 1 / (1 + math.exp(2)), 0], atol=1e-12
    )


@pytest.mark.parametrize(
    ("width", "function"),
    [(0.9, "LINEAR"), (0, "SIGMOID"), (0, "LINEAR_EXACT"), (math.nan, "LINEAR"), (9, "other")],
)
def test_a_window_that_the_standard_does_not_know_raises(width, function):
    with pytest.raises(ValueError, match=r"Window|VOILUTFunction"):
        apply_window(np.arange(3.0), 1, width, function)


def test_the_first_preference_that_is_there_counts_before_the_order_of_the_image():
    assert choose(["SOFTER", "NORMAL", "HARDER"], ["USER", "HARDER", "SOFTER"]) == 2
    assert choose(["other", "CUSTOM"], []) == 0
