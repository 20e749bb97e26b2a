"""Grey that means the same on every device."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from mammo_pipeline.mammo.intensity import match_detail, match_tissue, to_stored


def tissue(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    image = rng.gamma(3, 0.1, (80, 60)).astype(np.float32)
    mask = np.zeros((80, 60), bool)
    mask[5:75, :50] = True
    return np.where(mask, image, 0).astype(np.float32), mask


def test_a_monotone_curve_of_a_device_leaves_no_trace():
    image, mask = tissue()
    curved = np.where(mask, 3 * image**0.6 + 7, 0).astype(np.float32)
    difference = match_tissue(image, mask) - match_tissue(curved, mask)
    assert np.abs(difference[mask]).mean() < 0.003


def test_order_is_kept_and_air_is_zero():
    image, mask = tissue()
    matched = match_tissue(image, mask)
    order = np.argsort(image[mask])
    assert (np.diff(matched[mask][order]) >= -1e-6).all()
    assert (matched[~mask] == 0).all()


def ratios_of(image: np.ndarray, mask: np.ndarray) -> tuple[float, float]:
    def smooth(width: int) -> np.ndarray:
        return ndimage.uniform_filter(ndimage.uniform_filter(image, width), width)

    core = ndimage.binary_erosion(mask, iterations=4)
    levels = [image, smooth(3), smooth(7), smooth(19)]
    fine, middle, coarse = (np.std((levels[i] - levels[i + 1])[core]) for i in range(3))
    return fine / middle, middle / coarse


@pytest.mark.parametrize("blur_px", [0.6, 1.5])
def test_sharp_and_soft_images_get_the_same_ratios_of_detail(blur_px):
    image, mask = tissue()
    rough = ndimage.gaussian_filter(image, 6.0) * 6 + image
    image = ndimage.gaussian_filter(rough, blur_px)
    before = ratios_of(image, mask)
    for _ in range(12):
        image = match_detail(image, mask, (0.67, 0.64))
    assert ratios_of(image, mask) == pytest.approx((0.67, 0.64), abs=0.03)
    assert np.abs(np.array(before) - (0.67, 0.64)).min() > 0.05


def test_stored_tissue_is_never_the_value_of_air():
    image, mask = np.zeros((2, 2), np.float32), np.array([[True, False], [True, True]])
    assert to_stored(image, mask).tolist() == [[1, 0], [1, 1]]
