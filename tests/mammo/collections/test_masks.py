"""A mask is told from a crop by its picture."""

from __future__ import annotations

import numpy as np

from mammo_pipeline.mammo.collections.masks import box_of_mask


def test_the_box_holds_every_pixel_of_the_lesion_and_no_more():
    mask = np.zeros((20, 30), np.uint8)
    mask[4:9, 7] = 255
    mask[6, 5:12] = 255
    top, left, bottom, right = box_of_mask(mask, (20, 30))
    assert (mask[top:bottom, left:right] == 255).sum() == (mask == 255).sum()
    assert mask[top].any() and mask[bottom - 1].any()
    assert mask[:, left].any() and mask[:, right - 1].any()


def test_a_crop_an_empty_mask_and_a_mask_of_another_image_are_none():
    crop = np.arange(600, dtype=np.uint16).reshape(20, 30)
    assert box_of_mask(crop, (20, 30)) is None
    assert box_of_mask(np.zeros((20, 30), np.uint8), (20, 30)) is None
    assert box_of_mask(np.eye(20, dtype=np.uint8), (20, 30)) is None
