"""The distance to the outline is exact, and knows no frame."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from mammo_pipeline.mammo.depth import measure_depth_mm

SPACINGS = [(0.56, 0.56), (0.5, 0.8)]


def draw_masks():
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:90, :70]
    yield "noise", rng.random((60, 50)) > 0.5
    yield "sparse", rng.random((40, 30)) > 0.98
    yield "breast", ((y - 40) / 35) ** 2 + (x / 60) ** 2 < 1
    yield "one row", rng.random((1, 40)) > 0.5
    yield "one column", rng.random((40, 1)) > 0.5


@pytest.mark.parametrize("spacing_mm", SPACINGS)
@pytest.mark.parametrize(("name", "mask"), list(draw_masks()))
def test_the_distance_is_that_of_scipy_less_half_a_cell(name, mask, spacing_mm):
    inside = ndimage.distance_transform_edt(mask, sampling=spacing_mm)
    outside = ndimage.distance_transform_edt(~mask, sampling=spacing_mm)
    half_mm = sum(spacing_mm) / 4
    expected = np.where(mask, inside - half_mm, half_mm - outside)
    np.testing.assert_allclose(measure_depth_mm(mask, spacing_mm), expected, atol=1e-4)


def test_the_frame_is_no_outline():
    mask = np.zeros((20, 30), bool)
    mask[:, :10] = True
    depth_mm = measure_depth_mm(mask, (1.0, 1.0))
    np.testing.assert_array_equal(depth_mm[:, 0], 9.5)
    np.testing.assert_array_equal(depth_mm[:, -1], -19.5)


@pytest.mark.parametrize("value", [False, True])
def test_a_mask_of_one_kind_is_as_deep_as_the_frame_is_wide(value):
    depth_mm = measure_depth_mm(np.full((30, 40), value), (1.0, 1.0))
    np.testing.assert_allclose(np.abs(depth_mm), 49.5)
    assert ((depth_mm > 0) == value).all()


def test_a_view_that_is_turned_gives_the_same_as_its_copy():
    mask = np.random.default_rng(1).random((30, 20)) > 0.3
    turned = mask[::-1, ::-1]
    np.testing.assert_array_equal(
        measure_depth_mm(turned, (0.5, 0.5)), measure_depth_mm(turned.copy(), (0.5, 0.5))
    )
