"""Grey that means the same on every device."""

from __future__ import annotations

import numpy as np

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


def test_detail_is_brought_to_one_ratio():
    image, mask = tissue()
    sharp = match_detail(image, mask, (0.6, 0.6))
    soft = match_detail(
        image + 0.3 * np.random.default_rng(1).normal(size=image.shape), mask, (0.6, 0.6)
    )
    assert sharp[mask].std() < image[mask].std()
    assert not np.allclose(sharp, soft)


def test_stored_tissue_is_never_the_value_of_air():
    image, mask = np.zeros((2, 2), np.float32), np.array([[True, False], [True, True]])
    assert to_stored(image, mask).tolist() == [[1, 0], [1, 1]]
