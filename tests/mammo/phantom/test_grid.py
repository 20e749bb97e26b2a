import numpy as np
import pytest

from mammo_pipeline.mammo.phantom.grid import Grid, build_blur_matrix, resample_image


def test_the_blur_keeps_a_constant_and_reads_air_outside():
    matrix = build_blur_matrix(np.arange(20) + 0.5, np.array([-9.0, 0.2, 10.0, 19.9, 40.0]), 1.5)
    np.testing.assert_allclose(matrix @ np.ones(20, np.float32), [0, 1, 1, 1, 0], atol=1e-6)


def test_resampling_keeps_a_ramp_where_it_is_in_mm():
    source, target = Grid(120, 100, 0.5, -30.0), Grid(40, 60, 1.3, -25.0)
    ramp = (source.y_mm[:, None] + 2 * source.x_mm[None, :]).astype(np.float32)
    image, first_row = resample_image(ramp, source, target, sigma_mm=0.8)
    wanted = target.y_mm[first_row:, None] + 2 * target.x_mm[None, :]
    inner = (slice(4, 30), slice(4, 30))
    np.testing.assert_allclose(image[inner], wanted[: image.shape[0]][inner], atol=0.02)


def test_a_grid_that_misses_the_source_is_an_error():
    with pytest.raises(ValueError, match="do not overlap"):
        resample_image(
            np.zeros((10, 10), np.float32), Grid(10, 10, 1, 0), Grid(10, 10, 1, 500), 0.1
        )


def test_pixel_centres_lie_half_a_pixel_inside():
    grid = Grid(3, 2, 0.5, -1.0)
    np.testing.assert_allclose(grid.y_mm, [-0.75, -0.25, 0.25])
    np.testing.assert_allclose(grid.x_mm, [0.25, 0.75])
