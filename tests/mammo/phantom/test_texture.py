import numpy as np
import pytest

from mammo_pipeline.mammo.phantom.grid import Grid
from mammo_pipeline.mammo.phantom.texture import (
    draw_power_law_pair,
    measure_spectrum_exponent,
    trace_lines,
    wrap_around_nipple,
)


@pytest.mark.parametrize("exponent", [2.0, 3.0])
def test_the_fitted_exponent_is_the_one_asked_for(exponent):
    rng = np.random.default_rng(1)
    fitted = [
        measure_spectrum_exponent(field, 0.4)
        for _ in range(4)
        for field in draw_power_law_pair(rng, (256, 256), 0.4, exponent)
    ]
    assert np.mean(fitted) == pytest.approx(exponent, abs=0.2)


def test_the_two_fields_have_unit_variance_and_are_independent():
    rng = np.random.default_rng(2)
    pairs = [draw_power_law_pair(rng, (200, 300), 0.5, longest_mm=10) for _ in range(6)]
    spread = [field.std() for pair in pairs for field in pair]
    assert np.mean(spread) == pytest.approx(1.0, abs=0.1)
    assert pairs[0][0].dtype == np.float32
    likeness = [np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in pairs]
    assert abs(np.mean(likeness)) < 0.15


def test_a_line_has_the_width_asked_for():
    ramp = np.repeat(np.linspace(-20, 20, 401)[None, :], 50, axis=0).astype(np.float32)
    line = trace_lines(ramp, pitch_mm=0.1, width_mm=0.5)
    # A Gaussian of standard deviation w is 2.355 w wide at half its height.
    assert (line[25] > 0.5).sum() * 0.1 == pytest.approx(2.355 * 0.5, abs=0.15)


def test_rays_leave_the_nipple():
    grid = Grid(200, 200, 0.5, -50.0)
    angle_only = np.repeat(np.sin(np.arange(600) / 5)[None, :], 300, axis=0).astype(np.float32)
    rays = wrap_around_nipple(angle_only, 0.5, grid, nipple_x_mm=90.0, stretch=1.0)
    x, y = 108 - grid.x_mm[None, :], grid.y_mm[:, None]
    radius = np.hypot(x, y)
    down, right = np.gradient(rays)
    along = np.abs((down * y - right * x) / radius)
    across = np.abs((down * x + right * y) / radius)
    assert along.mean() < 0.2 * across.mean()
