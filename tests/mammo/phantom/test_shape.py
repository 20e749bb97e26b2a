import numpy as np
import pytest

from mammo_pipeline.mammo.phantom.shape import (
    cover_shape,
    draw_shape,
    measure_muscle_depth,
    measure_skin_distance,
)


@pytest.mark.parametrize("view", ["CC", "MLO"])
def test_a_breast_has_the_depth_and_height_of_real_ones(view):
    for seed in range(20):
        rng = np.random.default_rng(seed)
        shape = draw_shape(rng, view, rng.uniform(60, 118))
        grid = cover_shape(shape, 1.0)
        inside = measure_skin_distance(shape, grid.x_mm[None, :], grid.y_mm[:, None]) > 0
        assert 60 <= inside.any(axis=0).sum() <= 140
        assert 105 <= inside.any(axis=1).sum() <= 235
        assert not inside[:, -1].any()


def test_the_distance_grows_by_one_mm_a_mm_near_the_skin():
    shape = draw_shape(np.random.default_rng(3), "CC", 90.0)
    x = np.linspace(40, 75, 8)
    y_skin = -shape.above_mm * (1 - (x / shape.depth_mm) ** shape.power_depth) ** (
        1 / shape.power_height
    )
    on_skin = measure_skin_distance(shape, x, y_skin)
    assert np.abs(on_skin).max() < 0.3
    step = 1e-1
    down = (measure_skin_distance(shape, x, y_skin + step) - on_skin) / step
    right = (measure_skin_distance(shape, x + step, y_skin) - on_skin) / step
    np.testing.assert_allclose(np.hypot(down, right), 1, atol=0.1)


def test_the_nipple_stands_out_of_the_skin():
    shape = draw_shape(np.random.default_rng(4), "CC", 90.0)
    tip = np.array([shape.depth_mm + shape.nipple_mm - 0.5])
    assert measure_skin_distance(shape, tip, np.array([0.0]))[0] > 0
    assert measure_skin_distance(shape, tip, np.array([15.0]))[0] < 0


def test_only_mlo_shows_the_muscle_and_it_narrows_downwards():
    rng = np.random.default_rng(5)
    cc, mlo = draw_shape(rng, "CC", 90.0), draw_shape(rng, "MLO", 90.0)
    x, y = np.arange(0, 100.0)[None, :], np.linspace(mlo.top_mm, 60, 20)[:, None]
    assert (measure_muscle_depth(cc, x, y) < 0).all()
    width = (measure_muscle_depth(mlo, x, y) > 0).sum(axis=1)
    assert width[0] >= 25 and width[-1] == 0 and (np.diff(width) <= 0).all()
